/* Choices, tapes and schedules: what makes a run that can be had again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim_scope.h"
#include "sim_tape.h"

/* What was drawn and recorded is played again, choice by choice; behind the end all is 0. */
static void test_choice__recorded__is_played_again(void **state)
{
    (void)state;
    static struct sim_choice choice;
    static struct sim_choice_tape made;
    uint64_t drawn[20];
    sim_choice_open(&choice, 7, NULL, &made);
    for (size_t i = 0; i < 20; i++)
        drawn[i] = i % 2 == 0 ? sim_choice_below(sim_choice_host(&choice, 3), 1000)
                              : (uint64_t)sim_choice_rarely(sim_choice_host(&choice, 3), 1, 2);
    sim_choice_open(&choice, 8, &made, NULL);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(i % 2 == 0
                             ? sim_choice_below(sim_choice_host(&choice, 3), 1000)
                             : (uint64_t)sim_choice_rarely(sim_choice_host(&choice, 3), 1, 2),
                         drawn[i]);
    assert_int_equal(sim_choice_below(sim_choice_host(&choice, 3), 1000), 0);
    assert_false(sim_choice_rarely(sim_choice_host(&choice, 3), 999, 1000));
    sim_choice_tape_release(&made);
}

/* One draw more in one stream shifts no other. */
static void test_choice__streams__are_independent(void **state)
{
    (void)state;
    static struct sim_choice choice;
    sim_choice_open(&choice, 7, NULL, NULL);
    uint64_t first = sim_choice_below(sim_choice_link(&choice, 1, 2), UINT64_MAX);
    sim_choice_open(&choice, 7, NULL, NULL);
    (void)sim_choice_below(sim_choice_link(&choice, 2, 1), UINT64_MAX);
    (void)sim_choice_below(sim_choice_host(&choice, 1), UINT64_MAX);
    assert_int_equal(sim_choice_below(sim_choice_link(&choice, 1, 2), UINT64_MAX), first);
}

/* A played value that is beyond what is asked for is brought within it. */
static void test_choice__tape_of_another_time__stays_within_bounds(void **state)
{
    (void)state;
    static struct sim_choice choice;
    static struct sim_choice_tape given;
    sim_choice_list_add(&given.lists[SIM_CHOICE_FAULTS], 12);
    sim_choice_open(&choice, 1, &given, NULL);
    assert_int_equal(sim_choice_below(&choice.streams[SIM_CHOICE_FAULTS], 5), 2);
    sim_choice_tape_release(&given);
}

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/zsaga-tape-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

/* A tape that is written is read as it was, without its zeros at the end. */
static void test_tape__written__is_read_again(void **state)
{
    (void)state;
    static struct sim_tape tape = {
        .seed = 99, .profile = 2, .found = "I14", .about = "two answers"};
    static struct sim_tape read;
    struct err err = {0};
    sim_choice_list_add(&tape.choices.lists[SIM_CHOICE_PROFILE], 0);
    sim_choice_list_add(&tape.choices.lists[SIM_CHOICE_PROFILE], 5);
    sim_choice_list_add(&tape.choices.lists[SIM_CHOICE_PROFILE], 0);
    sim_choice_list_add(&tape.choices.lists[SIM_CHOICE_LINK + 17], UINT64_MAX);
    assert_int_equal(sim_tape_size(&tape), 2);
    assert_int_equal(sim_tape_write(&tape, path, &err), 0);
    assert_int_equal(sim_tape_read(path, &read, &err), 0);
    assert_int_equal(read.seed, 99);
    assert_int_equal(read.profile, 2);
    assert_string_equal(read.found, "I14");
    assert_string_equal(read.about, "two answers");
    const struct sim_choice_list *list = &read.choices.lists[SIM_CHOICE_PROFILE];
    assert_int_equal(list->count, 2);
    assert_int_equal(list->values[0], 0);
    assert_int_equal(list->values[1], 5);
    assert_int_equal(read.choices.lists[SIM_CHOICE_LINK + 17].values[0], UINT64_MAX);
    sim_tape_release(&tape);
    sim_tape_release(&read);
}

/* What is no tape is refused, with the number of its line. */
static void test_tape__damaged__is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const damaged[] = {"seed x\n",
                                          "profile unheard\n",
                                          "nowhere 1=1\n",
                                          "host1 1\n",
                                          "host1 =1\n",
                                          "host1 1=\n",
                                          "host1 2=1 1=1\n",
                                          "host1 99999999999=1\n",
                                          "host1 1=1\nhost1 1=1\n",
                                          "seed\n"};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        static struct sim_tape read;
        struct err err = {0};
        FILE *file = fopen(path, "w");
        (void)fprintf(file, "# words\n%s", damaged[i]);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(sim_tape_read(path, &read, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, i == 8 ? "line 3" : "line 2"));
        sim_tape_release(&read);
    }
}

/* Every schedule within the limits comes once: here of two deaths at three points, one allowed. */
static void test_scope__exhausted__has_each_schedule_once(void **state)
{
    (void)state;
    static const struct sim_scope_limits limits = {.crashes = 1, .doubled = 1, .all = 1};
    struct sim_scope *scope = sim_scope_new(&limits, 4);
    char seen[40][32];
    size_t count = 0;
    do {
        unsigned faults = 0;
        for (int i = 0; i < 3; i++)
            faults += sim_scope_crash(scope) != 0;
        faults += sim_scope_copy_ms(scope) >= 0;
        assert_int_equal(sim_scope_delay_ms(scope), 0); /* None of them is allowed. */
        assert_in_range(faults, 0, 1);
        (void)sim_scope_describe(scope, seen[count], sizeof seen[count]);
        for (size_t i = 0; i < count; i++)
            assert_string_not_equal(seen[i], seen[count]);
        count++;
    } while (sim_scope_next(scope));
    /* None; each of two kinds of death at each of three points; each of two copies. */
    assert_int_equal(count, 1 + 2 * 3 + 2);
    assert_string_equal(seen[0], "4/");
    sim_scope_free(scope);
}

/* A schedule that a finding names is the one that is played. */
static void test_scope__named__is_played(void **state)
{
    (void)state;
    static const struct sim_scope_limits limits = {.crashes = 1, .doubled = 1, .all = 2};
    struct sim_scope *scope = sim_scope_new(&limits, 0);
    char name[32];
    assert_true(sim_scope_play(scope, "1:2,2:1"));
    assert_int_equal(sim_scope_crash(scope), 0);
    assert_int_equal(sim_scope_crash(scope), 2);
    assert_int_equal(sim_scope_crash(scope), 0); /* One was allowed. */
    assert_true(sim_scope_copy_ms(scope) >= 0);
    assert_string_equal(sim_scope_describe(scope, name, sizeof name), "0/1:2,2:1");
    assert_false(sim_scope_play(scope, "1:2,"));
    assert_false(sim_scope_play(scope, "2:1,1:1"));
    assert_false(sim_scope_play(scope, "x"));
    sim_scope_free(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice__recorded__is_played_again),
        cmocka_unit_test(test_choice__streams__are_independent),
        cmocka_unit_test(test_choice__tape_of_another_time__stays_within_bounds),
        cmocka_unit_test_setup_teardown(test_tape__written__is_read_again, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_tape__damaged__is_refused_with_its_line, make_path,
                                        remove_path),
        cmocka_unit_test(test_scope__exhausted__has_each_schedule_once),
        cmocka_unit_test(test_scope__named__is_played),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
