/* A publisher's log in a test: a database, its outbox, and commits made by hand. */
#ifndef ZSAGA_OUTBOX_FIXTURE_H
#define ZSAGA_OUTBOX_FIXTURE_H

#include "store/outbox.h"
#include "temp_store.h"

struct outbox_fixture {
    struct temp_store *store;
    struct outbox *outbox;
    int64_t wall_ms;      /* Of the commits. */
    unsigned int last_id; /* Event n has the id n, unless some were taken back. */
};

int outbox_fixture_set_up(void **state);
int outbox_fixture_tear_down(void **state);
#define OUTBOX_TEST(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, outbox_fixture_set_up, outbox_fixture_tear_down)

/* Closes and opens the database again, as a restart does. */
void outbox_fixture_reopen(struct outbox_fixture *fixture);
/* The same, with `sql` run on it meanwhile. Returns what outbox_open() says. */
int outbox_fixture_tamper(struct outbox_fixture *fixture, const char *sql, struct err *err);

void outbox_fixture_add(struct outbox_fixture *fixture, const char *type, size_t payload);
void outbox_fixture_write(struct outbox_fixture *fixture); /* Within a transaction. */
void outbox_fixture_commit(struct outbox_fixture *fixture);
void outbox_fixture_trim(struct outbox_fixture *fixture, uint64_t keep_bytes,
                         int64_t keep_from_ms); /* In a transaction of its own. */

/* `count` commits of one event each. */
void outbox_fixture_fill(struct outbox_fixture *fixture, int count, size_t payload);

#endif
