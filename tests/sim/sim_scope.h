/* A small scope, exhausted: of one scenario, every schedule with at most so many faults.
 *
 * Wherever a fault could be, the run asks; the answers of one run are a row of digits, each with
 * its bound, and the next run counts that row up by one. So each schedule is run once, and their
 * number is known. Source: "exhaustigen", TigerBeetle and A. Kladov, "Generate all the things". */
#ifndef ZSAGA_SIM_SCOPE_H
#define ZSAGA_SIM_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many of each there may be in one run, and of all together. */
struct sim_scope_limits {
    unsigned crashes;
    unsigned doubled;
    unsigned delayed;
    unsigned all;
};

struct sim_scope;

/* `story` is a number that names the scenario in a report. */
struct sim_scope *sim_scope_new(const struct sim_scope_limits *limits, unsigned story);
void sim_scope_free(struct sim_scope *scope);

/* To the next schedule; false: that was the last. The first is there from the start. */
bool sim_scope_next(struct sim_scope *scope);

/* There are no faults from now on, in this run. */
void sim_scope_close(struct sim_scope *scope);

/* Where a process could die: 0 it does not, 1 it is killed, 2 the power fails. */
unsigned sim_scope_crash(struct sim_scope *scope);
/* How long a message takes beyond the usual, and whether a copy comes, how much later (-1: none).
 */
int64_t sim_scope_delay_ms(struct sim_scope *scope);
int64_t sim_scope_copy_ms(struct sim_scope *scope);

/* The schedule so far: "2/17:1,40:2", the story, and each answer that is not 0 behind its place.
 * Returns `to`. */
const char *sim_scope_describe(const struct sim_scope *scope, char *to, size_t size);
/* What stands behind the story: for the next run; false: that is no schedule. */
bool sim_scope_play(struct sim_scope *scope, const char *schedule);

#endif
