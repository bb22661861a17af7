/* What the tests of the orchestrator's rules share, beyond sim_driver.h. */
#ifndef ZSAGA_RULES_DRIVER_H
#define ZSAGA_RULES_DRIVER_H

/* cmocka needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "frame.pb-c.h"
#include "sim_disk.h"
#include "sim_driver.h"

/* Step N: name sN, action doN, compensation undoN, with a participant of its own choice. `more` has
 * further lines. */
#define RULES_SAGA "saga\n    name = toy\n"
#define RULES_STEP(number, participant, more)                                                      \
    "    step\n        name = s" number "\n        participant = p" participant                    \
    "\n        action = do" number "\n        compensation = undo" number "\n" more
#define RULES_RETRIABLE(number, participant, more)                                                 \
    "    step\n        name = s" number "\n        participant = p" participant                    \
    "\n        action = do" number "\n        kind = retriable\n" more

extern const char rules_one[]; /* A step, of p0. Default times, here as below. */
extern const char rules_two[]; /* Of p0 and p1, */
extern const char rules_three[];

/* A driver for the test; rules_end() is its teardown, however it ends. */
struct sim_driver *rules_begin(void **state, const char *definition);
struct sim_driver *rules_begin_with(void **state, const char *definition,
                                    const struct suite_limits *limits);
int rules_end(void **state);
#define rules_test(test) cmocka_unit_test_teardown(test, rules_end)

/* The next start has this definition instead. */
void rules_redefine(struct sim_driver *driver, const char *definition);

/* Asks, turns, and returns the one answer. */
const Zsaga__ClientAnswer *rules_ask(struct sim_driver *driver, Zsaga__ClientRequest *request);

struct rules_submit {
    const char *key;
    const char *nonce;
    struct bytes input;
};
Zsaga__ClientRequest rules_submit_request(const struct sim_driver *driver,
                                          const struct rules_submit *submit,
                                          Zsaga__Submit *ret_submit);
const Zsaga__ClientAnswer *rules_submit(struct sim_driver *driver,
                                        const struct rules_submit *submit);
/* `count` sagas with the keys k<first> and so on, in one turn. Accepted, or it fails. */
void rules_submit_many(struct sim_driver *driver, int first, int count);
/* An operator's trust in a participant; false when it was refused. */
bool rules_trust(struct sim_driver *driver, size_t participant);

/* Given in time for the next turn. */
void rules_give(struct sim_driver *driver, size_t participant, const Zsaga__Answer *answer);
void rules_give_reply(struct sim_driver *driver, size_t participant, Zsaga__Reply *reply);
void rules_give_stale_epoch(struct sim_driver *driver, size_t participant,
                            Zsaga__StaleEpoch *stale);
/* A frame with any header and any bytes as its entries. `sender` is borrowed by the header. */
Zsaga__Header rules_header(const struct frame_header *sender);
void rules_give_raw(struct sim_driver *driver, uint8_t port, Zsaga__Header *header,
                    ProtobufCBinaryData *entries, size_t count);

/* The command sent as `nth` since they were last forgotten; fails unless it is `name`. */
struct sim_driver_command rules_command(const struct sim_driver *driver, size_t nth,
                                        const char *name);
void rules_forget_commands(struct sim_driver *driver);
/* Lets time pass until a command is sent; tells how long it took, -1 when `limit_ms` was over. */
int64_t rules_wait_for_command(struct sim_driver *driver, int64_t limit_ms);
/* Answers whatever is sent with `done` until nothing is. */
void rules_all_done(struct sim_driver *driver);

/* The first column of the first row, -1 when there is none: of the node's own database. */
int64_t rules_number(const struct sim_driver *driver, const char *sql);
void rules_sql(const struct sim_driver *driver, const char *sql);

/* The codes of the current trouble, and of what turned the saga. */
void rules_expect_words(struct sim_driver *driver, const char *key, const char *last_error,
                        const char *reason);

#endif
