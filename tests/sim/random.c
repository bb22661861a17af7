/* Runs the simulator on many seeds, and tells what was tried.
 *
 *   ZSAGA_SIM_SEEDS=5000  how many seeds, from the first one on
 *   ZSAGA_SIM_FIRST=7     the first one
 *   ZSAGA_SIM_SEED=42     this one only, with its trace if it fails */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sim.h"

#if defined(__SANITIZE_ADDRESS__)
#define SEEDS 300
#else
#define SEEDS 1500
#endif
#define TELLING_SEEDS 600 /* From so many on, all that can happen must have happened. */
#define TWICE_EVERY 20 /* Each so many seeds, one runs twice, to see that nothing else decides. */

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
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoul(text, NULL, 10);
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

static void run_seed(unsigned long seed, struct sim_counts *counts)
{
    (void)snprintf(running, sizeof running, "\nin the run of ZSAGA_SIM_SEED=%lu\n", seed);
    uint64_t hash = sim_run(seed, counts);
    if (seed % TWICE_EVERY != 0)
        return;
    if (sim_run(seed, counts) != hash) {
        (void)fprintf(stderr, "FAIL determinism seed=%lu: two runs of it differ\n", seed);
        exit(1);
    }
}

int main(void)
{
    struct sim_counts counts = {0};
    (void)signal(SIGABRT, on_abort);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(tell_seed);
#endif
    if (getenv("ZSAGA_SIM_SEED") != NULL) {
        run_seed(number_of("ZSAGA_SIM_SEED", 1), &counts);
        print_counts(&counts);
        return 0;
    }
    unsigned long seeds = number_of("ZSAGA_SIM_SEEDS", SEEDS);
    unsigned long first = number_of("ZSAGA_SIM_FIRST", 1);
    int64_t from_us = clock_mono_us();
    for (unsigned long i = 0; i < seeds; i++)
        run_seed(first + i, &counts);
    double seconds = (double)(clock_mono_us() - from_us) / 1e6;
    print_counts(&counts);
    printf("%lu seeds from %lu in %.1f s: %.1f runs/s, %.1f sagas/s\n", seeds, first, seconds,
           (double)seeds / seconds, (double)counts.sagas / seconds);
    return seeds >= TELLING_SEEDS && check_counts(&counts) != 0 ? 1 : 0;
}
