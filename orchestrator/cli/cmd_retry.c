#include "commands.h"
#include "operate.h"

static int run(struct cli *cli)
{
    static const struct operate_words words = {"key", "goes on from where it stood",
                                               "list --state attention"};
    return operate(cli, client_retry, &words);
}

static const struct args_option options[] = {
    {"reason", "TEXT", "why; it is written into the saga's history"},
};

const struct cli_command command_retry = {
    .name = "retry",
    .words = "KEY --reason TEXT",
    .summary = "let a saga in attention go on",
    .help =
        "Lets a saga in attention go on from where it stood, with fresh patience. Who, when and\n"
        "why are written into its history. Repair the cause first: `zsaga show KEY` tells it.\n"
        "\n"
        "examples:\n"
        "  zsaga list --state attention\n"
        "  zsaga retry 536365 --reason 'payment is back, see incident 12'\n",
    .exits = "  0 it goes on\n"
             "  1 it is not in attention\n"
             "  2 the call is wrong\n"
             "  3 there is no such saga\n"
             "  4 the suite is not running or does not answer\n",
    .options = options,
    .option_count = 1,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
