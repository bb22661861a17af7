/* The storm: real orders at a steady rate while processes are killed; afterwards every accepted
 * order has ended, once, and all books agree. Without arguments the short form, which is a test.
 *
 * Orders are fed through the tool's standard input for as long as it lasts, the file again and
 * again, each pass with keys of its own. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/xalloc.h"
#include "suite_check.h"
#include "suite_data.h"
#include "suite_feed.h"
#include "suite_tool.h"

#define ALL_ENDED_MS 30000 /* After the last kill. */
#define ASK_MS 200         /* So long the status may take before a kill. */
#define AIM_MS 1000        /* So long a blow waits for somebody busy. */
#define PASSES_WORLD 20    /* The world is so many times as large as one pass needs. */

static struct {
    int kills;
    int rounds;
    double rate;
    uint64_t seed;
    int gap_min_ms;
    int gap_max_ms;
    const char *prefix;
} options = {.kills = 25,
             .rounds = 3,
             .rate = 250,
             .seed = 1,
             .gap_min_ms = 100,
             .gap_max_ms = 300,
             .prefix = "s"};

struct storm {
    struct suite_process *suite;
    struct suite_feed *feed;
    struct suite_tool *submit;
    struct suite_tool *audit; /* NULL: none is under way. */
    int audits;
    struct rng rng;
    size_t bag[SUITE_PROCESS_COUNT]; /* Whom to kill before anybody's next turn. */
    size_t bag_count;
    int kills_of[SUITE_PROCESS_COUNT];
    int aimed;     /* Kills of one with commands in flight to it. */
    int in_flight; /* Kills while commands were in flight to anybody. */
    int running;   /* Kills while sagas were running. */
    int unknown;   /* Kills while nobody could tell. */
};

/* A world that lasts for many passes. */
static const char *larger(struct suite_process *suite, const char *name)
{
    const char *text = suite_data_read(suite, suite_data_path(suite, name));
    struct buffer out = {0};
    const char *line = text;
    for (; *line != '\0'; line += strcspn(line, "\n") + 1) {
        const char *comma = strchr(line, ',');
        long long number = strtoll(comma + 1, NULL, 10);
        buffer_append(&out, line, (size_t)(comma + 1 - line));
        AUTO(freep)
        char *rest = line == text ? xprintf("%.*s\n", (int)strcspn(comma + 1, "\n"), comma + 1)
                                  : xprintf("%lld\n", number * PASSES_WORLD);
        buffer_append_text(&out, rest);
    }
    buffer_append(&out, "", 1);
    const char *path = suite_data_write(suite, (const char *)out.data);
    buffer_release(&out);
    return path;
}

static void begin(struct storm *storm, struct suite_process *suite)
{
    *storm = (struct storm){.suite = suite};
    rng_seed(&storm->rng, options.seed);
    suite_process_up(suite, "--stock", larger(suite, "stock.csv"), "--customers",
                     larger(suite, "customers.csv"), NULL);
    int fd;
    storm->feed = suite_feed_new(suite, suite_data_unpack(suite, "online-retail-2010-12.csv.gz"),
                                 options.prefix, &fd);
    const char *rate = suite_process_text(suite, "%f", options.rate);
    storm->submit = suite_tool_start(suite, fd, "submit", "order", "-", "--rate", rate,
                                     "--concurrency", "2000", "--wait", "--json", NULL);
    (void)close(fd);
}

static void feed_for(struct storm *storm, int64_t ms)
{
    int64_t until_ms = suite_process_now_ms() + ms;
    int64_t left_ms;
    while ((left_ms = until_ms - suite_process_now_ms()) > 0)
        suite_feed_turn(storm->feed, left_ms < 10 ? (int)left_ms : 10);
    if (suite_tool_ended(storm->submit))
        fail_msg("the tool ended early: %s", storm->submit->err);
}

static void feed_for_a_gap(struct storm *storm)
{
    uint64_t width = (uint64_t)(options.gap_max_ms - options.gap_min_ms + 1);
    feed_for(storm, options.gap_min_ms + (int64_t)rng_below(&storm->rng, width));
}

/* Commands in flight to this process; to anybody if it is the orchestrator, who waits for them, or
 * the observer, who follows all. */
static json_int_t in_flight(const json_t *status, const char *name)
{
    size_t i;
    json_t *channel;
    json_int_t count = 0;
    bool all = strcmp(name, suite_process_names[0]) == 0 ||
               strcmp(name, suite_process_names[SUITE_PROCESS_COUNT - 1]) == 0;
    json_array_foreach(json_object_get(status, "channels"), i, channel)
    {
        if (all || strcmp(suite_json_text(channel, "participant"), name) == 0)
            count += suite_json_number(channel, "in_flight");
    }
    return count;
}

/* NULL: the orchestrator, who could tell, does not answer just now. */
static const json_t *ask(struct storm *storm)
{
    struct suite_tool *tool = suite_tool_start(storm->suite, -1, "status", "--json", NULL);
    int64_t until_ms = suite_process_now_ms() + ASK_MS;
    while (!suite_tool_ended(tool) && suite_process_now_ms() < until_ms)
        suite_feed_turn(storm->feed, 2);
    if (suite_tool_ended(tool) && tool->out[0] != '\0')
        return suite_tool_json(tool);
    suite_tool_kill(tool);
    return NULL;
}

static void fill_bag(struct storm *storm)
{
    if (storm->bag_count != 0)
        return;
    for (; storm->bag_count < SUITE_PROCESS_COUNT; storm->bag_count++)
        storm->bag[storm->bag_count] = storm->bag_count;
}

/* The place in the bag of one that lives, and is busy if that is wanted; bag_count: there is none.
 */
static size_t draw(struct storm *storm, const json_t *status, bool busy)
{
    size_t first = rng_below(&storm->rng, storm->bag_count);
    for (size_t i = 0; i < storm->bag_count; i++) {
        size_t at = (first + i) % storm->bag_count;
        const char *name = suite_process_names[storm->bag[at]];
        bool fits = !busy || (status != NULL && in_flight(status, name) > 0);
        if (fits && suite_process_pid(storm->suite, name) != 0)
            return at;
    }
    return storm->bag_count;
}

static void note(struct storm *storm, const json_t *status, const char *name)
{
    storm->unknown += status == NULL;
    storm->aimed += status != NULL && in_flight(status, name) > 0;
    storm->in_flight += status != NULL && in_flight(status, suite_process_names[0]) > 0;
    storm->running += status != NULL && suite_json_number(status, "sagas.running") > 0;
}

/* Each gets its turn in each round of six. One blow in four hits whoever it is, as likely as not
 * in the midst of its recovery; the others wait a while for somebody busy. */
static void strike(struct storm *storm)
{
    bool blind = rng_below(&storm->rng, 4) == 0;
    int64_t until_ms = suite_process_now_ms() + (blind ? 0 : AIM_MS);
    const json_t *status;
    size_t at;
    bool late;
    fill_bag(storm);
    do {
        late = suite_process_now_ms() >= until_ms;
        status = ask(storm);
        at = draw(storm, status, !late);
    } while (!late && at == storm->bag_count);
    if (at == storm->bag_count)
        return;
    size_t victim = storm->bag[at];
    const char *name = suite_process_names[victim];
    pid_t pid = suite_process_pid(storm->suite, name);
    if (pid == 0)
        return;
    (void)kill(pid, SIGKILL);
    storm->bag[at] = storm->bag[--storm->bag_count];
    storm->kills_of[victim]++;
    note(storm, status, name);
}

/* For a while, until commands are in flight to somebody. */
static void wait_until_busy(struct storm *storm)
{
    const char *all = suite_process_names[0];
    int64_t until_ms = suite_process_now_ms() + AIM_MS;
    const json_t *status = ask(storm);
    while (suite_process_now_ms() < until_ms && (status == NULL || in_flight(status, all) == 0))
        status = ask(storm);
    note(storm, status, all);
}

/* One audit after another all the while: whatever is under way, the books agree at any time. */
static void audit_meanwhile(struct storm *storm)
{
    if (storm->audit != NULL) {
        if (!suite_tool_ended(storm->audit))
            return;
        if (storm->audit->exit_code != 0)
            fail_msg("an audit in the storm: %s%s", storm->audit->err, storm->audit->out);
        storm->audits++;
    }
    storm->audit = suite_tool_start(storm->suite, -1, "audit", NULL);
}

static int kills(const struct storm *storm)
{
    int count = 0;
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++)
        count += storm->kills_of[i];
    return count;
}

/* No more orders come; all that were accepted end soon, and well. */
static void expect_all_ended(struct storm *storm, int64_t last_kill_ms)
{
    suite_feed_end(storm->feed);
    suite_tool_wait(storm->submit, ALL_ENDED_MS - (suite_process_now_ms() - last_kill_ms));
    int64_t took_ms = suite_process_now_ms() - last_kill_ms;
    const json_t *got = suite_tool_json(storm->submit);
    json_int_t accepted = suite_json_number(got, "accepted");
    json_int_t completed = suite_json_number(got, "completed");
    json_int_t compensated = suite_json_number(got, "compensated");
    print_message("orders: %" JSON_INTEGER_FORMAT " accepted, %" JSON_INTEGER_FORMAT
                  " completed, %" JSON_INTEGER_FORMAT " compensated, p50 %.1f ms, p99 %.1f ms; all "
                  "ended %.1f s after the last kill\n",
                  accepted, completed, compensated, json_real_value(json_object_get(got, "p50_ms")),
                  json_real_value(json_object_get(got, "p99_ms")), (double)took_ms / 1000);
    assert_int_equal(suite_json_number(got, "failed"), 0);
    assert_int_equal(suite_json_number(got, "duplicate"), 0);
    assert_int_equal(suite_json_number(got, "conflict"), 0);
    assert_int_equal(suite_json_number(got, "attention"), 0);
    assert_int_equal(completed + compensated, accepted);
    assert_true(completed > 0 && compensated > 0);
    suite_expect_clean(storm->suite);
}

/* An outage is no reason to give a step up: patience is longer than any of these. */
static void expect_nothing_given_up(struct storm *storm)
{
    const char *key;
    json_t *saga;
    const json_t *sagas = suite_sagas(storm->suite);
    json_object_foreach((json_t *)(uintptr_t)sagas, key, saga)
    {
        const char *reason = suite_json_text(saga, "reason");
        if (reason != NULL && strcmp(reason, "unavailable") == 0)
            fail_msg("%s was given up", key);
    }
}

static void print_kills(const struct storm *storm)
{
    print_message("kills: %d:", kills(storm));
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++)
        print_message(" %s %d", suite_process_names[i], storm->kills_of[i]);
    print_message(
        "\nat these: commands in flight %d, to the victim %d; sagas running %d; unknown %d; "
        "%d audits meanwhile\n",
        storm->in_flight, storm->aimed, storm->running, storm->unknown, storm->audits);
}

/* Whichever process is killed, again and again under load, each accepted order ends once. */
static void test_storm__one_after_another_is_killed__all_orders_end(void **state)
{
    struct storm storm;
    int64_t last_kill_ms = 0;
    begin(&storm, *state);
    while (kills(&storm) < options.kills) {
        feed_for_a_gap(&storm);
        audit_meanwhile(&storm);
        strike(&storm);
        last_kill_ms = suite_process_now_ms();
    }
    print_kills(&storm);
    expect_all_ended(&storm, last_kill_ms);
    expect_nothing_given_up(&storm);
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++)
        assert_true(storm.kills_of[i] >= options.kills / (2 * SUITE_PROCESS_COUNT));
    assert_true(2 * storm.aimed >= options.kills);
    suite_expect_sound(storm.suite);
}

/* Everything is killed at once, the supervisor too, and started again: the orders go on. */
static void test_storm__everything_is_killed_at_once__all_orders_end(void **state)
{
    struct storm storm;
    int64_t last_kill_ms = 0;
    begin(&storm, *state);
    for (int i = 0; i < options.rounds; i++) {
        feed_for_a_gap(&storm);
        feed_for_a_gap(&storm);
        wait_until_busy(&storm);
        suite_process_kill_all(storm.suite);
        last_kill_ms = suite_process_now_ms();
        suite_process_up(storm.suite, NULL);
    }
    print_message("everything killed %d times, %d with commands in flight\n", options.rounds,
                  storm.in_flight);
    expect_all_ended(&storm, last_kill_ms);
    expect_nothing_given_up(&storm);
    suite_expect_sound(storm.suite);
}

static const char help[] =
    "usage: storm [options]: kills processes of a suite under load, and looks what is left\n"
    "  --kills N      kills of one process at a time (25)\n"
    "  --rounds N     kills of everything at once (3)\n"
    "  --rate R       orders a second (250)\n"
    "  --gap MIN:MAX  milliseconds between kills (100:300)\n"
    "  --seed S       of what is drawn: whom to kill, and when (1)\n"
    "  --prefix P     of the orders' keys, before the number of the pass (s)\n"
    "The long form: storm --kills 120 --rounds 10\n";

static int read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"kills", required_argument, NULL, 'k'}, {"rounds", required_argument, NULL, 'n'},
        {"rate", required_argument, NULL, 'r'},  {"gap", required_argument, NULL, 'g'},
        {"seed", required_argument, NULL, 's'},  {"prefix", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'k')
            options.kills = (int)strtol(optarg, NULL, 10);
        else if (option == 'n')
            options.rounds = (int)strtol(optarg, NULL, 10);
        else if (option == 'r')
            options.rate = strtod(optarg, NULL);
        else if (option == 's')
            options.seed = strtoull(optarg, NULL, 10);
        else if (option == 'p')
            options.prefix = optarg;
        else if (option != 'g' ||
                 sscanf(optarg, "%d:%d", &options.gap_min_ms, &options.gap_max_ms) != 2)
            return option == 'h' ? 0 : 2;
    }
    bool sound = options.kills >= 0 && options.rounds >= 0 && options.rate > 0 &&
                 options.gap_min_ms >= 0 && options.gap_max_ms >= options.gap_min_ms;
    return sound && optind == argc ? -1 : 2;
}

int main(int argc, char **argv)
{
    if (getenv("ZSAGA_SLOW") != NULL)
        options.rate /= 4;
    int code = read_options(argc, argv);
    if (code >= 0) {
        (void)fputs(help, code == 0 ? stdout : stderr);
        return code;
    }
    print_message("seed %llu\n", (unsigned long long)options.seed);
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_storm__one_after_another_is_killed__all_orders_end),
        SUITE_TEST(test_storm__everything_is_killed_at_once__all_orders_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
