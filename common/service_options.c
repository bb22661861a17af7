#include "service_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "service_exit.h"

enum { OPTION_LIFELINE = 256, OPTION_READY, OPTION_ADOPT, OPTION_EXPORT, OPTION_IMPORT };

static void help(const char *program, const char *about, enum service_options_kind kind)
{
    (void)printf("usage: %s [--data DIR]\n%s\n\n"
                 "Normally started by `zsaga up`, which restarts it when it crashes.\n\n"
                 "  --data DIR        the suite's data directory (default: $ZSAGA_DATA, else"
                 " ./zsaga-data)\n"
                 "  --lifeline-fd N   end when this descriptor reads end-of-file\n"
                 "  --ready-fd N      write \"ready\" here once it can work\n",
                 program, about);
    if (kind == SERVICE_OPTIONS_ADOPT)
        (void)printf("  --adopt           go on from a restored backup, above what the participants"
                     " have seen\n");
    else
        (void)printf(
            "  --export TABLE    print a table as CSV and end (the suite must be stopped)\n");
    if (kind == SERVICE_OPTIONS_TABLES)
        (void)printf(
            "  --import TABLE    read a table as CSV from standard input and end (likewise)\n");
}

static int number(const char *text)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    return *text == '\0' || *end != '\0' || value < 0 || value > 1 << 20 ? -1 : (int)value;
}

static int take(struct service_options *options, int option, const char *argument)
{
    switch (option) {
    case 'd':
        options->data = argument;
        return 0;
    case OPTION_LIFELINE:
        options->lifeline_fd = number(argument);
        return options->lifeline_fd;
    case OPTION_READY:
        options->ready_fd = number(argument);
        return options->ready_fd;
    case OPTION_ADOPT:
        options->adopt = true;
        return 0;
    case OPTION_EXPORT:
        options->export_table = argument;
        return 0;
    case OPTION_IMPORT:
        options->import_table = argument;
        return 0;
    default:
        return -1;
    }
}

int service_options_read(int argc, char **argv, const char *about, enum service_options_kind kind,
                         struct service_options *ret)
{
    static const struct option known[] = {
        {"help", no_argument, NULL, 'h'},
        {"data", required_argument, NULL, 'd'},
        {"lifeline-fd", required_argument, NULL, OPTION_LIFELINE},
        {"ready-fd", required_argument, NULL, OPTION_READY},
        {"adopt", no_argument, NULL, OPTION_ADOPT},
        {"export", required_argument, NULL, OPTION_EXPORT},
        {"import", required_argument, NULL, OPTION_IMPORT},
        {NULL, 0, NULL, 0},
    };
    *ret = (struct service_options){.lifeline_fd = -1, .ready_fd = -1};
    int option;
    bool wrong = false;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            help(argv[0], about, kind);
            return SERVICE_STOPPED;
        }
        wrong = wrong || take(ret, option, optarg) < 0;
    }
    if (wrong || optind < argc || (ret->export_table != NULL && kind == SERVICE_OPTIONS_ADOPT) ||
        (ret->import_table != NULL && kind != SERVICE_OPTIONS_TABLES) ||
        (ret->adopt && kind != SERVICE_OPTIONS_ADOPT)) {
        (void)fprintf(stderr, "%s: see %s --help\n", argv[0], argv[0]);
        return SERVICE_CONFIG;
    }
    return -1;
}

void service_failed(const struct service_options *options, const struct err *err)
{
    if (options->export_table != NULL || options->import_table != NULL)
        (void)fprintf(stderr, "%s\n", err->text);
    else
        log_line(LOG_LEVEL_ERROR, "stopped", "reason=%s", log_quote(err->text));
}
