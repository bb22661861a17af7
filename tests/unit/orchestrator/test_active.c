#include "active.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "temp_store.h"

static struct active *fresh(uint32_t number)
{
    struct id id = temp_store_id(number);
    return active_new(&id, NULL, bytes_text("key"), bytes_text("input"));
}

static struct active *find(const struct active_map *map, uint32_t number)
{
    struct id id = temp_store_id(number);
    return active_map_find(map, &id);
}

/* A list as the numbers of its sagas, read from the front, and checked from the back. */
static void assert_list(const struct active_list *list, const char *numbers)
{
    struct buffer text = {0};
    const struct active *last = NULL;
    size_t count = 0;
    for (const struct active *at = list->first; at != NULL; at = at->next) {
        char digit = (char)('0' + at->saga.id.bytes[ID_SIZE - 1]);
        buffer_append(&text, &digit, 1);
        assert_ptr_equal(at->prev, last);
        last = at;
        count++;
    }
    buffer_append(&text, "", 1);
    assert_string_equal((const char *)text.data, numbers);
    assert_ptr_equal(list->last, last);
    assert_int_equal(list->count, count);
    buffer_release(&text);
}

/* A new active saga is nowhere, wakes never, and owns copies of what it was given. */
static void test_active_new__borrowed_bytes__are_copied(void **state)
{
    (void)state;
    char key[] = "order-1";
    char input[] = "in\0put";
    struct id id = temp_store_id(7);
    struct active *active = active_new(&id, NULL, bytes_text(key), bytes_of(input, sizeof input));
    memset(key, 'x', sizeof key);
    memset(input, 'x', sizeof input);
    assert_true(bytes_equal(bytes_of(active->key, active->key_len), bytes_text("order-1")));
    assert_true(
        bytes_equal(bytes_of(active->input, active->input_len), bytes_of("in\0put", sizeof input)));
    assert_int_equal(active->held_bytes, sizeof input);
    assert_int_equal(id_compare(&active->saga.id, &id), 0);
    assert_int_equal(active->place, PLACE_NOWHERE);
    assert_int_equal(active->timer.place, HEAP_NOWHERE);
    assert_true(active->wake_at_ms == INT64_MAX);
    active_free(active);
    active_free(NULL);
}

/* An output is kept once: repeated answers agree, so the first one stays. */
static void test_active_set_output__again__keeps_the_first(void **state)
{
    (void)state;
    struct active *active = fresh(1);
    size_t before = active->held_bytes;
    assert_int_equal(active_set_output(active, 3, bytes_text("")), 0);
    assert_int_equal(active_set_output(active, 3, bytes_text("first")), 5);
    assert_int_equal(active_set_output(active, 3, bytes_text("second")), 0);
    assert_int_equal(active_set_output(active, DEFINITION_STEPS_MAX - 1, bytes_text("z")), 1);
    assert_true(bytes_equal(active->outputs[3], bytes_text("first")));
    assert_int_equal(active->outputs[0].len, 0);
    assert_int_equal(active->held_bytes, before + 6);
    active_free(active);
}

/* In an empty map nothing is found. */
static void test_active_map_find__empty__is_none(void **state)
{
    (void)state;
    struct active_map map = {0};
    assert_null(find(&map, 1));
    active_map_release(&map);
    assert_int_equal(map.count, 0);
}

/* Each saga is found by its id and no other, however many there are, and while others go. */
static void test_active_map__many__each_is_found_by_its_id(void **state)
{
    enum { MANY = 5000 };
    (void)state;
    struct active_map map = {0};
    for (uint32_t i = 0; i < MANY; i++)
        active_map_add(&map, fresh(i));
    assert_int_equal(map.count, MANY);
    for (uint32_t i = 0; i < MANY; i += 2) {
        struct active *active = find(&map, i);
        active_map_remove(&map, active);
        active_free(active);
    }
    assert_int_equal(map.count, MANY / 2);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct active *active = find(&map, i);
        const struct id id = temp_store_id(i);
        if ((active != NULL) != (i % 2 == 1))
            fail_msg("saga %u", i);
        if (active != NULL)
            assert_int_equal(id_compare(&active->saga.id, &id), 0);
    }
    assert_null(find(&map, MANY + 1));
    active_map_release(&map);
}

/* Ids that differ only in their time, their counter or their random part are spread and told apart.
 */
static void test_active_map_find__ids_alike_in_part__are_told_apart(void **state)
{
    (void)state;
    struct active_map map = {0};
    struct id ids[ID_SIZE];
    for (size_t i = 0; i < ID_SIZE; i++) {
        ids[i] = temp_store_id(0);
        ids[i].bytes[i] = 1;
        active_map_add(&map, active_new(&ids[i], NULL, bytes_text("k"), bytes_text("")));
    }
    for (size_t i = 0; i < ID_SIZE; i++) {
        struct active *active = active_map_find(&map, &ids[i]);
        assert_non_null(active);
        assert_memory_equal(&active->saga.id, &ids[i], sizeof ids[i]);
    }
    active_map_release(&map);
}

/* The map knows the bytes its sagas hold: that bounds them. */
static void test_active_map__held_bytes__follow_adding_and_removing(void **state)
{
    (void)state;
    struct active_map map = {0};
    struct active *one = fresh(1);
    (void)active_set_output(one, 0, bytes_text("output"));
    active_map_add(&map, one);
    active_map_add(&map, fresh(2));
    assert_int_equal(map.held_bytes, 16);
    map.held_bytes += active_set_output(one, 1, bytes_text("later"));
    active_map_remove(&map, one);
    active_free(one);
    assert_int_equal(map.held_bytes, 5);
    active_map_release(&map);
    assert_int_equal(map.held_bytes, 0);
}

/* A list keeps its order whatever is added at either end and taken from anywhere. */
static void test_active_list__added_and_removed__keeps_its_order(void **state)
{
    (void)state;
    struct active_list list = {0};
    struct active *all[6];
    for (uint32_t i = 0; i < 6; i++)
        all[i] = fresh(i);
    assert_list(&list, "");
    active_list_prepend(&list, all[2]);
    active_list_append(&list, all[3]);
    active_list_prepend(&list, all[1]);
    active_list_append(&list, all[4]);
    assert_list(&list, "1234");
    active_list_remove(&list, all[2]); /* In the middle, */
    assert_list(&list, "134");
    active_list_remove(&list, all[1]); /* the first, */
    assert_list(&list, "34");
    active_list_remove(&list, all[4]); /* the last, */
    assert_list(&list, "3");
    active_list_remove(&list, all[3]); /* the only one. */
    assert_list(&list, "");
    active_list_append(&list, all[5]);
    active_list_append(&list, all[2]);
    assert_list(&list, "52");
    for (size_t i = 0; i < 6; i++)
        active_free(all[i]);
}

/* Sagas accepted in one batch have ids of one millisecond, a few counts apart: they do not share a
 * slot all the same. */
static void test_active_map__ids_of_one_batch__are_spread(void **state)
{
    (void)state;
    enum { COUNT = 4096, LONGEST = 12 };
    struct active_map map = {0};
    struct id_source source;
    id_source_init(&source, 12345);
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < 2; j++)
            (void)id_next(&source, 1700000000000);
        struct id id = id_next(&source, 1700000000000);
        active_map_add(&map, active_new(&id, NULL, bytes_text("key"), bytes_text("input")));
    }
    for (size_t i = 0; i < map.slot_count; i++) {
        int length = 0;
        for (const struct active *at = map.slots[i]; at != NULL; at = at->chain)
            length++;
        assert_in_range(length, 0, LONGEST);
    }
    active_map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_active_new__borrowed_bytes__are_copied),
        cmocka_unit_test(test_active_set_output__again__keeps_the_first),
        cmocka_unit_test(test_active_map_find__empty__is_none),
        cmocka_unit_test(test_active_map__many__each_is_found_by_its_id),
        cmocka_unit_test(test_active_map_find__ids_alike_in_part__are_told_apart),
        cmocka_unit_test(test_active_map__ids_of_one_batch__are_spread),
        cmocka_unit_test(test_active_map__held_bytes__follow_adding_and_removing),
        cmocka_unit_test(test_active_list__added_and_removed__keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
