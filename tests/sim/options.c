#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sim.h"

#define SECONDS 60
#define FAULTS 3 /* In one schedule of --exhaustive: one of each kind. */
#define SECONDS_MAX (24L * 3600)

static void help(void)
{
    (void)fputs(
        "usage: zsaga-sim [options]            (or: ./run sim [options])\n"
        "       zsaga-sim [--trace] --tape FILE...\n"
        "       zsaga-sim --exhaustive\n"
        "\n"
        "Runs the real orchestrator, participants, a consumer and the observer in one thread, on "
        "a\n"
        "virtual clock. From a run's seed all is drawn: the sagas and what their participants\n"
        "answer, what the network does to each message, who dies where, whose disk fails. Each "
        "run\n"
        "ends healed: all must come to rest, every promise is checked, and the observer is built\n"
        "anew and compared. One seed in twenty runs twice, and both runs must be the same. At the\n"
        "end stands how often each rare thing has happened; in 600 runs or more of the profile\n"
        "\"swarm\", one that never did is a failure.\n"
        "\n"
        "A run that fails is told in one line, with the command that repeats it. Then it is made\n"
        "as small as possible and written as a tape, sim-SEED.tape, in the current directory.\n"
        "\n"
        "  --seed N      this run only\n"
        "  --trace       print what was drawn for each run, and all that happened in it\n"
        "  --profile P   swarm (all kinds of trouble, drawn for each seed), quiet, net, crash,\n"
        "                disk, clock, trouble (of participants) or people; swarm if not given\n"
        "  --first N     the first seed (drawn from the time)\n"
        "  --seeds N     so many seeds, however long they take\n"
        "  --seconds S   as many seeds as S seconds have room for (60)\n"
        "  --tape FILE   play this tape, and those named behind it\n"
        "  --exhaustive  one saga of two steps, with at most one crash, one doubled and one late\n"
        "                message, in every possible order; tells how many there were\n"
        "  --schedule X  one of these, as a finding names it, with its trace\n"
        "  --faults N    ... and at most N of these three at once (3)\n"
        "  --no-shrink   leave a failing run as it is\n"
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

static int profile(const char *name)
{
    int found = sim_profile_find(name);
    if (found >= 0)
        return found;
    (void)fprintf(stderr, "zsaga-sim: --profile %s: one of these is meant:", name);
    for (int i = 0; sim_profile_name(i) != NULL; i++)
        (void)fprintf(stderr, " %s", sim_profile_name(i));
    (void)fprintf(stderr, "\n");
    exit(SIM_EXIT_USAGE);
}

static void take(struct options *options, int option)
{
    switch (option) {
    case 'h':
        help();
        exit(0);
    case 'n':
        options->first = number("seed", optarg, ULONG_MAX);
        options->seeds = 1;
        return;
    case 't':
        options->trace = true;
        return;
    case 'p':
        options->profile = profile(optarg);
        return;
    case 'f':
        options->first = number("first", optarg, ULONG_MAX / 2);
        return;
    case 'm':
        options->seeds = number("seeds", optarg, ULONG_MAX / 2);
        return;
    case 's':
        options->seconds = (long)number("seconds", optarg, SECONDS_MAX);
        return;
    case 'e':
        options->exhaustive = true;
        return;
    case 'x':
        options->faults = (unsigned)number("faults", optarg, FAULTS);
        return;
    case 'S':
        options->schedule = optarg;
        return;
    case 'k':
        options->shrinks = false;
        return;
    default:
        exit(SIM_EXIT_USAGE);
    }
}

void options_read(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"seeds", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {"seconds", required_argument, NULL, 's'},
        {"trace", no_argument, NULL, 't'},
        {"profile", required_argument, NULL, 'p'},
        {"tape", no_argument, NULL, 'T'},
        {"exhaustive", no_argument, NULL, 'e'},
        {"faults", required_argument, NULL, 'x'},
        {"schedule", required_argument, NULL, 'S'},
        {"no-shrink", no_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    bool plays = false;
    *ret = (struct options){.first = (unsigned long)clock_wall_ms(),
                            .seconds = SECONDS,
                            .shrinks = true,
                            .faults = FAULTS};
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'T')
            plays = true;
        else
            take(ret, option);
    }
    if (plays) {
        ret->tapes = (const char *const *)(argv + optind);
        ret->tape_count = argc - optind;
    }
    if (plays ? optind == argc : optind < argc) {
        (void)fprintf(stderr, "zsaga-sim: %s: see zsaga-sim --help\n",
                      plays ? "--tape: name a file" : argv[optind]);
        exit(SIM_EXIT_USAGE);
    }
}
