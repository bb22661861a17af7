#include "exhaust.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "sim.h"

#define PROGRESS_US (10 * INT64_C(1000000))
#define STEP(n)                                                                                    \
    "    step\n"                                                                                   \
    "        name = s" n "\n"                                                                      \
    "        participant = p" n "\n"                                                               \
    "        action = do" n "\n"                                                                   \
    "        compensation = undo" n "\n"                                                           \
    "        timeout = 200ms\n"                                                                    \
    "        patience = 1s\n"                                                                      \
    "        retry\n"                                                                              \
    "            attempts = 2\n"                                                                   \
    "            first = 50ms\n"                                                                   \
    "        undo\n"                                                                               \
    "            first = 50ms\n"
static const char two[] = "saga\n    name = two\n" STEP("0") STEP("1");

static void all_well(struct toy_script *script)
{
    script->action[0].output = true;
}

static void second_refuses(struct toy_script *script)
{
    script->action[1].refuses = true;
}

static void second_is_given_up(struct toy_script *script)
{
    script->action[1] = (struct toy_line){.trouble = TOY_RETRY, .times = 100};
    script->undo[0] = (struct toy_line){.trouble = TOY_RETRY, .times = 1};
}

static void second_waits(struct toy_script *script)
{
    script->action[1] = (struct toy_line){.trouble = TOY_PENDING, .times = 1};
}

static const struct {
    const char *name;
    void (*script)(struct toy_script *script);
} stories[] = {
    {"all goes well", all_well},
    {"the second step refuses", second_refuses},
    {"the second step is given up", second_is_given_up},
    {"the second step waits", second_waits},
};
#define STORIES (sizeof stories / sizeof stories[0])

static const struct sim_scope *under_way;

void exhaust_tell_schedule(void)
{
    char words[200];
    if (under_way != NULL)
        (void)fprintf(stderr, "replay: ./run sim --schedule %s\n",
                      sim_scope_describe(under_way, words, sizeof words));
}

/* Where it fails, the process ends: its trace is that of this schedule. */
static void run(size_t story, struct sim_scope *scope, bool trace, struct sim_counts *counts)
{
    struct sim *sim = sim_new_plain(two, scope, counts);
    under_way = scope;
    (void)alarm(SIM_HANG_SECONDS);
    sim->traced = trace;
    stories[story].script(sim_script(sim));
    sim_run_plain(sim);
    if (trace)
        (void)fprintf(stderr, "%.*s", (int)sim->trace.len, (const char *)sim->trace.data);
    sim_free(sim);
    under_way = NULL;
}

static unsigned long run_story(size_t story, const struct sim_scope_limits *limits)
{
    struct sim_counts counts = {0};
    struct sim_scope *scope = sim_scope_new(limits, (unsigned)story);
    unsigned long schedules = 0;
    int64_t from_us = clock_mono_us();
    int64_t told_us = from_us;
    do {
        run(story, scope, false, &counts);
        schedules++;
        if (clock_mono_us() - told_us >= PROGRESS_US) {
            told_us = clock_mono_us();
            (void)fprintf(stderr, "zsaga-sim: %s: %lu schedules, nothing found\n",
                          stories[story].name, schedules);
        }
    } while (sim_scope_next(scope));
    sim_scope_free(scope);
    printf("  %-28s %9lu schedules in %6.1f s: %llu completed, %llu compensated\n",
           stories[story].name, schedules, (double)(clock_mono_us() - from_us) / 1e6,
           (unsigned long long)counts.completed, (unsigned long long)counts.compensated);
    return schedules;
}

int exhaust_play(const struct sim_scope_limits *limits, const char *schedule)
{
    struct sim_counts counts = {0};
    struct sim_scope *scope = sim_scope_new(limits, 0);
    size_t story = schedule[0] >= '0' ? (size_t)(schedule[0] - '0') : STORIES;
    if (story >= STORIES || schedule[1] != '/' || !sim_scope_play(scope, schedule + 2)) {
        (void)fprintf(stderr,
                      "zsaga-sim: --schedule %s: as a finding names it: STORY/PLACE:N,...\n",
                      schedule);
        return SIM_EXIT_USAGE;
    }
    run(story, scope, true, &counts);
    sim_scope_free(scope);
    return 0;
}

int exhaust_all(const struct sim_scope_limits *limits)
{
    unsigned long schedules = 0;
    int64_t from_us = clock_mono_us();
    printf("two steps; at most %u crash, %u doubled and %u late message, %u of these in a run:\n",
           limits->crashes, limits->doubled, limits->delayed, limits->all);
    for (size_t i = 0; i < STORIES; i++)
        schedules += run_story(i, limits);
    printf("%lu schedules in %.1f s, nothing found\n", schedules,
           (double)(clock_mono_us() - from_us) / 1e6);
    return 0;
}
