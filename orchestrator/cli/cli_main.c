/* The tool's front: finds the command, reads its arguments, helps. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli.h"
#include "commands.h"

const struct cli_command *const cli_commands[] = {
    &command_init,   &command_up,     &command_ps,          &command_import,
    &command_export, &command_submit, &command_list,        &command_show,
    &command_retry,  &command_trust,  &command_resync,      &command_status,
    &command_audit,  &command_top,    &command_conformance, &command_demo,
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

#define COMMON_COUNT 3
static const struct args_option common[COMMON_COUNT] = {
    /* --data is the first. */
    {"data", "DIR", "the suite's directory; else $ZSAGA_DATA, else ./zsaga-data"},
    {"json", NULL, "print one JSON document instead of a table"},
    {"help", NULL, "print this and end"},
};

static void print_overview(FILE *to)
{
    (void)fputs(
        "zsaga: durable sagas: transactions over several services that end whole or undone\n"
        "\n"
        "usage: zsaga COMMAND [options]\n"
        "\n"
        "commands:\n",
        to);
    for (size_t i = 0; i < cli_command_count; i++)
        (void)fprintf(to, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    (void)fputs("\n"
                "  zsaga COMMAND --help   what it does, its options, examples\n"
                "  zsaga --version\n"
                "\n"
                "every command takes --json, and all but demo --data DIR (else $ZSAGA_DATA, else\n"
                "./zsaga-data)\n"
                "\n"
                "first steps:\n"
                "  zsaga demo             watch a suite survive kill -9, in half a minute\n"
                "  zsaga up               start one of your own; in another terminal:\n"
                "  zsaga import stock stock.csv && zsaga import customers customers.csv\n"
                "  zsaga submit order orders.csv --wait\n"
                "  zsaga list\n"
                "\n"
                "exit codes: 0 what was asked is true, 1 it is not, 2 usage or configuration,\n"
                "  3 no such thing, 4 the suite is not running or does not answer, 5 timeout\n",
                to);
}

static void print_option(const struct args_option *option)
{
    AUTO(freep)
    char *left = xprintf("--%s%s%s", option->name, option->value == NULL ? "" : " ",
                         option->value == NULL ? "" : option->value);
    (void)printf("  %-18s %s\n", left, option->help);
}

static void print_help(const struct cli_command *command)
{
    (void)printf("usage: zsaga %s%s%s [options]\n\n%s\noptions:\n", command->name,
                 command->words[0] == '\0' ? "" : " ", command->words, command->help);
    for (size_t i = 0; i < command->option_count; i++)
        print_option(&command->options[i]);
    for (size_t i = command->no_data ? 1 : 0; i < COMMON_COUNT; i++)
        print_option(&common[i]);
    (void)printf("\nexit codes:\n%s", command->exits);
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[32];
    for (size_t i = 0; i < cli_command_count; i++)
        names[i] = cli_commands[i]->name;
    const char *nearest = args_nearest(name, names, cli_command_count);
    if (nearest != NULL)
        cli_say("there is no command %s; did you mean %s?", name, nearest);
    else
        cli_say("there is no command %s", name);
    (void)fputs("Try: zsaga --help\n", stderr);
    return CLI_USAGE;
}

/* `zsaga help`, or `zsaga help COMMAND`. */
static int help_on(const char *name)
{
    const struct cli_command *command = name == NULL ? NULL : find_command(name);
    if (name == NULL)
        print_overview(stdout);
    else if (command != NULL)
        print_help(command);
    else
        return unknown_command(name);
    return CLI_TRUE;
}

static void look_at_terminal(struct cli *cli)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return;
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    cli->color =
        (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        cli->width = size.ws_col;
}

static int check_words(const struct cli *cli)
{
    const struct cli_command *command = cli->command;
    size_t count = cli->args.word_count;
    if (count < command->words_min)
        return cli_usage(cli, "%s",
                         command->words_min == 1 ? "a word is missing" : "words are missing");
    if (count > command->words_max)
        return cli_usage(cli, "one word too many: %s", cli->args.words[command->words_max]);
    return 0;
}

static int run_command(struct cli *cli)
{
    if (args_has(&cli->args, "help")) {
        print_help(cli->command);
        return CLI_TRUE;
    }
    int code = check_words(cli);
    if (code != 0)
        return code;
    const char *data = args_value(&cli->args, "data");
    if (data != NULL && data[0] == '\0')
        return cli_usage(cli, "--data needs a directory");
    if (data != NULL && cli->command->no_data)
        return cli_usage(cli, "it uses a temporary directory: it takes no --data");
    cli->dir = suite_dir(data);
    cli->json = args_has(&cli->args, "json");
    look_at_terminal(cli);
    code = cli->command->run(cli);
    client_free(cli->client);
    suite_free(cli->suite);
    free(cli->dir);
    return code;
}

/* Options of all commands may stand before the command: gives back where it stands. */
static int find_word(int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0')
        i += strcmp(argv[i], "--data") == 0 ? 2 : 1;
    return i < argc ? i : argc;
}

static int dispatch(struct cli *cli, int argc, char **argv, int at)
{
    struct args_option options[32];
    const struct cli_command *command = cli->command;
    memcpy(options, common, sizeof common);
    if (command->option_count != 0)
        memcpy(options + COMMON_COUNT, command->options, command->option_count * sizeof options[0]);
    /* The command's own word is taken out of the way. */
    memmove(argv + at, argv + at + 1, (size_t)(argc - at - 1) * sizeof argv[0]);
    struct err err = {0};
    int code;
    if (args_parse(&cli->args, options, COMMON_COUNT + command->option_count, argc - 2, argv + 1,
                   &err) < 0)
        code = cli_usage(cli, "%s", err.text);
    else
        code = run_command(cli);
    args_release(&cli->args);
    return code;
}

static int without_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("zsaga " ZSAGA_VERSION);
            return CLI_TRUE;
        }
        if (strcmp(argv[i], "--help") == 0) {
            print_overview(stdout);
            return CLI_TRUE;
        }
    }
    if (argc > 1)
        cli_say("a command is missing");
    print_overview(stderr);
    return CLI_USAGE;
}

/* What could not be written was not told: a full disk must not look like success. */
static int end_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    cli_say("cannot write to standard output");
    return code == CLI_TRUE ? CLI_FALSE : code;
}

int cli_main(int argc, char **argv)
{
    static char help[] = "--help";
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-h") == 0)
            argv[i] = help;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    int at = find_word(argc, argv);
    if (at == argc)
        return end_output(without_command(argc, argv));
    struct cli cli = {.command = find_command(argv[at])};
    if (cli.command == NULL && strcmp(argv[at], "help") == 0)
        return end_output(help_on(at + 1 < argc ? argv[at + 1] : NULL));
    if (cli.command == NULL)
        return unknown_command(argv[at]);
    return end_output(dispatch(&cli, argc, argv, at));
}
