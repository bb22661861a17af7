/* A consumer on a virtual clock with publishers played by hand.
 *
 * Its service writes each event into a table; faults are switched on by the test. Nothing is
 * delivered by itself: a test tells, answers, loses and repeats. */
#ifndef ZSAGA_CONSUMER_RIG_H
#define ZSAGA_CONSUMER_RIG_H

#include "consumer_node.h"
#include "fake_publisher.h"
#include "owner.pb-c.h"

#define RIG_PUBLISHERS 3 /* "orchestrator", "order", "payment". */

enum recorder_fault {
    RECORDER_WELL,
    RECORDER_FAILS,     /* event() returns an error. */
    RECORDER_ROLLS,     /* ... ends the transaction. */
    RECORDER_BAD_FLUSH, /* flush() fails for it. */
    RECORDER_BAD_COMMIT /* What it writes breaks a constraint checked at the commit. */
};

/* The service's memory. */
struct recorder {
    struct db *db;
    sqlite3_stmt *insert;
    sqlite3_stmt *clear;
    sqlite3_stmt *roll;
    sqlite3_stmt *orphan;
    enum recorder_fault fault;
    char fault_publisher[32];
    uint64_t fault_at;
    bool fault_met; /* Since the last forget(). */
    bool reset_fails;
    unsigned int calls, flushes, forgets, resets;
};

struct rig {
    struct consumer_service service;
    char dir[200];
    char path[256];
    unsigned int starts;
    size_t publisher_count;
    struct node *node;
    struct node_turn turn;
    struct node_time now;
    struct fake_publisher *fakes[RIG_PUBLISHERS];
    Zsaga__ReplayRequest *asked[RIG_PUBLISHERS]; /* The newest fetch to each, or NULL. */
    unsigned int asked_count[RIG_PUBLISHERS];
    Zsaga__OwnerAnswer *owner; /* The newest answer on the owner plane. */
    char news[4096];           /* Events of the log, a line each. */
};

struct rig *rig_new(enum consumer_break on_break, int64_t pace_ms, size_t publisher_count);
void rig_free(struct rig *rig);
struct recorder *rig_recorder(struct rig *rig);
void rig_crash(struct rig *rig); /* Ends it as kill -9 does, and starts it on what is left. */

/* A turn of its loop; all that came was given. Returns node_turn_end()'s code. */
int rig_turn(struct rig *rig);
void rig_wait(struct rig *rig, int64_t ms); /* Turns whenever the node wants one. */

/* Deliver, without a turn. */
void rig_publish(struct rig *rig, size_t publisher, struct buffer frame); /* Takes the frame. */
void rig_reply(struct rig *rig, size_t publisher, struct buffer frame);
void rig_tell(struct rig *rig, size_t publisher, uint64_t seq);
void rig_range(struct rig *rig, size_t publisher);

/* Answers what is asked, turn by turn, until nothing is asked any more. */
void rig_settle(struct rig *rig);
/* Adds rows of `count` events and tells them; and the turn. */
void rig_go_on(struct rig *rig, size_t publisher, uint32_t count);

const struct consumer_stream *rig_stream(const struct rig *rig, size_t publisher);
void rig_expect_state(const struct rig *rig, size_t publisher, enum consumer_stream_state state);
/* Fails unless exactly events `from` to `to` of the publisher's log are in the table, in order. */
void rig_expect_applied(struct rig *rig, size_t publisher, uint64_t from, uint64_t to);
int64_t rig_ask(struct rig *rig, const char *sql);

/* The owner plane, with the turn. Valid until the next. */
const Zsaga__OwnerAnswer *rig_ask_owner(struct rig *rig, Zsaga__OwnerRequest *request);
const Zsaga__OwnerAnswer *rig_resync(struct rig *rig, const char *publisher, bool from_tail,
                                     const char *reason);
const Zsaga__HealthReport *rig_health(struct rig *rig);

#endif
