/* zsaga-chaos: see chaos.h. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "chaos_client.h"
#include "chaos_fault.h"
#include "chaos_link.h"
#include "chaos_net.h"
#include "chaos_suite.h"
#include "chaos_twin.h"
#include "chaos_verdict.h"
#include "suite_files.h"

#define PROGRESS_MS 10000
#define FAULTS_MS 40000 /* Of one round; then everything is healed. */
#define FAIR_MS 3000    /* Without faults, before the first round. */
#define VACUITY_MIN 5   /* Minutes in which each kind must have come. */
#define GAP_MIN_MS 150
#define GAP_MAX_MS 2000

static struct {
    double minutes;
    uint64_t seed;
    int rate;
    bool brief;
    bool keep;
    const char *dir;
} options = {.minutes = 10, .rate = 40};

const char *const chaos_kind_names[CHAOS_KINDS] = {
    [CHAOS_DROP] = "drop",
    [CHAOS_DOUBLE] = "double",
    [CHAOS_DELAY] = "delay",
    [CHAOS_REORDER] = "reorder",
    [CHAOS_REPLAY] = "replay",
    [CHAOS_CUT] = "cut",
    [CHAOS_CUT_ONE_WAY] = "cut-one-way",
    [CHAOS_RESET] = "reset",
    [CHAOS_KILL] = "kill",
    [CHAOS_KILL_ALL] = "kill-all",
    [CHAOS_STORM] = "storm",
    [CHAOS_STORM_ALL] = "storm-all",
    [CHAOS_PAUSE_SHORT] = "pause-short",
    [CHAOS_PAUSE_LONG] = "pause-long",
    [CHAOS_WIPE] = "wipe",
    [CHAOS_PARTITION] = "partition",
    [CHAOS_PARTITION_ONE_WAY] = "partition-one-way",
    [CHAOS_CLOCK] = "clock",
    [CHAOS_DESCRIPTORS] = "descriptors",
    [CHAOS_TWIN_SAME] = "twin-same",
    [CHAOS_TWIN_OLD] = "twin-old",
    [CHAOS_TWIN_NEW] = "twin-new",
    [CHAOS_TWIN_FIGHT] = "twin-fight",
    [CHAOS_BACKUP] = "backup",
};

int64_t chaos_now_ms(void)
{
    return clock_mono_ms();
}

int64_t chaos_between(struct chaos *chaos, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(&chaos->rng, (uint64_t)(to - from + 1));
}

__attribute__((format(printf, 3, 0))) static void log_line(struct chaos *chaos, const char *what,
                                                           const char *format, va_list args)
{
    int64_t at_ms = chaos_now_ms() - chaos->began_ms;
    (void)fprintf(chaos->log, "%6d.%03d %-17s ", (int)(at_ms / 1000), (int)(at_ms % 1000), what);
    (void)vfprintf(chaos->log, format, args);
    (void)fputc('\n', chaos->log);
    (void)fflush(chaos->log);
}

void chaos_tell(struct chaos *chaos, enum chaos_kind kind, const char *format, ...)
{
    va_list args;
    chaos->counts[kind]++;
    va_start(args, format);
    log_line(chaos, chaos_kind_names[kind], format, args);
    va_end(args);
}

void chaos_note(struct chaos *chaos, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(chaos, "-", format, args);
    va_end(args);
}

void chaos_find(struct chaos *chaos, const char *format, ...)
{
    va_list args;
    chaos->findings++;
    va_start(args, format);
    log_line(chaos, "FOUND", format, args);
    va_end(args);
    va_start(args, format);
    (void)fprintf(stderr, "chaos: found: ");
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

/* What goes on meanwhile. */

static void count_messages(struct chaos *chaos)
{
    uint64_t *counts = chaos->counts;
    counts[CHAOS_DROP] = counts[CHAOS_DOUBLE] = counts[CHAOS_DELAY] = 0;
    counts[CHAOS_REORDER] = counts[CHAOS_REPLAY] = 0;
    for (int i = 0; i < CHAOS_LINKS; i++) {
        struct chaos_link_board *link = &chaos->board->links[i];
        counts[CHAOS_DROP] += link->dropped + link->cut_off;
        counts[CHAOS_DOUBLE] += link->doubled;
        counts[CHAOS_DELAY] += link->delayed;
        counts[CHAOS_REORDER] += link->reordered;
        counts[CHAOS_REPLAY] += link->replayed;
    }
}

static void tell_progress(struct chaos *chaos)
{
    struct chaos_board *board = chaos->board;
    uint64_t faults = 0;
    if (chaos_now_ms() < chaos->told_at_ms + PROGRESS_MS)
        return;
    chaos->told_at_ms = chaos_now_ms();
    count_messages(chaos);
    for (enum chaos_kind kind = CHAOS_CUT; kind < CHAOS_KINDS; kind++)
        faults += chaos->counts[kind];
    (void)fprintf(stderr,
                  "chaos: %4d s  %s  %" PRIu64 " orders accepted, %" PRIu64 " ended, %" PRId64
                  " open; %" PRIu64 " faults, %" PRIu64 " messages dropped; %" PRIu64 " findings\n",
                  (int)((chaos_now_ms() - chaos->began_ms) / 1000),
                  board->healed_ms == 0 ? "faults" : "healed", (uint64_t)board->accepted,
                  board->completed + board->compensated, (int64_t)board->open, faults,
                  chaos->counts[CHAOS_DROP], chaos->findings);
}

void chaos_later(struct chaos *chaos, int64_t after_ms, void (*end)(struct chaos *chaos, int arg),
                 int arg)
{
    for (size_t i = 0; i < CHAOS_ENDINGS_MAX; i++) {
        struct chaos_ending *ending = &chaos->endings[i];
        if (ending->end != NULL)
            continue;
        *ending = (struct chaos_ending){chaos_now_ms() + after_ms, end, arg};
        return;
    }
    end(chaos, arg); /* Too many at once. */
}

static void end_faults(struct chaos *chaos, int64_t now_ms)
{
    for (size_t i = 0; i < CHAOS_ENDINGS_MAX; i++) {
        struct chaos_ending ending = chaos->endings[i];
        if (ending.end == NULL || ending.at_ms > now_ms)
            continue;
        chaos->endings[i].end = NULL;
        ending.end(chaos, ending.arg);
    }
}

void chaos_end_all(struct chaos *chaos)
{
    end_faults(chaos, INT64_MAX);
}

void chaos_turn(struct chaos *chaos)
{
    chaos_suite_turn(chaos);
    end_faults(chaos, chaos_now_ms());
    chaos_fault_weather(chaos);
    tell_progress(chaos);
}

void chaos_wait(struct chaos *chaos, int64_t ms)
{
    int64_t until_ms = chaos_now_ms() + ms;
    int64_t left_ms;
    do {
        chaos_turn(chaos);
        left_ms = until_ms - chaos_now_ms();
        if (left_ms > 0)
            (void)poll(NULL, 0, left_ms < 5 ? (int)left_ms : 5);
    } while (chaos_now_ms() < until_ms);
}

/* Phases. */

static void faults(struct chaos *chaos, int64_t ms)
{
    int64_t until_ms = chaos_now_ms() + ms;
    chaos->calm = false;
    chaos->board->healed_ms = 0;
    chaos->board->submitting = 1;
    while (chaos_now_ms() < until_ms) {
        chaos_wait(chaos, chaos_between(chaos, GAP_MIN_MS, GAP_MAX_MS));
        chaos_fault_strike(chaos);
    }
}

static void heal(struct chaos *chaos)
{
    chaos->calm = true;
    chaos_end_all(chaos);
    chaos_fault_clear_weather(chaos);
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++)
        chaos_suite_release(chaos, place);
    chaos->board->idle = 0;
    chaos->board->submitting = 0;
    chaos->board->healed_ms = chaos_now_ms();
    chaos_note(chaos, "healed");
    chaos_verdict_settle(chaos);
    chaos_note(chaos, "all has ended");
}

/* By the service itself, before it serves. */
static bool import(struct chaos *chaos, const char *service, const char *table, const char *header,
                   char letter, int count, const char *amount)
{
    const char *path = chaos_suite_path(chaos, "%s.csv", table);
    struct buffer said = {0};
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return false;
    (void)fprintf(file, "%s\n", header);
    for (int i = 0; i < count; i++)
        (void)fprintf(file, "%c%d,%s\n", letter, i, amount);
    (void)fclose(file);
    const char *const argv[] = {"sh",
                                "-c",
                                "exec \"$0\" --data \"$1\" --import \"$2\" <\"$3\"",
                                chaos_suite_program(chaos, service),
                                chaos_suite_path(chaos, "far"),
                                table,
                                path,
                                NULL};
    int code = chaos_suite_run(chaos, &said, argv);
    if (code != 0)
        (void)fprintf(stderr, "chaos: %s\n", (const char *)said.data);
    buffer_release(&said);
    return code == 0;
}

static void hold_all(struct chaos *chaos, bool held)
{
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++)
        chaos->services[place].held = held;
}

static bool begin(struct chaos *chaos)
{
    struct chaos_link links[CHAOS_LINKS];
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++) {
        FILE *file = fopen(chaos_suite_path(chaos, "clock/%s", chaos->services[place].name), "we");
        if (file == NULL)
            return false;
        (void)fputs("+0\n", file);
        (void)fclose(file);
    }
    for (int i = 0; i < CHAOS_LINKS; i++) {
        links[i] = chaos_link_of(i);
        if (!chaos_link_start(chaos, &links[i], rng_next(&chaos->rng)))
            return false;
    }
    hold_all(chaos, true); /* Nobody is started while their rows are brought in. */
    if (!import(chaos, "zsaga-inventory", "stock", "sku,on_hand", 's', CHAOS_SKUS, "100000000") ||
        !import(chaos, "zsaga-payment", "customers", "customer_id,credit_cents", 'c',
                CHAOS_CUSTOMERS, "1000000000000"))
        return false;
    hold_all(chaos, false);
    if (!chaos_suite_begin(chaos))
        return false;
    return chaos_client_start(chaos, options.rate, rng_next(&chaos->rng)) != 0;
}

/* Each kind must have come, or the run has shown nothing of it. */
static void expect_all_kinds(struct chaos *chaos)
{
    count_messages(chaos);
    for (enum chaos_kind kind = 0; kind < CHAOS_KINDS; kind++)
        if (chaos->counts[kind] == 0 && chaos->skipped[kind] == NULL && !options.brief &&
            options.minutes >= VACUITY_MIN)
            chaos_find(chaos, "no fault of the kind `%s` has come about", chaos_kind_names[kind]);
}

static void end_children(struct chaos *chaos)
{
    chaos->board->stop = 1;
    chaos_suite_kill_all(chaos);
    chaos_net_end(chaos);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

static void run(struct chaos *chaos)
{
    int64_t until_ms = chaos_now_ms() + (int64_t)(options.minutes * 60000);
    chaos->board->submitting = 1;
    chaos_wait(chaos, FAIR_MS);
    for (int round = 0; chaos_now_ms() < until_ms && chaos->findings == 0; round++) {
        if (round > 0) /* While nothing is open. */
            chaos_twin_fight(chaos);
        int64_t left_ms = until_ms - chaos_now_ms();
        faults(chaos, left_ms < FAULTS_MS ? left_ms : FAULTS_MS);
        heal(chaos);
    }
    chaos->findings += chaos->board->wrong;
    if (!chaos_suite_end(chaos))
        chaos_find(chaos, "somebody does not end when told to");
    chaos_verdict_check(chaos);
    chaos_verdict_logs(chaos);
    if (options.brief || chaos->findings != 0) {
        chaos->skipped[CHAOS_BACKUP] = "the run was short, or something was found before";
    } else {
        hold_all(chaos, false);
        (void)chaos_suite_begin(chaos);
        chaos_twin_backup(chaos);
        (void)chaos_suite_end(chaos);
    }
    expect_all_kinds(chaos);
}

static const char help[] =
    "usage: zsaga-chaos [options]: a suite of real processes under all faults at once\n"
    "  --minutes M   how long (10); faults and healing take turns\n"
    "  --seed N      of what is drawn (by the clock). Processes have a will of their own, so a\n"
    "                seed repeats the faults, not the run\n"
    "  --rate R      orders a second (40)\n"
    "  --brief       the form for a test: one round of 12 s\n"
    "  --keep        keeps the directory also when nothing was found\n"
    "exit codes: 0 nothing was found, 1 something was, 2 usage, 3 it could not be run\n";

static int read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"minutes", required_argument, NULL, 'm'},
        {"seed", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"brief", no_argument, NULL, 'b'},
        {"keep", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    options.seed = (uint64_t)clock_wall_ms();
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'm')
            options.minutes = strtod(optarg, NULL);
        else if (option == 's')
            options.seed = strtoull(optarg, NULL, 0);
        else if (option == 'r')
            options.rate = (int)strtol(optarg, NULL, 10);
        else if (option == 'b')
            options.brief = true;
        else if (option == 'k')
            options.keep = true;
        else
            return option == 'h' ? 0 : 2;
    }
    if (options.brief)
        options.minutes = 0.2;
    bool sound = options.minutes > 0 && options.rate > 0 && options.rate <= 10000;
    return sound && optind == argc ? -1 : 2;
}

/* What cannot be done here is told, and passed by. */
static void look_around(struct chaos *chaos)
{
    static const char *const libraries[] = {
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/faketime/libfaketime.so.1",
    };
    const char *words = NULL;
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
        if (chaos->faketime == NULL && access(libraries[i], R_OK) == 0)
            chaos->faketime = libraries[i];
    if (chaos->faketime == NULL)
        chaos->skipped[CHAOS_CLOCK] = "libfaketime is not installed (package libfaketime)";
    if (!chaos_net_make(chaos, &words))
        chaos->skipped[CHAOS_PARTITION] = chaos->skipped[CHAOS_PARTITION_ONE_WAY] = words;
    for (enum chaos_kind kind = 0; kind < CHAOS_KINDS; kind++)
        if (chaos->skipped[kind] != NULL)
            (void)fprintf(stderr, "chaos: no `%s`: %s\n", chaos_kind_names[kind],
                          chaos->skipped[kind]);
}

static bool make(struct chaos *chaos)
{
    static const char *const names[CHAOS_PLACES] = {"orchestrator", "order",    "inventory",
                                                    "payment",      "shipping", "observer"};
    const char *tmp = getenv("TMPDIR");
    const char *build = getenv("ZSAGA_BUILD");
    chaos->build = build == NULL ? CHAOS_BUILD : build;
    chaos->began_ms = chaos->told_at_ms = chaos_now_ms();
    chaos->calm = true;
    rng_seed(&chaos->rng, options.seed);
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++)
        chaos->services[place].name = names[place];
    (void)snprintf(chaos->root, sizeof chaos->root, "%s/zsaga-chaos-XXXXXX",
                   tmp == NULL || strlen(tmp) > 20 ? "/tmp" : tmp);
    if (mkdtemp(chaos->root) == NULL)
        return false;
    chaos->board =
        mmap(NULL, sizeof *chaos->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    chaos->record = check_record_open(chaos_suite_path(chaos, "evidence"));
    chaos->log = fopen(chaos_suite_path(chaos, "faults.log"), "we");
    look_around(chaos);
    return chaos->board != MAP_FAILED && chaos->record != NULL && chaos->log != NULL &&
           chaos_suite_make(chaos);
}

int main(int argc, char **argv)
{
    static struct chaos chaos;
    int code = read_options(argc, argv);
    if (code >= 0) {
        (void)fputs(help, code == 0 ? stdout : stderr);
        return code;
    }
    (void)fprintf(stderr, "chaos: seed %" PRIu64 "\n", options.seed);
    bool ran = make(&chaos) && begin(&chaos);
    if (ran)
        run(&chaos);
    else
        (void)fprintf(stderr, "chaos: cannot begin in %s: %s\n", chaos.root, strerror(errno));
    end_children(&chaos);
    if (ran)
        chaos_verdict_summary(&chaos);
    if (chaos.findings != 0 || !ran || options.keep)
        (void)printf("kept: %s (faults.log, data/log, data/db, evidence)\ncheck again: %s\n",
                     chaos.root, chaos_verdict_command(&chaos));
    else
        suite_files_end(chaos.root);
    return !ran ? 3 : chaos.findings == 0 ? 0 : 1;
}
