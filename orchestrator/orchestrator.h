/* The orchestrator as a node: drives sagas, knows no socket. */
#ifndef ZSAGA_ORCHESTRATOR_H
#define ZSAGA_ORCHESTRATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "definition.h"
#include "node.h"
#include "publisher.h"
#include "suite.h"

/* Ports: what it binds, then a DEALER for each participant in the order given. */
enum {
    ORCHESTRATOR_PORT_CLIENT,
    ORCHESTRATOR_PORT_OWNER,
    ORCHESTRATOR_PORT_EVENTS,
    ORCHESTRATOR_PORT_REPLAY,
    ORCHESTRATOR_PORT_FIRST_PARTICIPANT,
};

#define ORCHESTRATOR_PARTICIPANTS_MAX 64

struct orchestrator_options {
    const char *db_path;
    const char *id;                  /* Of the suite: tells its orchestrator from others. */
    const char *const *participants; /* Names. */
    size_t participant_count;
    const struct definition *const *definitions; /* Current versions; copied. */
    size_t definition_count;
    struct suite_limits limits;
    struct publisher_keep keep;
    uint64_t random; /* This start's randomness: nonce, incarnation, ids. */
    bool adopt;      /* Go on from a restored backup. */
};

/* Opens the database, commits a higher epoch, loads what is not final. ERR_FENCED: the database is
 * an older copy, and `adopt` was not given. */
int orchestrator_new(const struct orchestrator_options *options, struct node_time now,
                     struct node **ret, struct err *err);

/* For tests and the log. */
struct orchestrator_counters {
    uint64_t commits;
    uint64_t accepted;
    uint64_t finished;
    uint64_t sent; /* Commands, repetitions included. */
    uint64_t silences;
    uint64_t stale_replies; /* For final or unknown sagas, or not the command that is out. */
    uint64_t restarts;      /* Of participants, seen as a new incarnation. */
    uint64_t malformed;     /* Frames and entries that could not be read. */
    uint64_t foreign;       /* Frames of a peer with the wrong name. */
    uint64_t spent;         /* Commands whose patience ended without an answer. */
    uint64_t late_facts;    /* Outcomes of actions that had been given up. */
    uint64_t throttled;     /* Turns in which a window held commands back. */
    uint64_t held;          /* Participants noticed as another start by any frame of it, */
    uint64_t suspects;      /* of which a lone command is believed to be the cause. */
    uint64_t old_welcomes;  /* Answers to another hello than the newest. */
    uint64_t downs;         /* Participants that did not answer for long. */
    uint64_t suspended;     /* Their log was another one, or went backwards. */
    uint64_t waking;        /* Sagas loaded while they waited for their next sending. */
    uint64_t resting;       /* Sagas loaded in attention. */
    uint64_t floors;
    uint64_t floors_open; /* Those with exceptions. */
};
const struct orchestrator_counters *orchestrator_counters(const struct node *node);

/* Non-final sagas that nothing would ever wake; always 0, or a bug. */
uint32_t orchestrator_stalled(const struct node *node);

#endif
