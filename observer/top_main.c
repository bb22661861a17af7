/* zsaga-top: the program behind `zsaga top`. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "suite.h"
#include "top.h"

enum {
    OPTION_ONCE = 256,
    OPTION_JSON,
    OPTION_INTERVAL,
    OPTION_TIMEOUT,
    OPTION_COLOR,
    OPTION_ASCII
};

static void help(void)
{
    (void)puts(
        "usage: zsaga-top [--data DIR] [--once] [--json] [--interval S] [--timeout S]\n"
        "                 [--color auto|always|never] [--ascii]\n"
        "Shows what the observer sees; normally run by `zsaga top`, whose --help tells more.");
}

static int refuse(const char *option, const char *wanted)
{
    (void)fprintf(stderr, "zsaga: %s must be %s; see: zsaga top --help\n", option, wanted);
    return TOP_USAGE;
}

static int read_seconds(const char *option, const char *text, double *ret)
{
    char *end = NULL;
    *ret = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(*ret >= TOP_SECONDS_MIN && *ret <= TOP_SECONDS_MAX))
        return refuse(option, "a number of seconds, 0.1 to 3600");
    return 0;
}

static int read_color(const char *text, enum term_color *ret)
{
    static const char *const names[] = {
        [TERM_COLOR_AUTO] = "auto", [TERM_COLOR_ALWAYS] = "always", [TERM_COLOR_NEVER] = "never"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        *ret = (enum term_color)i;
        return 0;
    }
    return refuse("--color", "auto, always or never");
}

static int take(struct top_options *options, int option, const char *argument)
{
    switch (option) {
    case 'd':
        options->dir = argument;
        return 0;
    case OPTION_ONCE:
        options->once = true;
        return 0;
    case OPTION_JSON:
        options->json = true;
        return 0;
    case OPTION_ASCII:
        options->ascii = true;
        return 0;
    case OPTION_INTERVAL:
        return read_seconds("--interval", argument, &options->interval_s);
    case OPTION_TIMEOUT:
        return read_seconds("--timeout", argument, &options->timeout_s);
    case OPTION_COLOR:
        return read_color(argument, &options->color);
    default:
        return TOP_USAGE;
    }
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"help", no_argument, NULL, 'h'},
        {"data", required_argument, NULL, 'd'},
        {"once", no_argument, NULL, OPTION_ONCE},
        {"json", no_argument, NULL, OPTION_JSON},
        {"interval", required_argument, NULL, OPTION_INTERVAL},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"color", required_argument, NULL, OPTION_COLOR},
        {"ascii", no_argument, NULL, OPTION_ASCII},
        {NULL, 0, NULL, 0},
    };
    struct top_options options = {.interval_s = 1, .timeout_s = TOP_TIMEOUT_S};
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            help();
            return TOP_SHOWN;
        }
        int code = take(&options, option, optarg);
        if (code != 0)
            return code;
    }
    if (optind < argc)
        return refuse(argv[optind], "left out");
    AUTO(freep) char *dir = suite_dir(options.dir);
    options.dir = dir;
    return top_run(&options);
}
