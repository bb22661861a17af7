#include "sim_shrink.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define TRY_SECONDS 60 /* A run that takes longer hangs. */
#define PROGRESS_US (5 * INT64_C(1000000))

/* What a try tells the process that made it: lives in memory that both see. */
struct shared {
    struct sim_finding finding;
};

static char made_path[64];
static const struct sim_tape *made_of;

static void write_made(void)
{
    struct err err;
    if (made_of != NULL)
        (void)sim_tape_write(made_of, made_path, &err);
    made_of = NULL;
}

/* What it did up to then is worth more than a clean end. */
static void on_crash(int number)
{
    (void)number;
    write_made();
    _exit(SIM_EXIT_CRASH);
}

static void on_alarm(int number)
{
    write_made();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void run_child(const struct sim_tape *tape, bool draw, struct shared *shared)
{
    struct sim_counts counts = {0};
    static struct sim_tape made;
    struct sim_options options = {.seed = tape->seed, .profile = tape->profile};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)signal(SIGABRT, on_crash);
    (void)signal(SIGSEGV, on_crash);
    (void)signal(SIGBUS, on_crash);
    (void)signal(SIGFPE, on_crash);
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(TRY_SECONDS);
    made = *tape;
    if (draw) {
        options.made = &made.choices;
        made_of = &made;
        (void)atexit(write_made);
    } else {
        options.given = &tape->choices;
    }
    sim_tell_findings(&shared->finding);
    (void)sim_run(&options, &counts);
    made_of = NULL;
    _exit(0);
}

static void name_end(int status, struct sim_finding *finding)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        finding->what[0] = '\0';
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(finding->what, sizeof finding->what, "hang");
    else if (finding->what[0] == '\0')
        (void)snprintf(finding->what, sizeof finding->what, "crash");
}

void sim_shrink_try(const struct sim_tape *tape, bool draw, struct sim_tape *ret_made,
                    struct sim_finding *ret)
{
    static struct shared *shared;
    struct err err;
    int status = 0;
    if (shared == NULL)
        shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    *shared = (struct shared){0};
    (void)snprintf(made_path, sizeof made_path, P_tmpdir "/zsaga-sim-%ld.tape", (long)getpid());
    pid_t pid = fork();
    if (pid == 0)
        run_child(tape, draw, shared);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    name_end(status, &shared->finding);
    *ret = shared->finding;
    if (draw && ret->what[0] != '\0' && sim_tape_read(made_path, ret_made, &err) < 0)
        (void)fprintf(stderr, "zsaga-sim: %s\n", err.text);
    (void)unlink(made_path);
}

/* Where a choice stands. */
struct spot {
    size_t stream;
    size_t index;
};

struct shrink {
    struct sim_tape *tape; /* The smallest so far. */
    int64_t until_us;
    int64_t told_us;
    bool progress;
    unsigned long tries;
    struct spot *spots; /* Choices that are not 0. */
    size_t count;
    size_t capacity;
};

static bool is_over(const struct shrink *shrink)
{
    return clock_mono_us() >= shrink->until_us;
}

static bool still_fails(struct shrink *shrink)
{
    struct sim_finding finding;
    int64_t now_us = clock_mono_us();
    if (shrink->progress && now_us - shrink->told_us >= PROGRESS_US) {
        shrink->told_us = now_us;
        (void)fprintf(stderr, "zsaga-sim: shrinking: %zu choices left, %lu runs\n",
                      sim_tape_size(shrink->tape), shrink->tries);
    }
    shrink->tries++;
    sim_shrink_try(shrink->tape, false, NULL, &finding);
    return strcmp(finding.what, shrink->tape->found) == 0;
}

static uint64_t *value_at(const struct shrink *shrink, struct spot spot)
{
    return &shrink->tape->choices.lists[spot.stream].values[spot.index];
}

/* From the last to the first: what comes late is most often not needed. */
static void find_spots(struct shrink *shrink)
{
    shrink->count = 0;
    for (size_t i = SIM_CHOICE_STREAMS; i-- > 0;) {
        const struct sim_choice_list *list = &shrink->tape->choices.lists[i];
        for (size_t j = list->count; j-- > 0;) {
            if (list->values[j] == 0)
                continue;
            shrink->spots =
                xgrow(shrink->spots, &shrink->capacity, shrink->count + 1, sizeof *shrink->spots);
            shrink->spots[shrink->count++] = (struct spot){i, j};
        }
    }
}

/* Tries to do without the choices from..to of the spots. */
static bool leave_out(struct shrink *shrink, size_t from, size_t to)
{
    uint64_t *kept = xcalloc(to - from, sizeof *kept);
    for (size_t i = from; i < to; i++) {
        kept[i - from] = *value_at(shrink, shrink->spots[i]);
        *value_at(shrink, shrink->spots[i]) = 0;
    }
    bool fails = still_fails(shrink);
    for (size_t i = from; !fails && i < to; i++)
        *value_at(shrink, shrink->spots[i]) = kept[i - from];
    free(kept);
    return fails;
}

static bool leave_out_all_you_can(struct shrink *shrink)
{
    bool any = false;
    find_spots(shrink);
    for (size_t size = shrink->count; size > 0; size /= 2) {
        for (size_t from = 0; from < shrink->count && !is_over(shrink); from += size) {
            size_t to = from + size < shrink->count ? from + size : shrink->count;
            any = leave_out(shrink, from, to) || any;
        }
        find_spots(shrink);
    }
    return any;
}

static bool try_value(struct shrink *shrink, struct spot spot, uint64_t value)
{
    uint64_t kept = *value_at(shrink, spot);
    if (value >= kept)
        return false;
    *value_at(shrink, spot) = value;
    if (still_fails(shrink))
        return true;
    *value_at(shrink, spot) = kept;
    return false;
}

static bool make_values_small(struct shrink *shrink)
{
    bool any = false;
    find_spots(shrink);
    for (size_t i = 0; i < shrink->count && !is_over(shrink); i++) {
        struct spot spot = shrink->spots[i];
        if (try_value(shrink, spot, 1)) {
            any = true;
            continue;
        }
        while (*value_at(shrink, spot) > 1 && !is_over(shrink) &&
               try_value(shrink, spot, *value_at(shrink, spot) / 2))
            any = true;
    }
    return any;
}

bool sim_shrink(uint64_t seed, int profile, long seconds, bool progress, struct sim_tape *ret)
{
    const struct sim_tape run = {.seed = seed, .profile = profile};
    struct sim_finding finding;
    *ret = (struct sim_tape){0};
    sim_shrink_try(&run, true, ret, &finding);
    if (finding.what[0] == '\0')
        return false;
    (void)snprintf(ret->found, sizeof ret->found, "%s", finding.what);
    (void)snprintf(ret->about, sizeof ret->about, "%s", finding.words);
    struct shrink shrink = {.tape = ret,
                            .until_us = clock_mono_us() + seconds * INT64_C(1000000),
                            .told_us = clock_mono_us(),
                            .progress = progress};
    bool fails = still_fails(&shrink);
    bool any = fails;
    while (any && !is_over(&shrink)) {
        any = leave_out_all_you_can(&shrink);
        any = make_values_small(&shrink) || any;
    }
    free(shrink.spots);
    return fails;
}
