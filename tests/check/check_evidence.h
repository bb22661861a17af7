/* Evidence: what a checker is told, and what a recorder writes down.
 *
 * Three kinds: what clients asked and were told, what was sent between processes, and when a
 * process began and ended. All times are milliseconds of one monotonic clock. */
#ifndef ZSAGA_CHECK_EVIDENCE_H
#define ZSAGA_CHECK_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

#define CHECK_ID_SIZE 16

struct check_bytes {
    const void *data; /* Borrowed for the call. */
    size_t len;
};

/* What a client asked for. */
enum check_call {
    CHECK_SUBMIT,
    CHECK_FIND, /* Of one key: asked for several, tell one call for each. */
    CHECK_RESUME,
    CHECK_OTHER, /* Any other operation. It is only counted. */
    CHECK_CALL_COUNT,
};

/* A call begins: tell it before its first byte is sent. */
struct check_invoke {
    int64_t at_ms;
    uint64_t op; /* Names this call in the whole history; not 0. */
    enum check_call call;
    struct check_bytes key;
    struct check_bytes definition; /* Submit: its name. */
    struct check_bytes nonce;      /* Submit. */
    uint64_t body;                 /* Submit: check_body() of the definition and the input. */
};

/* Names what a submit asked for: two bodies are the same when these are. */
uint64_t check_body(struct check_bytes definition, struct check_bytes input);

enum check_outcome {
    CHECK_OK,      /* It was answered. */
    CHECK_FAIL,    /* It certainly changed nothing: a refusal, `busy`. */
    CHECK_UNKNOWN, /* No answer: it may have happened or not, and may still happen. */
    CHECK_OUTCOME_COUNT,
};

enum check_verdict {
    CHECK_VERDICT_NONE,
    CHECK_ACCEPTED,
    CHECK_DUPLICATE,
    CHECK_CONFLICT,
    CHECK_VERDICT_COUNT,
};

/* As on the client plane. */
enum check_state {
    CHECK_STATE_UNKNOWN, /* There is no such saga. */
    CHECK_RUNNING,
    CHECK_COMPENSATING,
    CHECK_COMPLETED,
    CHECK_COMPENSATED,
    CHECK_ATTENTION,
    CHECK_STATE_COUNT,
};

/* How a call ended; each ends once, or never. */
struct check_answer {
    int64_t at_ms;
    uint64_t op; /* 0: nobody asked, it was pushed. Then `key` says of what. */
    enum check_outcome outcome;
    enum check_verdict verdict; /* Of a submit that is OK. */
    enum check_state state;     /* Of a submit, a find or a push that is OK. */
    struct check_bytes key;     /* Of a push. */
    struct check_bytes saga;    /* Its id, 16 bytes; empty: was not told. */
    struct check_bytes code;    /* Of a failure, for people. */
};

enum check_plane {
    CHECK_PLANE_COMMAND,
    CHECK_PLANE_CLIENT,
    CHECK_PLANE_LIVE,   /* What a PUB socket says. */
    CHECK_PLANE_REPLAY, /* Fetches and their answers. */
    CHECK_PLANE_COUNT,
};

/* A message as its sender made it: once, however often it is then delivered. */
struct check_frame {
    int64_t at_ms;
    const char *from; /* Names in the suite; of a client whatever it is called there. */
    const char *to;   /* "" on the live plane: all who listen. */
    enum check_plane plane;
    struct check_bytes bytes; /* The frame, without a routing id. */
};

enum check_life {
    CHECK_STARTED,
    CHECK_ENDED,    /* However. */
    CHECK_RELOADED, /* It has forgotten what it had in memory, and goes on from its database. */
    CHECK_RESTORED, /* Its database was replaced by an older state, or another one, on purpose. */
    CHECK_LIFE_COUNT,
};

struct check_life_event {
    int64_t at_ms;
    const char *process;
    enum check_life life;
};

#endif
