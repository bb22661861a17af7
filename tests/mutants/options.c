#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "killers.h"

#define SEEDS 2000
#define SECONDS 120
#define NUMBER_MAX 1000000000L

static void help(void)
{
    (void)fputs(
        "usage: zsaga-mutants [options]        (or: ./run mutants [options])\n"
        "\n"
        "Deliberate bugs are built into the engine, each behind a seam; this program switches on\n"
        "one after the other and sees that it is found: by the simulator within so many runs, or\n"
        "where that cannot see it, by the test that is named. The run that finds one is repeated\n"
        "without it, and must find nothing.\n"
        "\n"
        "  --only NAME   this mutant only\n"
        "  --list        print the mutants and what they break, and end\n"
        "  --json        print all results as one JSON object instead of lines\n"
        "  --first N     the simulator's first seed (1)\n"
        "  --seeds N     so many of its runs for each mutant, at most (2000)\n"
        "  --seconds S   end a killer after so long: that kills nothing (120)\n"
        "  --jobs N      so many at a time (as many as there are processors)\n"
        "  --help        print this and end\n"
        "\n"
        "exit codes: 0 each one was killed, 1 one survived or a killer fails without a mutant,\n"
        "  2 usage\n",
        stdout);
}

static long number(const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    long value = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    if (end != NULL && *end == '\0' && errno == 0 && value >= 1 && value <= NUMBER_MAX)
        return value;
    (void)fprintf(stderr, "zsaga-mutants: --%s %s: a number of 1 to %ld is meant\n", name, text,
                  NUMBER_MAX);
    exit(MUTANTS_EXIT_USAGE);
}

static enum mutant mutant_named(const char *name)
{
    enum mutant mutant = killer_find(name);
    if (mutant != MUTANT_NONE)
        return mutant;
    (void)fprintf(stderr, "zsaga-mutants: there is no mutant \"%s\": see zsaga-mutants --list\n",
                  name);
    exit(MUTANTS_EXIT_USAGE);
}

static void take(int option, struct options *options)
{
    switch (option) {
    case 'o':
        options->only = mutant_named(optarg);
        return;
    case 'l':
        options->list = true;
        return;
    case 'j':
        options->json = true;
        return;
    case 'f':
        options->first = number("first", optarg);
        return;
    case 'm':
        options->seeds = number("seeds", optarg);
        return;
    case 's':
        options->seconds = number("seconds", optarg);
        return;
    case 'p':
        options->jobs = number("jobs", optarg);
        return;
    case 'h':
        help();
        exit(0);
    default:
        exit(MUTANTS_EXIT_USAGE);
    }
}

void options_read(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},
        {"list", no_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"first", required_argument, NULL, 'f'},
        {"seeds", required_argument, NULL, 'm'},
        {"seconds", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *ret = (struct options){
        .first = 1, .seeds = SEEDS, .seconds = SECONDS, .jobs = processors < 1 ? 1 : processors};
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1)
        take(option, ret);
    if (optind < argc) {
        (void)fprintf(stderr, "zsaga-mutants: %s: see zsaga-mutants --help\n", argv[optind]);
        exit(MUTANTS_EXIT_USAGE);
    }
}
