#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "commands.h"
#include "operate.h"

static int run(struct cli *cli)
{
    AUTO(freep) char *who = cli_who();
    Zsaga__Resume resume = ZSAGA__RESUME__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    resume.key = packed_borrow_text(cli->args.words[0]);
    resume.who = packed_borrow_text(who);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_RESUME;
    request.resume = &resume;
    return operate(cli, &request, &resume.reason, "key");
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
    .options = options,
    .option_count = 1,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
