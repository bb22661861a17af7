#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "suite.h"

/* Each test has a directory of its own, removed afterwards. */
static int make_directory(void **state)
{
    char *dir = xstrdup("/tmp/zsaga-suite-XXXXXX");
    *state = mkdtemp(dir);
    return *state == NULL;
}

static int remove_directory(void **state)
{
    AUTO(freep) char *command = xprintf("rm -rf '%s'", (char *)*state);
    free(*state);
    return system(command);
}

static char *read_suite_file(const char *dir)
{
    AUTO(freep) char *path = suite_path(dir, "suite.zpl");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = xcalloc(1, 65536);
    (void)fread(text, 1, 65535, file);
    (void)fclose(file);
    return text;
}

static void write_suite_file(const char *dir, const char *text)
{
    AUTO(freep) char *path = suite_path(dir, "suite.zpl");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct suite *loaded(const char *dir)
{
    struct suite *suite;
    struct err err;
    if (suite_load(dir, &suite, &err) != 0)
        fail_msg("%s", err.text);
    return suite;
}

/* A suite file with the given lines behind its id. */
static struct suite *loaded_with(const char *dir, const char *lines)
{
    AUTO(freep) char *text = xprintf("suite\n    id = one\n%s", lines);
    write_suite_file(dir, text);
    return loaded(dir);
}

/* `words` follow "DIR/suite.zpl:", and `lines` begin on line 3. */
static void assert_refused(const char *dir, const char *lines, const char *words)
{
    AUTO(freep) char *text = xprintf("suite\n    id = one\n%s", lines);
    AUTO(freep) char *whole = xprintf("%s/suite.zpl:%s", dir, words);
    struct suite *suite;
    struct err err;
    write_suite_file(dir, text);
    assert_int_equal(suite_load(dir, &suite, &err), ERR_INVALID);
    assert_null(suite);
    assert_string_equal(err.text, whole);
}

static void assert_endpoint(struct suite *suite, const char *name, const char *socket,
                            const char *expected)
{
    struct err err;
    AUTO(freep) char *endpoint = NULL;
    assert_int_equal(suite_endpoint(suite, name, socket, &endpoint, &err), 0);
    assert_string_equal(endpoint, expected);
}

static mode_t mode_of(const char *dir, const char *below)
{
    AUTO(freep) char *path = suite_path(dir, below);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static int count_entries(const char *dir)
{
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(stream);
    return count;
}

/* The option goes before the environment, which goes before the current directory. */
static void test_suite_dir__option_environment_default__in_this_order(void **state)
{
    (void)state;
    assert_int_equal(setenv("ZSAGA_DATA", "/from/environment", 1), 0);
    AUTO(freep) char *option = suite_dir("given");
    AUTO(freep) char *environment = suite_dir(NULL);
    assert_int_equal(setenv("ZSAGA_DATA", "", 1), 0);
    AUTO(freep) char *empty = suite_dir(NULL);
    assert_int_equal(unsetenv("ZSAGA_DATA"), 0);
    AUTO(freep) char *otherwise = suite_dir(NULL);
    assert_string_equal(option, "given");
    assert_string_equal(environment, "/from/environment");
    assert_string_equal(empty, "./zsaga-data");
    assert_string_equal(otherwise, "./zsaga-data");
}

/* What a first start writes is a suite that loads, with the defaults and an id of its own. */
static void test_suite_create__nothing_there__writes_a_suite_that_loads(void **state)
{
    AUTO(freep) char *dir = suite_path(*state, "new/deep/suite");
    struct err err;
    assert_int_equal(suite_create(dir, &err), 0);
    AUTO(suite_freep) struct suite *suite = loaded(dir);
    static const char *const names[] = {"order", "inventory", "payment", "shipping"};
    assert_int_equal(suite->participant_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(suite->participants[i].name, names[i]);
    assert_string_equal(suite->participants[1].program, "zsaga-inventory");
    assert_null(suite->participants[0].settings);
    assert_non_null(suite->participants[3].settings);
    assert_int_equal(strlen(suite->id), 32);
    assert_int_equal(suite->limits.active_sagas_max, 20000);
    assert_int_equal(suite->limits.active_bytes_max, 268435456);
    assert_int_equal(suite->limits.window_max, 1024);
    assert_int_equal(suite->limits.window_bytes_max, 8388608);
    assert_null(suite->client);
    assert_int_equal(count_entries(dir), 4); /* suite.zpl, db, run, log: nothing is left over. */
}

/* Two suites never have the same id. */
static void test_suite_create__two_suites__have_different_ids(void **state)
{
    AUTO(freep) char *first_dir = suite_path(*state, "first");
    AUTO(freep) char *second_dir = suite_path(*state, "second");
    struct err err;
    assert_int_equal(suite_create(first_dir, &err), 0);
    assert_int_equal(suite_create(second_dir, &err), 0);
    AUTO(suite_freep) struct suite *first = loaded(first_dir);
    AUTO(suite_freep) struct suite *second = loaded(second_dir);
    assert_string_not_equal(first->id, second->id);
}

/* Each commented line of the first file, uncommented, is a line that is understood. */
static void test_suite_create__comments__teach_what_is_true(void **state)
{
    struct err err;
    assert_int_equal(suite_create(*state, &err), 0);
    AUTO(freep) char *text = read_suite_file(*state);
    for (char *at = text; (at = strstr(at, "    # ")) != NULL; at++) {
        size_t line = strcspn(at, "\n");
        if (memmem(at, line, " = ", 3) != NULL)
            memmove(at + 4, at + 6, strlen(at + 6) + 1);
    }
    write_suite_file(*state, text);
    AUTO(suite_freep) struct suite *suite = loaded(*state);
    assert_string_equal(suite->client, "tcp://127.0.0.1:5570");
    assert_string_equal(suite->participants[0].program, "zsaga-order");
    assert_string_equal(suite->participants[0].command, "tcp://127.0.0.1:5571");
}

/* A suite file that is there is the user's and stays as it is. */
static void test_suite_create__file_there__is_left_alone(void **state)
{
    struct err err;
    write_suite_file(*state, "mine\n");
    assert_int_equal(suite_create(*state, &err), 0);
    AUTO(freep) char *text = read_suite_file(*state);
    assert_string_equal(text, "mine\n");
}

/* Nobody else may connect to a socket or read a database, also where the directory was open. */
static void test_suite_create__private_directories__are_closed_to_others(void **state)
{
    AUTO(freep) char *run = suite_path(*state, "run");
    struct err err;
    assert_int_equal(mkdir(run, 0755), 0);
    assert_int_equal(suite_create(*state, &err), 0);
    assert_int_equal(mode_of(*state, "run"), 0700);
    assert_int_equal(mode_of(*state, "db"), 0700);
}

/* A place where no directory can be is told with its path and the reason. */
static void test_suite_create__impossible_place__is_refused(void **state)
{
    AUTO(freep) char *dir = suite_path(*state, "suite.zpl/below");
    struct err err;
    write_suite_file(*state, "a file\n");
    assert_true(suite_create(dir, &err) < 0);
    assert_non_null(strstr(err.text, "suite.zpl/below"));
    assert_int_equal(suite_create("", &err), ERR_INVALID);
}

/* No suite file is told apart from a wrong one. */
static void test_suite_load__no_file__is_not_found(void **state)
{
    struct suite *suite;
    struct err err;
    assert_int_equal(suite_load(*state, &suite, &err), ERR_NOT_FOUND);
    assert_null(suite);
}

/* A directory given relative to the current one is kept absolute: services may run elsewhere. */
static void test_suite_load__relative_directory__becomes_absolute(void **state)
{
    struct err err;
    AUTO(freep) char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(suite_create("./data", &err), 0);
    AUTO(suite_freep) struct suite *suite = loaded("./data");
    assert_int_equal(chdir(before), 0);
    AUTO(freep) char *expected = suite_path(*state, "data");
    assert_string_equal(suite->dir, expected);
}

/* Without an id a suite could be taken for another. */
static void test_suite_load__no_id__is_refused(void **state)
{
    struct suite *suite;
    struct err err;
    write_suite_file(*state, "orchestrator\n");
    assert_int_equal(suite_load(*state, &suite, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl: needs a 'suite' with its 'id'"));
    write_suite_file(*state, "suite\n");
    assert_int_equal(suite_load(*state, &suite, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl:1: suite: needs an 'id'"));
    write_suite_file(*state, "suite\n    id = a b\n");
    assert_int_equal(suite_load(*state, &suite, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl:2: id: has 1 to 64 letters"));
}

/* A line that is not understood is refused, at any level, with its number. */
static void test_suite_load__unknown_key__is_refused(void **state)
{
    const char *words = "is not known here; is it misspelt or in a wrong place?";
    AUTO(freep) char *top = xprintf("3: observer: %s", words);
    AUTO(freep) char *below = xprintf("4: windows_max: %s", words);
    assert_refused(*state, "observer\n", top);
    assert_refused(*state, "orchestrator\n    windows_max = 3\n", below);
    assert_refused(*state, "suite\n    id = two\n", "3: suite: stands twice, first on line 1");
}

/* What a participant is set to is its own to check. */
static void test_suite_load__settings__are_left_to_the_participant(void **state)
{
    AUTO(suite_freep)
    struct suite *suite = loaded_with(
        *state, "participant\n    name = a\n    settings\n        odd = 1\n        odd = 2\n");
    struct err err;
    assert_int_equal(config_check_used(suite->participants[0].settings, &err), ERR_INVALID);
}

/* A name can stand in a file name, and means one process. */
static void test_suite_load__participant_names__are_checked(void **state)
{
    assert_refused(*state, "participant\n", "3: participant: needs a 'name'");
    assert_refused(*state, "participant\n    name = a/b\n",
                   "4: name: 'a/b' is no name: 1 to 64 letters, digits, '_', '-' or '.'");
    assert_refused(*state, "participant\n    name = ..\n",
                   "4: name: '..' is no name: 1 to 64 letters, digits, '_', '-' or '.'");
    assert_refused(*state, "participant\n    name = orchestrator\n",
                   "4: name: 'orchestrator' is taken: choose another name");
    assert_refused(*state, "participant\n    name = a\nparticipant\n    name = a\n",
                   "6: name: 'a' is already a participant: each name once");
}

/* A limit outside its range is refused, not bent. */
static void test_suite_load__limits__are_checked(void **state)
{
    assert_refused(*state, "orchestrator\n    window_max = 0\n",
                   "4: window_max: '0' is not a whole number from 1 to 2000");
    assert_refused(*state, "orchestrator\n    active_bytes_max = 1\n",
                   "4: active_bytes_max: '1' is not a whole number from 1048576 to 1099511627776");
    AUTO(suite_freep)
    struct suite *suite =
        loaded_with(*state, "orchestrator\n    window_max = 32\n    active_sagas_max = 7\n");
    assert_int_equal(suite->limits.window_max, 32);
    assert_int_equal(suite->limits.active_sagas_max, 7);
}

/* An endpoint is one that the sockets can use; others are refused before anything starts. */
static void test_suite_load__endpoints__are_checked(void **state)
{
    static const char *const wrong[] = {
        "127.0.0.1:5570",   "tcp://127.0.0.1", "tcp://:5570",        "tcp://127.0.0.1:0",
        "tcp://h:65536",    "tcp://h:1x",      "tcp://*:5570",       "udp://127.0.0.1:5570",
        "ipc://relative/x", "ipc://@abstract", "inproc://somewhere", "tcp://h:000080000",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        AUTO(freep) char *line = xprintf("orchestrator\n    client = %s\n", wrong[i]);
        AUTO(freep)
        char *words = xprintf(strncmp(wrong[i], "tcp", 3) == 0
                                  ? "4: client: '%s' is not tcp://HOST:PORT"
                                  : "4: client: '%s' is neither tcp://HOST:PORT nor ipc:///PATH",
                              wrong[i]);
        assert_refused(*state, line, words);
    }
    AUTO(freep) char *longest = xprintf("orchestrator\n    owner = ipc:///%0107d\n", 1);
    assert_refused(*state, longest,
                   "4: owner: a socket's path has at most 107 bytes, this one 108");
}

/* Two sockets on one endpoint would steal each other's clients without a word. */
static void test_suite_load__same_endpoint_twice__is_refused(void **state)
{
    assert_refused(*state,
                   "orchestrator\n    client = tcp://h:1\n"
                   "participant\n    name = a\n    command = tcp://h:1\n",
                   " two sockets have the same endpoint tcp://h:1");
}

/* Sockets lie in the suite's own directory unless the file says otherwise. */
static void test_suite_endpoint__default_and_configured__are_given(void **state)
{
    AUTO(suite_freep)
    struct suite *suite =
        loaded_with(*state, "orchestrator\n    client = tcp://127.0.0.1:5570\n"
                            "participant\n    name = a\n    owner = ipc:///somewhere/a\n");
    AUTO(freep) char *command = xprintf("ipc://%s/run/a-command.sock", (char *)*state);
    AUTO(freep) char *owner = xprintf("ipc://%s/run/orchestrator-owner.sock", (char *)*state);
    assert_endpoint(suite, "orchestrator", "client", "tcp://127.0.0.1:5570");
    assert_endpoint(suite, "orchestrator", "owner", owner);
    assert_endpoint(suite, "a", "command", command);
    assert_endpoint(suite, "a", "owner", "ipc:///somewhere/a");
}

/* Who is no participant has no endpoint. */
static void test_suite_endpoint__unknown_name__is_not_found(void **state)
{
    AUTO(suite_freep) struct suite *suite = loaded_with(*state, "");
    struct err err;
    char *endpoint;
    assert_int_equal(suite_endpoint(suite, "nobody", "owner", &endpoint, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "has no participant 'nobody'"));
}

/* A data directory with a long path works like any other: its sockets are reached by descriptor. */
static void test_suite_endpoint__long_path__can_be_bound_and_reached(void **state)
{
    AUTO(freep) char *below = xprintf("%0120d", 1);
    AUTO(freep) char *dir = suite_path(*state, below);
    struct err err;
    assert_int_equal(suite_create(dir, &err), 0);
    AUTO(suite_freep) struct suite *server = loaded(dir);
    AUTO(suite_freep) struct suite *client = loaded(dir);
    AUTO(freep) char *bound = NULL;
    AUTO(freep) char *reached = NULL;
    assert_int_equal(suite_endpoint(server, "order", "command", &bound, &err), 0);
    assert_int_equal(suite_endpoint(client, "order", "command", &reached, &err), 0);
    assert_string_not_equal(bound, reached);
    void *context = zmq_ctx_new();
    void *pull = zmq_socket(context, ZMQ_PULL);
    void *push = zmq_socket(context, ZMQ_PUSH);
    const int limit_ms = 5000;
    assert_int_equal(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms), 0);
    assert_int_equal(zmq_bind(pull, bound), 0);
    assert_int_equal(zmq_connect(push, reached), 0);
    assert_int_equal(zmq_send(push, "x", 1, 0), 1);
    char got[2];
    assert_int_equal(zmq_recv(pull, got, sizeof got, 0), 1);
    AUTO(freep) char *socket_path = suite_path(dir, "run/order-command.sock");
    assert_int_equal(access(socket_path, F_OK), 0);
    assert_int_equal(zmq_close(push), 0);
    assert_int_equal(zmq_close(pull), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
}

/* What belongs to a process is found by its name. */
static void test_suite_db_path__name__is_in_its_directory(void **state)
{
    AUTO(suite_freep) struct suite *suite = loaded_with(*state, "participant\n    name = a\n");
    AUTO(freep) char *db = suite_db_path(suite, "a");
    AUTO(freep) char *log = suite_log_path(suite, "a");
    AUTO(freep) char *db_expected = suite_path(*state, "db/a.db");
    AUTO(freep) char *log_expected = suite_path(*state, "log/a.log");
    assert_string_equal(db, db_expected);
    assert_string_equal(log, log_expected);
    assert_ptr_equal(suite_find(suite, "a"), &suite->participants[0]);
    assert_null(suite_find(suite, "b"));
}

#define suite_test(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        suite_test(test_suite_dir__option_environment_default__in_this_order),
        suite_test(test_suite_create__nothing_there__writes_a_suite_that_loads),
        suite_test(test_suite_create__two_suites__have_different_ids),
        suite_test(test_suite_create__comments__teach_what_is_true),
        suite_test(test_suite_create__file_there__is_left_alone),
        suite_test(test_suite_create__private_directories__are_closed_to_others),
        suite_test(test_suite_create__impossible_place__is_refused),
        suite_test(test_suite_load__no_file__is_not_found),
        suite_test(test_suite_load__relative_directory__becomes_absolute),
        suite_test(test_suite_load__no_id__is_refused),
        suite_test(test_suite_load__unknown_key__is_refused),
        suite_test(test_suite_load__settings__are_left_to_the_participant),
        suite_test(test_suite_load__participant_names__are_checked),
        suite_test(test_suite_load__limits__are_checked),
        suite_test(test_suite_load__endpoints__are_checked),
        suite_test(test_suite_load__same_endpoint_twice__is_refused),
        suite_test(test_suite_endpoint__default_and_configured__are_given),
        suite_test(test_suite_endpoint__unknown_name__is_not_found),
        suite_test(test_suite_endpoint__long_path__can_be_bound_and_reached),
        suite_test(test_suite_db_path__name__is_in_its_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
