#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "client_fixture.h"
#include "fake_server.h"

#define DEADLINE_MS 20000

/* As many keys as wanted are asked for, a thousand at a time, and told in the order asked. */
static void test_find__thousands_of_keys__in_their_order(void **state)
{
    (void)state;
    enum { COUNT = 2500 };
    static char names[COUNT][16];
    static const char *keys[COUNT];
    static struct client_outcome outcomes[COUNT];
    struct err err = {0};
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof names[i], "K%d", i);
        keys[i] = names[i];
        if (i % 2 == 0)
            (void)fake_orchestrator_add(&fixture.world, names[i], ZSAGA__SAGA_STATE__COMPENSATED);
    }
    client_fixture_serve();
    assert_int_equal(client_find(fixture.client, keys, COUNT, DEADLINE_MS, outcomes, &err), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(outcomes[i].state, i % 2 == 0 ? CLIENT_COMPENSATED : CLIENT_STATE_UNKNOWN);
        assert_string_equal(outcomes[i].reason, i % 2 == 0 ? "sold_out" : "");
    }
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 3);
    keys[7] = "";
    assert_int_equal(client_find(fixture.client, keys, COUNT, DEADLINE_MS, outcomes, &err),
                     ERR_INVALID);
}

/* The rows that were taken, as "KEY:state ". */
struct taken {
    char text[400];
    int count;
    int enough;
};

static bool take_row(void *self, const struct client_row *row)
{
    struct taken *taken = self;
    size_t len = strlen(taken->text);
    (void)snprintf(taken->text + len, sizeof taken->text - len, "%s:%s ", row->key,
                   client_state_name(row->state));
    assert_string_equal(row->last_error, "no\xef\xbf\xbd");
    assert_int_equal(row->created_ms, 1000);
    assert_int_equal(row->next_wake_ms, 3000);
    return ++taken->count != taken->enough;
}

static void expect_list(const struct client_filter *filter, int enough, const char *expected)
{
    struct taken taken = {.enough = enough};
    struct err err = {0};
    assert_int_equal(client_list(fixture.client, filter, DEADLINE_MS, take_row, &taken, &err), 0);
    assert_string_equal(taken.text, expected);
}

static void add_ten(void)
{
    for (int i = 0; i < 10; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        (void)fake_orchestrator_add(&fixture.world, key,
                                    i % 3 == 0 ? ZSAGA__SAGA_STATE__RUNNING
                                               : ZSAGA__SAGA_STATE__COMPLETED);
    }
}

/* Page after page, newest first; by state; as many as wanted; until the caller has enough. */
static void test_list__pages__filter_limit_and_enough(void **state)
{
    (void)state;
    const enum client_state running[] = {CLIENT_RUNNING, CLIENT_RUNNING, CLIENT_ATTENTION};
    const enum client_state none[] = {CLIENT_STATE_UNKNOWN};
    struct client_filter filter = {0};
    struct err err = {0};
    add_ten();
    client_fixture_serve();
    expect_list(&filter, 0,
                "9:running 8:completed 7:completed 6:running 5:completed 4:completed 3:running "
                "2:completed 1:completed 0:running ");
    expect_list(NULL, 3, "9:running 8:completed 7:completed ");
    filter.limit = 4;
    expect_list(&filter, 0, "9:running 8:completed 7:completed 6:running ");
    expect_list(&filter, 2, "9:running 8:completed ");
    filter = (struct client_filter){running, 3, 0};
    expect_list(&filter, 0, "9:running 6:running 3:running 0:running ");
    filter = (struct client_filter){none, 1, 0};
    assert_int_equal(client_list(fixture.client, &filter, DEADLINE_MS, take_row, NULL, &err),
                     ERR_INVALID);
}

/* A saga is shown with its steps and history; what was empty is an empty text. */
static void test_show__known_key__tells_all(void **state)
{
    (void)state;
    struct client_shown *shown = NULL;
    struct err err = {0};
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__RUNNING);
    fixture.world.lose = 0;
    client_fixture_serve();
    assert_int_equal(client_show(fixture.client, "A", DEADLINE_MS, &shown, &err), 0);
    assert_string_equal(shown->row.key, "A");
    assert_string_equal(shown->row.definition, "order");
    assert_int_equal(shown->row.saga.bytes[0], 9);
    assert_int_equal(shown->row.attempts, 3);
    assert_int_equal(shown->step_count, 1);
    assert_string_equal(shown->steps[0].name, "charge");
    assert_string_equal(shown->steps[0].undo_state, "none");
    assert_string_equal(shown->steps[0].last_error, "");
    assert_int_equal(shown->history_count, 1);
    assert_string_equal(shown->history[0].what, "accepted");
    assert_int_equal(shown->history[0].at_ms, 1000);
    client_shown_freep(&shown);
    assert_null(shown);
}

/* An unknown key is repeated in the words; one that no saga can have is as unknown. */
static void test_show__unknown_key__is_missing(void **state)
{
    (void)state;
    struct client_shown *shown = NULL;
    struct err err = {0};
    client_fixture_serve();
    assert_int_equal(client_show(fixture.client, "nobody", DEADLINE_MS, &shown, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.text, "there is no saga \"nobody\"");
    assert_int_equal(client_show(fixture.client, "", DEADLINE_MS, &shown, &err), ERR_NOT_FOUND);
    assert_null(shown);
}

/* Status tells counts by state, the oldest, and each channel. */
static void test_status__report__is_told(void **state)
{
    (void)state;
    struct client_status *status = NULL;
    struct err err = {0};
    add_ten();
    fixture.world.deaf = 1; /* A question that was lost is asked again. */
    client_fixture_serve();
    assert_int_equal(client_status(fixture.client, DEADLINE_MS, &status, &err), 0);
    assert_false(status->ready);
    assert_int_equal(status->sagas[CLIENT_RUNNING], 10);
    assert_int_equal(status->sagas[CLIENT_COMPLETED], 0);
    assert_string_equal(status->oldest_key, "A");
    assert_int_equal(status->channel_count, 1);
    assert_string_equal(status->channels[0].participant, "payment");
    assert_string_equal(status->channels[0].detail, "silent");
    client_status_freep(&status);
    assert_null(status);
}

/* A saga in attention goes on, once; what is not in attention, or not there, says so. */
static void test_retry__states__are_told(void **state)
{
    (void)state;
    struct err err = {0};
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__ATTENTION);
    client_fixture_serve();
    assert_int_equal(client_retry(fixture.client, "A", "me", "why", DEADLINE_MS, &err), 0);
    assert_int_equal(client_retry(fixture.client, "A", "me", "why", DEADLINE_MS, &err),
                     CLIENT_REFUSED);
    assert_string_equal(err.text, "words of the orchestrator");
    assert_int_equal(client_retry(fixture.client, "nobody", "me", "why", DEADLINE_MS, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.text, "there is no saga \"nobody\"");
    assert_int_equal(client_retry(fixture.client, "A", "", "why", DEADLINE_MS, &err), ERR_INVALID);
    assert_int_equal(client_retry(fixture.client, "A", "me", "", DEADLINE_MS, &err), ERR_INVALID);
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 3);
}

/* The answer to a retry was lost, and the next asking refused: its history says whose it was. */
static void test_retry__answer_lost__history_decides(void **state)
{
    (void)state;
    struct err err = {0};
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__ATTENTION);
    (void)fake_orchestrator_add(&fixture.world, "B", ZSAGA__SAGA_STATE__ATTENTION);
    fixture.world.lose = 1;
    fixture.world.resumed_by = "by me: because";
    client_fixture_serve();
    assert_int_equal(client_retry(fixture.client, "A", "me", "because", DEADLINE_MS, &err), 0);
    fake_server_stop();
    fixture.world.lose = 1;
    fixture.world.resumed_by = "by another: because";
    client_fixture_serve();
    assert_int_equal(client_retry(fixture.client, "B", "me", "because", DEADLINE_MS, &err),
                     CLIENT_REFUSED);
}

/* A suspended participant is trusted; one that is not, or not there, says so. */
static void test_trust__participants__are_told(void **state)
{
    (void)state;
    struct err err = {0};
    client_fixture_serve();
    assert_int_equal(client_trust(fixture.client, "payment", "me", "why", DEADLINE_MS, &err), 0);
    assert_int_equal(client_trust(fixture.client, "order", "me", "why", DEADLINE_MS, &err),
                     CLIENT_REFUSED);
    assert_int_equal(client_trust(fixture.client, "nobody", "me", "why", DEADLINE_MS, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.text, "there is no participant \"nobody\" in the suite");
}

/* An answer of another kind than was asked for is no answer, whatever was asked. */
static void test_questions__answer_of_another_kind__is_strange(void **state)
{
    (void)state;
    const char *key = "A";
    struct client_outcome outcome;
    struct client_shown *shown = NULL;
    struct client_status *status = NULL;
    const struct client_filter all = {0};
    struct err err = {0};
    fixture.world.other_kind = true;
    client_fixture_serve();
    assert_int_equal(client_find(fixture.client, &key, 1, DEADLINE_MS, &outcome, &err), ERR_SYSTEM);
    assert_int_equal(client_list(fixture.client, &all, DEADLINE_MS, take_row, NULL, &err),
                     ERR_SYSTEM);
    assert_int_equal(client_show(fixture.client, key, DEADLINE_MS, &shown, &err), ERR_SYSTEM);
    assert_int_equal(client_status(fixture.client, DEADLINE_MS, &status, &err), ERR_SYSTEM);
    assert_non_null(strstr(err.text, "than this program knows"));
    assert_null(shown);
    assert_null(status);
}

/* A full disk is told at once; other trouble is asked again until the time is over. */
static void test_questions__suite_in_trouble__is_told(void **state)
{
    (void)state;
    struct client_status *status = NULL;
    struct err err = {0};
    fixture.world.refusal = "disk_full";
    client_fixture_serve();
    assert_int_equal(client_status(fixture.client, DEADLINE_MS, &status, &err), ERR_FULL);
    assert_string_equal(err.text, "words of the orchestrator");
    fake_server_stop();
    fake_server_forget();
    fixture.world.refusal = "busy";
    client_fixture_serve();
    assert_int_equal(client_status(fixture.client, 2000, &status, &err), ERR_TIMEOUT);
    assert_string_equal(err.text, "words of the orchestrator");
    fake_server_stop();
    assert_in_range(fake_server_seen.requests, 2, 20);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_find__thousands_of_keys__in_their_order),
        TEST(test_list__pages__filter_limit_and_enough),
        TEST(test_show__known_key__tells_all),
        TEST(test_show__unknown_key__is_missing),
        TEST(test_status__report__is_told),
        TEST(test_retry__states__are_told),
        TEST(test_retry__answer_lost__history_decides),
        TEST(test_trust__participants__are_told),
        TEST(test_questions__answer_of_another_kind__is_strange),
        TEST(test_questions__suite_in_trouble__is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
