/* Conformance: each effect, refusal and compensation is told once, and can be fetched from then on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "conformance.h"

static const Zsaga__Fetched *fetch_behind(struct conformance *self, uint64_t after)
{
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    if (after > 0)
        fetch.store = packed_borrow(id_view(&self->driver->store));
    fetch.after = after;
    const Zsaga__ReplayAnswer *answer = driver_fetch(self->driver, &fetch);
    assert_int_equal(answer->kind_case, ZSAGA__REPLAY_ANSWER__KIND_FETCHED);
    return answer->fetched;
}

/* The one event behind `after`, which must be about this command. */
static void assert_told(struct conformance *self, uint64_t after,
                        const struct driver_command *command)
{
    const Zsaga__Fetched *fetched = fetch_behind(self, after);
    assert_int_equal(fetched->range->head, after + 1);
    assert_int_equal(fetched->n_rows, 1);
    const Zsaga__LogRow *row = fetched->rows[0];
    assert_int_equal(row->first, after + 1);
    assert_int_equal(row->count, 1);
    Zsaga__EventBatch *batch = zsaga__event_batch__unpack(&self->driver->arena.allocator,
                                                          row->events.len, row->events.data);
    assert_non_null(batch);
    assert_int_equal(batch->n_events, 1);
    const Zsaga__Event *event = batch->events[0];
    uint8_t causation[ID_SIZE + 2];
    memcpy(causation, command->saga.bytes, ID_SIZE);
    causation[ID_SIZE] = (uint8_t)command->step;
    causation[ID_SIZE + 1] = command->compensation;
    assert_int_equal(event->id.len, ID_SIZE);
    assert_true(event->type.len > 0);
    assert_true(bytes_equal(packed_view(event->saga), id_view(&command->saga)));
    assert_true(bytes_equal(packed_view(event->causation), bytes_of(causation, sizeof causation)));
}

static void test_event__of_what_was_done__can_be_fetched_at_once(void **state)
{
    /* An effect, its undoing and a refusal are each told by one event. */
    struct conformance *self = *state;
    struct driver_command good = conformance_good(self);
    struct driver_command undo = conformance_undo(good);
    struct driver_command refused = conformance_refused(self);
    uint64_t head = driver_head(self->driver);
    (void)driver_ask(self->driver, &good);
    assert_told(self, head, &good);
    (void)driver_ask(self->driver, &undo);
    assert_told(self, head + 1, &undo);
    (void)driver_ask(self->driver, &refused);
    assert_told(self, head + 2, &refused);
    (void)driver_ask(self->driver, &refused); /* Repetitions tell nothing. */
    assert_int_equal(fetch_behind(self, head + 3)->n_rows, 0);
}

/* The row told live in this turn, whose bytes are copied. */
static uint64_t take_live(struct conformance *self, struct buffer *events)
{
    uint64_t first = 0;
    for (size_t i = 0; i < self->driver->publication_count; i++) {
        const Zsaga__Publication *told = self->driver->publications[i];
        if (told->kind_case != ZSAGA__PUBLICATION__KIND_ROW)
            continue;
        assert_int_equal(first, 0);
        first = told->row->first;
        buffer_append(events, told->row->events.data, told->row->events.len);
    }
    return first;
}

static void test_event__live__has_the_bytes_that_are_fetched(void **state)
{
    /* The same number means the same bytes, live, fetched, and after a crash. */
    struct conformance *self = *state;
    struct driver_command good = conformance_good(self);
    struct buffer live = {0};
    (void)driver_ask(self->driver, &good);
    uint64_t first = take_live(self, &live);
    assert_true(first > 0);
    for (int i = 0; i < 2; i++) {
        const Zsaga__Fetched *fetched = fetch_behind(self, first - 1);
        assert_int_equal(fetched->rows[0]->first, first);
        assert_true(bytes_equal(packed_view(fetched->rows[0]->events), buffer_bytes(&live)));
        driver_crash(self->driver);
    }
    buffer_release(&live);
}

static void test_event__committed_and_not_published__is_fetched(void **state)
{
    /* A crash between the commit and the sending loses no event, and nothing is told again. */
    struct conformance *self = *state;
    struct driver_command good = conformance_good(self);
    struct buffer live = {0};
    uint64_t head = driver_head(self->driver);
    (void)driver_ask(self->driver, &good);
    driver_crash(self->driver); /* With what was to be sent. */
    assert_told(self, head, &good);
    assert_int_equal(take_live(self, &live), 0);
    (void)driver_ask(self->driver, &good);
    assert_int_equal(take_live(self, &live), 0);
    buffer_release(&live);
}

static void test_event__not_committed__is_not_told(void **state)
{
    /* What died with its batch is in no log. */
    struct conformance *self = *state;
    struct driver_command good = conformance_good(self);
    uint64_t head = driver_head(self->driver);
    (void)driver_add(self->driver, &good);
    (void)driver_deliver(self->driver);
    driver_crash(self->driver);
    assert_int_equal(fetch_behind(self, head)->n_rows, 0);
    (void)driver_ask(self->driver, &good);
    assert_told(self, head, &good);
}

int conformance_events(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_event__of_what_was_done__can_be_fetched_at_once),
        CONFORMANCE_TEST(test_event__live__has_the_bytes_that_are_fetched),
        CONFORMANCE_TEST(test_event__committed_and_not_published__is_fetched),
        CONFORMANCE_TEST(test_event__not_committed__is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
