/* Lines of a ZPL text: each is checked, before zconfig reads it, for what zconfig would refuse on
 * standard output or quietly change. */
#ifndef ZSAGA_CONFIG_LINES_H
#define ZSAGA_CONFIG_LINES_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

#define CONFIG_SIZE_MAX ((size_t)256 << 10) /* Bytes of a file. */
#define CONFIG_LINE_MAX 1000                /* Bytes; zconfig cuts at 1,024. */
#define CONFIG_NODES_MAX 10000              /* zconfig takes time in the square of them. */

/* ZPL is made of lines: the n-th node, in pre-order, stands on the n-th line that has one. */
struct config_lines {
    char *text;   /* For zconfig: without comment lines, which it wants indented like others. */
    int *numbers; /* Line of each node, counted from 1. */
    size_t count;
};

/* ERR_INVALID with "FILE:LINE: words". *ret needs a release in either case. */
int config_lines_read(const char *file, struct bytes text, struct config_lines *ret,
                      struct err *err);
void config_lines_release(struct config_lines *lines);

#endif
