/* A disk that is full for a while: everybody is told, nothing is lost, nobody has to be restarted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client_link.h"
#include "small_disk.h"
#include "suite.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_scan.h"
#include "suite_tool.h"

#define DISK_KIB (96U << 10) /* Above what the logs of five databases may take. */
#define ORDERS 200
#define MORE 500
#define WARM 20
#define SEEN_MS 20000
#define ASK_MS 10000

enum { TRUE = 0, FALSE = 1 };

static bool permitted;

static int setup(void **state)
{
    char words[200];
    permitted = small_disk_begin(words, sizeof words);
    if (!permitted)
        print_message("skipped: %s\n", words);
    (void)state;
    return 0;
}

static int setup_disk(void **state)
{
    (void)suite_process_setup(state);
    struct suite_process *suite = *state;
    if (permitted)
        small_disk_mount(suite->data, DISK_KIB);
    return 0;
}

static int teardown_disk(void **state)
{
    /* The logs are looked through before the disk is gone. */
    struct suite_process *suite = *state;
    AUTO(freep) char *data = xstrdup(suite->data);
    int rc = suite_process_teardown(state);
    small_disk_unmount(data);
    (void)remove(data);
    return rc;
}

/* What a process says of itself. */
static bool is_in_state(struct suite_process *suite, const char *name, const char *state,
                        const char *detail)
{
    struct err err = {0};
    AUTO(client_link_freep) struct client_link *client = NULL;
    const char *endpoint =
        suite_process_text(suite, "ipc://%s/run/%s-owner.sock", suite->data, name);
    if (client_link_new(endpoint, &client, &err) < 0)
        fail_msg("%s", err.text);
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    const Zsaga__OwnerAnswer *answer;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    if (client_link_ask_owner(client, &request, ASK_MS, &answer, &err) < 0)
        fail_msg("%s: %s", name, err.text);
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_HEALTH);
    struct bytes told = packed_view(answer->health->detail);
    return bytes_equal(packed_view(answer->health->state), bytes_text(state)) &&
           (detail[0] == '\0' || memmem(told.data, told.len, detail, strlen(detail)) != NULL);
}

static bool has_said(const struct suite_tool *tool, const char *words)
{
    char *text = suite_files_take(tool->err_path);
    bool said = strstr(text, words) != NULL;
    free(text);
    return said;
}

static int count_in_log(struct suite_process *suite, const char *name, const char *words)
{
    const char *text =
        suite_files_read(suite, suite_process_text(suite, "%s/log/%s.log", suite->data, name));
    int count = 0;
    while ((text = strstr(text, words)) != NULL) {
        count++;
        text += strlen(words);
    }
    return count;
}

static int count_sagas(struct suite_process *suite)
{
    return (int)json_object_size(suite_sagas(suite));
}

/* Orders under way to their ends. */
static struct suite_tool *begin_load(struct suite_process *suite, int count)
{
    suite_data_up_plenty(suite);
    struct suite_tool *tool =
        suite_tool_start(suite, -1, "submit", "order", suite_data_good_orders(suite, "o", count),
                         "--wait", "--rate", "100", "--timeout", "120", NULL);
    SUITE_AWAIT(count_sagas(suite) >= WARM, SEEN_MS);
    return tool;
}

/* Orders that do not fit the disk any more: the tool has been told. */
static struct suite_tool *begin_more(struct suite_process *suite, const char *file)
{
    struct suite_tool *tool =
        suite_tool_start(suite, -1, "submit", "order", file, "--timeout", "120", NULL);
    SUITE_AWAIT(has_said(tool, "the disk is full"), SEEN_MS);
    return tool;
}

static void expect_good(struct suite_tool *tool)
{
    suite_tool_wait(tool, SUITE_TOOL_MS);
    if (tool->exit_code != TRUE)
        fail_msg("exit code %d: %s%s", tool->exit_code, tool->err, tool->out);
}

/* All that were submitted are there, and end well. */
static void expect_all_there(struct suite_process *suite, const char *more, int count)
{
    (void)suite_tool_expect(suite, TRUE, "submit", "order", more, "--wait", NULL);
    assert_int_equal(count_sagas(suite), count);
    (void)suite_tool_expect(suite, TRUE, "status", NULL);
    suite_expect_clean(suite);
}

/* Who is hindered and why, in words and as a document. */
static void expect_status_says(struct suite_process *suite, const char *words)
{
    struct suite_tool *table = suite_tool_expect(suite, FALSE, "status", NULL);
    assert_non_null(
        strstr(table->out, suite_process_text(suite, "orchestrator: disk_full: %s", words)));
    const json_t *status = suite_status(suite);
    assert_true(json_is_false(json_object_get(status, "ready")));
    assert_true(json_is_null(json_object_get(status, "sagas")));
    const json_t *process =
        suite_json_find(json_object_get(status, "processes"), "name", "orchestrator");
    assert_string_equal(suite_json_text(process, "health"), "disk_full");
    assert_string_equal(suite_json_text(process, "detail"), words);
}

/* With the disk full, orders are refused with words that say what to do, and the tool goes on to
 * try; nothing falls. With room again, all that were accepted end and the others are accepted. */
static void test_full_disk__relieved__all_goes_on(void **state)
{
    struct suite_process *suite = *state;
    struct suite_scan before[SUITE_SCAN_MAX];
    if (!permitted)
        skip();
    int count = suite_process_scale(ORDERS);
    struct suite_tool *load = begin_load(suite, count);
    const char *more = suite_data_good_orders(suite, "m", MORE);
    const char *words = suite_process_text(
        suite, "the disk is full: make room for %s/db/orchestrator.db", suite->data);
    size_t processes = suite_scan(suite->data, before);
    small_disk_fill(suite->data);
    struct suite_tool *told = begin_more(suite, more);
    SUITE_AWAIT(is_in_state(suite, "orchestrator", "disk_full", words), SEEN_MS);
    suite_tool_expect_said(suite_tool_expect(suite, FALSE, "list", NULL), words);
    expect_status_says(suite, words);
    assert_false(suite_tool_ended(told));
    small_disk_relieve(suite->data);
    expect_good(told);
    expect_good(load);
    expect_all_there(suite, more, count + MORE);
    for (size_t i = 0; i < processes; i++)
        assert_true(suite_scan_lives(before[i].pid));
    assert_int_equal(suite_process_alive(suite), processes);
    const char *said = strstr(told->err, words);
    assert_non_null(said);
    assert_null(strstr(said + 1, words));
    assert_int_equal(count_in_log(suite, "orchestrator", "event=disk_full"), 1);
    SUITE_AWAIT(count_in_log(suite, "orchestrator", "event=disk_has_room") == 1, SEEN_MS);
}

/* Processes that are killed and started while the disk is full come up once there is room. */
static void test_full_disk__with_restarts__all_goes_on(void **state)
{
    struct suite_process *suite = *state;
    if (!permitted)
        skip();
    int count = suite_process_scale(ORDERS);
    struct suite_tool *load = begin_load(suite, count);
    const char *more = suite_data_good_orders(suite, "m", MORE);
    small_disk_fill(suite->data);
    struct suite_tool *told = begin_more(suite, more);
    suite_process_kill(suite, "payment");
    suite_process_kill(suite, "orchestrator");
    SUITE_AWAIT(suite_process_pid(suite, "payment") != 0, SEEN_MS);
    small_disk_relieve(suite->data);
    expect_good(told);
    expect_good(load);
    expect_all_there(suite, more, count + MORE);
    SUITE_AWAIT(strstr(suite_tool_expect(suite, TRUE, "ps", NULL)->out, "backoff") == NULL,
                SEEN_MS);
}

/* A participant's full disk refuses what its owner is asked to store, and says so in its health. */
static void test_full_disk__of_an_import__changes_nothing(void **state)
{
    struct suite_process *suite = *state;
    if (!permitted)
        skip();
    suite_data_up_plenty(suite);
    const char *larger = suite_data_write(suite, "sku,on_hand\ns1,200000000\n");
    const char *words = suite_process_text(
        suite, "the disk is full: make room for %s/db/inventory.db", suite->data);
    small_disk_fill(suite->data);
    struct suite_tool *tool = suite_tool_expect(suite, FALSE, "import", "stock", larger, NULL);
    suite_tool_expect_said(tool, words);
    small_disk_relieve(suite->data);
    SUITE_AWAIT(is_in_state(suite, "inventory", "ok", ""), SEEN_MS);
    assert_int_equal(suite_json_number(suite_table(suite, "stock", "on_hand"), "s1"), 100000000);
    (void)suite_tool_expect(suite, TRUE, "import", "stock", larger, NULL);
    assert_int_equal(suite_json_number(suite_table(suite, "stock", "on_hand"), "s1"), 200000000);
    suite_expect_clean(suite);
}

#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, setup_disk, teardown_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_full_disk__relieved__all_goes_on),
        DISK_TEST(test_full_disk__with_restarts__all_goes_on),
        DISK_TEST(test_full_disk__of_an_import__changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
