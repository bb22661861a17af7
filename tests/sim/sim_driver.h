/* Drives an orchestrator in a test as its clients and participants would: by hand-made frames.
 *
 * The node is the real one on a real file; time is virtual and passes when the test says so. What
 * it sends is decoded and kept until sim_driver_clear(). Participants are named p0, p1 ... and play
 * no part but what the test says; hellos are answered for them unless `silent` is set. */
#ifndef ZSAGA_SIM_DRIVER_H
#define ZSAGA_SIM_DRIVER_H

#include "client.pb-c.h"
#include "command.pb-c.h"
#include "event.pb-c.h"
#include "orchestrator.h"
#include "replay.pb-c.h"
#include "wire/frame.h"

#define SIM_DRIVER_PARTICIPANTS_MAX 4

/* What a participant's frames say of it. */
struct sim_driver_participant {
    struct frame_header sender;
    uint64_t head;
    uint64_t records;
    bool silent;    /* Its hellos are not answered. */
    uint64_t hello; /* Number of the newest hello it was sent. */
    const Zsaga__Hello *last_hello;
    uint64_t floor_epoch; /* What its welcomes tell. */
    uint64_t floor_version;
};

/* A command that was sent. */
struct sim_driver_command {
    size_t participant;
    struct frame_header header;
    uint32_t index;
    const Zsaga__Command *command;
};

struct sim_driver {
    struct definition *definition;
    struct orchestrator_options options;
    const char *names[SIM_DRIVER_PARTICIPANTS_MAX];
    const struct definition *definitions[1];
    char dir[200];
    char path[256];
    uint64_t starts;
    struct node *node; /* NULL when it did not start, or has ended. */
    struct node_turn turn;
    struct node_time now;
    int rc;         /* Of the last turn or start. */
    struct err err; /* Of it. */
    struct sim_driver_participant participants[SIM_DRIVER_PARTICIPANTS_MAX];
    struct arena arena;   /* Of what was sent since the last clear, */
    struct arena scratch; /* and of one message of the log. */
    struct sim_driver_command *commands;
    size_t command_count;
    size_t command_capacity;
    size_t hello_count;
    const Zsaga__ClientAnswer **answers;
    size_t answer_count;
    size_t answer_capacity;
    struct frame_header client;
    const Zsaga__LogRow **rows; /* Told on the PUB port since the last clear, */
    size_t row_count;
    size_t row_capacity;
    size_t range_count;                  /* and ranges. */
    const Zsaga__ReplayAnswer *replayed; /* The last one since the last clear, or NULL. */
};

/* One definition, given as text; starts the orchestrator, with all its participants there. */
struct sim_driver *sim_driver_new(const char *definition);
struct sim_driver *sim_driver_new_with(const char *definition, const struct suite_limits *limits);
void sim_driver_free(struct sim_driver *driver);

/* kill -9, and the next start, `down_ms` later. driver->rc tells whether it started. */
void sim_driver_stop(struct sim_driver *driver);
void sim_driver_start(struct sim_driver *driver);
void sim_driver_restart(struct sim_driver *driver, int64_t down_ms);

/* Ends a turn, now: what was given is worked off, timers fire, what is sent is kept. Then again,
 * until hellos are answered. */
void sim_driver_turn(struct sim_driver *driver);
/* Time passes, with a turn whenever the node wants one. */
void sim_driver_wait(struct sim_driver *driver, int64_t ms);
/* Time passes, and the process does not run. */
void sim_driver_sleep(struct sim_driver *driver, int64_t ms);
void sim_driver_clear(struct sim_driver *driver);

/* Gives a frame, in time for the next turn. */
void sim_driver_give(struct sim_driver *driver, uint8_t port, struct bytes frame);
/* One with packed entries, from a participant or from the client. */
void sim_driver_give_answers(struct sim_driver *driver, size_t participant,
                             const Zsaga__Answer *const *answers, size_t count);
void sim_driver_give_requests(struct sim_driver *driver,
                              const Zsaga__ClientRequest *const *requests, size_t count);
void sim_driver_welcome(struct sim_driver *driver, size_t participant, uint64_t number);
/* A new start of a participant: another incarnation, from its next frame on. */
void sim_driver_reborn(struct sim_driver *driver, size_t participant);

/* Submits and turns; fails unless the verdict is that. */
struct id sim_driver_submit(struct sim_driver *driver, const char *key, Zsaga__Verdict verdict);
/* Asks and turns. */
Zsaga__SagaState sim_driver_state(struct sim_driver *driver, const char *key);
const Zsaga__Shown *sim_driver_show(struct sim_driver *driver, const char *key);
const Zsaga__Channel *sim_driver_channel(struct sim_driver *driver, size_t participant);
void sim_driver_resume(struct sim_driver *driver, const char *key);

/* The only command sent since the last clear; fails unless it is `name` (its attempt is checked
 * unless 0). */
struct sim_driver_command sim_driver_sent(struct sim_driver *driver, const char *name,
                                          uint32_t attempt);
void sim_driver_sent_nothing(const struct sim_driver *driver); /* No command. */

/* Answers a command and turns. */
void sim_driver_answer(struct sim_driver *driver, const struct sim_driver_command *command,
                       Zsaga__Outcome outcome, const char *code);
/* The reply, to be changed first. */
Zsaga__Reply sim_driver_reply(const struct sim_driver_command *command, Zsaga__Outcome outcome,
                              const char *code);
void sim_driver_say(struct sim_driver *driver, size_t participant, Zsaga__Reply *reply);

/* Submits `key`, and answers the actions before `name` with `done`; `name` is then out. */
struct sim_driver_command sim_driver_reach(struct sim_driver *driver, const char *key,
                                           const char *name);

#endif
