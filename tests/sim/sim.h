/* The simulator: an orchestrator, toy participants, a reader of their events and a client in one
 * thread, on a virtual clock.
 *
 * The nodes are the real ones on real files, driven by node_turn_*() as the shell does. Everything
 * else is drawn from one seed: what the network does to each message, who dies where, what the
 * participants answer. The same seed gives the same run, byte for byte. The checker (check.h) is
 * told all that happens: each message as it is sent, what the client asks and is told, the
 * databases after each crash and at the end; what only the scripts know is checked in sim_wire.c.
 * Whatever fails ends the process with the seed, how to run it again, and what does not hold:
 *
 *   I1  what is told as accepted is stored       I11 actions one after the other, undone in reverse
 *   I2  nothing that nobody submitted            I13 the stock adds up
 *   I3  one saga for a key                       I14 recorded answers agree, and are committed
 *   I4  a history only goes where it can         I15 one event for each effect and refusal
 *   I5  no action after a compensation           I16 a log has no gap, and its head is its end
 *   I6  each effect once, undone at most once    I20 epochs rise, and are stored before an answer
 *   I7  final states agree with the effects      I21 nothing is sent again before its time
 *   I8  refusals and tombstones change nothing   I22 the database is sound
 *   I9  no action takes effect after its undo    L1  once all is healed, all rests
 *   I10 nothing is open where a saga is final    L2  ... and the reader catches up
 *   I17 the reader has applied each event of each log once, in order, as it is there; it has left
 *       out only what was cut off before it could read it */
#ifndef ZSAGA_SIM_H
#define ZSAGA_SIM_H

#include "base/bytes.h"
#include "base/heap.h"
#include "base/rng.h"
#include "check.h"
#include "definition.h"
#include "orchestrator.h"
#include "participant_node.h"
#include "sim_choice.h"
#include "sim_scope.h"
#include "sim_toy.h"
#include "wire/frame.h"

#define SIM_SAGAS_MAX 24
#define SIM_SHAPES_MAX 6
#define SIM_HOSTS_MAX (1 + SIM_TOYS_MAX + 2 + 1) /* Two that read, and a ghost. */
#define SIM_PAST_MAX 64                          /* Messages remembered for a late replay. */
#define SIM_NEVER INT64_MAX
#define SIM_MONO_MS 1000000 /* What monotonic clocks show at the start of a scenario. */

enum { SIM_ORCHESTRATOR, SIM_FIRST_TOY, SIM_CLIENT = SIM_HOSTS_MAX, SIM_PLACES };

/* How often what was meant to be tried happened: a check that is never reached proves nothing. */
/* clang-format off */
#define SIM_COUNTS(X) \
    X(runs) X(simulated_ms) X(sagas) X(completed) X(compensated) X(attention) X(resumed) X(gave_up) \
    X(crash_opened) X(crash_given) X(crash_committed) X(crash_partly_sent) X(crash_sent) \
    X(crash_in_batch) X(crash_between) X(power_lost) X(writes_lost) X(checkpoints) \
    X(pauses) X(cuts) X(swizzles) X(restart_storms) X(wall_jumps) X(disk_full) X(disk_broken) \
    X(dropped) X(doubled) X(slow) X(replayed) X(echoed) X(to_next_life) X(lost_down) \
    X(accepted) X(accepted_again) X(duplicate) X(conflict) X(busy) X(outage) X(pushed) \
    X(silences) X(stale_replies) X(restarts) X(reloads) \
    X(spent) X(late_facts) X(throttled) X(held) X(suspects) X(old_welcomes) X(downs) X(suspended) \
    X(waking) X(resting) X(floors) X(floors_open) \
    X(applied) X(repeated) X(blocked) X(tombstones) X(expired) X(stale_epoch) X(rejected) \
    X(retried) X(singly) X(new_version) X(left_out) X(unheard_of) \
    X(unheard) X(asked_undo) X(stale_nonce) X(stale_copy) X(guilty) X(refused) X(read_dropped) \
    X(read) X(read_twice) X(read_failed) X(read_singly) X(fetched) X(gaps) \
    X(cut_off) X(garbage) X(garbage_dropped) X(wrong) X(rebuilt) \
    X(mischief) X(fenced) X(backups_seen) X(logs_seen) X(readers_restored)
/* clang-format on */
struct sim_counts {
#define X(name) uint64_t name;
    SIM_COUNTS(X)
#undef X
    uint64_t troubled[TOY_TROUBLE_COUNT];
    uint64_t checked[CHECKER_INVARIANTS]; /* How often each was evaluated. */
};

/* What an operator does wrong. */
enum sim_mischief_kind {
    SIM_MISCHIEF_NONE,
    SIM_MISCHIEF_GHOST,  /* Starts a copy of the orchestrator beside it. */
    SIM_MISCHIEF_BACKUP, /* Puts back a participant's older database. */
};

/* What this run tries. Rates are per thousand unless said otherwise. */
struct sim_profile {
    unsigned drop;
    unsigned twice;
    unsigned slow;
    unsigned replay;
    int64_t delay_ms_max;
    int64_t slow_ms_max;
    bool next_life;       /* Replies to a dead orchestrator may reach the next one. */
    unsigned crash;       /* At each point of a turn, per hundred thousand. */
    unsigned power;       /* Deaths that are power failures. */
    int64_t fault_ms;     /* Between two larger faults, about; 0: none. */
    unsigned fault_kinds; /* A bit for each enum sim_fault. */
    int64_t heal_at_ms;
    int64_t busy_ms_max;   /* A turn's length. */
    unsigned troubled;     /* Scripts: actions and compensations in trouble. */
    unsigned refused;      /* Scripts: sagas with a step that refuses. */
    unsigned reader_fails; /* At an event. */
    unsigned nosy;         /* Of a client's questions: those that are asked on top. */
    unsigned garbage;      /* Messages beside which a damaged one arrives. */
    uint64_t keep_bytes;   /* Of each log, where the reader can be built anew. */
    bool rebuilds;         /* The reader can, and its commits do not wait for the disk. */
    bool observed;         /* There is an observer. */
    bool reconfigures;     /* Starts may have other limits, and miss a definition. */
    bool crowded;          /* As many sagas as there can be. */
    bool real_disks;       /* Databases are created in this run, under its faults. */
    enum sim_mischief_kind mischief;
    bool asks_seldom; /* Clients do; else each second, which may wake what should wake itself. */
    bool outlasts;    /* What is broken is broken for longer than most patience. */
    int64_t tail_ms;  /* Run on when all rests: late messages, floors. */
};

enum sim_fault {
    SIM_FAULT_NOTHING,
    SIM_FAULT_CRASH,
    SIM_FAULT_RESTARTS,
    SIM_FAULT_PAUSE,
    SIM_FAULT_CUT,
    SIM_FAULT_ONE_WAY,
    SIM_FAULT_SWIZZLE,
    SIM_FAULT_WALL,
    SIM_FAULT_DISK_FULL,
    SIM_FAULT_DISK_WELL, /* Somebody has made room. */
    SIM_FAULT_DISK_BROKEN,
    SIM_FAULT_UNREADABLE,
    SIM_FAULT_UNOPENABLE,
    SIM_FAULT_READER,     /* An operator puts back a copy of its database. */
    SIM_FAULT_NOSY,       /* No fault either: somebody asks what nobody needs. */
    SIM_FAULT_CHECKPOINT, /* No fault: the WAL is moved into its file. */
    SIM_FAULT_COUNT,
};

/* Whom a participant holds as its orchestrator's newest start, or what such a start says. */
struct sim_held {
    uint64_t epoch;
    uint64_t nonce;
    struct id last_saga;
};

struct sim_mischief {
    int64_t next_ms;
    uint8_t place; /* Whose database is copied. */
    bool copied;
    bool done; /* From then on such a run is checked by sim_mischief.c alone. */
    struct sim_held held[SIM_HOSTS_MAX];
    struct sim_held said[2]; /* The orchestrator, and its ghost. */
    int64_t head;            /* Of a backup's log; -1: not known, */
    int64_t known_head;      /* what the orchestrator knew, and */
    int64_t read_head;       /* what the reader had, when it was put back. */
    bool suspended;
    bool trusted;    /* An operator says that it is meant: tries to, from then on. */
    int64_t effects; /* In the participant's log when its turn began; -1: not known. */
    struct id floor; /* That it held then, */
    uint8_t open[SIM_SAGAS_MAX * ID_SIZE]; /* and the sagas below it that had not ended. */
    size_t open_len;
};

/* A version of a definition. */
struct sim_shape {
    char name[16];
    int version; /* Of its name: the second may take the first's place at a restart. */
    size_t step_count;
    bool retriable[SIM_STEPS_MAX];
    struct definition *definition;
};

struct sim_saga {
    char key[32];
    char *input;
    size_t shape; /* Index of the first version. */
    int64_t submit_at_ms;
    int64_t ask_at_ms;
    bool known;       /* Accepted, and told so. */
    unsigned resumed; /* By us. */
    struct id id;
    int state; /* Zsaga__SagaState last told. */
};

struct sim_packet {
    struct heap_entry at;
    uint8_t from;
    uint8_t to;
    uint64_t to_start; /* Which start of the addressee it was meant for; 0: any. */
    struct peer peer;  /* As the addressee sees the sender. */
    uint8_t *data;
    size_t len;
};

/* Nothing comes through, for a while. */
struct sim_cut {
    int64_t from_ms;
    int64_t until_ms;
};

struct sim_net {
    struct heap transit;
    struct sim_cut cuts[SIM_PLACES][SIM_PLACES]; /* The last one of each direction. */
    struct sim_packet *past[SIM_PAST_MAX];
    size_t past_count;
};

/* A process. */
struct sim_host {
    char name[16];
    uint8_t place;
    char path[256];
    struct sim_choice_stream *choice;
    struct node *node; /* NULL: it is down. */
    struct node_turn turn;
    uint64_t starts;
    int64_t down_until_ms;
    int64_t paused_until_ms;
    int64_t stormy_until_ms; /* It dies very often. */
    int64_t busy_until_ms;
    int64_t wall_jump_ms;
    int64_t mono_ms;             /* What its machine's clock shows when the run begins. */
    struct sim_packet **arrived; /* In order. */
    size_t arrived_count;
    size_t arrived_capacity;
    bool was_broken;
    bool lost_power;      /* Its last death; until it is looked at. */
    uint64_t loads;       /* Starts and reloads. */
    uint64_t told_starts; /* To the checker, these two. */
    uint64_t told_loads;
};

struct sim {
    uint64_t seed;
    int only;                /* The profile asked for. */
    bool plain;              /* A scenario: nothing is drawn, each message takes 5 ms. */
    struct sim_scope *scope; /* Of a scenario; or NULL. */
    int64_t late_until_ms;   /* When the last message arrives that is late. */
    bool healed;
    struct sim_profile profile;
    int64_t now_ms;
    uint64_t steps; /* Of the loop: bounds a run that does not end. */
    char dir[200];
    struct sim_host hosts[SIM_HOSTS_MAX];
    size_t host_count;
    size_t toy_count;
    uint8_t readers;  /* Place of the first that only reads; host_count: nobody does. */
    uint8_t reader;   /* Its place; 0: a scenario has none. */
    uint8_t observer; /* Its place; 0: there is none. */
    uint8_t ghost;    /* A second orchestrator's; 0: there is none. */
    struct sim_mischief mischief;
    bool reader_copied;
    struct sim_net net;
    struct sim_choice choice;
    struct sim_choice_stream *faults;
    int64_t next_fault_ms;
    struct sim_choice_stream *workload;
    struct sim_shape shapes[SIM_SHAPES_MAX + 1]; /* Versions of one name stand together. */
    size_t shape_count;
    struct suite_limits limits;
    struct sim_saga sagas[SIM_SAGAS_MAX];
    size_t saga_count;
    struct toy_script scripts[SIM_SAGAS_MAX];
    struct toy_world world;
    struct frame_header client;
    uint64_t request;
    struct arena arena;
    struct checker *checker;
    struct buffer trace; /* Lines; only when wanted. */
    bool traced;
    uint64_t hash; /* Of all that was sent, when, by whom. */
    struct sim_counts *counts;
    uint8_t crash_place; /* A scenario's crash: at the nth point that this host passes. */
    uint64_t crash_nth;  /* 0: none. */
    uint64_t crash_passed;
    bool power; /* A scenario's deaths are power failures. */
    bool crashed;
    int64_t told_state; /* Of a scenario's saga: what the trace has told so far. */
    int64_t told_record;
    uint64_t broken_felt; /* Failures of disks already answered by a crash. */
};

#define SIM_HANG_SECONDS 120 /* Of real time: a run that takes longer never ends. */

/* How a process ends that has found something. */
enum sim_exit {
    SIM_EXIT_USAGE = 2,
    SIM_EXIT_CRASH = 10,    /* An assertion. */
    SIM_EXIT_LIVENESS = 11, /* L1, L2. */
    SIM_EXIT_INVARIANT = 12,
    SIM_EXIT_NOT_DETERMINED = 13,
};

/* What was found, for whoever watches a run from outside of its process. */
struct sim_finding {
    char what[24]; /* "I14", "L1" ...; empty: nothing. */
    char words[200];
    int64_t at_ms;
    uint64_t step;
    uint64_t seed; /* Of the run that is under way. */
};

struct sim_options {
    uint64_t seed;
    int profile;                         /* sim_profile_find() */
    bool trace;                          /* Goes to standard error at the end. */
    const struct sim_choice_tape *given; /* Played instead of drawn; or NULL. */
    struct sim_choice_tape *made;        /* Records; or NULL. */
};

/* Runs until all is at rest, checks everything, and returns the run's hash. `counts` is borrowed
 * and added to. */
uint64_t sim_run(const struct sim_options *options, struct sim_counts *counts);

/* How a process ends that has found that. */
enum sim_exit sim_exit_of(const char *what);
/* Findings are told there as well, before the process ends. */
void sim_tell_findings(struct sim_finding *to);

/* "swarm" (all kinds of trouble, drawn anew for each seed), "quiet", "net" ...: -1 when there is no
 * such profile; NULL behind the last. */
int sim_profile_find(const char *name);
const char *sim_profile_name(int profile);

/* A scenario: one definition, as many toys as it names, one saga, submitted at once. `scope` says
 * where there are faults, and is borrowed; NULL: nowhere but where the test says. */
struct sim *sim_new_plain(const char *definition, struct sim_scope *scope,
                          struct sim_counts *counts);
/* The same, with a reader and the observer. */
struct sim *sim_new_watched(const char *definition, struct sim_counts *counts);
struct toy_script *sim_script(struct sim *sim);
/* Runs until the saga rests and nothing more is under way; checks everything. */
void sim_run_plain(struct sim *sim);
void sim_free(struct sim *sim);

/* Ends the process (enum sim_exit): `what` names the promise that does not hold. */
void sim_fail(struct sim *sim, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
/* A line of the trace, with the time before it. */
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct node_time sim_time(const struct sim *sim, const struct sim_host *host);
/* For a node started just now. */
uint64_t sim_random(const struct sim *sim, const struct sim_host *host);
bool sim_is_orchestrator(const struct sim *sim, uint8_t place);
bool sim_is_reader(const struct sim *sim, uint8_t place);
struct sim_saga *sim_find_saga(struct sim *sim, const struct id *id);

#endif
