#include "base/packed.h"
#include "base/xalloc.h"
#include "commands.h"
#include "operate.h"

static int run(struct cli *cli)
{
    AUTO(freep) char *who = cli_who();
    Zsaga__Trust trust = ZSAGA__TRUST__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    trust.participant = packed_borrow_text(cli->args.words[0]);
    trust.who = packed_borrow_text(who);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_TRUST;
    request.trust = &trust;
    return operate(cli, &request, &trust.reason, "participant");
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
    .options = options,
    .option_count = 1,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
