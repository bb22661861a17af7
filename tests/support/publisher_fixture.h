/* A publisher in a test: its log, turns in virtual time, and what it told and answered. */
#ifndef ZSAGA_PUBLISHER_FIXTURE_H
#define ZSAGA_PUBLISHER_FIXTURE_H

#include "event.pb-c.h"
#include "outbox_fixture.h"
#include "publisher.h"
#include "replay.pb-c.h"

struct publisher_fixture {
    struct outbox_fixture *log;
    struct frame_header sender;
    struct publisher_keep keep;
    struct publisher *publisher;
    struct node_time now;
    struct outbound out;
    struct arena arena; /* Of what was told and answered in the last turn. */
    uint64_t last_request;
    const Zsaga__LogRow *rows[2000]; /* Told on the PUB port. */
    size_t row_count;
    const Zsaga__LogRange *range; /* Told there; NULL: not in the last turn. */
    struct peer to[100];          /* Who was answered. */
    const Zsaga__ReplayAnswer *answers[100];
    size_t answer_count;
};

int publisher_fixture_set_up(void **state);
int publisher_fixture_tear_down(void **state);
#define PUBLISHER_TEST(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, publisher_fixture_set_up, publisher_fixture_tear_down)

/* A new publisher on the same log, with what `keep` says now. */
void publisher_fixture_renew(struct publisher_fixture *self);

void publisher_fixture_turn(struct publisher_fixture *self);

/* What arrives at the replay port, in time for the next turn. */
void publisher_fixture_give(struct publisher_fixture *self, const char *peer, struct bytes frame);
void publisher_fixture_give_request(struct publisher_fixture *self, const char *peer,
                                    const Zsaga__ReplayRequest *request);

struct publisher_cursor {
    const struct id *store; /* NULL: none read so far. */
    uint64_t after;
    uint32_t after_id; /* Number of temp_store_id(); 0: not told. */
};
void publisher_fixture_give_fetch(struct publisher_fixture *self, const char *peer,
                                  const struct publisher_cursor *cursor);

/* Fetches and turns; the one answer is the request's. */
const Zsaga__ReplayAnswer *publisher_fixture_fetch(struct publisher_fixture *self,
                                                   const struct publisher_cursor *cursor);

#endif
