#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "store/fence.h"
#include "temp_store.h"

struct fixture {
    struct temp_store *store;
    struct fence *fence;
};

static void open_fence(struct fixture *fixture)
{
    struct err err = {0};
    if (fence_open(fixture->store->db, &fixture->fence, &err) != 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    open_fence(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fence_close(fixture->fence);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void save(struct fixture *fixture)
{
    struct err err = {0};
    temp_store_begin(fixture->store);
    if (fence_save(fixture->fence, &err) != 0)
        fail_msg("%s", err.text);
    temp_store_commit(fixture->store);
}

static void reopen(struct fixture *fixture)
{
    fence_close(fixture->fence);
    temp_store_close(fixture->store);
    temp_store_open(fixture->store);
    open_fence(fixture);
}

static enum fence_verdict judge(struct fixture *fixture, const char *id, uint64_t epoch,
                                uint64_t nonce, uint32_t last_saga)
{
    const struct fence_claim claim = {bytes_text(id), epoch, nonce, temp_store_id(last_saga)};
    struct fence_driver *driver = NULL;
    return fence_judge(fixture->fence, &claim, &driver);
}

/* What is held of an orchestrator that is known. A refused claim changes nothing of it. */
static struct fence_driver *held(struct fixture *fixture, const char *id)
{
    const struct fence_claim none = {.id = bytes_text(id)};
    struct fence_driver *driver = NULL;
    assert_int_equal(fence_judge(fixture->fence, &none, &driver), FENCE_STALE);
    assert_non_null(driver);
    return driver;
}

static void assert_held(struct fixture *fixture, const char *id, uint64_t epoch, uint64_t nonce,
                        uint32_t last_saga)
{
    const struct fence_driver *driver = held(fixture, id);
    const struct id last = temp_store_id(last_saga);
    assert_string_equal(driver->id, id);
    assert_int_equal(driver->epoch, epoch);
    assert_int_equal(driver->nonce, nonce);
    assert_memory_equal(&driver->last_saga, &last, sizeof last);
}

static void raise_floor(struct fixture *fixture, const char *id, uint64_t epoch, uint64_t version,
                        uint32_t floor, const uint32_t *open, size_t count)
{
    struct buffer list = {0};
    for (size_t i = 0; i < count; i++) {
        struct id saga = temp_store_id(open[i]);
        buffer_append(&list, saga.bytes, ID_SIZE);
    }
    const struct id top = temp_store_id(floor);
    fence_raise_floor(held(fixture, id), epoch, version, &top, buffer_bytes(&list));
    buffer_release(&list);
}

static bool is_below(struct fixture *fixture, const char *id, uint32_t saga)
{
    const struct id wanted = temp_store_id(saga);
    return fence_is_below_floor(held(fixture, id), &wanted);
}

/* The same start of an orchestrator passes as often as it speaks; each later one takes over. */
static void test_fence_judge__higher_epoch__takes_over(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture, "o", 3, 33, 5), FENCE_PASS);
    assert_int_equal(judge(fixture, "o", 3, 33, 5), FENCE_PASS);
    assert_held(fixture, "o", 3, 33, 5);
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
    assert_held(fixture, "o", 4, 44, 5);
    assert_int_equal(judge(fixture, "o", 9, 1, 6), FENCE_PASS);
    assert_held(fixture, "o", 9, 1, 6);
}

/* A lower epoch is stale, whatever else it says; what is held stays. */
static void test_fence_judge__lower_epoch__is_stale(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
    assert_int_equal(judge(fixture, "o", 3, 44, 5), FENCE_STALE);
    assert_int_equal(judge(fixture, "o", 3, 99, 9), FENCE_STALE);
    assert_held(fixture, "o", 4, 44, 5);
}

/* Two copies that started from the same database have the same epoch: the nonce tells them apart,
 * and who came first stays. */
static void test_fence_judge__same_epoch_other_nonce__is_stale(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
    assert_int_equal(judge(fixture, "o", 4, 45, 6), FENCE_STALE);
    assert_int_equal(judge(fixture, "o", 4, 43, 6), FENCE_STALE);
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
    assert_held(fixture, "o", 4, 44, 5);
}

/* A higher epoch that does not know the last saga is an old copy or a backup: it would give ids
 * again, and its floor would be wrong. */
static void test_fence_judge__higher_epoch_lower_last_saga__is_an_old_copy(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
    assert_int_equal(judge(fixture, "o", 5, 55, 4), FENCE_OLD_COPY);
    assert_int_equal(judge(fixture, "o", UINT64_MAX, 55, 0), FENCE_OLD_COPY);
    assert_held(fixture, "o", 4, 44, 5);
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
}

/* Frames of one start may be reordered: they pass, and the last saga only rises. */
static void test_fence_judge__same_start_lower_last_saga__passes_and_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture, "o", 4, 44, 5), FENCE_PASS);
    assert_int_equal(judge(fixture, "o", 4, 44, 8), FENCE_PASS);
    assert_int_equal(judge(fixture, "o", 4, 44, 6), FENCE_PASS);
    assert_held(fixture, "o", 4, 44, 8);
}

/* Orchestrators of other ids do not touch each other. */
static void test_fence_judge__other_id__is_a_fence_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture, "o", 9, 99, 9), FENCE_PASS);
    assert_int_equal(judge(fixture, "p", 1, 11, 1), FENCE_PASS);
    assert_int_equal(judge(fixture, "o2", 2, 22, 2), FENCE_PASS);
    assert_held(fixture, "o", 9, 99, 9);
    assert_held(fixture, "p", 1, 11, 1);
    assert_int_not_equal(held(fixture, "o")->number, held(fixture, "p")->number);
    raise_floor(fixture, "o", 9, 1, 9, NULL, 0);
    assert_true(is_below(fixture, "o", 1));
    assert_false(is_below(fixture, "p", 1));
}

/* Memory for orchestrators is bounded: one too many is refused, the known ones are served. */
static void test_fence_judge__one_too_many__is_refused(void **state)
{
    struct fixture *fixture = *state;
    char id[16];
    for (int i = 0; i < FENCE_DRIVERS_MAX; i++) {
        (void)snprintf(id, sizeof id, "o%d", i);
        assert_int_equal(judge(fixture, id, 1, 1, 1), FENCE_PASS);
    }
    const struct fence_claim claim = {bytes_text("late"), 1, 1, temp_store_id(1)};
    struct fence_driver *driver = NULL;
    assert_int_equal(fence_judge(fixture->fence, &claim, &driver), FENCE_TOO_MANY);
    assert_null(driver);
    assert_int_equal(judge(fixture, "o63", 2, 2, 2), FENCE_PASS);
    save(fixture);
    reopen(fixture);
    assert_held(fixture, "o0", 1, 1, 1);
    assert_held(fixture, "o63", 2, 2, 2);
    assert_int_equal(fence_judge(fixture->fence, &claim, &driver), FENCE_TOO_MANY);
}

/* Below the floor all is final but what it lists; above it and at it nothing is. */
static void test_fence_is_below_floor__floor_and_open_list__tell(void **state)
{
    static const uint32_t open[] = {2, 4, 7};
    struct fixture *fixture = *state;
    (void)judge(fixture, "o", 1, 1, 20);
    assert_false(is_below(fixture, "o", 1)); /* No floor yet: nothing is final. */
    raise_floor(fixture, "o", 1, 1, 10, open, 3);
    for (uint32_t saga = 0; saga <= 20; saga++) {
        bool final = saga < 10 && saga != 2 && saga != 4 && saga != 7;
        if (is_below(fixture, "o", saga) != final)
            fail_msg("saga %u", saga);
    }
    raise_floor(fixture, "o", 1, 2, 10, NULL, 0);
    assert_true(is_below(fixture, "o", 7));
}

/* Floors come in any order; the newest by (epoch, version) holds. */
static void test_fence_raise_floor__older_epoch_or_version__is_ignored(void **state)
{
    struct fixture *fixture = *state;
    (void)judge(fixture, "o", 5, 1, 100);
    raise_floor(fixture, "o", 4, 7, 10, NULL, 0);
    assert_true(is_below(fixture, "o", 9));
    raise_floor(fixture, "o", 4, 7, 30, NULL, 0); /* The same version again. */
    raise_floor(fixture, "o", 4, 6, 40, NULL, 0);
    raise_floor(fixture, "o", 3, 99, 50, NULL, 0);
    assert_false(is_below(fixture, "o", 10));
    raise_floor(fixture, "o", 4, 8, 20, NULL, 0);
    assert_true(is_below(fixture, "o", 19));
    raise_floor(fixture, "o", 5, 1, 25, NULL, 0);
    assert_true(is_below(fixture, "o", 24));
    raise_floor(fixture, "o", 4, 99, 90, NULL, 0);
    assert_false(is_below(fixture, "o", 25));
}

/* What was taken over is stored before anything is answered, and is there after a restart. */
static void test_fence_save__reopened__holds_pair_and_floor(void **state)
{
    static const uint32_t open[] = {3};
    struct fixture *fixture = *state;
    (void)judge(fixture, "o", UINT64_MAX, UINT64_MAX - 1, 5);
    (void)judge(fixture, "p", 2, 22, 6);
    raise_floor(fixture, "o", UINT64_MAX, 2, 5, open, 1);
    int64_t number = held(fixture, "p")->number;
    save(fixture);
    reopen(fixture);
    assert_held(fixture, "o", UINT64_MAX, UINT64_MAX - 1, 5);
    assert_held(fixture, "p", 2, 22, 6);
    assert_int_equal(held(fixture, "p")->number, number);
    assert_true(is_below(fixture, "o", 4));
    assert_false(is_below(fixture, "o", 3));
    assert_false(is_below(fixture, "p", 3));
    raise_floor(fixture, "o", UINT64_MAX, 1, 9, NULL, 0); /* Still the newest. */
    assert_false(is_below(fixture, "o", 6));
}

/* An open list may be as long as is allowed. */
static void test_fence_save__longest_open_list__is_stored(void **state)
{
    struct fixture *fixture = *state;
    uint32_t open[FENCE_OPEN_MAX];
    for (uint32_t i = 0; i < FENCE_OPEN_MAX; i++)
        open[i] = 2 * i;
    (void)judge(fixture, "o", 1, 1, 5000);
    raise_floor(fixture, "o", 1, 1, 5000, open, FENCE_OPEN_MAX);
    save(fixture);
    reopen(fixture);
    for (uint32_t i = 0; i < FENCE_OPEN_MAX; i++) {
        assert_false(is_below(fixture, "o", 2 * i));
        assert_true(is_below(fixture, "o", 2 * i + 1));
    }
}

/* A batch that was taken back taught nothing: what is stored holds again. */
static void test_fence_forget__batch_taken_back__holds_what_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    (void)judge(fixture, "o", 1, 11, 5);
    raise_floor(fixture, "o", 1, 1, 4, NULL, 0);
    save(fixture);
    (void)judge(fixture, "o", 2, 22, 9);
    (void)judge(fixture, "new", 1, 1, 1);
    raise_floor(fixture, "o", 2, 1, 9, NULL, 0);
    temp_store_begin(fixture->store);
    assert_int_equal(fence_save(fixture->fence, &err), 0);
    db_rollback(fixture->store->db);
    assert_int_equal(fence_forget(fixture->fence, &err), 0);
    assert_held(fixture, "o", 1, 11, 5);
    assert_true(is_below(fixture, "o", 3));
    assert_false(is_below(fixture, "o", 4));
    assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM zsaga_driver"), 1);
    /* It is taken over and stored anew when it speaks again. */
    (void)judge(fixture, "o", 2, 22, 9);
    save(fixture);
    reopen(fixture);
    assert_held(fixture, "o", 2, 22, 9);
}

/* Only what has changed is written: an idle hello costs no row. */
static void test_fence_save__nothing_new__writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    (void)judge(fixture, "o", 1, 11, 5);
    save(fixture);
    int64_t changes = temp_store_ask(fixture->store, "SELECT total_changes()");
    (void)judge(fixture, "o", 1, 11, 5);
    (void)judge(fixture, "o", 1, 11, 4);
    (void)judge(fixture, "o", 1, 12, 9);
    save(fixture);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT total_changes()"), changes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fence_judge__higher_epoch__takes_over),
        TEST(test_fence_judge__lower_epoch__is_stale),
        TEST(test_fence_judge__same_epoch_other_nonce__is_stale),
        TEST(test_fence_judge__higher_epoch_lower_last_saga__is_an_old_copy),
        TEST(test_fence_judge__same_start_lower_last_saga__passes_and_keeps_it),
        TEST(test_fence_judge__other_id__is_a_fence_of_its_own),
        TEST(test_fence_judge__one_too_many__is_refused),
        TEST(test_fence_is_below_floor__floor_and_open_list__tell),
        TEST(test_fence_raise_floor__older_epoch_or_version__is_ignored),
        TEST(test_fence_save__reopened__holds_pair_and_floor),
        TEST(test_fence_save__longest_open_list__is_stored),
        TEST(test_fence_forget__batch_taken_back__holds_what_is_stored),
        TEST(test_fence_save__nothing_new__writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
