#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define SECONDS 5
#define SECONDS_MAX 3600
#define IN_FLIGHT_MAX 20000 /* What the orchestrator takes before it says busy. */
#define RATE_MAX 1e6

static const struct args_option all[] = {
    {"seconds", "S", "measure each level for S seconds (5), after a warm-up"},
    {"levels", "N,N,...", "sagas in flight (1,64,1024)"},
    {"rate", "R", "orders arrive at R a second instead; with --levels, as well"},
    {"observer", "on|off", "whether the suite runs its observer (on)"},
    {"repeat", "N", "N runs, each told, and in the end the median of each figure"},
    {"dir", "DIR", "where to make the temporary directory: $TMPDIR, else /var/tmp"},
    {"tool", "FILE", "measure this zsaga and the services beside it"},
    {"json", NULL, "print one JSON document instead of tables"},
    {"help", NULL, "print this and end"},
};
#define OPTION_COUNT (sizeof all / sizeof all[0])

void options_print_help(void)
{
    (void)fputs(
        "usage: zsaga-bench [options]          (or: ./run bench [options])\n"
        "\n"
        "How fast is it, on this machine and this disk? Starts a suite on a temporary directory\n"
        "and submits orders of two items to it, one in ten of them refused at shipping, from a\n"
        "process of its own that follows each to its final state. At each level a fixed number\n"
        "of sagas is in flight. Then the same orders go through a monolith: one process, one\n"
        "SQLite file, one transaction an order, flushed as the suite flushes; in turns with that,\n"
        "the disk's own flushes are counted. Takes under a minute, leaves nothing behind.\n"
        "\n"
        "  sagas/s   sagas that became final, a second       p50 p99 p99.9   from submit to final\n"
        "  CPU us    of all processes of the suite, a saga   MB   highest sum of their PSS\n"
        "  bytes     written to the device, a saga           ratio   1024 in flight / monolith\n"
        "\n"
        "The figures count only if every saga submitted is final and as its order asked for, the\n"
        "books of all services agree, no process was restarted, and the monolith is not below 0.7\n"
        "of the flushes. Otherwise the exit code is 1, with the reason. Figures move with the\n"
        "machine: compare ratios, or runs that took turns.\n"
        "\n"
        "options:\n",
        stdout);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        (void)printf("  --%-8s %-8s %s\n", all[i].name, all[i].value == NULL ? "" : all[i].value,
                     all[i].help);
    (void)fputs("\n"
                "examples:\n"
                "  ./run bench\n"
                "  ./run bench --json --repeat 3 | jq .ratio\n"
                "  ./run bench --levels 1024 --observer off\n"
                "  ./run bench --rate 4000        what an order takes below saturation\n"
                "\n"
                "exit codes: 0 the figures count, 1 they do not, 2 usage, 4 the suite did not\n"
                "  start or does not answer, 5 sagas did not end in time\n",
                stdout);
}

int options_read_levels(struct bench_options *options, const char *text, struct err *err)
{
    options->level_count = 0;
    for (const char *at = text;; at++) {
        char *end;
        unsigned long level = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : 0;
        if (level < 1 || level > IN_FLIGHT_MAX || (*end != ',' && *end != '\0'))
            return err_set(err, ERR_INVALID,
                           "--levels %s: numbers of 1 to %d with commas between them are meant",
                           text, IN_FLIGHT_MAX);
        /* One place is kept for the level at a fixed rate. */
        if (options->level_count == FIGURES_LEVELS_MAX - 1)
            return err_set(err, ERR_INVALID, "--levels: at most %d of them",
                           FIGURES_LEVELS_MAX - 1);
        options->levels[options->level_count++] = (unsigned)level;
        at = end;
        if (*at == '\0')
            return 0;
    }
}

static int read_observer(struct bench_options *options, const char *text, struct err *err)
{
    if (text == NULL || strcmp(text, "on") == 0)
        return 0;
    options->subject.no_observer = true;
    return strcmp(text, "off") == 0 ? 0
                                    : err_set(err, ERR_INVALID, "--observer %s: on or off", text);
}

static int read_values(struct bench_options *options, const struct args *args, struct err *err)
{
    const char *levels = args_value(args, "levels");
    int rc = args_positive(args, "seconds", SECONDS, SECONDS_MAX, &options->seconds, err);
    if (rc == 0)
        rc = args_positive(args, "rate", 0, RATE_MAX, &options->rate, err);
    if (rc == 0)
        rc = args_int(args, "repeat", 1, 1, OPTIONS_RUNS_MAX, &options->runs, err);
    if (rc == 0)
        rc = read_observer(options, args_value(args, "observer"), err);
    if (rc == 0 && (levels != NULL || options->rate <= 0))
        rc = options_read_levels(options, levels == NULL ? "1,64,1024" : levels, err);
    options->subject.tool = args_value(args, "tool");
    options->subject.dir = args_value(args, "dir");
    options->json = args_has(args, "json");
    options->help = args_has(args, "help");
    if (rc == 0 && args->word_count > 0)
        rc = err_set(err, ERR_INVALID, "%s: no such option", args->words[0]);
    return rc;
}

int options_read(struct bench_options *options, int argc, char **argv, struct err *err)
{
    struct args args = {0};
    *options = (struct bench_options){.runs = 1};
    int rc = args_parse(&args, all, OPTION_COUNT, argc, argv, err);
    if (rc == 0)
        rc = read_values(options, &args, err);
    args_release(&args);
    return rc;
}
