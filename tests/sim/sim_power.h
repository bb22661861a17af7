/* Power loss: what was written since the last flush of its file may not be there. */
#ifndef ZSAGA_SIM_POWER_H
#define ZSAGA_SIM_POWER_H

#include <sqlite3.h>

#include "base/rng.h"

/* Before `len` bytes at `at` of the file are written: remembers what stands there. */
void sim_power_writes(const char *path, sqlite3_file *file, const sqlite3_io_methods *methods,
                      int len, sqlite3_int64 at);
void sim_power_flushed(const char *path);
void sim_power_forget(void); /* All files. */

/* The power fails: of a closed database and the files beside it, what was not flushed is undone;
 * with `rng` some of it only, as a disk that writes in its own order leaves it. NULL: all. Returns
 * how many writes were undone. */
unsigned sim_power_lose(const char *path, struct rng *rng);

#endif
