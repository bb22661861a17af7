#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame.pb-c.h"
#include "wire/arena.h"

#define MEBIBYTE ((size_t)1 << 20)

/* Pieces are aligned for any type and do not overlap. */
static void test_alloc__many_sizes__are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4 * MEBIBYTE);
    uint8_t *pieces[400];
    for (size_t i = 0; i < 400; i++) {
        pieces[i] = arena_alloc(&arena, i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xff), i * 7);
    }
    for (size_t i = 0; i < 400; i++)
        for (size_t at = 0; at < i * 7; at++)
            assert_int_equal(pieces[i][at], i & 0xff);
    arena_release(&arena);
}

/* What is given out between two resets never exceeds the budget. */
static void test_alloc__budget_spent__is_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_null(arena_alloc(&arena, 1001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 500));
    assert_null(arena_alloc(&arena, 500)); /* Rounded up, the first took 512. */
    assert_non_null(arena_alloc(&arena, 480));
    assert_null(arena_alloc(&arena, 16));
    assert_in_range(arena.used, 1, arena.budget);
    arena_release(&arena);
}

/* A reset gives the whole budget back. */
static void test_reset__budget_spent__is_available_again(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 2 * MEBIBYTE);
    for (int round = 0; round < 3; round++) {
        assert_non_null(arena_alloc(&arena, 100));
        assert_non_null(arena_alloc(&arena, MEBIBYTE));
        assert_null(arena_alloc(&arena, MEBIBYTE));
        arena_reset(&arena);
        assert_int_equal(arena.used, 0);
    }
    arena_release(&arena);
}

/* A large piece between small ones does not waste the room left in their chunk. */
static void test_alloc__large_between_small__small_stay_together(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4 * MEBIBYTE);
    uint8_t *before = arena_alloc(&arena, 64);
    assert_non_null(arena_alloc(&arena, MEBIBYTE));
    uint8_t *after = arena_alloc(&arena, 64);
    assert_ptr_equal(before + 64, after);
    arena_release(&arena);
}

/* A crafted megabyte that would grow many times is refused cleanly, and the arena stays usable. */
static void test_unpack__a_megabyte_of_empty_entries__is_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4 * MEBIBYTE);
    uint8_t *crafted = malloc(MEBIBYTE);
    assert_non_null(crafted);
    for (size_t i = 0; i < MEBIBYTE; i += 2) {
        crafted[i] = 0x12;
        crafted[i + 1] = 0;
    }
    assert_null(zsaga__frame__unpack(&arena.allocator, MEBIBYTE, crafted));
    arena_reset(&arena);
    Zsaga__Frame *frame = zsaga__frame__unpack(&arena.allocator, 10, crafted);
    assert_non_null(frame);
    assert_int_equal(frame->n_entries, 5);
    free(crafted);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc__many_sizes__are_aligned_and_apart),
        cmocka_unit_test(test_alloc__budget_spent__is_refused),
        cmocka_unit_test(test_reset__budget_spent__is_available_again),
        cmocka_unit_test(test_alloc__large_between_small__small_stay_together),
        cmocka_unit_test(test_unpack__a_megabyte_of_empty_entries__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
