/* Channels: what goes to one participant, how much of it at once, and whether it is there.
 *
 * Flow control as TCP's slow start: the window opens from 1, grows by 1 with each answer (so it
 * doubles with each window of answers), halves at each silence, and is 1 again after a restart. */
#ifndef ZSAGA_CHANNEL_H
#define ZSAGA_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "active.h"
#include "base/id.h"
#include "journal.h"

#define CHANNEL_HELLO_MS 1000        /* Between hellos while all is well. */
#define CHANNEL_PROBE_MS 100         /* Nothing heard so long after a command: a hello at once. */
#define CHANNEL_SEEK_FIRST_MS 50     /* After a hello that is not answered, */
#define CHANNEL_SEEK_MAX_MS 500      /* doubling. */
#define CHANNEL_DOWN_MS 3000         /* Without a welcome: down. */
#define CHANNEL_SILENCE_MAX_MS 30000 /* To which a silence's timeout doubles. */
#define CHANNEL_ALONE_MAX 2          /* Restarts in a row that a lone command may be near. */

enum channel_state {
    CHANNEL_DOWN,
    CHANNEL_UP,
    CHANNEL_SUSPENDED, /* Its log went backwards, or its database is another: an operator decides.
                        */
};

struct channel {
    const char *name;
    bool absent; /* Not in the suite file, but running sagas need it. */
    uint8_t port;
    enum channel_state state;
    char detail[256]; /* What is wrong; "". */
    uint64_t incarnation;
    bool met;                            /* `incarnation` is known. */
    uint64_t noticed;                    /* Incarnation of the last frame. */
    struct journal_participant known;    /* Of its log, as stored. */
    struct journal_participant reported; /* While suspended: what an operator may trust. */
    bool known_changed;                  /* Store it with this batch. */
    uint64_t hello_number;               /* Of the newest hello. */
    bool hello_open;                     /* It is not answered yet: one answer counts. */
    bool
        held; /* Another incarnation was noticed: no command before the newest hello is answered. */
    bool hello_due;
    int64_t seek_ms; /* Until the next hello if this one is not answered. */
    int64_t next_hello_ms;
    int64_t probe_ms; /* While a command is in flight; INT64_MAX: it is being asked already. */
    int64_t welcome_at_ms;
    uint64_t floor_epoch; /* The floor it is known to hold. */
    uint64_t floor_version;
    uint32_t window;
    uint32_t window_max;
    size_t in_flight_bytes;
    size_t in_flight_bytes_max;
    struct active_list lists[PLACE_COUNT];
};

void channel_init(struct channel *channel, const char *name, uint8_t port, uint32_t window_max,
                  size_t bytes_max);

/* A hello goes out with this batch; the next one is due by itself. */
void channel_hello(struct channel *channel, int64_t now_ms);
/* When the next one is due: each second, sooner while nothing is heard. */
int64_t channel_hello_at(const struct channel *channel);
/* Any frame of the participant has come. */
void channel_heard(struct channel *channel, int64_t now_ms);
/* A command has been sent. */
void channel_told(struct channel *channel, int64_t now_ms);

/* Puts a command in its place to wait, or takes it out of wherever it is. */
void channel_enqueue(struct channel *channel, struct active *active);
void channel_withdraw(struct channel *channel, struct active *active);

/* The next command that the window lets go, taken from its list; NULL: none. */
struct active *channel_next(struct channel *channel);
void channel_sent(struct channel *channel, struct active *active, size_t bytes);
void channel_answered(struct channel *channel, struct active *active); /* Opens the window. */
void channel_silent(struct channel *channel, struct active *active);   /* Back to the waiting. */

/* A new incarnation: all in flight goes back in front of those that wait. Returns the one that
 * counts it as an answer of `retry`, or NULL. */
struct active *channel_restarted(struct channel *channel);

const char *channel_state_name(const struct channel *channel);
uint32_t channel_waiting(const struct channel *channel);

#endif
