/* A participant's batch with a bad entry in it: the others go on, and nothing of it is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "participant_driver.h"
#include "sim_disk.h"
#include "sim_toy.h"

#define SAGAS 3

struct fixture {
    char dir[200]; /* Of the shim: it must be under the driver's database. */
    struct toy_script scripts[SAGAS];
    struct toy_world world;
    struct participant_driver *driver;
    struct id sagas[SAGAS];
};

static int begin(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    fixture.world = (struct toy_world){.scripts = fixture.scripts, .count = SAGAS};
    sim_disk_begin(fixture.dir, sizeof fixture.dir);
    sim_toy_set_world(&fixture.world);
    fixture.driver = driver_new(&sim_toys[0], NULL);
    fixture.world.path = fixture.driver->path;
    for (size_t i = 0; i < SAGAS; i++)
        fixture.sagas[i] = driver_new_saga(fixture.driver);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    driver_free(fixture->driver);
    sim_toy_set_world(NULL);
    sim_disk_end(fixture->dir);
    return 0;
}

static int64_t number(const struct fixture *fixture, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *handle = sim_disk_handle(fixture->driver->path);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

static void add(struct fixture *fixture, size_t saga)
{
    static const char *const inputs[SAGAS] = {"0:", "1:", "2:"};
    struct driver_command command = {.saga = fixture->sagas[saga],
                                     .input = bytes_text(inputs[saga])};
    (void)driver_add(fixture->driver, &command);
}

static void assert_answer(const struct fixture *fixture, size_t index, Zsaga__Outcome outcome,
                          const char *code)
{
    const Zsaga__Answer *answer = fixture->driver->answers[index];
    assert_int_equal(answer->kind_case, ZSAGA__ANSWER__KIND_REPLY);
    assert_int_equal(answer->reply->outcome, outcome);
    assert_true(bytes_equal(packed_view(answer->reply->code), bytes_text(code)));
}

/* The second of three entries behaves like that, once. */
static void run_three(struct fixture *fixture, enum toy_trouble trouble, const char *code)
{
    fixture->scripts[1].action[0] = (struct toy_line){.trouble = trouble, .times = 2};
    for (size_t i = 0; i < SAGAS; i++)
        add(fixture, i);
    (void)driver_deliver(fixture->driver);
    driver_commit(fixture->driver);
    assert_int_equal(fixture->driver->answer_count, SAGAS);
    assert_answer(fixture, 0, ZSAGA__OUTCOME__DONE, "");
    assert_answer(fixture, 1, ZSAGA__OUTCOME__RETRY, code);
    assert_answer(fixture, 2, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(number(fixture, "SELECT count(*) FROM toy_log"), 2);
    assert_int_equal(number(fixture, "SELECT taken FROM toy_stock"), 2);
    assert_int_equal(number(fixture, "SELECT count(*) FROM zsaga_inbox"), 2);
    assert_int_equal(driver_head(fixture->driver), 2);
}

static void test_entry__that_fails__is_answered_retry_and_recorded_nowhere(void **state)
{
    /* A handler's error takes back its own writes and events, and no other's. */
    run_three(*state, TOY_ERROR, "error");
}

static void test_entry__that_ends_the_transaction__is_found_and_told_alone(void **state)
{
    /* After a batch died through an entry, its entries run one a transaction, and the guilty one is
     * answered `retry`. */
    run_three(*state, TOY_POISON, "transaction_ended");
    const struct fixture *fixture = *state;
    assert_int_equal(participant_node_counters(fixture->driver->node)->singly, SAGAS);
}

static void test_entry__that_breaks_the_commit__is_found_and_told_alone(void **state)
{
    /* A constraint that is checked at the commit is the entry's own fault as well: it must not take
     * the batch with it, again and again. */
    run_three(*state, TOY_LATE_POISON, "transaction_ended");
    const struct fixture *fixture = *state;
    assert_int_equal(participant_node_counters(fixture->driver->node)->singly, SAGAS);
}

/* All that the first frame of a start holds is guilty; the start before it comes again. */
static void start_with(struct fixture *fixture, enum toy_trouble trouble)
{
    fixture->driver->sender.driver.epoch = 7;
    fixture->scripts[0].action[0] = (struct toy_line){.trouble = trouble, .times = 2};
    add(fixture, 0);
    (void)driver_deliver(fixture->driver);
    driver_commit(fixture->driver);
    assert_answer(fixture, 0, ZSAGA__OUTCOME__RETRY, "transaction_ended");
    driver_crash(fixture->driver);
    fixture->driver->sender.driver.epoch = 6;
    add(fixture, 0);
    (void)driver_deliver(fixture->driver);
    driver_commit(fixture->driver);
    assert_int_equal(fixture->driver->answer_count, 1);
    assert_int_equal(fixture->driver->answers[0]->kind_case, ZSAGA__ANSWER__KIND_STALE_EPOCH);
}

static void test_entry__guilty_as_the_first_of_a_start__does_not_hide_that_start(void **state)
{
    /* The pair is stored before it is answered, also when all that its frame holds is guilty: the
     * start before it is refused from then on. */
    start_with(*state, TOY_POISON);
}

static void test_entry__guilty_at_the_commit_of_a_start__does_not_hide_that_start(void **state)
{
    /* The pair was part of a transaction that was taken back: it is stored with the next one. */
    start_with(*state, TOY_LATE_POISON);
}

static void test_batch__on_a_full_disk__leaves_nothing_until_it_takes_writes(void **state)
{
    /* On a failed commit all is dropped; the node is loaded again only once the disk takes writes,
     * and then does what it is asked anew. */
    struct fixture *fixture = *state;
    struct participant_driver *driver = fixture->driver;
    struct outbound out = {0};
    struct err err = {0};
    sim_disk_fail(driver->path, SIM_DISK_FULL, 1);
    add(fixture, 0);
    (void)driver_deliver(driver);
    assert_int_equal(driver->node->ops->commit(driver->node, driver->now, &out, &err), ERR_FULL);
    assert_int_equal(out.count, 0);
    assert_int_equal(driver->node->ops->reload(driver->node, driver->now, &err), ERR_FULL);
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    assert_int_equal(driver->node->ops->reload(driver->node, driver->now, &err), 0);
    assert_int_equal(number(fixture, "SELECT count(*) FROM toy_log"), 0);
    add(fixture, 0);
    (void)driver_deliver(driver);
    driver_commit(driver);
    assert_answer(fixture, 0, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(driver_head(driver), 1);
    outbound_release(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_entry__that_fails__is_answered_retry_and_recorded_nowhere),
        TEST(test_entry__that_ends_the_transaction__is_found_and_told_alone),
        TEST(test_entry__that_breaks_the_commit__is_found_and_told_alone),
        TEST(test_entry__guilty_as_the_first_of_a_start__does_not_hide_that_start),
        TEST(test_entry__guilty_at_the_commit_of_a_start__does_not_hide_that_start),
        TEST(test_batch__on_a_full_disk__leaves_nothing_until_it_takes_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
