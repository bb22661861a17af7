/* zsaga-sim: whole suites in one thread, each run drawn from a seed. See `zsaga-sim --help`. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sim.h"

#define SECONDS 60
#define SECONDS_MAX (24L * 3600)
#define PROGRESS_US (10 * INT64_C(1000000))
#define TELLING_SEEDS 600 /* From so many on, all that can happen must have happened. */
#define TWICE_EVERY 20 /* Each so many seeds, one runs twice, to see that nothing else decides. */

struct options {
    unsigned long first;
    unsigned long seeds; /* 0: as many as there is time for. */
    long seconds;
    bool trace;
};

static char running[96];

/* An assertion of the engine's own, or a sanitizer: whoever reads it needs the seed. */
static void tell_seed(void)
{
    ssize_t written = write(STDERR_FILENO, running, strlen(running));
    (void)written;
}

static void on_abort(int signal_number)
{
    (void)signal_number;
    tell_seed();
    _exit(SIM_EXIT_CRASH);
}

static const char *const troubles[TOY_TROUBLE_COUNT] = {
    "smooth",      "retry",     "retry_later", "error",     "poison",
    "late_poison", "too_large", "pending",     "unwilling", "crash"};

static void print_counts(const struct sim_counts *counts)
{
#define X(name) printf("  %-18s %llu\n", #name, (unsigned long long)counts->name);
    SIM_COUNTS(X)
#undef X
    for (int i = TOY_RETRY; i < TOY_TROUBLE_COUNT; i++)
        printf("  toy %-14s %llu\n", troubles[i], (unsigned long long)counts->troubled[i]);
}

/* What no run of ours brings about: a command of a saga below the floor that has no row needs rows
 * that are forgotten; a rejected entry needs a peer that speaks badly. */
static bool is_beyond_us(const char *name)
{
    return strcmp(name, "expired") == 0 || strcmp(name, "rejected") == 0;
}

static int check_counts(const struct sim_counts *counts)
{
    int missing = 0;
#define X(name)                                                                                    \
    if (counts->name == 0 && !is_beyond_us(#name)) {                                               \
        printf("never happened: %s\n", #name);                                                     \
        missing++;                                                                                 \
    }
    SIM_COUNTS(X)
#undef X
    for (int i = TOY_RETRY; i < TOY_TROUBLE_COUNT; i++) {
        if (counts->troubled[i] != 0)
            continue;
        printf("never happened: toy %s\n", troubles[i]);
        missing++;
    }
    return missing;
}

static void run_seed(unsigned long seed, bool trace, struct sim_counts *counts)
{
    (void)snprintf(running, sizeof running,
                   "\nFAIL crash seed=%lu\nreplay: ./run sim --seed %lu --trace\n", seed, seed);
    uint64_t hash = sim_run(seed, trace, counts);
    if (seed % TWICE_EVERY != 0)
        return;
    if (sim_run(seed, false, counts) != hash) {
        (void)fprintf(stderr, "FAIL determinism seed=%lu: two runs of it differ\n", seed);
        exit(SIM_EXIT_NOT_DETERMINED);
    }
}

static void help(void)
{
    (void)fputs(
        "usage: zsaga-sim [options]            (or: ./run sim [options])\n"
        "\n"
        "Runs the real orchestrator, participants and a consumer in one thread, on a virtual\n"
        "clock. From a run's seed all is drawn: the sagas and what their participants answer, "
        "what\n"
        "the network does to each message, who dies where, whose disk fails. Each run ends "
        "healed:\n"
        "all must come to rest, and every promise is checked in the databases. One seed in twenty\n"
        "runs twice, and both runs must be the same. At the end stands how often each rare thing\n"
        "has happened; in 600 runs or more, one that never did is a failure.\n"
        "\n"
        "  --seed N      this run only\n"
        "  --trace       print what was drawn for each run, and all that happened in it\n"
        "  --first N     the first seed (drawn from the time)\n"
        "  --seeds N     so many seeds, however long they take\n"
        "  --seconds S   as many seeds as S seconds have room for (60)\n"
        "  --help        print this and end\n"
        "\n"
        "exit codes: 0 nothing was found, 1 a rare thing never happened, 2 usage, 10 a crash or\n"
        "  an assertion, 11 a run that does not come to rest, 12 a promise that does not hold,\n"
        "  13 two runs of one seed that differ\n",
        stdout);
}

static unsigned long number(const char *name, const char *text, unsigned long most)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || value < 1 || value > most) {
        (void)fprintf(stderr, "zsaga-sim: --%s %s: a number of 1 to %lu is meant\n", name, text,
                      most);
        exit(SIM_EXIT_USAGE);
    }
    return value;
}

static void read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"seeds", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {"seconds", required_argument, NULL, 's'},
        {"trace", no_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.first = (unsigned long)clock_wall_ms(), .seconds = SECONDS};
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            help();
            exit(0);
        } else if (option == 'n') {
            options->first = number("seed", optarg, ULONG_MAX);
            options->seeds = 1;
        } else if (option == 't') {
            options->trace = true;
        } else if (option == 'f') {
            options->first = number("first", optarg, ULONG_MAX / 2);
        } else if (option == 'm') {
            options->seeds = number("seeds", optarg, ULONG_MAX / 2);
        } else if (option == 's') {
            options->seconds = (long)number("seconds", optarg, SECONDS_MAX);
        } else {
            exit(SIM_EXIT_USAGE);
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "zsaga-sim: %s: see zsaga-sim --help\n", argv[optind]);
        exit(SIM_EXIT_USAGE);
    }
}

/* Returns how many seeds were run. */
static unsigned long run_seeds(const struct options *options, struct sim_counts *counts)
{
    int64_t from_us = clock_mono_us();
    int64_t told_us = from_us;
    unsigned long done = 0;
    for (;;) {
        int64_t now_us = clock_mono_us();
        bool late = now_us - from_us >= options->seconds * INT64_C(1000000);
        if (options->seeds != 0 ? done == options->seeds : late)
            return done;
        if (now_us - told_us >= PROGRESS_US) {
            told_us = now_us;
            (void)fprintf(stderr, "zsaga-sim: %lu seeds, nothing found\n", done);
        }
        run_seed(options->first + done, options->trace, counts);
        done++;
    }
}

int main(int argc, char **argv)
{
    struct sim_counts counts = {0};
    struct options options;
    read_options(argc, argv, &options);
    (void)signal(SIGABRT, on_abort);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(tell_seed);
#endif
    int64_t from_us = clock_mono_us();
    unsigned long seeds = run_seeds(&options, &counts);
    double seconds = (double)(clock_mono_us() - from_us) / 1e6;
    print_counts(&counts);
    int missing = seeds >= TELLING_SEEDS ? check_counts(&counts) : 0;
    printf("%lu seeds from %lu in %.1f s: %.1f runs/s, %.1f sagas/s, nothing found\n", seeds,
           options.first, seconds, (double)seeds / seconds, (double)counts.sagas / seconds);
    return missing == 0 ? 0 : 1;
}
