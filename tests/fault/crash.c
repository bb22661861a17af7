/* Each process of a suite dies, or its disk fails it, at the Nth of its system calls that matter:
 * for N = 1, 2, 3 ... until a run is untouched. However it goes, all orders end as they must, and
 * all books agree. Without --all some N of each kind are tried, which is a test. */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "crash_rig.h"
#include "suite_data.h"
#include "suite_tool.h"

#define SKIPPED 77 /* As ctest is told. */
#define ORDERS 10
#define REFUSED 3 /* Of them. */
#define ENDED_MS 60000
#define FAULTY_MS 300  /* A fault that lasts, does so long after it was felt, */
#define UNFELT_MS 3000 /* or this, if it is not. */
#define CURRENT_MS 30000

static struct {
    const char *victim;
    bool all;
    int tries; /* 0: as the kinds say. */
    uint64_t seed;
} options = {.victim = "payment", .seed = 1};

static const struct {
    struct crash_fault fault;
    int tries; /* Of the short form. */
} kinds[] = {
    {{"fdatasync", "signal=KILL", false}, 2}, {{"fdatasync", "error=EIO", false}, 1},
    {{"fdatasync", "error=EIO", true}, 1},    {{"pwrite64", "signal=KILL", false}, 2},
    {{"pwrite64", "error=EIO", false}, 1},    {{"pwrite64", "error=EIO", true}, 0},
    {{"pwrite64", "error=ENOSPC", false}, 1}, {{"pwrite64", "error=ENOSPC", true}, 1},
    {{"sendto", "signal=KILL", false}, 2},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static int tries_of(size_t kind)
{
    return options.tries > 0 ? options.tries : kinds[kind].tries;
}

/* Which N are tried: all, or one drawn of each of so many parts of those that there are. */
struct walk {
    long nth;
    long count; /* Of calls in a run without a fault. */
    int tries;
    int done;
};

static bool next_of(struct walk *walk, struct rng *rng, bool felt)
{
    if (options.all)
        return walk->nth++ == 0 || felt;
    if (!felt && walk->nth > 1) { /* A run may make fewer calls than the one that was counted. */
        walk->nth /= 2;
        return true;
    }
    long from = walk->count * walk->done / walk->tries;
    long until = walk->count * (walk->done + 1) / walk->tries;
    if (walk->done++ == walk->tries)
        return false;
    walk->nth = 1 + from + (long)rng_below(rng, until > from ? (uint64_t)(until - from) : 1);
    return true;
}

struct crash {
    struct crash_rig rig;
    struct rng rng;
    int runs;
    int felt;
    const char *counted; /* The call last counted. */
    long calls;
};

/* The observer has seen all, where nothing happens any more. */
static bool is_current(struct suite_process *suite)
{
    size_t i;
    json_t *stream;
    struct suite_tool *top = suite_tool_run(suite, "top", "--json", NULL);
    if (top->exit_code != 0)
        return false; /* The observer is not there. */
    const json_t *told = suite_tool_json(top);
    json_array_foreach(json_object_get(told, "streams"), i, stream)
    {
        if (suite_json_number(stream, "head") != suite_json_number(stream, "applied"))
            return false;
    }
    return json_equal(json_object_get(told, "sagas"),
                      json_object_get(suite_status(suite), "sagas"));
}

static bool observes(void)
{
    return strcmp(options.victim, "observer") == 0;
}

/* Orders go through the suite while the victim is hit: all of them end as they must. */
static void run_orders(struct crash *crash)
{
    struct crash_rig *rig = &crash->rig;
    const char *prefix = suite_process_text(rig->suite, "r%d", crash->runs);
    struct suite_tool *submit = suite_tool_start(rig->suite, -1, "submit", "order",
                                                 suite_data_orders(rig->suite, prefix, ORDERS),
                                                 "--concurrency", "4", "--wait", "--json", NULL);
    int64_t start_ms = suite_process_now_ms();
    int64_t heal_ms = start_ms + UNFELT_MS;
    int64_t until_ms = start_ms + ENDED_MS;
    bool lasts = rig->fault->lasts;
    while (!suite_tool_ended(submit) || (observes() && !is_current(rig->suite))) {
        crash_rig_turn(rig);
        int64_t now_ms = suite_process_now_ms();
        if (lasts && heal_ms > now_ms + FAULTY_MS && crash_rig_felt(rig))
            heal_ms = now_ms + FAULTY_MS;
        if (lasts && now_ms >= heal_ms) {
            crash_rig_heal(rig);
            lasts = false;
        }
        suite_process_pause(until_ms, "all orders have ended", __FILE__, __LINE__);
    }
    const json_t *got = suite_tool_json(submit);
    if (submit->exit_code != 0 || suite_json_number(got, "completed") != ORDERS - REFUSED ||
        suite_json_number(got, "compensated") != REFUSED)
        fail_msg("exit code %d: %s%s", submit->exit_code, submit->out, submit->err);
    crash->runs++;
}

/* Of a run without a fault; about, for not all runs make as many. */
static long count_calls(struct crash *crash, const struct crash_fault *fault)
{
    const struct crash_fault never = {fault->call, fault->effect, false};
    if (crash->counted == NULL || strcmp(crash->counted, fault->call) != 0) {
        crash_rig_arm(&crash->rig, &never, 0);
        run_orders(crash);
        crash->calls = crash_rig_calls(&crash->rig);
        crash->counted = fault->call;
    }
    return crash->calls;
}

static void hit(struct crash *crash, const struct crash_fault *fault, int tries)
{
    struct walk walk = {.count = 2 * count_calls(crash, fault) / 3, .tries = tries};
    bool felt = true;
    int met = 0;
    if (walk.count == 0) {
        print_message("%s makes hardly any call of %s\n", options.victim, fault->call);
        return;
    }
    while (next_of(&walk, &crash->rng, felt)) {
        print_message("%s %s %s when=%ld%s\n", options.victim, fault->call, fault->effect, walk.nth,
                      fault->lasts ? "+" : "");
        crash_rig_arm(&crash->rig, fault, walk.nth);
        run_orders(crash);
        felt = crash_rig_felt(&crash->rig);
        met += felt;
    }
    assert_true(met > 0);
    crash->felt += met;
}

/* Whatever N: no order is lost, done twice or half, and everybody agrees on it. */
static void test_victim__hit_at_the_nth_call__all_orders_end(void **state)
{
    struct crash crash = {0};
    rng_seed(&crash.rng, options.seed);
    crash_rig_begin(&crash.rig, *state, options.victim);
    for (size_t i = 0; i < KINDS; i++)
        if (options.all || tries_of(i) > 0)
            hit(&crash, &kinds[i].fault, tries_of(i));
    crash_rig_arm(&crash.rig, NULL, 0);
    const json_t *sagas = suite_sagas(crash.rig.suite);
    for (int i = 0; i < crash.runs; i++)
        suite_data_expect_ended(sagas, suite_process_text(crash.rig.suite, "r%d", i), ORDERS);
    assert_int_equal(json_object_size(sagas), crash.runs * ORDERS);
    suite_expect_clean(crash.rig.suite);
    SUITE_AWAIT(is_current(crash.rig.suite), CURRENT_MS);
    crash_rig_end(&crash.rig);
    print_message("%s: %d runs, %d hits\n", options.victim, crash.runs, crash.felt);
}

/* A process that dies while it makes its database, starts with what it finds. */
static void test_victim__hit_while_it_is_new__starts(void **state)
{
    struct rng rng;
    int met = 0;
    rng_seed(&rng, options.seed);
    for (size_t i = 0; i < KINDS; i++) {
        const struct crash_fault *fault = &kinds[i].fault;
        struct walk walk = {.tries = tries_of(i)};
        bool felt = true;
        long calls;
        if (fault->lasts || strcmp(fault->call, "sendto") == 0)
            continue;
        (void)crash_rig_create(*state, options.victim, fault, 0, &walk.count);
        while (next_of(&walk, &rng, felt)) {
            felt = crash_rig_create(*state, options.victim, fault, walk.nth, &calls);
            met += felt;
        }
    }
    print_message("%s: hit %d times while it was new\n", options.victim, met);
    assert_true(met > 0);
}

static const char help[] =
    "usage: crash [options] [PROCESS]: hits a process of a suite at its Nth system call\n"
    "  --all      every N from 1 on, until a run is untouched\n"
    "  --tries N  of each kind; without either, one or two\n"
    "  --seed S   of which N are tried (1)\n"
    "PROCESS: orchestrator, order, inventory, payment (if none is named), shipping, observer.\n"
    "Needs strace, and a machine that permits it.\n";

static int read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"all", no_argument, NULL, 'a'},
        {"tries", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'a')
            options.all = true;
        else if (option == 't')
            options.tries = (int)strtol(optarg, NULL, 10);
        else if (option == 's')
            options.seed = strtoull(optarg, NULL, 10);
        else
            return option == 'h' ? 0 : 2;
    }
    if (optind == argc)
        return -1;
    options.victim = argv[optind];
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++)
        if (strcmp(options.victim, suite_process_names[i]) == 0)
            return optind + 1 == argc ? -1 : 2;
    return 2;
}

int main(int argc, char **argv)
{
    char words[200];
    int code = read_options(argc, argv);
    if (code >= 0) {
        (void)fputs(help, code == 0 ? stdout : stderr);
        return code;
    }
    if (!crash_rig_is_permitted(words, sizeof words)) {
        print_message("skipped: no process may be traced here: %s\n", words);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_victim__hit_at_the_nth_call__all_orders_end),
        SUITE_TEST(test_victim__hit_while_it_is_new__starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
