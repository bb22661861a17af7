/* A client of a suite: starts sagas, waits for their ends, lists and shows them, operates on them.
 *
 *     struct client_saga saga = {.definition = "order", .key = "A-1", .input = input};
 *     struct client_outcome outcome;
 *     rc = client_open(NULL, &client, &err);
 *     if (rc == 0)
 *         rc = client_submit(client, &saga, 10000, &outcome, &err);
 *     if (rc == 0)
 *         rc = client_wait(client, saga.key, 60000, &outcome, &err);
 *     client_free(client);
 *
 * Answers: 0; or a positive outcome that is named with the function; or a negative enum err_code,
 * with words in *err that say what to do:
 *   ERR_INVALID    what was given breaks a rule; nothing was changed
 *   ERR_NOT_FOUND  there is no such suite, saga, definition or participant
 *   ERR_FULL       the suite's disk is full: nothing was stored
 *   ERR_TIMEOUT    not known in time; the words tell whether the suite runs, and what is known
 *   ERR_SYSTEM     the system failed, or the orchestrator answers what this library does not know
 * On anything but 0, *ret is as before unless the function says otherwise.
 *
 * Lost answers and restarts: every call asks again, over new connections too, until it knows or its
 * time is over, so a restart in between is not noticed. Whoever runs out of time can call again.
 *
 * Texts given are NUL-terminated and borrowed for the call. Texts returned are NUL-terminated UTF-8
 * (U+FFFD for what was none), never NULL, and "" where there is nothing to say. Durations are
 * milliseconds; a timeout of INT64_MAX is none. Wall times are milliseconds since 1970, 0: none.
 *
 * Threads: a client, with its batches, belongs to one thread; have one for each that needs one.
 * There are no globals. A client does not go along over fork(). */
#ifndef ZSAGA_CLIENT_H
#define ZSAGA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLIENT_KEY_MAX 64                     /* Bytes, of UTF-8 without control characters. */
#define CLIENT_INPUT_MAX ((size_t)256 * 1024) /* Bytes. */
#define CLIENT_NONCE_MAX 32                   /* Bytes. */
#define CLIENT_REASON_MAX 256                 /* Bytes of an operator's reason. */

struct client;

/* Opens a client of the suite in the directory `data`; NULL: of $ZSAGA_DATA, else ./zsaga-data.
 * The suite need not run yet. ERR_NOT_FOUND when there is none in that directory. */
int client_open(const char *data, struct client **ret, struct err *err);
/* The same by the endpoint of its orchestrator, "tcp://127.0.0.1:5570". */
int client_open_endpoint(const char *endpoint, struct client **ret, struct err *err);
void client_free(struct client *client); /* Its batches must be gone. */
/* Functions of this kind free and set to NULL, for __attribute__((cleanup)). */
void client_freep(struct client **client_p);

/* Where a saga stands. It moves by itself in the first two, rests in the others, and the rest of
 * completed and compensated is for ever: from attention an operator moves it on. */
enum client_state {
    CLIENT_STATE_UNKNOWN, /* There is no such saga, or nobody has told yet. */
    CLIENT_RUNNING,
    CLIENT_COMPENSATING,
    CLIENT_COMPLETED,   /* Every step is done. */
    CLIENT_COMPENSATED, /* Nothing of it is left. */
    CLIENT_ATTENTION,   /* It needs somebody. */
};
#define CLIENT_STATE_COUNT 6

const char *client_state_name(enum client_state state); /* "running"; "unknown" for none. */
bool client_state_parse(const char *name, enum client_state *ret);
bool client_state_rests(enum client_state state);

/* A saga to be started. */
struct client_saga {
    const char *definition;
    const char *key;    /* Yours, unique in the suite: the same key is the same saga. */
    struct bytes input; /* What the participants get; opaque to the suite. */
    struct bytes nonce; /* Names this submit, also over a restart of your program. Empty: drawn. */
};

enum client_verdict {
    CLIENT_UNDECIDED, /* Not known. */
    CLIENT_ACCEPTED,  /* Stored, and durable: this saga will end. */
    CLIENT_DUPLICATE, /* It was there: same key, definition and input, submitted before. */
    CLIENT_CONFLICT,  /* The key is taken by a saga of other contents; nothing was stored. */
};

/* What became of a saga. */
struct client_outcome {
    enum client_verdict verdict; /* Of a submit. */
    enum client_state state;
    struct id saga;                  /* Its id, from a submit only; zero where not known. */
    char reason[CLIENT_KEY_MAX + 1]; /* The code that turned it back ("sold_out"), or "". */
};

/* Starts a saga. Asks again until there is a verdict; while the suite has as many unfinished sagas
 * as it may, waits and asks later, within the timeout. ERR_INVALID before anything is sent: a key,
 * definition, nonce or input that breaks the rules. ERR_TIMEOUT: it may have been accepted. Submit
 * again: under the same nonce it is `accepted`, under another a `duplicate`, and never two sagas.
 */
int client_submit(struct client *client, const struct client_saga *saga, int64_t timeout_ms,
                  struct client_outcome *ret, struct err *err);

/* Waits until the saga rests; ret->state says where. ERR_NOT_FOUND: there is no such saga.
 * ERR_TIMEOUT: it does not rest yet; ret->state is the last that was told, also in the words. */
int client_wait(struct client *client, const char *key, int64_t timeout_ms,
                struct client_outcome *ret, struct err *err);

/* How `count` sagas stand now, in the order of `keys`; one that there is not is
 * CLIENT_STATE_UNKNOWN. The timeout is for each thousand. On failure `rets` is partly filled. */
int client_find(struct client *client, const char *const *keys, size_t count, int64_t timeout_ms,
                struct client_outcome *rets, struct err *err);

/* A saga as lists tell it. */
struct client_row {
    struct id saga;
    const char *key;
    const char *definition;
    enum client_state state;
    const char *step;       /* Where it stands; "" once final. */
    const char *waiting_on; /* The participant. */
    uint32_t attempts;      /* Of the command that is out. */
    const char *last_error; /* The current trouble. */
    const char *reason;     /* The code that turned it back. */
    int64_t created_ms;
    int64_t finished_ms;
    int64_t next_wake_ms; /* When it acts by itself next. */
};

struct client_filter {
    const enum client_state *states; /* Only sagas in one of these. */
    size_t state_count;              /* 0: in any. */
    uint64_t limit;                  /* At most so many; 0: all. */
};

/* Takes a row, valid until it returns. It must not use the client. False: that was enough. */
typedef bool (*client_take_row)(void *self, const struct client_row *row);

/* Gives sagas to `take`, newest first; those that pass the filter (NULL: all of them). Fetched page
 * by page, so a long list is no snapshot: a saga is told as it stood when its page was made. The
 * timeout is for each page. */
int client_list(struct client *client, const struct client_filter *filter, int64_t timeout_ms,
                client_take_row take, void *self, struct err *err);

struct client_step {
    const char *name;
    const char *participant;
    const char *kind;  /* compensatable, retriable */
    const char *state; /* idle, out, done, rejected, given_up */
    uint32_t attempts;
    const char *last_error;
    const char *reason;
    const char *undo_state; /* Of its compensation: none, out, done. */
    uint32_t undo_attempts;
};

struct client_history {
    int64_t at_ms;
    const char *what;
    const char *step;
    const char *detail;
};

/* A saga with its steps, all of its definition, and its history, oldest first. */
struct client_shown {
    struct client_row row;
    struct client_step *steps;
    size_t step_count;
    struct client_history *history; /* Beyond 1,000 rows the newest are left out. */
    size_t history_count;
};

/* *ret is the caller's: client_shown_free(). ERR_NOT_FOUND: there is no such saga. */
int client_show(struct client *client, const char *key, int64_t timeout_ms,
                struct client_shown **ret, struct err *err);
void client_shown_free(struct client_shown *shown);
void client_shown_freep(struct client_shown **shown_p);

/* How the orchestrator sees a participant. */
struct client_channel {
    const char *participant;
    const char *state;  /* up, down, suspended */
    uint32_t window;    /* Commands that may be in flight. */
    uint32_t in_flight; /* Commands. */
    uint32_t waiting;
    const char *detail; /* What is wrong. */
};

struct client_status {
    bool ready;                         /* Every participant answers. */
    uint64_t sagas[CLIENT_STATE_COUNT]; /* How many are in each state. */
    const char *oldest_key;             /* Of the oldest unfinished one; "" when there is none. */
    int64_t oldest_created_ms;
    uint32_t stalled; /* Unfinished ones that nothing would wake: always 0, or it is a bug. */
    struct client_channel *channels;
    size_t channel_count;
};

/* *ret is the caller's: client_status_free(). */
int client_status(struct client *client, int64_t timeout_ms, struct client_status **ret,
                  struct err *err);
void client_status_free(struct client_status *status);
void client_status_freep(struct client_status **status_p);

/* What an operator does. `who` (1 to CLIENT_KEY_MAX bytes) and `reason` (1 to CLIENT_REASON_MAX)
 * are written down. CLIENT_REFUSED: there was nothing to do; *err says how things stand. */
enum { CLIENT_REFUSED = 1 };

/* A saga in attention goes on from where it stood, with fresh patience. CLIENT_REFUSED: it is not
 * in attention. */
int client_retry(struct client *client, const char *key, const char *who, const char *reason,
                 int64_t timeout_ms, struct err *err);
/* A participant whose database went back in time is believed as it is now. CLIENT_REFUSED: it is
 * not suspended. */
int client_trust(struct client *client, const char *participant, const char *who,
                 const char *reason, int64_t timeout_ms, struct err *err);

/* Many at once.
 *
 * A batch holds a bounded number of sagas in flight: start what there is room for, take results as
 * they come, start more.
 *
 *     while (more to do || client_batch_in_flight(batch) != 0) {
 *         while (more to do && client_batch_has_room(batch))
 *             rc = client_batch_start(batch, &saga, tag, &err);
 *         if (client_batch_take(batch, 1000, &result, &err) == CLIENT_BATCH_RESULT)
 *             ... result.tag, result.code, result.outcome ...
 *     }
 */
struct client_batch;

#define CLIENT_BATCH_MAX 50000 /* In flight. */

struct client_batch_options {
    size_t in_flight;   /* At most; 1 to CLIENT_BATCH_MAX. */
    int64_t timeout_ms; /* For each, from its start to its result. */
    bool to_end;        /* A result comes when the saga rests; else with its verdict. */
};

/* Borrows the client. Other calls on it in between, or a second batch, are right but hold this one
 * up: an answer that they take is asked for again after a second. ERR_INVALID: options out of
 * range.
 */
int client_batch_new(struct client *client, const struct client_batch_options *options,
                     struct client_batch **ret, struct err *err);
/* Forgets what is in flight; it goes on in the suite. */
void client_batch_free(struct client_batch *batch);
void client_batch_freep(struct client_batch **batch_p);

bool client_batch_has_room(const struct client_batch *batch);
size_t client_batch_in_flight(const struct client_batch *batch); /* Results not taken included. */

/* Starts a saga: everything is copied, and sent by the next client_batch_take(). `tag` comes back
 * with the result. There must be room. ERR_INVALID as from client_submit(): it was not started. */
int client_batch_start(struct client_batch *batch, const struct client_saga *saga, uint64_t tag,
                       struct err *err);
/* Waits for one that was submitted before, by whomever, as client_wait() does. */
int client_batch_follow(struct client_batch *batch, const char *key, uint64_t tag, struct err *err);

struct client_result {
    uint64_t tag;
    const char *key;               /* Valid until the next call on the batch. */
    int code;                      /* 0, or as from client_submit() and client_wait(). */
    struct err err;                /* Its words, which do not repeat the key. */
    struct client_outcome outcome; /* What is known. After ERR_TIMEOUT too: a verdict that is not
                                    * CLIENT_UNDECIDED says that only the end is not known yet. */
    int64_t took_us;               /* From its start to what is told here. */
};

/* The next result, waiting at most `wait_ms` for one. Negative when the client itself failed.
 * CLIENT_BATCH_NONE: none came; at once when nothing is in flight. */
enum { CLIENT_BATCH_NONE, CLIENT_BATCH_RESULT };
int client_batch_take(struct client_batch *batch, int64_t wait_ms, struct client_result *ret,
                      struct err *err);

/* What keeps the suite from taking sagas just now (a full disk), while the batch goes on to try;
 * "": nothing that it told. Valid until the next call on the batch. */
const char *client_batch_trouble(const struct client_batch *batch);

#ifdef __cplusplus
}
#endif

#endif
