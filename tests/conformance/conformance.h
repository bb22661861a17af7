/* The conformance suite: what every participant must do, whatever its business.
 *
 * It is built once for each participant, together with participants/NAME/conformance.c, which
 * defines `conformance_fixture`: what to ask of this one, and what it will do and refuse. The suite
 * drives the service's first action and its compensation. */
#ifndef ZSAGA_CONFORMANCE_H
#define ZSAGA_CONFORMANCE_H

#include "order_fixture.h"
#include "participant_driver.h"

struct conformance_fixture {
    const struct participant_service *service;
    const char *settings; /* ZPL lines, NULL for none. */
    /* Brings a fresh database into the state in which all that follows holds. NULL: it is. */
    void (*prepare)(struct participant_driver *driver);
    /* Appends an input that is done: one for each number, all of them together too. */
    void (*good)(unsigned int number, struct buffer *to);
    /* Appends an input that is refused, with this code. */
    void (*refused)(struct buffer *to);
    const char *refused_code;
    const char *table; /* An exported table with a row for each saga that was done. */
};

extern const struct conformance_fixture conformance_fixture;

/* The groups of tests, each in a file of its own. */
int conformance_page(void);
int conformance_barrier(void);
int conformance_refusals(void);
int conformance_frames(void);
int conformance_crashes(void);
int conformance_owner(void);
int conformance_events(void);
int conformance_outage(void);

/* The state that each test starts with, and ends with sound books. */
struct conformance {
    struct participant_driver *driver;
    struct buffer good;    /* conformance_fixture.good, number 0. */
    struct buffer refused; /* conformance_fixture.refused. */
};

int conformance_setup(void **state);
int conformance_teardown(void **state);
#define CONFORMANCE_TEST(test)                                                                     \
    cmocka_unit_test_setup_teardown(test, conformance_setup, conformance_teardown)

/* Commands on a new saga, step 1, with the first good or the refused input. */
struct driver_command conformance_good(struct conformance *self);
struct driver_command conformance_refused(struct conformance *self);

/* The compensation of a command. */
struct driver_command conformance_undo(struct driver_command command);

/* Remembers all rows and the log's head; then fails unless nothing has changed since. */
struct conformance_rows {
    char *rows;
    uint64_t head;
};
struct conformance_rows conformance_remember(struct conformance *self);
void conformance_unchanged(struct conformance *self, struct conformance_rows before);

/* Whether the rows are those of `before`, which stays valid. */
bool conformance_same_rows(struct conformance *self, const char *before);

#endif
