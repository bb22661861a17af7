/* The line over ZeroMQ, to a participant in any language. */
#ifndef ZSAGA_CLI_CONFORMANCE_SOCKET_H
#define ZSAGA_CLI_CONFORMANCE_SOCKET_H

#include "conformance_line.h"
#include "conformance_process.h"

struct socket_options {
    const char *command; /* Endpoints. */
    const char *replay;  /* NULL: none is known. */
    const char *events;
    struct process *process; /* Kills and starts it; NULL: nobody does. Borrowed. */
};

/* Connects; who is connected to need not be there yet. ERR_INVALID: no such endpoint can be. */
int socket_line_new(const struct socket_options *options, struct line **ret, struct err *err);

#endif
