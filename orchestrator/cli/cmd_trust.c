#include "commands.h"
#include "operate.h"

static int run(struct cli *cli)
{
    static const struct operate_words words = {"participant",
                                               "its database is believed as it is now", "status"};
    return operate(cli, client_trust, &words);
}

static const struct args_option options[] = {
    {"reason", "TEXT", "why; it is written down with who and when"},
};

const struct cli_command command_trust = {
    .name = "trust",
    .words = "PARTICIPANT --reason TEXT",
    .summary = "believe a participant's restored database",
    .help =
        "When a participant's log ends before what the orchestrator has seen of it, its database\n"
        "was restored from a backup: it has forgotten effects. Nothing more is sent to it until\n"
        "somebody has compared its data with the sagas (`zsaga audit`) and says here that the\n"
        "database is to be believed as it is now. `zsaga status` shows who waits for that.\n"
        "\n"
        "examples:\n"
        "  zsaga status\n"
        "  zsaga trust payment --reason 'restored from last night, charges compared'\n",
    .exits = "  0 it is believed\n"
             "  1 there is nothing to believe: it is not suspended\n"
             "  2 the call is wrong\n"
             "  3 there is no such participant\n"
             "  4 the suite is not running or does not answer\n",
    .options = options,
    .option_count = 1,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
