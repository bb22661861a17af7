/* The files below a participant driver: crash images of a database, and a look into its log. */
#ifndef ZSAGA_DRIVER_FILES_H
#define ZSAGA_DRIVER_FILES_H

#include <stddef.h>

/* Makes a directory and writes its name into `dir`; removes it with all files in it. */
void driver_files_begin(char *dir, size_t size);
void driver_files_end(const char *dir);

/* Copies an open database and its WAL as they stand on the disk. */
void driver_files_copy(const char *from, const char *to);
void driver_files_remove(const char *path);

/* Runs SQL on a database that no process has open, without the checks of its schema. */
void driver_files_run(const char *path, const char *sql);

/* The events of a database that no process has open: see driver_events(). */
char *driver_files_events(const char *path);

#endif
