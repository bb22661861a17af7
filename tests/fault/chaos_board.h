/* The board: what the processes of a chaos run tell each other, in shared memory. */
#ifndef ZSAGA_CHAOS_BOARD_H
#define ZSAGA_CHAOS_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

struct chaos;

/* Links: to each participant one for commands and one that is a twin's, for each publisher one for
 * events and one for fetches, and the clients'. */
enum {
    CHAOS_LINK_COMMAND = 0,
    CHAOS_LINK_TWIN = 4,
    CHAOS_LINK_LIVE = 8,
    CHAOS_LINK_REPLAY = 13,
    CHAOS_LINK_CLIENT = 18,
    CHAOS_LINKS = 19,
};

/* Of 1,000 messages. */
struct chaos_weather {
    atomic_int drop;
    atomic_int doubled;
    atomic_int delay;
    atomic_int delay_ms; /* At most. */
    atomic_int reorder;
    atomic_int replay;
};

struct chaos_link_board {
    struct chaos_weather weather[2]; /* There, and back. */
    atomic_int cut[2];
    atomic_int reset; /* Raised: all connections are made anew. */
    atomic_uint_fast64_t passed;
    atomic_uint_fast64_t dropped;
    atomic_uint_fast64_t doubled;
    atomic_uint_fast64_t delayed;
    atomic_uint_fast64_t reordered;
    atomic_uint_fast64_t replayed;
    atomic_uint_fast64_t cut_off;
};

#define CHAOS_TOOK_MAX 200000

struct chaos_board {
    struct chaos_link_board links[CHAOS_LINKS];
    atomic_int stop;
    atomic_int heir; /* The twin goes on as the orchestrator: its words count. */
    /* The client. */
    atomic_int submitting;         /* New orders are wanted. */
    atomic_int_fast64_t healed_ms; /* Since then; 0: faults go on. */
    atomic_int_fast64_t open;      /* Orders that were asked for and whose end is not known. */
    atomic_int idle;               /* It has seen that no orders are wanted. */
    atomic_uint_fast64_t accepted;
    atomic_uint_fast64_t completed;
    atomic_uint_fast64_t compensated;
    atomic_uint_fast64_t given_up; /* Of those compensated: `unavailable`. */
    atomic_uint_fast64_t attention;
    atomic_uint_fast64_t unknown;
    atomic_uint_fast64_t wrong; /* Answers that cannot be. */
    atomic_uint_fast64_t took_count;
    int32_t took_ms[CHAOS_TOOK_MAX]; /* From the heal to the end of what was open. */
};

#endif
