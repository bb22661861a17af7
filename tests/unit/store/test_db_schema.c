#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "temp_store.h"

static const char *const steps[] = {"CREATE TABLE mine(x)", "INSERT INTO mine VALUES (1)"};

static int set_up(void **state)
{
    struct temp_store *store = temp_store_new();
    struct err err = {0};
    *state = store;
    return db_migrate(store->db, "mine", steps, 2, &err);
}

static int tear_down(void **state)
{
    temp_store_free(*state);
    return 0;
}

/* Closes it, opens it as a program that knows these parts, and closes that. */
static int open_knowing(struct temp_store *store, const struct db_part *parts, size_t count,
                        struct err *err)
{
    temp_store_close(store);
    int rc = db_open_parts(store->path, parts, count, &store->db, err);
    if (rc < 0)
        temp_store_open(store);
    return rc;
}

/* Parts that the program knows, in this version or a later one, are no hindrance. */
static void test_db_open_parts__known_ones__are_opened(void **state)
{
    const struct db_part parts[] = {{"other", 1}, {"mine", 2}};
    const struct db_part later[] = {{"mine", 7}};
    struct err err = {0};
    assert_int_equal(open_knowing(*state, parts, 2, &err), 0);
    assert_int_equal(open_knowing(*state, later, 1, &err), 0);
}

/* A part that is newer, or not known at all, belongs to a newer program. */
static void test_db_open_parts__newer_or_unknown__are_refused(void **state)
{
    const struct db_part older[] = {{"mine", 1}};
    const struct db_part other[] = {{"other", 1}};
    struct err err = {0};
    assert_int_equal(open_knowing(*state, older, 1, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "schema \"mine\" has version 2, this program knows up to 1"));
    assert_int_equal(open_knowing(*state, other, 1, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "a part \"mine\" that this program does not know"));
}

/* A version below 0 is damage, and no place to go on from. */
static void test_db_migrate__version_below_0__is_refused(void **state)
{
    struct temp_store *store = *state;
    const struct db_part parts[] = {{"mine", 2}};
    struct err err = {0};
    assert_int_equal(
        db_exec(store->db, "UPDATE zsaga_schema SET version = -5 WHERE part = 'mine'", &err), 0);
    assert_int_equal(db_migrate(store->db, "mine", steps, 2, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "damaged"));
    assert_int_equal(open_knowing(store, parts, 1, &err), ERR_CORRUPT);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_db_open_parts__known_ones__are_opened),
        TEST(test_db_open_parts__newer_or_unknown__are_refused),
        TEST(test_db_migrate__version_below_0__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
