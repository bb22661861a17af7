/* zsaga-sim: whole suites in one thread, each run drawn from a seed. See `zsaga-sim --help`. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "exhaust.h"
#include "options.h"
#include "report.h"
#include "sim.h"
#include "sim_shrink.h"
#include "sim_tape.h"

#define PROGRESS_US (10 * INT64_C(1000000))
#define TELLING_RUNS 600 /* From so many on, all that can happen must have happened. */
#define TWICE_EVERY 20   /* Each so many seeds, one runs twice, to see that nothing else decides. */
#define SHRINK_SECONDS 60

/* What a process of runs tells the one that watches it. */
static struct sim_finding *finding;
static char running[120] = "\n";

static void say(const char *words)
{
    ssize_t written = write(STDERR_FILENO, words, strlen(words));
    (void)written;
}

static void tell_run(const char *what)
{
    say("\nFAIL ");
    say(what);
    say(running);
    exhaust_tell_schedule();
}

/* An assertion of the engine's own, or a sanitizer, which ends with a code of its own: whoever
 * reads it needs the seed. */
static void on_death(void)
{
    memcpy(finding->what, "crash", sizeof "crash");
    tell_run("crash");
}

static void on_crash(int signal_number)
{
    (void)signal_number;
    on_death();
    _exit(SIM_EXIT_CRASH);
}

#if defined(__SANITIZE_ADDRESS__)
/* The other sanitizer knows of no callback: it ends as an assertion does. */
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}
#endif

static void on_alarm(int signal_number)
{
    (void)signal_number;
    tell_run("hang");
    _exit(SIM_EXIT_LIVENESS);
}

static void watch_signals(void)
{
    (void)signal(SIGABRT, on_crash);
    (void)signal(SIGALRM, on_alarm);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(on_death);
#else
    (void)signal(SIGSEGV, on_crash);
    (void)signal(SIGBUS, on_crash);
    (void)signal(SIGFPE, on_crash);
#endif
}

static void name_seed(uint64_t seed, int profile)
{
    finding->seed = seed;
    (void)snprintf(running, sizeof running, " seed=%llu profile=%s\n", (unsigned long long)seed,
                   sim_profile_name(profile));
    (void)alarm(SIM_HANG_SECONDS);
}

static void run_seed(const struct sim_options *options, struct sim_counts *counts)
{
    name_seed(options->seed, options->profile);
    uint64_t hash = sim_run(options, counts);
    if (options->seed % TWICE_EVERY != 0)
        return;
    struct sim_options again = *options;
    if (sim_run(&again, counts) != hash) {
        (void)fprintf(stderr, "FAIL determinism seed=%llu: two runs of it differ\n",
                      (unsigned long long)options->seed);
        exit(SIM_EXIT_NOT_DETERMINED);
    }
}

/* Returns how many. */
static unsigned long run_seeds(const struct options *options, struct sim_counts *counts)
{
    int64_t from_us = clock_mono_us();
    int64_t told_us = from_us;
    for (unsigned long done = 0;; done++) {
        int64_t now_us = clock_mono_us();
        bool late = now_us - from_us >= options->seconds * INT64_C(1000000);
        if (options->seeds != 0 ? done == options->seeds : late)
            return done;
        if (now_us - told_us >= PROGRESS_US) {
            told_us = now_us;
            (void)fprintf(stderr, "zsaga-sim: %lu seeds, nothing found\n", done);
        }
        const struct sim_options one = {
            .seed = options->first + done, .profile = options->profile, .trace = options->trace};
        run_seed(&one, counts);
    }
}

/* In a process of its own; returns its exit code. */
static int run_all(const struct options *options)
{
    struct sim_counts counts = {0};
    int64_t from_us = clock_mono_us();
    sim_tell_findings(finding);
    unsigned long seeds = run_seeds(options, &counts);
    double seconds = (double)(clock_mono_us() - from_us) / 1e6;
    report_print(&counts);
    bool tells = counts.runs >= TELLING_RUNS && options->profile == 0;
    int missing = tells ? report_missing(&counts) : 0;
    printf("%lu seeds from %lu (%s), %llu runs in %.1f s: %.1f runs/s, %.1f sagas/s, %.0f times as "
           "fast as the clock, nothing found\n",
           seeds, options->first, sim_profile_name(options->profile),
           (unsigned long long)counts.runs, seconds, (double)counts.runs / seconds,
           (double)counts.sagas / seconds, (double)counts.simulated_ms / 1e3 / seconds);
    return missing == 0 ? 0 : 1;
}

static struct sim_scope_limits limits_of(const struct options *options)
{
    return (struct sim_scope_limits){
        .crashes = 1, .doubled = 1, .delayed = 1, .all = options->faults};
}

static int exhaust(const struct options *options)
{
    const struct sim_scope_limits limits = limits_of(options);
    return exhaust_all(&limits);
}

static int watch(int (*what)(const struct options *), const struct options *options)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        exit(what(options));
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    if (strcmp(finding->what, "crash") == 0)
        return SIM_EXIT_CRASH;
    return WIFEXITED(status) ? WEXITSTATUS(status) : SIM_EXIT_CRASH;
}

static void shrink(const struct options *options)
{
    struct sim_tape tape;
    struct err err = {0};
    char path[60];
    uint64_t seed = finding->seed;
    (void)fprintf(stderr, "replay: ./run sim --seed %llu --profile %s --trace\n",
                  (unsigned long long)seed, sim_profile_name(options->profile));
    if (!options->shrinks)
        return;
    if (!sim_shrink(seed, options->profile, SHRINK_SECONDS, true, &tape)) {
        (void)fprintf(stderr, "It did not fail again by itself, without the seeds before it.\n");
        return;
    }
    (void)snprintf(path, sizeof path, "sim-%llu.tape", (unsigned long long)seed);
    if (sim_tape_write(&tape, path, &err) < 0)
        (void)fprintf(stderr, "zsaga-sim: %s\n", err.text);
    else
        (void)fprintf(stderr,
                      "shrunk:  ./run sim --trace --tape %s   (%s, %zu choices that are not 0)\n",
                      path, tape.found, sim_tape_size(&tape));
    sim_tape_release(&tape);
}

static void play_tape(const struct sim_tape *tape, bool trace, struct sim_finding *ret)
{
    *ret = (struct sim_finding){0};
    if (!trace) {
        sim_shrink_try(tape, false, NULL, ret);
        return;
    }
    struct sim_counts counts = {0};
    const struct sim_options options = {
        .seed = tape->seed, .profile = tape->profile, .trace = true, .given = &tape->choices};
    (void)sim_run(&options, &counts); /* Ends the process where something is found. */
}

/* On each of them something was found once. */
static int play_tapes(const struct options *options)
{
    int code = 0;
    int failed = 0;
    for (int i = 0; i < options->tape_count; i++) {
        struct sim_tape tape;
        struct sim_finding found;
        struct err err = {0};
        if (sim_tape_read(options->tapes[i], &tape, &err) < 0) {
            (void)fprintf(stderr, "zsaga-sim: %s\n", err.text);
            return SIM_EXIT_USAGE;
        }
        play_tape(&tape, options->trace, &found);
        if (found.what[0] != '\0') {
            code = (int)sim_exit_of(found.what);
            failed++;
            printf("FAIL %s %s: %s\n", found.what, options->tapes[i], found.words);
        } else {
            printf("ok   %s (once %s: %s)\n", options->tapes[i], tape.found, tape.about);
        }
        sim_tape_release(&tape);
    }
    printf("%d tapes played, %d failed\n", options->tape_count, failed);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    options_read(argc, argv, &options);
    const struct sim_scope_limits limits = limits_of(&options);
    finding =
        mmap(NULL, sizeof *finding, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (finding == MAP_FAILED)
        abort();
    watch_signals();
    if (options.schedule != NULL)
        return exhaust_play(&limits, options.schedule);
    if (options.tape_count > 0)
        return play_tapes(&options);
    int code = watch(options.exhaustive ? exhaust : run_all, &options);
    if (!options.exhaustive && code >= SIM_EXIT_CRASH && code <= SIM_EXIT_INVARIANT)
        shrink(&options);
    return code;
}
