/* The checker: verifies what a suite has promised, from evidence alone.
 *
 * Evidence is fed in order of time: what clients asked and were told, each frame as it was sent,
 * when processes began and ended, their databases after a crash, and at the end all of them. What
 * does not hold is told to a callback; nothing here ends the process but want of memory. Not one
 * kind of evidence is needed: what there is none of is not looked at, and checker_evaluated() tells
 * how often each invariant really was.
 *
 *   I1  what is told as accepted, or as final, is stored, and stays
 *   I2  nothing that nobody submitted
 *   I3  one saga for a key, and another body under the same key is a conflict
 *   I4  a history is a path of the automaton, numbered without a gap; what is final stays
 *   I5  no action after a compensation, nothing after the end
 *   I6  each effect once, undone at most once, and not before it
 *   I7  final states agree with the history, and with the effects
 *   I8  refusals and tombstones change nothing
 *   I9  no action takes effect after its undoing
 *   I10 nothing is open where a saga is final
 *   I11 actions one after the other, undone in reverse
 *   I12 money adds up: each customer's, and that of completed orders
 *   I13 stock adds up
 *   I14 recorded answers agree, and are committed before they are sent
 *   I15 one event for each transition, and none besides
 *   I16 a log has no gap; a number means the same bytes for all who read it
 *   I17 a consumer has applied each event once, in order, and its cursor is where it has read to
 *   I20 epochs rise, are stored before they are used, and a lower one is refused
 *   I21 nothing is sent again before its time
 *   I22 the database is sound
 *   L1  at the end all sagas are final
 *   floor     what is told as final for ever is
 *   protocol  frames are what the protocol says */
#ifndef ZSAGA_CHECK_H
#define ZSAGA_CHECK_H

#include <protobuf-c/protobuf-c.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "check_evidence.h"

struct checker;

struct checker_finding {
    const char *invariant; /* "I6" */
    const char *about;     /* A saga's key or its id, or a process; "" for the suite. */
    const char *words;
};

struct checker_options {
    void *context; /* Of the callbacks. */
    void (*found)(void *context, const struct checker_finding *finding);
    /* The connection of a running process, to look into what it has committed at the instant at
     * which it sends; NULL when it is down. Without it frames are compared with each other only. */
    sqlite3 *(*peek)(void *context, const char *process);
    /* Each entry that was decoded, before it is checked. May be NULL. */
    void (*seen)(void *context, const struct check_frame *frame, const ProtobufCMessage *entry);
    /* Frames come in the order in which they were sent, at the very instant, and none is left out:
     * a simulator's. Without it a late frame proves nothing, and times are not looked at. */
    bool exact;
    /* All participants are made with the library and none loses its database: so some answers
     * never come. */
    bool faithful;
    /* Damaged frames arrive as well, beside those that were sent: their refusal means nothing. */
    bool noise;
};

/* `options` are copied. */
struct checker *checker_new(const struct checker_options *options);
void checker_free(struct checker *checker);

void checker_invoke(struct checker *checker, const struct check_invoke *invoke);
void checker_answer(struct checker *checker, const struct check_answer *answer);
void checker_frame(struct checker *checker, const struct check_frame *frame);
void checker_life(struct checker *checker, const struct check_life_event *event);

/* A process is about to close the connection that `peek` gave: statements on it are finalized. */
void checker_drop(struct checker *checker, const char *process);

/* After a crash, before or after the process goes on: what it has told is there. With `sound` the
 * file is looked through as well (I22), which costs. */
void checker_crash(struct checker *checker, const char *process, sqlite3 *db, bool sound);

/* At the end, when nobody writes any more: the database of each process. False: it is none of a
 * suite's, or cannot be read; then there are findings, or nothing is known of it. */
bool checker_database(struct checker *checker, const char *process, sqlite3 *db);

enum checker_end {
    CHECKER_SETTLED = 0,   /* All sagas must be final. */
    CHECKER_OPEN = 1,      /* They may be unfinished. */
    CHECKER_CAUGHT_UP = 2, /* Or'ed: consumers have read all there is. */
};

/* Compares the databases with each other and with all that was told. Once, at the end. */
void checker_finish(struct checker *checker, unsigned end);

#define CHECKER_INVARIANTS 23
const char *checker_invariant(size_t place); /* "I1", "I2" ...; NULL behind the last. */
/* How often the one at this place was evaluated. */
uint64_t checker_evaluated(const struct checker *checker, size_t place);
uint64_t checker_findings(const struct checker *checker);

#endif
