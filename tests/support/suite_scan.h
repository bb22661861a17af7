/* Which processes of a suite live, read from /proc: true also when nobody supervises them. */
#ifndef ZSAGA_SUITE_SCAN_H
#define ZSAGA_SUITE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SUITE_SCAN_MAX 32

struct suite_scan {
    pid_t pid;
    char name[32]; /* "order" of zsaga-order; "up" of the supervisor. */
};

/* Those whose --data is this directory, or lies below it. Tools that only ask are left out. */
size_t suite_scan(const char *data, struct suite_scan found[SUITE_SCAN_MAX]);

bool suite_scan_lives(pid_t pid); /* What is dead and not yet waited for does not. */

#endif
