/* zsaga-mutants: switches on one deliberate bug after the other, and sees that each is found. */
#include <assert.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "killers.h"
#include "options.h"
#include "trial.h"
#include "verdict.h"

#define JOBS_MAX 64
#define PATH_SIZE 4096

/* How far a mutant has come. */
enum stage {
    STAGE_WAITS,
    STAGE_SIMULATOR,
    STAGE_TEST,
    STAGE_REPEAT, /* What has found it is run without it. */
    STAGE_KILLED,
    STAGE_SURVIVED,
    STAGE_UNSOUND, /* The killer fails without it too. */
};

struct subject {
    enum mutant mutant;
    enum stage stage;
    bool by_test;        /* It was the test that found it. */
    struct verdict last; /* Of whoever has found it, or of the last one that has not. */
    unsigned long runs;  /* Of the simulator. */
    int64_t from_ms;
    int64_t took_ms; /* Until it was found. */
};

struct board {
    struct options options;
    char directory[PATH_SIZE]; /* Where the killers are. */
    struct subject subjects[MUTANT_COUNT];
    int count;
    struct trial trials[JOBS_MAX];
    struct subject *whose[JOBS_MAX];
};

static bool is_over(const struct subject *subject)
{
    return subject->stage >= STAGE_KILLED;
}

static void start(struct board *board, struct subject *subject, enum stage stage)
{
    int place = 0;
    while (board->trials[place].pid != 0)
        place++;
    assert(place < board->options.jobs);
    bool mutated = stage != STAGE_REPEAT;
    bool simulates = stage == STAGE_SIMULATOR || (stage == STAGE_REPEAT && !subject->by_test);
    const struct killer killer = killer_of(subject->mutant);
    AUTO(freep)
    char *program = xprintf("%s/%s", board->directory, simulates ? "zsaga-sim" : killer.test);
    AUTO(freep)
    char *first =
        xprintf("%lu", mutated ? (unsigned long)board->options.first : subject->last.seed);
    AUTO(freep) char *seeds = xprintf("%ld", mutated ? board->options.seeds : 1);
    const char *const simulation[] = {program, "--first",     first, "--seeds",
                                      seeds,   "--no-shrink", NULL};
    const char *const test[] = {program, NULL};
    subject->stage = stage;
    board->whose[place] = subject;
    trial_start(&board->trials[place], mutated ? killer.name : NULL, simulates ? simulation : test,
                board->options.seconds);
}

static void tell(const struct board *board, const struct subject *subject)
{
    const struct killer killer = killer_of(subject->mutant);
    const struct verdict *last = &subject->last;
    const char *by = subject->by_test ? killer.test : "simulator";
    double seconds = (double)subject->took_ms / 1000;
    if (board->options.json)
        return;
    if (subject->stage == STAGE_KILLED && !subject->by_test)
        printf("%-24s killed    by %s: %s, run %lu, %.1f s\n", killer.name, by, last->by,
               subject->runs, seconds);
    else if (subject->stage == STAGE_KILLED)
        printf("%-24s killed    by %s: %s, %.1f s\n", killer.name, by, last->by, seconds);
    else if (subject->stage == STAGE_UNSOUND)
        printf("%-24s UNSOUND   %s fails without it too: %s\n", killer.name, by, last->by);
    else
        printf("%-24s SURVIVED  %lu runs, %.1f s%s%s: %s\n", killer.name, subject->runs, seconds,
               last->kind == VERDICT_PASSED ? "" : ", ",
               last->kind == VERDICT_HUNG ? "hung" : last->by, killer.words);
    (void)fflush(stdout);
}

static void end(const struct board *board, struct subject *subject, enum stage stage)
{
    subject->stage = stage;
    tell(board, subject);
}

/* Where it goes next after a killer that has found nothing. */
static void try_next(struct board *board, struct subject *subject)
{
    const struct killer killer = killer_of(subject->mutant);
    if (subject->stage == STAGE_WAITS && killer.blind == NULL)
        start(board, subject, STAGE_SIMULATOR);
    else if (subject->stage != STAGE_TEST && killer.test != NULL)
        start(board, subject, STAGE_TEST);
    else
        end(board, subject, STAGE_SURVIVED);
}

static void take(struct board *board, struct subject *subject, const struct verdict *verdict)
{
    bool found = verdict->kind == VERDICT_FAILED;
    if (subject->stage == STAGE_REPEAT) {
        if (verdict->kind != VERDICT_PASSED)
            subject->last = *verdict;
        end(board, subject, verdict->kind == VERDICT_PASSED ? STAGE_KILLED : STAGE_UNSOUND);
        return;
    }
    subject->last = *verdict;
    subject->took_ms = clock_mono_ms() - subject->from_ms;
    subject->by_test = subject->stage == STAGE_TEST;
    if (!subject->by_test)
        subject->runs = found ? verdict->seed - (unsigned long)board->options.first + 1
                              : (unsigned long)board->options.seeds;
    if (!found)
        try_next(board, subject);
    else
        start(board, subject, STAGE_REPEAT);
}

static void await_one(struct board *board)
{
    int status = 0;
    AUTO(freep) char *output = NULL;
    struct trial *trial = trial_wait(board->trials, (int)board->options.jobs, &status, &output);
    struct subject *subject = board->whose[trial - board->trials];
    bool simulates =
        subject->stage == STAGE_SIMULATOR || (subject->stage == STAGE_REPEAT && !subject->by_test);
    struct verdict verdict =
        simulates ? verdict_of_simulator(status, output) : verdict_of_test(status, output);
    if (trial->ended)
        verdict = (struct verdict){.kind = VERDICT_HUNG, .by = "it took too long"};
    take(board, subject, &verdict);
}

static void run_all(struct board *board)
{
    int running = 0;
    int next = 0;
    int over = 0;
    while (over < board->count) {
        while (running < board->options.jobs && next < board->count) {
            board->subjects[next].from_ms = clock_mono_ms();
            try_next(board, &board->subjects[next++]);
            running++;
        }
        await_one(board);
        over = 0;
        for (int i = 0; i < next; i++)
            over += is_over(&board->subjects[i]);
        running = next - over;
    }
}

static int count_of(const struct board *board, enum stage stage)
{
    int count = 0;
    for (int i = 0; i < board->count; i++)
        count += board->subjects[i].stage == stage;
    return count;
}

static void list(void)
{
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++) {
        const struct killer killer = killer_of((enum mutant)i);
        printf("%-24s %-12s %s\n", killer.name, killer.breaks, killer.words);
        if (killer.blind != NULL)
            printf("%-24s %-12s (%s: %s)\n", "", "", killer.test, killer.blind);
    }
}

/* No word in it needs escaping. */
static void print_json(const struct board *board, double seconds)
{
    static const char *const ends[] = {
        [STAGE_KILLED] = "killed", [STAGE_SURVIVED] = "survived", [STAGE_UNSOUND] = "unsound"};
    printf("{\n  \"mutants\": [\n");
    for (int i = 0; i < board->count; i++) {
        const struct subject *subject = &board->subjects[i];
        const struct killer killer = killer_of(subject->mutant);
        printf("    {\"name\": \"%s\", \"breaks\": \"%s\", \"result\": \"%s\", \"by\": \"%s\","
               " \"finding\": \"%s\", \"runs\": %lu, \"seconds\": %.1f}%s\n",
               killer.name, killer.breaks, ends[subject->stage],
               subject->by_test ? killer.test : "simulator", subject->last.by, subject->runs,
               (double)subject->took_ms / 1000, i + 1 == board->count ? "" : ",");
    }
    printf("  ],\n  \"killed\": %d, \"survived\": %d, \"unsound\": %d, \"seconds\": %.1f\n}\n",
           count_of(board, STAGE_KILLED), count_of(board, STAGE_SURVIVED),
           count_of(board, STAGE_UNSOUND), seconds);
}

static void find_directory(char *directory, size_t size)
{
    char self[PATH_SIZE] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
        perror("zsaga-mutants: /proc/self/exe");
        exit(1);
    }
    (void)snprintf(directory, size, "%s", dirname(self));
}

static void choose_subjects(struct board *board)
{
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
        if (board->options.only == MUTANT_NONE || (int)board->options.only == i)
            board->subjects[board->count++].mutant = (enum mutant)i;
    if (board->options.jobs > JOBS_MAX)
        board->options.jobs = JOBS_MAX;
}

int main(int argc, char **argv)
{
    static struct board board;
    options_read(argc, argv, &board.options);
    if (board.options.list) {
        list();
        return 0;
    }
    find_directory(board.directory, sizeof board.directory);
    choose_subjects(&board);
    trial_prepare();
    int64_t from_ms = clock_mono_ms();
    run_all(&board);
    double seconds = (double)(clock_mono_ms() - from_ms) / 1000;
    int killed = count_of(&board, STAGE_KILLED);
    if (board.options.json)
        print_json(&board, seconds);
    else
        printf("mutants: %d of %d killed, %d survived, %d unsound, in %.1f s\n", killed,
               board.count, count_of(&board, STAGE_SURVIVED), count_of(&board, STAGE_UNSOUND),
               seconds);
    return killed == board.count ? 0 : 1;
}
