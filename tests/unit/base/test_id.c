#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/id.h"

static struct id_source source(uint64_t random)
{
    struct id_source made;
    id_source_init(&made, random);
    return made;
}

/* An id is the time, a counter and the process's own random bits, all big endian. */
static void test_id_next__layout__is_time_counter_random(void **state)
{
    (void)state;
    struct id_source ids = source(0xa1a2a3a4a5a6U);
    char text[ID_TEXT_SIZE];
    struct id id = id_next(&ids, 0x0123456789ab);
    assert_string_equal(id_text(&id, text), "0123456789ab00000000a1a2a3a4a5a6");
    id = id_next(&ids, 0x0123456789ab);
    assert_string_equal(id_text(&id, text), "0123456789ab00000001a1a2a3a4a5a6");
}

/* Each id is above the one before, whatever the wall clock does. */
static void test_id_next__clock_jumps__ids_still_grow(void **state)
{
    (void)state;
    static const int64_t clock[] = {5000, 5000, 4000, 6000, -1, INT64_MIN, 5999, 6000, 6001, 0};
    struct id_source ids = source(1);
    struct id last = {0};
    for (size_t i = 0; i < sizeof clock / sizeof clock[0]; i++) {
        struct id next = id_next(&ids, clock[i]);
        assert_true(id_compare(&next, &last) > 0);
        last = next;
    }
}

/* A counter that is full borrows the next millisecond instead of turning back. */
static void test_id_next__counter_full__goes_to_the_next_millisecond(void **state)
{
    (void)state;
    struct id_source ids = source(1);
    struct id before = id_next(&ids, 7000);
    ids.counter = UINT32_MAX;
    struct id after = id_next(&ids, 7000);
    assert_true(id_compare(&after, &before) > 0);
    assert_int_equal(after.bytes[5], (7001 & 0xff));
}

/* A source told of a stored id makes none at or below it: a restart never repeats one. */
static void test_id_source_raise__stored_in_the_future__is_exceeded(void **state)
{
    (void)state;
    struct id_source old = source(0xffffffffffffU);
    (void)id_next(&old, 900000);
    struct id stored = id_next(&old, 900000);
    struct id_source ids = source(0);
    id_source_raise(&ids, &stored);
    struct id next = id_next(&ids, 1000);
    assert_true(id_compare(&next, &stored) > 0);
}

/* Being told of an older id changes nothing. */
static void test_id_source_raise__older_id__is_ignored(void **state)
{
    (void)state;
    struct id_source ids = source(1);
    struct id old = id_next(&ids, 1000);
    struct id last = id_next(&ids, 2000);
    id_source_raise(&ids, &old);
    struct id next = id_next(&ids, 0);
    assert_true(id_compare(&next, &last) > 0);
}

/* Only sixteen bytes are an id. */
static void test_id_from_bytes__other_lengths__are_refused(void **state)
{
    (void)state;
    const uint8_t data[17] = {1, 2, 3};
    struct id id;
    assert_false(id_from_bytes(bytes_of(data, 15), &id));
    assert_false(id_from_bytes(bytes_of(data, 17), &id));
    assert_false(id_from_bytes(bytes_of(NULL, 0), &id));
    assert_true(id_from_bytes(bytes_of(data, 16), &id));
    assert_true(bytes_equal(id_view(&id), bytes_of(data, 16)));
    assert_false(id_is_zero(&id));
}

/* The zero id is told apart from all that are made. */
static void test_id_is_zero__zero__is_true(void **state)
{
    (void)state;
    struct id zero = {0};
    assert_true(id_is_zero(&zero));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_next__layout__is_time_counter_random),
        cmocka_unit_test(test_id_next__clock_jumps__ids_still_grow),
        cmocka_unit_test(test_id_next__counter_full__goes_to_the_next_millisecond),
        cmocka_unit_test(test_id_source_raise__stored_in_the_future__is_exceeded),
        cmocka_unit_test(test_id_source_raise__older_id__is_ignored),
        cmocka_unit_test(test_id_from_bytes__other_lengths__are_refused),
        cmocka_unit_test(test_id_is_zero__zero__is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
