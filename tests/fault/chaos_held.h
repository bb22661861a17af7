/* Messages that a proxy holds back: delayed ones, one that the next shall overtake, and old ones to
 * be sent once more. */
#ifndef ZSAGA_CHAOS_HELD_H
#define ZSAGA_CHAOS_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELD_OLD_MAX 512 /* Of each direction. */

struct held_message {
    int way;     /* 0: to who is bound. 1: back. */
    size_t peer; /* Place of the peer. */
    uint8_t to[256];
    size_t to_len;
    const void *data;
    size_t len;
};

typedef void (*held_sender)(void *context, const struct held_message *message);

struct held {
    held_sender send;
    void *context;
    struct held_later {
        int64_t at_ms;
        uint64_t turn;
        struct held_message message; /* Its data is ours. */
    } * later;                       /* A heap would do; there are few. */
    size_t later_count;
    size_t later_capacity;
    uint64_t turns;
    bool swapped[2];
    int64_t swap_until_ms[2];
    struct held_message swap[2];
    struct held_message old[2][HELD_OLD_MAX];
    size_t old_count[2];
};

void held_init(struct held *held, held_sender send, void *context);
void held_end(struct held *held); /* What waits is not sent any more. */

/* Sends it now, and behind it the one that it was to overtake; returns how many it overtook. */
int held_send(struct held *held, const struct held_message *message);
void held_delay(struct held *held, const struct held_message *message, int64_t until_ms);
/* The next one of its direction goes first. */
void held_swap(struct held *held, const struct held_message *message, int64_t now_ms);

/* Keeps a copy for later. */
void held_remember(struct held *held, const struct held_message *message);
/* One of these; NULL: there is none. */
const struct held_message *held_old(const struct held *held, int way, uint64_t random);

/* Sends what is due; returns how many overtook another. */
uint64_t held_release(struct held *held, int64_t now_ms);
int64_t held_due_ms(const struct held *held); /* INT64_MAX: nothing waits. */

#endif
