#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "suite.h"
#include "suite_zpl.h"

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
    AUTO(suite_freep) struct suite *suite = suite_zpl_load(dir);
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
    assert_int_equal(suite->keep.days, 7);
    assert_int_equal(suite->consumer_count, 1);
    assert_string_equal(suite->consumers[0].name, SUITE_OBSERVER);
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
    AUTO(suite_freep) struct suite *first = suite_zpl_load(first_dir);
    AUTO(suite_freep) struct suite *second = suite_zpl_load(second_dir);
    assert_string_not_equal(first->id, second->id);
}

/* Each commented line of the first file, uncommented, is a line that is understood. */
static void test_suite_create__comments__teach_what_is_true(void **state)
{
    struct err err;
    assert_int_equal(suite_create(*state, &err), 0);
    AUTO(freep) char *text = suite_zpl_text(*state);
    for (char *at = text; (at = strstr(at, "    # ")) != NULL; at++) {
        size_t line = strcspn(at, "\n");
        if (memmem(at, line, " = ", 3) != NULL)
            memmove(at + 4, at + 6, strlen(at + 6) + 1);
    }
    suite_zpl_write(*state, text);
    AUTO(suite_freep) struct suite *suite = suite_zpl_load(*state);
    assert_string_equal(suite->client, "tcp://127.0.0.1:5570");
    assert_string_equal(suite->participants[0].program, "zsaga-order");
    assert_string_equal(suite->participants[0].command, "tcp://127.0.0.1:5571");
    assert_string_equal(suite->replay, "tcp://127.0.0.1:5600");
    assert_string_equal(suite->consumers[0].view, "tcp://127.0.0.1:5610");
}

/* So is the consumer that it shows as an example. */
static void test_suite_create__example_consumer__is_understood(void **state)
{
    struct err err;
    assert_int_equal(suite_create(*state, &err), 0);
    AUTO(freep) char *text = suite_zpl_text(*state);
    char *at = strstr(text, "# consumer\n");
    assert_non_null(at);
    for (; strncmp(at, "# ", 2) == 0; at = strchr(at, '\n') + 1)
        memmove(at, at + 2, strlen(at + 2) + 1);
    suite_zpl_write(*state, text);
    AUTO(suite_freep) struct suite *suite = suite_zpl_load(*state);
    assert_int_equal(suite->consumer_count, 2);
    assert_string_equal(suite->consumers[1].name, "mailer");
    assert_string_equal(suite->consumers[1].follow[0], "order");
}

/* A suite for services of one's own has no participants, and what it shows of one is understood. */
static void test_suite_create_empty__nothing_there__has_no_participants(void **state)
{
    AUTO(freep) char *dir = suite_path(*state, "new/bare");
    struct err err;
    assert_int_equal(suite_create_empty(dir, &err), 0);
    AUTO(suite_freep) struct suite *bare = suite_zpl_load(dir);
    assert_int_equal(bare->participant_count, 0);
    assert_int_equal(bare->consumer_count, 1);
    assert_string_equal(bare->consumers[0].name, SUITE_OBSERVER);
    assert_int_equal(strlen(bare->id), 32);
    assert_int_equal(count_entries(dir), 4);

    AUTO(freep) char *text = suite_zpl_text(dir);
    char *at = strstr(text, "# participant\n");
    assert_non_null(at);
    for (; strncmp(at, "# ", 2) == 0; at = strchr(at, '\n') + 1)
        memmove(at, at + 2, strlen(at + 2) + 1);
    suite_zpl_write(dir, text);
    AUTO(suite_freep) struct suite *suite = suite_zpl_load(dir);
    assert_int_equal(suite->participant_count, 1);
    assert_string_equal(suite->participants[0].name, "seats");
    assert_string_equal(suite->participants[0].replay, "tcp://127.0.0.1:5601");
}

/* A suite that is there is not made an empty one. */
static void test_suite_create_empty__there_already__leaves_it(void **state)
{
    struct err err;
    assert_int_equal(suite_create(*state, &err), 0);
    assert_int_equal(suite_create_empty(*state, &err), 0);
    AUTO(suite_freep) struct suite *suite = suite_zpl_load(*state);
    assert_int_equal(suite->participant_count, 4);
}

/* A suite file that is there is the user's and stays as it is. */
static void test_suite_create__file_there__is_left_alone(void **state)
{
    struct err err;
    suite_zpl_write(*state, "mine\n");
    assert_int_equal(suite_create(*state, &err), 0);
    AUTO(freep) char *text = suite_zpl_text(*state);
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
    suite_zpl_write(*state, "a file\n");
    assert_true(suite_create(dir, &err) < 0);
    assert_non_null(strstr(err.text, "suite.zpl is in the place of a directory"));
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
    AUTO(suite_freep) struct suite *suite = suite_zpl_load("./data");
    assert_int_equal(chdir(before), 0);
    AUTO(freep) char *expected = suite_path(*state, "data");
    assert_string_equal(suite->dir, expected);
}

/* What belongs to a process is found by its name. */
static void test_suite_db_path__name__is_in_its_directory(void **state)
{
    AUTO(suite_freep)
    struct suite *suite = suite_zpl_load_lines(*state, "participant\n    name = a\n");
    AUTO(freep) char *db = suite_db_path(suite, "a");
    AUTO(freep) char *log = suite_log_path(suite, "a");
    AUTO(freep) char *db_expected = suite_path(*state, "db/a.db");
    AUTO(freep) char *log_expected = suite_path(*state, "log/a.log");
    assert_string_equal(db, db_expected);
    assert_string_equal(log, log_expected);
    assert_ptr_equal(suite_find(suite, "a"), &suite->participants[0]);
    assert_null(suite_find(suite, "b"));
}

/* Everybody who keeps a log publishes it, in the suite's order; a consumer may follow fewer. */
static void test_suite_publishers__all_or_followed__are_given(void **state)
{
    AUTO(suite_freep)
    struct suite *suite = suite_zpl_load_lines(
        *state, "consumer\n    name = c\n    follow = b\n    follow = orchestrator\n"
                "participant\n    name = a\nparticipant\n    name = b\n");
    const char *names[SUITE_PARTICIPANTS_MAX + 1];
    assert_int_equal(suite_publishers(suite, NULL, names), 3);
    assert_string_equal(names[0], "orchestrator");
    assert_string_equal(names[1], "a");
    assert_string_equal(names[2], "b");
    assert_int_equal(suite_publishers(suite, suite_find_consumer(suite, "observer"), names), 3);
    assert_string_equal(names[2], "b");
    assert_int_equal(suite_publishers(suite, suite_find_consumer(suite, "c"), names), 2);
    assert_string_equal(names[0], "b");
    assert_string_equal(names[1], "orchestrator");
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, suite_zpl_set_up, suite_zpl_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_suite_dir__option_environment_default__in_this_order),
        TEST(test_suite_create__nothing_there__writes_a_suite_that_loads),
        TEST(test_suite_create__two_suites__have_different_ids),
        TEST(test_suite_create__comments__teach_what_is_true),
        TEST(test_suite_create__example_consumer__is_understood),
        TEST(test_suite_create_empty__nothing_there__has_no_participants),
        TEST(test_suite_create_empty__there_already__leaves_it),
        TEST(test_suite_create__file_there__is_left_alone),
        TEST(test_suite_create__private_directories__are_closed_to_others),
        TEST(test_suite_create__impossible_place__is_refused),
        TEST(test_suite_load__no_file__is_not_found),
        TEST(test_suite_load__relative_directory__becomes_absolute),
        TEST(test_suite_publishers__all_or_followed__are_given),
        TEST(test_suite_db_path__name__is_in_its_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
