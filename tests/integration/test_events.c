/* The event plane over real processes: a consumer that writes down what it is given, while it and
 * the publishers are killed, frozen, started late and restored; afterwards its notes are the logs.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/rng.h"
#include "base/xalloc.h"
#include "owner_client.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"
#include "witness.h"

#define STORM_EVENTS 200000
#define STORM_KILLS_MIN 18
#define STORM_KILLS_MAX 60 /* Each costs the orders some time. */
#define ENDED_MS 120000
#define CAUGHT_UP_MS 60000
#define FROZEN_MS 6000 /* Beyond the heartbeats' timeout: its connections are cut. */
#define PUBLISHERS 5

static const char *const publishers[PUBLISHERS] = {"orchestrator", "order", "inventory", "payment",
                                                   "shipping"};

/* Lets the suite have a witness, and no observer. */
static void add_witness(struct suite_process *suite, const char *program)
{
    const char *path = suite_process_text(suite, "%s/suite.zpl", suite->data);
    if (access(path, F_OK) != 0)
        (void)suite_tool_expect(suite, 0, "init", NULL);
    char *text = suite_files_take(path);
    char *run = strstr(text, "    run = yes\n");
    assert_non_null(run);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "%.*s    run = no\n%s\nconsumer\n    name = witness\n    program = %s\n",
                  (int)(run - text), text, run + strlen("    run = yes\n"), program);
    assert_int_equal(fclose(file), 0);
    free(text);
}

static const char *witness_program(struct suite_process *suite)
{
    return suite_process_program(suite, "tests/zsaga-witness");
}

/* Asks a process of the suite on its owner socket; NULL: it does not answer just now. */
static const Zsaga__OwnerAnswer *ask_owner(struct suite_process *suite, const char *name,
                                           Zsaga__OwnerRequest *request,
                                           struct owner_client **ret_client)
{
    const char *endpoint =
        suite_process_text(suite, "ipc://%s/run/%s-owner.sock", suite->data, name);
    const Zsaga__OwnerAnswer *answer = NULL;
    struct err err = {0};
    *ret_client = NULL;
    if (owner_client_new(endpoint, ret_client, &err) < 0 ||
        owner_client_ask(*ret_client, request, 1000, &answer, &err) < 0)
        return NULL;
    return answer;
}

static char *health(struct suite_process *suite, const char *name, uint64_t *ret_head)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health ask = ZSAGA__HEALTH__INIT;
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &ask;
    const Zsaga__OwnerAnswer *answer = ask_owner(suite, name, &request, &client);
    if (answer == NULL)
        return NULL;
    *ret_head = answer->health->head;
    return xprintf("%.*s %.*s", (int)answer->health->state.len,
                   (const char *)answer->health->state.data, (int)answer->health->detail.len,
                   (const char *)answer->health->detail.data);
}

/* Whether its health says these words. */
static bool witness_says(struct suite_process *suite, const char *words)
{
    uint64_t head;
    AUTO(freep) char *text = health(suite, "witness", &head);
    return text != NULL && strstr(text, words) != NULL;
}

/* Heads of all logs; false: somebody does not answer just now. */
static bool read_heads(struct suite_process *suite, uint64_t heads[PUBLISHERS])
{
    for (size_t i = 0; i < PUBLISHERS; i++) {
        AUTO(freep) char *text = health(suite, publishers[i], &heads[i]);
        if (text == NULL)
            return false;
    }
    return true;
}

static uint64_t field_number(ProtobufCBinaryData field)
{
    char text[32];
    bytes_copy_text(packed_view(field), text, sizeof text);
    return strtoull(text, NULL, 10);
}

/* How far the witness has read each log. */
static bool read_applied(struct suite_process *suite, uint64_t applied[PUBLISHERS])
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Export export = ZSAGA__EXPORT__INIT;
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
    request.export = &export;
    export.table = packed_borrow_text("cursors");
    memset(applied, 0, PUBLISHERS * sizeof *applied);
    const Zsaga__OwnerAnswer *answer = ask_owner(suite, "witness", &request, &client);
    if (answer == NULL || answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_PAGE)
        return false;
    for (size_t i = 0; i < answer->page->n_rows; i++)
        for (size_t j = 0; j < PUBLISHERS; j++)
            if (bytes_equal(packed_view(answer->page->rows[i]->fields[0]),
                            bytes_text(publishers[j])))
                applied[j] = field_number(answer->page->rows[i]->fields[1]);
    return true;
}

static uint64_t sum_of(const uint64_t numbers[PUBLISHERS])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PUBLISHERS; i++)
        sum += numbers[i];
    return sum;
}

static bool has_caught_up(struct suite_process *suite)
{
    uint64_t heads[PUBLISHERS];
    uint64_t applied[PUBLISHERS];
    return read_heads(suite, heads) && read_applied(suite, applied) && sum_of(heads) > 0 &&
           memcmp(heads, applied, sizeof heads) == 0;
}

static const char *db_path(struct suite_process *suite, const char *name)
{
    return suite_process_text(suite, "%s/db/%s.db", suite->data, name);
}

static uint64_t compare(struct suite_process *suite, const char *publisher)
{
    return witness_compare(db_path(suite, "witness"), db_path(suite, publisher), publisher, 1);
}

/* Stops the suite and compares; returns how many events there are. */
static uint64_t stop_and_compare(struct suite_process *suite)
{
    uint64_t count = 0;
    SUITE_AWAIT(has_caught_up(suite), CAUGHT_UP_MS);
    assert_int_equal(suite_process_down(suite), 0);
    for (size_t i = 0; i < PUBLISHERS; i++)
        count += compare(suite, publishers[i]);
    return count;
}

static struct suite_tool *start_orders(struct suite_process *suite, const char *prefix, int count)
{
    return suite_tool_start(suite, -1, "submit", "order", suite_data_orders(suite, prefix, count),
                            "--concurrency", "1000", "--wait", "--json", NULL);
}

static void run_orders(struct suite_process *suite, const char *prefix, int count)
{
    struct suite_tool *submit = start_orders(suite, prefix, count);
    suite_tool_wait(submit, ENDED_MS);
    assert_int_equal(submit->exit_code, 0);
}

/* Kills publishers and consumer, each once before anybody's next turn. */
struct killer {
    struct rng rng;
    bool had[PUBLISHERS + 1];
    size_t left;
    int count;
    int kills[PUBLISHERS + 1];
    int64_t next_ms;
};

static bool is_due(const struct killer *killer)
{
    return killer->count < STORM_KILLS_MAX && suite_process_now_ms() >= killer->next_ms;
}

static void kill_somebody(struct suite_process *suite, struct killer *killer)
{
    killer->next_ms = suite_process_now_ms() + 150 + (int64_t)rng_below(&killer->rng, 500);
    if (killer->left == 0) {
        memset(killer->had, 0, sizeof killer->had);
        killer->left = PUBLISHERS + 1;
    }
    size_t i = rng_below(&killer->rng, PUBLISHERS + 1);
    while (killer->had[i])
        i = (i + 1) % (PUBLISHERS + 1);
    pid_t pid = suite_process_pid(suite, i == PUBLISHERS ? "witness" : publishers[i]);
    if (pid == 0 || kill(pid, SIGKILL) != 0)
        return; /* It is not back yet: another time. */
    killer->had[i] = true;
    killer->left--;
    killer->count++;
    killer->kills[i]++;
}

/* Orders without pause, and kills, until so many events went by. */
static void storm(struct suite_process *suite, uint64_t events, struct killer *killer)
{
    uint64_t heads[PUBLISHERS] = {0};
    struct suite_tool *submit = NULL;
    for (int batch = 0; submit != NULL || killer->count < STORM_KILLS_MIN ||
                        !read_heads(suite, heads) || sum_of(heads) < events;) {
        if (submit == NULL)
            submit = start_orders(suite, suite_process_text(suite, "b%d", batch++), 2500);
        SUITE_AWAIT(suite_tool_ended(submit) || is_due(killer), ENDED_MS);
        if (is_due(killer))
            kill_somebody(suite, killer);
        if (!suite_tool_ended(submit))
            continue;
        assert_int_equal(submit->exit_code, 0);
        submit = NULL;
    }
}

/* Two hundred thousand events while publishers and the consumer are killed at random: each is
 * applied exactly once, in its publisher's order, with the content of the log. */
static void test_storm__all_killed_at_random__each_event_once(void **state)
{
    struct suite_process *suite = *state;
    struct killer killer = {.left = 0};
    const uint64_t events = (uint64_t)suite_process_scale(STORM_EVENTS);
    add_witness(suite, witness_program(suite));
    suite_data_up_plenty(suite);
    rng_seed(&killer.rng, 5);
    storm(suite, events, &killer);
    uint64_t count = stop_and_compare(suite);
    print_message("%llu events; kills: witness %d", (unsigned long long)count,
                  killer.kills[PUBLISHERS]);
    for (size_t i = 0; i < PUBLISHERS; i++)
        print_message(", %s %d", publishers[i], killer.kills[i]);
    print_message("\n");
    assert_true(count >= events);
    assert_true(killer.kills[PUBLISHERS] > 0);
}

/* A consumer that comes late reads all that is there, and goes on with what is told live. */
static void test_late__joins_while_orders_run__reads_all(void **state)
{
    struct suite_process *suite = *state;
    const char *err_path = suite_process_path(suite, "witness.err");
    add_witness(suite, suite_process_text(suite, "%s/no-such-program", suite->root));
    suite_data_up_plenty(suite);
    run_orders(suite, "before", 500);
    struct suite_tool *submit = start_orders(suite, "with", suite_process_scale(2000));
    const char *argv[] = {witness_program(suite), "--data", suite->data, NULL};
    pid_t witness =
        suite_process_spawn(argv, -1, suite_process_path(suite, "witness.out"), err_path);
    suite_tool_wait(submit, ENDED_MS);
    SUITE_AWAIT(has_caught_up(suite), CAUGHT_UP_MS);
    assert_int_equal(kill(witness, SIGTERM), 0);
    SUITE_AWAIT(suite_process_pid(suite, "witness") == 0, CAUGHT_UP_MS);
    assert_int_equal(suite_process_down(suite), 0);
    for (size_t i = 0; i < PUBLISHERS; i++)
        (void)compare(suite, publishers[i]);
}

/* One that stood still until its connections were cut has lost what was told, and fetches it. */
static void test_frozen__longer_than_connections_last__fetches(void **state)
{
    struct suite_process *suite = *state;
    uint64_t before[PUBLISHERS];
    uint64_t after[PUBLISHERS];
    add_witness(suite, witness_program(suite));
    suite_data_up_plenty(suite);
    run_orders(suite, "a", 200);
    SUITE_AWAIT(read_applied(suite, before), CAUGHT_UP_MS);
    pid_t pid = suite_process_pid(suite, "witness");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    int64_t until_ms = suite_process_now_ms() + FROZEN_MS;
    for (int i = 0; i == 0 || suite_process_now_ms() < until_ms; i++)
        run_orders(suite, suite_process_text(suite, "f%d", i), 300);
    assert_int_equal(kill(pid, SIGCONT), 0);
    run_orders(suite, "z", 200);
    SUITE_AWAIT(has_caught_up(suite), CAUGHT_UP_MS);
    SUITE_AWAIT(read_applied(suite, after), CAUGHT_UP_MS);
    assert_true(sum_of(after) > sum_of(before) + 3000);
    assert_int_equal(suite_process_pid(suite, "witness"), pid);
    (void)stop_and_compare(suite);
}

/* One that has lost its database reads everything again. */
static void test_lost__database_removed__reads_all_again(void **state)
{
    struct suite_process *suite = *state;
    add_witness(suite, witness_program(suite));
    suite_data_up_plenty(suite);
    run_orders(suite, "a", 500);
    uint64_t before = stop_and_compare(suite);
    assert_int_equal(unlink(db_path(suite, "witness")), 0);
    suite_process_up(suite, NULL);
    assert_true(stop_and_compare(suite) >= before);
}

/* What was committed and never told, for the publisher died in between, is not lost. */
static void test_publisher__dies_between_commit_and_telling__loses_nothing(void **state)
{
    struct suite_process *suite = *state;
    add_witness(suite, witness_program(suite));
    (void)setenv("ZSAGA_CRASHPOINT", "payment:after_commit:15,orchestrator:after_commit:90", 1);
    suite_data_up_plenty(suite);
    (void)unsetenv("ZSAGA_CRASHPOINT");
    struct suite_tool *submit =
        suite_tool_start(suite, -1, "submit", "order", suite_data_orders(suite, "a", 150),
                         "--concurrency", "8", "--wait", "--json", NULL);
    suite_tool_wait(submit, ENDED_MS);
    assert_int_equal(submit->exit_code, 0);
    const json_t *rows = suite_tool_json(suite_tool_expect(suite, 0, "ps", "--json", NULL));
    assert_true(suite_json_number(suite_json_find(rows, "name", "payment"), "restarts") > 0);
    assert_true(suite_json_number(suite_json_find(rows, "name", "orchestrator"), "restarts") > 0);
    assert_int_equal(suite_process_down(suite), 0);
    suite_process_up(suite, NULL);
    (void)stop_and_compare(suite);
}

/* status has each stream of the witness, and names the one that has stopped. */
static void expect_status_tells(struct suite_process *suite)
{
    const json_t *processes = json_object_get(suite_status(suite), "processes");
    const json_t *witness = suite_json_find(processes, "name", "witness");
    const json_t *streams = json_object_get(witness, "streams");
    assert_int_equal(json_array_size(streams), PUBLISHERS);
    const json_t *payment = suite_json_find(streams, "publisher", "payment");
    assert_string_equal(suite_json_text(payment, "state"), "diverged");
    assert_non_null(strstr(suite_json_text(payment, "detail"), "zsaga resync witness payment"));
    const json_t *order = suite_json_find(streams, "publisher", "order");
    assert_string_equal(suite_json_text(order, "state"), "following");
    assert_true(suite_json_number(order, "applied") > 0);
    assert_int_equal(suite_json_number(order, "head"),
                     suite_json_number(order, "applied") + suite_json_number(order, "lag"));
    const char *table = suite_tool_run(suite, "status", NULL)->out;
    assert_non_null(strstr(table, "\nwitness   payment       diverged"));
    assert_non_null(strstr(table, "\nwitness   order         following"));
    assert_null(strstr(table, "\nobserver"));
    assert_non_null(strstr(table, "\nwitness: diverged: payment: behind"));
}

/* A publisher's database restored from an older copy: the consumer stops following it, says so, and
 * goes on with the others; after an operator's word it follows again. */
static void test_publisher__restored_from_a_copy__stops_until_a_word(void **state)
{
    struct suite_process *suite = *state;
    add_witness(suite, witness_program(suite));
    suite_data_up_plenty(suite);
    run_orders(suite, "a", 50);
    assert_int_equal(suite_process_down(suite), 0);
    const char *copy = suite_process_path(suite, "db");
    suite_files_copy_tree(suite_process_text(suite, "%s/db", suite->data), copy);
    suite_process_up(suite, NULL);
    run_orders(suite, "b", 50);
    SUITE_AWAIT(has_caught_up(suite), CAUGHT_UP_MS);
    assert_int_equal(suite_process_down(suite), 0);
    const char *payment = db_path(suite, "payment");
    (void)unlink(suite_process_text(suite, "%s-wal", payment));
    assert_int_equal(rename(suite_process_text(suite, "%s/payment.db", copy), payment), 0);
    (void)rename(suite_process_text(suite, "%s/payment.db-wal", copy),
                 suite_process_text(suite, "%s-wal", payment));
    suite_process_up(suite, NULL);
    SUITE_AWAIT(witness_says(suite, "diverged payment: behind"), CAUGHT_UP_MS);
    assert_true(witness_says(suite, "zsaga resync witness payment --from tail --reason TEXT"));
    expect_status_tells(suite);

    struct suite_tool *tool = suite_tool_run(suite, "resync", "witness", "order", "--from", "head",
                                             "--reason", "a test", NULL);
    assert_int_equal(tool->exit_code, 1);
    suite_tool_expect_said(tool, "only a stream that has stopped");
    /* What the orchestrator knows of a log is a second old: it has noticed, or could not. */
    tool = suite_tool_run(suite, "trust", "payment", "--reason", "a test", NULL);
    assert_in_range(tool->exit_code, 0, 1);
    (void)suite_tool_expect(suite, 0, "resync", "witness", "payment", "--from", "head", "--reason",
                            "a test", "--json", NULL);
    SUITE_AWAIT(witness_says(suite, "ok "), CAUGHT_UP_MS);
    run_orders(suite, "c", 50);
    SUITE_AWAIT(has_caught_up(suite), CAUGHT_UP_MS);
    assert_int_equal(suite_process_down(suite), 0);
    for (size_t i = 0; i < PUBLISHERS; i++)
        if (strcmp(publishers[i], "payment") != 0)
            (void)compare(suite, publishers[i]);
}

/* What `zsaga resync` refuses, with words and the right exit code. */
static void test_resync__wrong_call__is_refused(void **state)
{
    struct suite_process *suite = *state;
    add_witness(suite, witness_program(suite));
    struct suite_tool *tool = suite_tool_expect(suite, 4, "resync", "witness", "order", "--from",
                                                "head", "--reason", "why", NULL);
    suite_tool_expect_said(tool, "not running");
    suite_process_up(suite, NULL);
    tool = suite_tool_expect(suite, 2, "resync", "witness", "order", "--reason", "why", NULL);
    suite_tool_expect_said(tool, "--from is missing");
    tool = suite_tool_expect(suite, 2, "resync", "witness", "order", "--from", "now", "--reason",
                             "why", NULL);
    suite_tool_expect_said(tool, "tail or head");
    tool = suite_tool_expect(suite, 2, "resync", "witness", "order", "--from", "head", NULL);
    suite_tool_expect_said(tool, "--reason is missing");
    tool = suite_tool_expect(suite, 3, "resync", "nobody", "order", "--from", "head", "--reason",
                             "why", NULL);
    suite_tool_expect_said(tool, "no consumer nobody");
    tool = suite_tool_expect(suite, 3, "resync", "witness", "nobody", "--from", "head", "--reason",
                             "why", NULL);
    suite_tool_expect_said(tool, "does not follow nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_storm__all_killed_at_random__each_event_once),
        SUITE_TEST(test_late__joins_while_orders_run__reads_all),
        SUITE_TEST(test_frozen__longer_than_connections_last__fetches),
        SUITE_TEST(test_lost__database_removed__reads_all_again),
        SUITE_TEST(test_publisher__dies_between_commit_and_telling__loses_nothing),
        SUITE_TEST(test_publisher__restored_from_a_copy__stops_until_a_word),
        SUITE_TEST(test_resync__wrong_call__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
