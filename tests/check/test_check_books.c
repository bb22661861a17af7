/* The databases of a suite: when all is right nothing is found, and each damage is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define ONE "x'01010101010101010101010101010101'"
#define TWO "x'02020202020202020202020202020202'"
#define THREE "x'03030303030303030303030303030303'"

static int begin(void **state)
{
    *state = world_new();
    return 0;
}

static int end(void **state)
{
    world_free(*state);
    return 0;
}

/* Where nothing is wrong nothing is found, and everything was looked at. */
static void test_books__sound__nothing_is_found(void **state)
{
    struct world *world = *state;
    static const char *const looked_at[] = {"I2",  "I3",  "I4",  "I6",  "I7",  "I8",  "I10",
                                            "I13", "I14", "I15", "I16", "I17", "I22", "L1"};
    world_check(world, CHECKER_CAUGHT_UP);
    world_expect(world, NULL);
    for (size_t i = 0; i < CHECKER_INVARIANTS; i++)
        for (size_t j = 0; j < sizeof looked_at / sizeof looked_at[0]; j++)
            if (strcmp(checker_invariant(i), looked_at[j]) == 0 &&
                checker_evaluated(world->checker, i) == 0)
                fail_msg("%s was never looked at", looked_at[j]);
}

static const struct {
    const char *invariant;
    int place;
    const char *damage;
} damages[] = {
    {"I2", WORLD_P0, "INSERT INTO zsaga_inbox VALUES (" THREE ", 0, 2, 0, NULL, NULL, NULL)"},
    {"I2", WORLD_P1, "INSERT INTO toy_log(saga, step, undo) VALUES (" THREE ", 1, 0)"},
    {"I2", WORLD_P1, "INSERT INTO zsaga_inbox VALUES (" ONE ", 0, 1, 0, NULL, NULL, NULL)"},
    {"I2", WORLD_ORCHESTRATOR, "INSERT INTO zsaga_history VALUES (" THREE ", 2, 2, 0, 0, 1, NULL)"},
    {"I2", WORLD_ORCHESTRATOR, "DELETE FROM zsaga_input WHERE saga = " ONE},
    {"I3", WORLD_ORCHESTRATOR, "UPDATE zsaga_saga SET key = (SELECT key FROM zsaga_saga LIMIT 1)"},
    {"I4", WORLD_ORCHESTRATOR, "DELETE FROM zsaga_history WHERE saga = " ONE " AND number = 2"},
    {"I4", WORLD_ORCHESTRATOR,
     "UPDATE zsaga_history SET what = 5, flags = 1 WHERE saga = " ONE " AND number = 3"},
    {"I4", WORLD_ORCHESTRATOR, "INSERT INTO zsaga_history VALUES (" ONE ", 4, 6, 1, 0, 2, NULL)"},
    {"I4", WORLD_ORCHESTRATOR, "UPDATE zsaga_history SET step = 7 WHERE saga = " TWO},
    {"I4", WORLD_ORCHESTRATOR, "UPDATE zsaga_definition SET text = 'no definition'"},
    {"I6", WORLD_P0, "INSERT INTO toy_log(saga, step, undo) VALUES (" ONE ", 0, 0)"},
    {"I6", WORLD_P0, "INSERT INTO toy_log(saga, step, undo) VALUES (" TWO ", 0, 1)"},
    {"I6", WORLD_P0, "UPDATE toy_log SET undo = 1 - undo WHERE saga = " TWO},
    {"I7", WORLD_ORCHESTRATOR, "UPDATE zsaga_saga SET state = 4 WHERE id = " ONE},
    {"I7", WORLD_ORCHESTRATOR, "UPDATE zsaga_saga SET reason = 'no' WHERE id = " ONE},
    {"I7", WORLD_ORCHESTRATOR, "UPDATE zsaga_counter SET value = 7 WHERE name = 'saga_completed'"},
    {"I7", WORLD_P0, "UPDATE zsaga_inbox SET backward = 0 WHERE saga = " TWO},
    {"I8", WORLD_P1, "DELETE FROM toy_log WHERE saga = " ONE},
    {"I8", WORLD_P1, "INSERT INTO toy_log(saga, step, undo) VALUES (" TWO ", 1, 0)"},
    {"I8", WORLD_P0, "UPDATE zsaga_inbox SET forward = 3 WHERE saga = " TWO},
    {"I9", WORLD_P0, "UPDATE zsaga_inbox SET backward = 2 WHERE saga = " TWO},
    {"I10", WORLD_P1, "DELETE FROM zsaga_inbox WHERE saga = " ONE},
    {"I10", WORLD_P1, "UPDATE zsaga_inbox SET forward = 3 WHERE saga = " ONE},
    {"I13", WORLD_P0, "UPDATE toy_stock SET free = free + 1"},
    {"I13", WORLD_P0, "UPDATE toy_stock SET free = free - 1, taken = taken + 1"},
    {"I14", WORLD_P1, "UPDATE zsaga_inbox SET forward = 2 WHERE saga = " ONE},
    {"I15", WORLD_P0,
     "DELETE FROM zsaga_outbox WHERE first_seq = 3;"
     "UPDATE zsaga_counter SET value = 2 WHERE name = 'outbox_head'"},
    {"I15", WORLD_ORCHESTRATOR,
     "DELETE FROM zsaga_outbox WHERE first_seq = 9;"
     "UPDATE zsaga_counter SET value = 8 WHERE name = 'outbox_head'"},
    {"I15", WORLD_P1,
     "UPDATE zsaga_outbox SET events = (SELECT events FROM zsaga_outbox WHERE first_seq = 1)"},
    {"I16", WORLD_P0, "DELETE FROM zsaga_outbox WHERE first_seq = 2"},
    {"I16", WORLD_P0, "UPDATE zsaga_counter SET value = 4 WHERE name = 'outbox_head'"},
    {"I16", WORLD_P0, "UPDATE zsaga_outbox SET events = x'00' WHERE first_seq = 2"},
    {"I16", WORLD_P1, "UPDATE zsaga_store SET uuid = x'00000000000000000000000000000051'"},
    {"I17", WORLD_READER, "DELETE FROM seen WHERE publisher = 'p0' AND seq = 2"},
    {"I17", WORLD_READER, "INSERT INTO seen SELECT NULL, publisher, seq, id, digest FROM seen"},
    {"I17", WORLD_READER, "UPDATE seen SET digest = digest + 1 WHERE seq = 3"},
    {"I17", WORLD_READER, "UPDATE seen SET id = zeroblob(16) WHERE seq = 3"},
    {"I17", WORLD_READER, "UPDATE zsaga_cursor SET seq = seq - 1 WHERE publisher = 'p1'"},
    {"I17", WORLD_READER, "UPDATE zsaga_cursor SET seq = seq + 1 WHERE publisher = 'p1'"},
    {"I17", WORLD_READER, "UPDATE zsaga_cursor SET event_id = x'ff' WHERE publisher = 'p1'"},
    {"I22", WORLD_READER,
     "PRAGMA foreign_keys = OFF; CREATE TABLE mother(one INTEGER PRIMARY KEY);"
     "CREATE TABLE child(one INTEGER REFERENCES mother); INSERT INTO child VALUES (5)"},
    {"L1", WORLD_ORCHESTRATOR, "UPDATE zsaga_saga SET state = 0 WHERE id = " ONE},
};

/* Each damage is found, under the invariant that it breaks. */
static void test_books__damaged__the_invariant_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct world *world = world_new();
        world_sql(world, damages[i].place, "%s", damages[i].damage);
        world_check(world, CHECKER_CAUGHT_UP);
        if (!world_has(world, damages[i].invariant))
            print_error("damage %zu: %s\n", i, damages[i].damage);
        world_expect(world, damages[i].invariant);
        world_free(world);
    }
}

/* Sagas that may be open are no finding, whatever they wait for. */
static void test_books__open_allowed__unfinished_is_no_finding(void **state)
{
    struct world *world = *state;
    world_sql(world, WORLD_ORCHESTRATOR,
              "UPDATE zsaga_saga SET state = 0 WHERE id = " ONE ";"
              "DELETE FROM zsaga_history WHERE saga = " ONE " AND number = 3;"
              "UPDATE zsaga_counter SET value = 0 WHERE name = 'saga_completed'");
    world_check(world, CHECKER_OPEN);
    /* Only the log knows more than the journal. */
    for (size_t i = 0; i < world->found_count; i++)
        assert_memory_equal(world->found[i], "I15", 3);
    assert_false(world_has(world, "L1"));
}

/* A consumer that is behind is no finding where consumers need not have caught up. */
static void test_books__consumer_behind__is_no_finding_while_it_may_be(void **state)
{
    struct world *world = *state;
    world_sql(world, WORLD_READER,
              "DELETE FROM seen WHERE publisher = 'p0' AND seq = 3;"
              "UPDATE zsaga_cursor SET seq = 2, event_id = (SELECT id FROM seen"
              " WHERE publisher = 'p0' AND seq = 2) WHERE publisher = 'p0'");
    world_check(world, CHECKER_SETTLED);
    world_expect(world, NULL);
    world_begin(world, false, false);
    world_check(world, CHECKER_CAUGHT_UP);
    world_expect(world, "I17");
}

/* What was cut off from a log may be missing where it was not read in time, and nowhere else. */
static void test_books__cut_log__only_what_was_cut_may_be_missing(void **state)
{
    struct world *world = *state;
    world_sql(world, WORLD_READER, "DELETE FROM seen WHERE publisher = 'p0' AND seq < 3");
    world_sql(world, WORLD_P0, "UPDATE zsaga_outbox_tail SET tail = 3");
    world_check(world, CHECKER_CAUGHT_UP);
    world_expect(world, NULL);
    world_sql(world, WORLD_P0, "UPDATE zsaga_outbox_tail SET tail = 2");
    world_begin(world, false, false);
    world_check(world, CHECKER_CAUGHT_UP);
    world_expect(world, "I17");
}

/* A file that is no suite's database is told as one of which nothing is known. */
static void test_books__foreign_database__is_told_as_unknown(void **state)
{
    struct world *world = *state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    world_begin(world, false, false);
    assert_false(checker_database(world->checker, "ledger", db));
    world_expect(world, NULL);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_books__sound__nothing_is_found),
        TEST(test_books__damaged__the_invariant_is_named),
        TEST(test_books__open_allowed__unfinished_is_no_finding),
        TEST(test_books__consumer_behind__is_no_finding_while_it_may_be),
        TEST(test_books__cut_log__only_what_was_cut_may_be_missing),
        TEST(test_books__foreign_database__is_told_as_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
