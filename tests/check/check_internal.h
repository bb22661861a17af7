/* What the files of the checker share: all that it knows, and how findings are told. */
#ifndef ZSAGA_CHECK_INTERNAL_H
#define ZSAGA_CHECK_INTERNAL_H

#include "check.h"
#include "check_base.h"
#include "check_definition.h"

#define STEPS_MAX 32
#define NOBODY SIZE_MAX /* No process, no saga, no definition, no key. */

/* clang-format off */
#define CHECK_INVARIANTS(X) \
    X(I1) X(I2) X(I3) X(I4) X(I5) X(I6) X(I7) X(I8) X(I9) X(I10) X(I11) X(I12) X(I13) X(I14) \
    X(I15) X(I16) X(I17) X(I20) X(I21) X(I22) X(L1) X(FLOOR) X(PROTOCOL)
/* clang-format on */
enum invariant {
#define X(name) name,
    CHECK_INVARIANTS(X)
#undef X
        INVARIANT_COUNT
};

/* Values as they are stored, written down again: a check must not trust what it checks. */
enum { FORWARD_NOTHING, FORWARD_DONE, FORWARD_REFUSED, FORWARD_WAITS };
enum { BACKWARD_NOTHING, BACKWARD_UNDONE, BACKWARD_TOMBSTONE };

/* The last time that a command was sent, and what excused it by then. */
struct sending {
    int64_t at_ms;
    uint32_t attempt; /* 0: never. */
    uint64_t epoch;
    uint64_t loads;   /* Of the sender; */
    uint64_t starts;  /* of the addressee, when this attempt was first sent; */
    uint64_t excused; /* of these, those that have had their effect. */
    unsigned resumed; /* Of the saga. */
};

/* The newest answer that asked for another attempt. */
struct asked {
    uint32_t attempt; /* 0: none. */
    uint64_t epoch;
};

struct step {
    /* From frames. */
    size_t at; /* Process that its commands went to. */
    bool sent;
    bool undo_sent;
    bool done; /* As answered. */
    bool refused;
    bool undone;
    bool retriable;       /* As its command says. */
    uint64_t said[2];     /* Digest of the recorded answer to the action, and to its undoing. */
    uint64_t output;      /* Digest of what its action handed on; 0: nothing. */
    struct sending *last; /* Of both directions; when times are looked at. */
    struct asked asked[2];

    /* From the journal. */
    bool story_done;
    bool story_refused;
    bool story_gave_up;
    bool story_undone;

    /* From its participant's database. */
    size_t kept; /* The process whose inbox has a row. */
    uint8_t forward;
    uint8_t backward;
    uint64_t stamp;   /* Of the last look at an inbox that found it. */
    size_t effect_at; /* The process whose business tables know of it. */
    int64_t effects;
    int64_t undos;
    bool undo_first; /* Undone before it took effect. */
    unsigned told;   /* Events: a bit for each enum told_kind. */
};

/* A record of a saga's history, and what it led to. */
struct record {
    uint8_t what;
    uint8_t step;
    uint8_t state; /* enum check_state */
    bool undo;
};

struct saga {
    uint8_t id[CHECK_ID_SIZE];
    size_t key;
    size_t definition;
    struct step *steps;
    size_t step_count;

    /* From frames and answers. */
    bool identified; /* Looked up, at its first command. */
    uint64_t input;  /* Digest of what its commands carry; 0: none so far. */
    bool known;      /* Told to a client as stored. */
    int told;        /* A final state that was told: enum check_state; 0: none. */
    bool settled;    /* It was looked at when that was told (I10). */
    uint64_t stamp;  /* Of the last look at the journal that found it. */

    /* From the journal. */
    bool stored;
    int row;   /* Its state, as its row says: enum check_state, CHECK_RUNNING: not final. */
    int story; /* The same, as its history leads to. */
    struct record *records; /* By number, from 1. */
    size_t record_count;    /* The highest number. */
    size_t record_capacity;
    uint64_t body;         /* check_body() of what it was submitted with; */
    uint64_t stored_input; /* digest of the input alone. */
    uint8_t *order;        /* The input, when it is of an order; or NULL. */
    size_t order_len;
    unsigned resumes;

    /* From the orchestrator's log. */
    uint32_t told_number;
    bool told_end;
    bool told_cut; /* Its first events may be gone. */
};

/* What was submitted under a key. */
struct body {
    uint64_t digest;
    bool same;  /* Told as accepted, or as a duplicate; */
    bool other; /* as a conflict. */
};

/* A key that a client, or the journal, has spoken of. */
struct key {
    char *text;
    size_t saga;
    struct body *bodies;
    size_t body_count;
    size_t body_capacity;
    uint64_t nonce;    /* Digest of the one that was accepted; 0: none. */
    int final;         /* As told to a client: enum check_state; 0: none. */
    uint64_t final_at; /* Place in the client history. */
    uint64_t known_at; /* The same: first told as stored; 0: never. */
    unsigned resumed;  /* Asked for. */
    unsigned resumed_ok;
};

struct op {
    enum check_call call;
    size_t key;
    uint64_t at; /* Place in the client history. */
    uint64_t body;
    uint64_t nonce; /* Digest; 0: none. */
    bool ended;
};

struct log_row {
    uint64_t count;
    uint64_t digest;
};

/* A log as it was told: of one store. */
struct log {
    uint8_t store[CHECK_ID_SIZE];
    size_t process;
    uint64_t head;    /* The highest one told; */
    uint64_t records; /* of its inbox. */
    struct check_map rows;
    struct log_row *told;
    size_t told_count;
    size_t told_capacity;
};

struct books;

struct process {
    char *name;
    uint64_t starts;
    uint64_t loads; /* Starts and reloads. */
    bool restored;  /* Its database was replaced: it may have forgotten. */

    /* From its frames. */
    bool heard;
    bool publishes; /* It has told events. */
    uint64_t incarnation;
    uint64_t number; /* Of its newest frame. */
    uint64_t *incarnations;
    size_t incarnation_count;
    size_t incarnation_capacity;
    size_t log;     /* Place in logs: of the store that it tells; NOBODY. */
    uint64_t epoch; /* Of an orchestrator. */
    uint64_t nonce;
    uint64_t answered; /* Highest epoch that it has answered. */

    sqlite3 *peeked; /* The statements are of this connection. */
    sqlite3_stmt **peeks;
    struct books *books; /* From its database; NULL: not given. */
};

struct checker {
    struct checker_options options;
    uint64_t evaluated[INVARIANT_COUNT];
    uint64_t findings;
    bool has_history; /* Of clients. */
    uint64_t clock;   /* Place in the client history. */
    uint64_t stamps;
    size_t journal; /* The process whose database is the orchestrator's. */

    struct process *processes;
    size_t process_count;
    size_t process_capacity;
    struct saga *sagas;
    size_t saga_count;
    size_t saga_capacity;
    struct key *keys;
    size_t key_count;
    size_t key_capacity;
    struct op *ops;
    size_t op_count;
    size_t op_capacity;
    struct definition *definitions;
    size_t definition_count;
    size_t definition_capacity;
    struct log *logs;
    size_t log_count;
    size_t log_capacity;
    /* Places in the arrays above. */
    struct check_map process_names;
    struct check_map saga_ids;
    struct check_map key_texts;
    struct check_map op_numbers;
    struct check_map definition_texts;
    struct check_map log_stores;

    ProtobufCAllocator allocator; /* Of what is decoded: all of it is given back at once. */
    uint8_t *arena;
    size_t arena_used;
    size_t arena_size;
    void **extra; /* What did not fit. */
    size_t extra_count;
    size_t extra_capacity;
    char about[CHECK_ID_SIZE * 2 + 1];
};

/* check.c: pointers to the elements of these arrays end with the next one that is made. */
void check_find(struct checker *checker, enum invariant invariant, const char *about,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
size_t check_process(struct checker *checker, const char *name);
size_t check_key(struct checker *checker, struct check_bytes text);
size_t check_saga(struct checker *checker, const void *id);
size_t check_find_saga(const struct checker *checker, struct check_bytes id); /* Or NOBODY. */
struct step *check_step(struct saga *saga, uint32_t step);                    /* Below STEPS_MAX. */
size_t check_definition(struct checker *checker, struct check_bytes text);    /* Or NOBODY. */
/* Of a step; NULL: not known, or there is no such step. */
const struct definition_step *check_rules(const struct checker *checker, const struct saga *saga,
                                          size_t step);
/* What a saga is called in findings: its key, or else its id. */
const char *check_name(struct checker *checker, const struct saga *saga);

static inline void check_did(struct checker *checker, enum invariant invariant)
{
    checker->evaluated[invariant]++;
}

static inline struct check_bytes check_packed(ProtobufCBinaryData data)
{
    return (struct check_bytes){data.data, data.len};
}

/* check_arena.c */
void check_arena_open(struct checker *checker);
void check_arena_reset(struct checker *checker);
void check_arena_close(struct checker *checker);

/* check_log.c: of a store; made when it is new. */
size_t check_log(struct checker *checker, const void *store, size_t process);

/* check_inbox.c: after a crash, what a process has told must be there. */
void check_inbox_crash(struct checker *checker, size_t place, sqlite3 *db);

/* check_client.c: a final state of a saga was told. */
void check_told(struct checker *checker, size_t saga, int state);
void check_client_finish(struct checker *checker);

#endif
