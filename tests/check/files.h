/* The databases of a stopped suite, opened without writing to its directory. */
#ifndef ZSAGA_CHECK_FILES_H
#define ZSAGA_CHECK_FILES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define FILES_WORDS 400

struct files {
    char **names; /* Of the processes, in order. */
    size_t count;
    char *dir; /* DIR/db */
};

/* False: `words` says why. */
bool files_find(const char *dir, struct files *ret, char words[FILES_WORDS]);
void files_release(struct files *files);

/* One of them; NULL: `words` says why. A database that has a write-ahead log is copied first, for
 * reading it is writing beside it. */
struct opened {
    sqlite3 *db;
    char *copy; /* The directory of the copy; NULL. */
};
bool files_open(const struct files *files, size_t place, struct opened *ret,
                char words[FILES_WORDS]);
void files_close(struct opened *opened);

#endif
