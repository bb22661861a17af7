/* A service's program around its node: arguments, suite file, sockets, exit code. */
#ifndef ZSAGA_SERVICE_PROGRAM_H
#define ZSAGA_SERVICE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "node.h"
#include "owner.h"
#include "service_options.h"
#include "suite.h"
#include "wire/shell.h"

struct service_program {
    const char *name;
    const struct service_options *options;
    struct suite *suite;
    char *db_path;
    struct node *node; /* Made by the run, freed with the program; NULL so far. */
    struct shell_port *ports;
    size_t port_count;
    size_t port_capacity;
};

/* Reads the arguments, loads the suite, calls `run`, which makes the node and serves or does what
 * the options ask for. Says what went wrong; returns the exit code. `self` is handed to `run`. */
typedef int (*service_program_run)(void *self, struct service_program *program, struct err *err);
int service_program_main(const char *name, const char *about, enum service_options_kind kind,
                         int argc, char **argv, service_program_run run, void *self);

/* The next port, in the order of the node's numbers: the socket `which` of the process `name`. */
int service_program_add(struct service_program *program, enum shell_socket socket, const char *name,
                        const char *which, struct err *err);

/* Two ports for each publisher, live and replay. */
int service_program_follow(struct service_program *program, const char *const *publishers,
                           size_t count, struct err *err);

/* Drives the node on the ports added, until it is to stop. `yields`: as in shell.h. */
int service_program_serve(struct service_program *program, bool yields, struct err *err);

/* Whether the options ask for a table instead; then *ret_rc is how that went. */
bool service_program_table(const struct service_program *program, struct owner *owner, int *ret_rc,
                           struct err *err);

#endif
