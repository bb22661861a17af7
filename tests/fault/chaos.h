/* Chaos: real processes of the order suite under every fault at once, and what it left.
 *
 *   chaos_main     phases: faults, heal, everything must end; then the checks and the summary
 *   chaos_suite    the six processes and their directories, each seeing the others through a proxy
 *   chaos_link     the proxies: each drops, doubles, delays, reorders and replays whole messages
 *   chaos_client   orders all the time, and what was answered
 *   chaos_fault    what is done to the processes, the network, the clocks, by drawing lots
 *   chaos_verdict  whether all has ended, and the books, the checker
 *
 * Proxies and the client are processes of their own; they share a board with the main one. */
#ifndef ZSAGA_CHAOS_H
#define ZSAGA_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/rng.h"
#include "chaos_board.h"
#include "check_record.h"

enum chaos_place {
    CHAOS_ORCHESTRATOR,
    CHAOS_ORDER,
    CHAOS_INVENTORY,
    CHAOS_PAYMENT,
    CHAOS_SHIPPING,
    CHAOS_OBSERVER,
    CHAOS_PLACES,
};

/* What happens to the suite. The first five are done by the proxies. */
enum chaos_kind {
    CHAOS_DROP,
    CHAOS_DOUBLE,
    CHAOS_DELAY,
    CHAOS_REORDER,
    CHAOS_REPLAY,
    CHAOS_CUT,
    CHAOS_CUT_ONE_WAY,
    CHAOS_RESET,
    CHAOS_KILL,
    CHAOS_KILL_ALL,
    CHAOS_STORM,
    CHAOS_STORM_ALL,
    CHAOS_PAUSE_SHORT,
    CHAOS_PAUSE_LONG,
    CHAOS_WIPE,
    CHAOS_PARTITION,
    CHAOS_PARTITION_ONE_WAY,
    CHAOS_CLOCK,
    CHAOS_DESCRIPTORS,
    CHAOS_TWIN_SAME,
    CHAOS_TWIN_OLD,
    CHAOS_TWIN_NEW,
    CHAOS_TWIN_FIGHT,
    CHAOS_BACKUP,
    CHAOS_KINDS,
};

struct chaos_service {
    const char *name;
    pid_t pid;             /* 0: it does not run. */
    int64_t start_at_ms;   /* When it is started again; 0: at once. */
    int64_t started_at_ms; /* The last time. */
    bool held;             /* It is not started again until somebody says so. */
    bool expected;         /* Its end was brought about here. */
    bool forgiven;         /* It may end by itself with an error: its descriptors ran out. */
    int exit_code;         /* Of its last end. */
    uint64_t starts;
};

struct chaos_ending {
    int64_t at_ms;
    void (*end)(struct chaos *chaos, int arg);
    int arg;
};

#define CHAOS_ENDINGS_MAX 32

struct chaos {
    char root[64];
    const char *build; /* Where the programs lie. */
    struct rng rng;
    struct chaos_board *board;
    struct check_record *record;
    FILE *log; /* A line for each fault. */
    int64_t began_ms;
    int64_t told_at_ms; /* Progress, last. */
    bool calm;          /* The weather stays as it is: no faults. */
    int64_t weather_at_ms;
    struct chaos_service services[CHAOS_PLACES];
    int locks[3];
    struct chaos_ending endings[CHAOS_ENDINGS_MAX];
    uint64_t counts[CHAOS_KINDS];
    const char *skipped[CHAOS_KINDS]; /* Why there is none of a kind. */
    uint64_t bag[CHAOS_KINDS];
    uint64_t findings;
    const char *faketime;    /* The library; NULL: clocks cannot be set. */
    pid_t net_holder;        /* Lives in the participants' network; 0: there is none. */
    char net_name[16];       /* Of this end. */
    char net_address[2][24]; /* This end's, and the participants'. */
    unsigned int files;
};

extern const char *const chaos_kind_names[CHAOS_KINDS];

int64_t chaos_now_ms(void);
int64_t chaos_between(struct chaos *chaos, int64_t from, int64_t to); /* Both included. */

/* A line in the log of faults, and one more of that kind. */
void chaos_tell(struct chaos *chaos, enum chaos_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A line without a fault. */
void chaos_note(struct chaos *chaos, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something that must not be. */
void chaos_find(struct chaos *chaos, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Everything that goes on meanwhile: whoever ended is started again, faults end, progress is told.
 */
void chaos_turn(struct chaos *chaos);
void chaos_wait(struct chaos *chaos, int64_t ms);
/* Calls `end` later, at the latest when all is healed. */
void chaos_later(struct chaos *chaos, int64_t after_ms, void (*end)(struct chaos *chaos, int arg),
                 int arg);
void chaos_end_all(struct chaos *chaos);

#endif
