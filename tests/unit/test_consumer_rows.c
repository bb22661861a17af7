#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "consumer_rows.h"

static bool add(struct consumer_rows *rows, uint64_t first)
{
    char text[16] = {(char)('a' + first % 26)};
    return consumer_rows_add(rows, first, 1, bytes_text(text));
}

/* Whatever the order in which rows come, they wait in the log's; one that is there is refused. */
static void test_add__any_order__waits_in_order(void **state)
{
    (void)state;
    struct consumer_rows rows = {0};
    struct rng rng;
    bool there[100] = {false};
    rng_seed(&rng, 3);
    for (int i = 0; i < 300; i++) {
        uint64_t first = rng_below(&rng, 100);
        assert_int_equal(add(&rows, first), !there[first]);
        there[first] = true;
    }
    for (uint64_t first = 0; first < 100; first++) {
        if (!there[first])
            continue;
        const struct consumer_row *row = consumer_rows_next(&rows);
        assert_int_equal(row->first, first);
        assert_int_equal(row->events[0], 'a' + first % 26);
        consumer_rows_drop_first(&rows);
    }
    assert_true(consumer_rows_empty(&rows));
    assert_int_equal(rows.bytes, 0);
    consumer_rows_release(&rows);
}

/* What is taken back is next again; what is settled is gone. */
static void test_take__taken_back_or_settled__stays_or_goes(void **state)
{
    (void)state;
    struct consumer_rows rows = {0};
    for (uint64_t first = 1; first <= 5; first++)
        (void)add(&rows, first);
    consumer_rows_take(&rows);
    consumer_rows_take(&rows);
    assert_int_equal(consumer_rows_next(&rows)->first, 3);
    consumer_rows_take_back(&rows);
    assert_int_equal(consumer_rows_next(&rows)->first, 1);
    consumer_rows_take(&rows);
    consumer_rows_take(&rows);
    consumer_rows_settle(&rows);
    assert_int_equal(consumer_rows_next(&rows)->first, 3);
    assert_true(add(&rows, 1));
    assert_int_equal(consumer_rows_next(&rows)->first, 1);
    for (int i = 0; i < 4; i++)
        consumer_rows_take(&rows);
    assert_null(consumer_rows_next(&rows));
    consumer_rows_settle(&rows);
    assert_true(consumer_rows_empty(&rows));
    consumer_rows_release(&rows);
}

/* A queue that is filled and emptied for ever does not grow. */
static void test_add__filled_and_emptied__does_not_grow(void **state)
{
    (void)state;
    struct consumer_rows rows = {0};
    for (uint64_t first = 1; first <= 100000; first++) {
        (void)add(&rows, first);
        if (first > 10)
            consumer_rows_drop_first(&rows);
    }
    assert_true(rows.capacity < 200);
    consumer_rows_release(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add__any_order__waits_in_order),
        cmocka_unit_test(test_take__taken_back_or_settled__stays_or_goes),
        cmocka_unit_test(test_add__filled_and_emptied__does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
