/* Command line of the suite's services: what the supervisor and the tool give them. */
#ifndef ZSAGA_SERVICE_OPTIONS_H
#define ZSAGA_SERVICE_OPTIONS_H

#include <stdbool.h>

#include "base/err.h"

struct service_options {
    const char *data;         /* --data DIR, or NULL. */
    int lifeline_fd;          /* --lifeline-fd N: ends with it; -1: none. */
    int ready_fd;             /* --ready-fd N: told when ready; -1: none. */
    bool adopt;               /* --adopt: an orchestrator restored from a backup. */
    const char *export_table; /* --export TABLE: CSV on standard output instead of serving. */
    const char *import_table; /* --import TABLE: CSV from standard input instead of serving. */
};

/* What a service takes besides: its tables out and in, out only, or --adopt. */
enum service_options_kind {
    SERVICE_OPTIONS_TABLES,
    SERVICE_OPTIONS_EXPORT,
    SERVICE_OPTIONS_ADOPT,
};

/* Reads the arguments; says --help and faults itself. Returns the exit code to end with, or -1 to
 * go on. `about`: one line for --help. */
int service_options_read(int argc, char **argv, const char *about, enum service_options_kind kind,
                         struct service_options *ret);

/* Tells why the service ends: on the log, and as plain words where a person asked. */
void service_failed(const struct service_options *options, const struct err *err);

#endif
