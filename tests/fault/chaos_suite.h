/* The suite of a chaos run: six processes in three directories, so that each finds the others
 * through the proxies, and its own sockets where the proxies find them.
 *
 *   ROOT/data  the orchestrator's, and the tool's; databases, logs, definitions
 *   ROOT/far   the participants'
 *   ROOT/view  the observer's */
#ifndef ZSAGA_CHAOS_SUITE_H
#define ZSAGA_CHAOS_SUITE_H

#include "base/bytes.h"
#include "chaos.h"

enum chaos_plane { CHAOS_COMMAND, CHAOS_LIVE, CHAOS_FETCH, CHAOS_CLIENT, CHAOS_TWIN };

#define CHAOS_ENDPOINT_SIZE 108

/* Where the process itself is bound, and where its proxy is. */
const char *chaos_suite_near(const struct chaos *chaos, enum chaos_place place,
                             enum chaos_plane plane, char to[CHAOS_ENDPOINT_SIZE]);
const char *chaos_suite_via(const struct chaos *chaos, enum chaos_place place,
                            enum chaos_plane plane, char to[CHAOS_ENDPOINT_SIZE]);

/* Makes the directories. False: errno says why. */
bool chaos_suite_make(struct chaos *chaos);
/* Takes the places of the supervisors, and starts all. */
bool chaos_suite_begin(struct chaos *chaos);
/* Starts whoever does not run and is due; notices who has ended. */
void chaos_suite_turn(struct chaos *chaos);
/* SIGTERM to all, and the supervisors' places are free; false: somebody does not end. */
bool chaos_suite_end(struct chaos *chaos);
void chaos_suite_kill_all(struct chaos *chaos); /* At the end, however it comes. */

void chaos_suite_kill(struct chaos *chaos, enum chaos_place place, int64_t back_after_ms);
/* Kills it, and keeps it down until chaos_suite_release(). */
void chaos_suite_hold(struct chaos *chaos, enum chaos_place place);
void chaos_suite_release(struct chaos *chaos, enum chaos_place place);

/* A directory for another orchestrator with a copy of the databases as they are now, while the
 * first is held. */
bool chaos_suite_copy(struct chaos *chaos, const char *name);
/* Copies one database as it lies there; `from` and `to` are directories below the root. */
bool chaos_suite_copy_database(struct chaos *chaos, const char *from, const char *to,
                               const char *name);
/* Starts a further orchestrator there. */
pid_t chaos_suite_twin(struct chaos *chaos, const char *name);

/* Runs a program of the build; its output is put into *output (NULL: it is dropped). Returns its
 * exit code; what goes on meanwhile goes on. */
int chaos_suite_run(struct chaos *chaos, struct buffer *output, const char *const *argv);
/* The path of a program, or of a file below the root, in one of a few static buffers, which
 * the next ones take over: not to be kept over a chaos_wait(). */
const char *chaos_suite_program(const struct chaos *chaos, const char *name);
const char *chaos_suite_path(const struct chaos *chaos, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
