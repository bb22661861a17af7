/* The demo's files, embedded in the tool: made from demo/ when it is built. */
#ifndef ZSAGA_CLI_DEMO_FILES_H
#define ZSAGA_CLI_DEMO_FILES_H

#include <stddef.h>

struct demo_file {
    const char *name;
    const unsigned char *data;
    size_t len;
};

extern const struct demo_file demo_files[];
extern const size_t demo_file_count;

#endif
