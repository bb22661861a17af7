/* The files below a suite of a test: its temporary directory, and what its processes wrote. */
#ifndef ZSAGA_SUITE_FILES_H
#define ZSAGA_SUITE_FILES_H

#include <stddef.h>

struct suite_process;

/* Makes a directory and writes its name into `root`; removes it with all that is in it. */
void suite_files_begin(char *root, size_t size);
void suite_files_end(const char *root);

char *suite_files_take(const char *path); /* The whole file (allocated); "" when there is none. */
const char *suite_files_read(struct suite_process *suite, const char *path); /* The suite's. */

/* Copies a directory with what is in it; not what is no file and no directory. */
void suite_files_copy_tree(const char *from, const char *to);

/* Looks through logs and standard errors for an assertion that failed and for what a sanitizer
 * found, which a restart would hide. Prints them; returns how many files have some. */
int suite_files_find_faults(const char *root);

#endif
