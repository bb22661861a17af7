#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/rng.h"

#define COUNT 500

struct timed {
    struct heap_entry entry;
    int number;
};

static int pop(struct heap *heap)
{
    struct heap_entry *first = heap_first(heap);
    heap_remove(heap, first);
    return ((struct timed *)first)->number;
}

/* The first is always the earliest, after any mix of setting, moving and removing. */
static void test_heap_set__random_moves__first_is_the_earliest(void **state)
{
    (void)state;
    static struct timed timed[COUNT];
    struct heap heap = {0};
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < COUNT; i++)
        timed[i] = (struct timed){.entry.place = HEAP_NOWHERE, .number = i};
    for (int round = 0; round < 20 * COUNT; round++) {
        struct timed *chosen = &timed[rng_below(&rng, COUNT)];
        if (rng_below(&rng, 4) == 0)
            heap_remove(&heap, &chosen->entry);
        else
            heap_set(&heap, &chosen->entry, (int64_t)rng_below(&rng, 100));
        int64_t earliest = INT64_MAX;
        size_t count = 0;
        for (int i = 0; i < COUNT; i++) {
            if (timed[i].entry.place == HEAP_NOWHERE)
                continue;
            count++;
            earliest = timed[i].entry.at_ms < earliest ? timed[i].entry.at_ms : earliest;
        }
        assert_int_equal(heap.count, count);
        if (count > 0)
            assert_int_equal(heap_first(&heap)->at_ms, earliest);
    }
    heap_release(&heap);
}

/* Equal deadlines fire in the order they were set; a moved one counts as set anew. */
static void test_heap_first__equal_deadlines__fire_in_order_of_setting(void **state)
{
    (void)state;
    struct timed timed[4];
    struct heap heap = {0};
    for (int i = 0; i < 4; i++) {
        timed[i] = (struct timed){.entry.place = HEAP_NOWHERE, .number = i};
        heap_set(&heap, &timed[i].entry, 10);
    }
    heap_set(&heap, &timed[1].entry, 10);
    assert_int_equal(pop(&heap), 0);
    assert_int_equal(pop(&heap), 2);
    assert_int_equal(pop(&heap), 3);
    assert_int_equal(pop(&heap), 1);
    assert_null(heap_first(&heap));
    heap_release(&heap);
}

/* Removing what is not in does nothing. */
static void test_heap_remove__not_in__does_nothing(void **state)
{
    (void)state;
    struct timed in = {.entry.place = HEAP_NOWHERE};
    struct timed out = {.entry.place = HEAP_NOWHERE};
    struct heap heap = {0};
    heap_set(&heap, &in.entry, 1);
    heap_remove(&heap, &out.entry);
    assert_ptr_equal(heap_first(&heap), &in.entry);
    heap_remove(&heap, &in.entry);
    heap_remove(&heap, &in.entry);
    assert_null(heap_first(&heap));
    heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_set__random_moves__first_is_the_earliest),
        cmocka_unit_test(test_heap_first__equal_deadlines__fire_in_order_of_setting),
        cmocka_unit_test(test_heap_remove__not_in__does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
