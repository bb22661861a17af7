/* The read model is a fold of the logs: whatever the batches, restarts and mixtures of logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/xalloc.h"
#include "client.pb-c.h"
#include "model_driver.h"
#include "suite.h"

#define SAGAS 60
#define EVENTS_MAX (SAGAS * 8)

/* The logs of an orchestrator with many sagas at once, and of its order service. */
struct story {
    struct told sagas[EVENTS_MAX];
    size_t saga_count;
    struct {
        const char *type;
        char id[16];
    } orders[2 * SAGAS];
    size_t order_count;
};

/* Sagas in turns, each its own way; the last ones stay open. */
static struct story *make_story(void)
{
    struct story *story = xcalloc(1, sizeof *story);
    struct told lives[SAGAS][8];
    size_t lengths[SAGAS];
    size_t next[SAGAS] = {0};
    for (uint32_t i = 0; i < SAGAS; i++) {
        lengths[i] =
            told_life(i + 1, i % 3 == 0 ? "no_credit" : NULL, 1 + 1000 * (int64_t)i, lives[i], 8);
        if (i >= SAGAS - 5)
            lengths[i] -= 2;
    }
    for (size_t turn = 0; turn < SAGAS + 8; turn++)
        for (size_t i = turn < 8 ? 0 : turn - 8; i <= turn && i < SAGAS; i++)
            if (next[i] < lengths[i])
                story->sagas[story->saga_count++] = lives[i][next[i]++];
    for (int i = 0; i < SAGAS; i++)
        for (int j = 0; j < 2; j++) {
            static const char *const ends[] = {"OrderConfirmed", "OrderCancelled"};
            story->orders[story->order_count].type = j == 0 ? "OrderCreated" : ends[i % 2];
            (void)snprintf(story->orders[story->order_count++].id, 16, "A%d", i);
        }
    return story;
}

/* Tells both logs, mixed and cut into batches as the seed says; some batches are taken back and
 * told again, and the process starts anew between some of them. */
static void tell_story(struct model_driver *driver, const struct story *story, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    size_t saga = 0;
    size_t order = 0;
    while (saga < story->saga_count || order < story->order_count) {
        uint64_t saga_seq = driver->saga_seq;
        uint64_t order_seq = driver->order_seq;
        size_t saga_before = saga;
        size_t order_before = order;
        model_driver_begin(driver);
        for (uint64_t left = 1 + rng_below(&rng, 40); left > 0; left--) {
            bool of_saga = rng_below(&rng, 3) != 0;
            if (of_saga && saga < story->saga_count)
                model_driver_tell(driver, &story->sagas[saga++]);
            else if (order < story->order_count) {
                model_driver_tell_order(driver, story->orders[order].type, story->orders[order].id,
                                        100);
                order++;
            }
        }
        if (rng_below(&rng, 4) == 0) {
            model_driver_take_back(driver);
            driver->saga_seq = saga_seq;
            driver->order_seq = order_seq;
            saga = saga_before;
            order = order_before;
        } else {
            model_driver_commit(driver);
        }
        if (rng_below(&rng, 5) == 0)
            model_driver_restart(driver);
    }
}

static char *dump_after(const struct story *story, int keep, uint64_t seed)
{
    struct model_driver *driver = model_driver_new(keep);
    tell_story(driver, story, seed);
    char *dump = model_driver_dump(driver);
    model_driver_free(driver);
    return dump;
}

/* However the logs are mixed and cut into batches, whatever is taken back, the model is the same:
 * also when it keeps only a few of what is finished. */
static void test_apply__any_mixture_and_batches__same_model(void **state)
{
    (void)state;
    AUTO(freep) struct story *story = make_story();
    for (int keep = 1000; keep >= 10; keep -= 990) {
        AUTO(freep) char *first = dump_after(story, keep, 1);
        assert_non_null(strstr(first, "K60,"));
        assert_true((strstr(first, "K1,") != NULL) == (keep == 1000));
        for (uint64_t seed = 2; seed < 25; seed++) {
            AUTO(freep) char *other = dump_after(story, keep, seed);
            assert_string_equal(first, other);
        }
    }
}

static uint64_t count_of(struct model_driver *driver, uint32_t state)
{
    return driver->model->sagas.counts[state];
}

/* Counts by state are those of the sagas, before and after a restart, and whatever was taken back.
 */
static void test_counts__after_a_restart__are_the_same(void **state)
{
    (void)state;
    AUTO(freep) struct story *story = make_story();
    struct model_driver *driver = model_driver_new(10);
    tell_story(driver, story, 7);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(count_of(driver, ZSAGA__SAGA_STATE__COMPLETED), 36);
        assert_int_equal(count_of(driver, ZSAGA__SAGA_STATE__COMPENSATED), 19);
        assert_int_equal(count_of(driver, ZSAGA__SAGA_STATE__RUNNING), 4);
        assert_int_equal(count_of(driver, ZSAGA__SAGA_STATE__COMPENSATING), 1);
        assert_int_equal(driver->model->sagas.started, SAGAS);
        assert_int_equal(ledger_open_count(&driver->model->sagas.ledger), 5);
        model_driver_restart(driver);
    }
    model_driver_free(driver);
}

/* The last minute is known again after a restart. */
static void test_window__after_a_restart__is_the_same(void **state)
{
    (void)state;
    AUTO(freep) struct story *story = make_story();
    struct model_driver *driver = model_driver_new(1000);
    tell_story(driver, story, 3);
    model_driver_restart(driver);
    const struct window before = driver->model->sagas.window;
    double rate = window_rate(&before, WINDOW_COMPLETED, 60000, 60);
    assert_true(rate > 0.5);
    assert_int_equal(window_timed(&before, 59999), 55);
    struct model_driver *whole = model_driver_new(1000);
    model_driver_begin(whole);
    for (size_t i = 0; i < story->saga_count; i++)
        model_driver_tell(whole, &story->sagas[i]);
    model_driver_commit(whole);
    const struct window *lived = &whole->model->sagas.window;
    for (int kind = 0; kind < WINDOW_KIND_COUNT; kind++)
        assert_true(window_rate(&before, (enum window_kind)kind, 60000, 60) ==
                    window_rate(lived, (enum window_kind)kind, 60000, 60));
    assert_int_equal(window_percentile(&before, 60000, 99), window_percentile(lived, 60000, 99));
    model_driver_free(whole);
    model_driver_free(driver);
}

/* Forgetting one publisher leaves what came from the others. */
static void test_reset__forgets_that_publisher_only(void **state)
{
    (void)state;
    struct err err;
    AUTO(freep) struct story *story = make_story();
    struct model_driver *driver = model_driver_new(1000);
    tell_story(driver, story, 5);
    AUTO(freep) char *orders = model_driver_export(driver, "orders");
    AUTO(freep) char *all = model_driver_dump(driver);
    model_driver_begin(driver);
    assert_int_equal(model_reset(driver->model, SUITE_ORCHESTRATOR, &err), 0);
    model_driver_commit(driver);
    AUTO(freep) char *after = model_driver_export(driver, "orders");
    AUTO(freep) char *sagas = model_driver_export(driver, "sagas");
    AUTO(freep) char *services = model_driver_export(driver, "services");
    assert_string_equal(orders, after);
    assert_null(strchr(strchr(sagas, '\n') + 1, '\n'));
    assert_null(strstr(services, "orchestrator,"));
    assert_non_null(strstr(services, "order,OrderCreated,60,"));
    driver->saga_seq = 0;
    model_driver_begin(driver);
    for (size_t i = 0; i < story->saga_count; i++)
        model_driver_tell(driver, &story->sagas[i]);
    model_driver_commit(driver);
    AUTO(freep) char *again = model_driver_dump(driver);
    assert_string_equal(all, again);
    model_driver_free(driver);
}

/* What cannot be understood is counted as such, and nothing else changes. */
static void test_nonsense__is_counted_and_passed_by(void **state)
{
    (void)state;
    struct model_driver *driver = model_driver_new(1000);
    const struct bytes junk = bytes_of("\xff\xff\xff\xff", 4);
    model_driver_begin(driver);
    model_driver_tell_raw(driver, SUITE_ORCHESTRATOR, "StepDone", junk);
    model_driver_tell_raw(driver, SUITE_ORCHESTRATOR, "StepDone", bytes_of("", 0));
    model_driver_tell_raw(driver, SUITE_ORCHESTRATOR, "SagaDreamt", junk);
    model_driver_tell_raw(driver, ORDERS_PUBLISHER, "OrderCreated", junk);
    model_driver_tell_raw(driver, ORDERS_PUBLISHER, "OrderCreated", bytes_of("", 0));
    model_driver_tell_raw(driver, "payment", "\033[2J\xff", junk);
    model_driver_commit(driver);
    AUTO(freep) char *services = model_driver_export(driver, "services");
    assert_string_equal(services, "publisher,type,count,last_seq\n"
                                  "orchestrator,(malformed),2,2\n"
                                  "orchestrator,SagaDreamt,1,3\n"
                                  "orchestrator,StepDone,2,2\n"
                                  "order,(malformed),2,5\n"
                                  "order,OrderCreated,2,5\n"
                                  "payment,\033[2J\xef\xbf\xbd,1,6\n");
    assert_null(ledger_first(&driver->model->sagas.ledger));
    assert_null(ledger_first(&driver->model->orders.ledger));
    model_driver_free(driver);
}

/* Types without end are counted as others: memory and table stay bounded. */
static void test_types__without_end__are_counted_together(void **state)
{
    (void)state;
    struct model_driver *driver = model_driver_new(1000);
    model_driver_begin(driver);
    for (int i = 0; i < 500; i++) {
        char type[32];
        (void)snprintf(type, sizeof type, "Type%d", i);
        model_driver_tell_raw(driver, "payment", type, bytes_of("", 0));
    }
    model_driver_commit(driver);
    AUTO(freep) char *services = model_driver_export(driver, "services");
    assert_non_null(strstr(services, "payment,(others),436,500\n"));
    model_driver_free(driver);
}

/* An order that was refused, for its id belongs to another saga, changes nothing of that order. */
static void test_orders__refused__belongs_to_another(void **state)
{
    (void)state;
    struct model_driver *driver = model_driver_new(1000);
    model_driver_begin(driver);
    model_driver_tell_order(driver, "OrderCreated", "A1", 100);
    model_driver_tell_order(driver, "OrderRefused", "A1", 700);
    model_driver_tell_order(driver, "OrderConfirmed", "A1", 100);
    model_driver_tell_order(driver, "OrderCreated", "A2", -1);
    model_driver_commit(driver);
    AUTO(freep) char *orders = model_driver_export(driver, "orders");
    assert_string_equal(orders,
                        "order_id,customer_id,total_cents,status,created_at,changed_at\n"
                        "A1,anna,100,confirmed,1970-01-01T00:00:01.000Z,1970-01-01T00:00:03.000Z\n"
                        "A2,anna,9223372036854775807,pending,1970-01-01T00:00:04.000Z,"
                        "1970-01-01T00:00:04.000Z\n");
    model_driver_free(driver);
}

/* A page holds so much only: an export of many rows goes on behind it, none twice, none missing. */
static void test_export__of_many_rows__has_each_once(void **state)
{
    (void)state;
    struct model_driver *driver = model_driver_new(100000);
    struct told life[8];
    model_driver_begin(driver);
    for (uint32_t i = 1; i <= 3000; i++) {
        size_t count = told_life(i, NULL, i, life, 8);
        for (size_t j = 0; j < (i % 2 == 0 ? count : 2); j++)
            model_driver_tell(driver, &life[j]);
    }
    model_driver_commit(driver);
    AUTO(freep) char *sagas = model_driver_export(driver, "sagas");
    size_t lines = 0;
    for (const char *at = sagas; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 3001);
    for (uint32_t i = 1; i <= 3000; i += 7) {
        AUTO(freep) char *key = xprintf(",K%u,", i);
        char *found = strstr(sagas, key);
        assert_non_null(found);
        assert_null(strstr(found + 1, key));
    }
    model_driver_free(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply__any_mixture_and_batches__same_model),
        cmocka_unit_test(test_counts__after_a_restart__are_the_same),
        cmocka_unit_test(test_window__after_a_restart__is_the_same),
        cmocka_unit_test(test_reset__forgets_that_publisher_only),
        cmocka_unit_test(test_nonsense__is_counted_and_passed_by),
        cmocka_unit_test(test_types__without_end__are_counted_together),
        cmocka_unit_test(test_orders__refused__belongs_to_another),
        cmocka_unit_test(test_export__of_many_rows__has_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
