#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "commands.h"
#include "program.h"

#define TOP_PROGRAM "zsaga-top"

static const struct args_option options[] = {
    {"once", NULL, "print it once and end; so it is without a terminal"},
    {"interval", "S", "seconds between two looks (default 1)"},
    {"timeout", "S", "wait so long for the answer to a single one (default 10 s)"},
    {"color", "WHEN", "auto (default), always or never"},
    {"ascii", NULL, "no other characters; so it is where the locale is not UTF-8"},
};

/* The observer's own program draws: it becomes that, and has the terminal to itself. */
static int become(const struct cli *cli, const char *program)
{
    const char *argv[16] = {program, "--data", cli->dir};
    size_t count = 3;
    static const char *const flags[] = {"--once", "--ascii"};
    static const char *const valued[] = {"--interval", "--timeout", "--color"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (args_has(&cli->args, flags[i] + 2))
            argv[count++] = flags[i];
    for (size_t i = 0; i < sizeof valued / sizeof valued[0]; i++) {
        const char *value = args_value(&cli->args, valued[i] + 2);
        if (value == NULL)
            continue;
        argv[count++] = valued[i];
        argv[count++] = value;
    }
    if (cli->json)
        argv[count++] = "--json";
    program_reset_signals();
    (void)execv(program, (char *const *)(uintptr_t)argv);
    cli_say("cannot run %s: %s", program, strerror(errno));
    return CLI_FALSE;
}

static int run(struct cli *cli)
{
    int code = cli_require_running(cli);
    if (code == 0)
        code = cli_load_suite(cli);
    if (code != 0)
        return code;
    struct err err = {0};
    AUTO(freep) char *program = NULL;
    int rc = program_find(TOP_PROGRAM, &program, &err);
    return rc < 0 ? cli_fail(&err) : become(cli, program);
}

const struct cli_command command_top = {
    .name = "top",
    .words = "",
    .summary = "what the suite does, live: sagas, rates, logs, trouble",
    .help =
        "Shows what the observer sees, drawn anew each second; q or Ctrl-C ends it. Nothing in it\n"
        "can move a saga, and nothing but `top` needs the observer.\n"
        "\n"
        "  sagas     how many are in each state, of all that were ever seen\n"
        "  rates     started, completed and compensated a second, over the last 10 s\n"
        "  time      from start to end, of those that ended in the last minute\n"
        "  logs      how far the observer has read each process's log: `lag` in events, `lag_s`\n"
        "            how old what it has read is; a lagging log catches up by itself\n"
        "  below     sagas in attention (they wait for you: zsaga show KEY, zsaga retry KEY), "
        "then\n"
        "            the stuck ones (two troubles behind each other, or nothing for 30 s), then\n"
        "            the oldest unfinished\n"
        "\n"
        "The second line tells how fresh all this is: live, stale (the observer is behind), "
        "silent\n"
        "(it does not answer; see zsaga ps). Old data is shown as old, never as zeroes.\n"
        "--json prints one document with the same fields: docs/observer.md names them.\n"
        "\n"
        "examples:\n"
        "  zsaga top\n"
        "  zsaga top --once --color never\n"
        "  zsaga top --json | jq '.streams[] | {publisher, lag, lag_s}'\n"
        "  zsaga top --json | jq -r '.look_at[] | select(.why == \"stuck\").key'\n",
    .exits = "  0 shown, until it was ended\n"
             "  2 the call is wrong\n"
             "  4 the suite or its observer does not run, or does not answer\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
