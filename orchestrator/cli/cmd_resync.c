#include <stdio.h>
#include <string.h>

#include "ask_owner.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "commands.h"
#include "operate.h"
#include "out.h"
#include "printable.h"

static int read_from(const struct cli *cli, protobuf_c_boolean *ret_from_tail)
{
    const char *from = args_value(&cli->args, "from");
    if (from == NULL)
        return cli_usage(cli, "--from is missing: tail (apply what its log still has) or head"
                              " (only what comes now)");
    *ret_from_tail = strcmp(from, "tail") == 0;
    if (!*ret_from_tail && strcmp(from, "head") != 0)
        return cli_usage(cli, "--from: tail or head, not \"%s\"", from);
    return 0;
}

/* The two processes must be of this suite, in these roles. */
static int check_names(const struct cli *cli, const char *consumer, const char *publisher)
{
    const char *names[SUITE_PARTICIPANTS_MAX + 1];
    const struct suite_consumer *place = suite_find_consumer(cli->suite, consumer);
    if (place == NULL) {
        cli_say("the suite has no consumer %s: `zsaga ps` lists its processes", consumer);
        return CLI_MISSING;
    }
    size_t count = suite_publishers(cli->suite, place, names);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], publisher) == 0)
            return 0;
    struct buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&all, i == 0 ? "" : ", ");
        buffer_append_text(&all, names[i]);
    }
    buffer_append(&all, "", 1);
    cli_say("%s does not follow %s; it follows: %s", consumer, publisher, (const char *)all.data);
    buffer_release(&all);
    return CLI_MISSING;
}

static void tell(const struct cli *cli, const char *words)
{
    if (!cli->json) {
        (void)puts(words);
        return;
    }
    json_t *json = json_object();
    json_object_set_new(json, "consumer", printable_json(bytes_text(cli->args.words[0])));
    json_object_set_new(json, "publisher", printable_json(bytes_text(cli->args.words[1])));
    json_object_set_new(json, "from", printable_json(bytes_text(args_value(&cli->args, "from"))));
    json_object_set_new(json, "message", printable_json(bytes_text(words)));
    out_json(json);
}

static int ask(struct cli *cli, Zsaga__Resync *resync)
{
    AUTO(freep) char *words = NULL;
    struct err err = {0};
    int rc = ask_owner_resync(cli->suite, cli->args.words[0], resync, &words, &err);
    if (rc < 0)
        return cli_fail(&err);
    if (rc == ASK_OWNER_REFUSED) {
        cli_say("%s refuses: %s", cli->args.words[0], err.text);
        return CLI_FALSE;
    }
    tell(cli, words);
    return CLI_TRUE;
}

static int run(struct cli *cli)
{
    AUTO(freep) char *who = cli_who();
    Zsaga__Resync resync = ZSAGA__RESYNC__INIT;
    resync.publisher = packed_borrow_text(cli->args.words[1]);
    resync.who = packed_borrow_text(who);
    const char *reason = "";
    int code = read_from(cli, &resync.from_tail);
    if (code == 0)
        code = operate_reason(cli, &reason);
    resync.reason = packed_borrow_text(reason);
    if (code == 0)
        code = cli_require_running(cli);
    if (code == 0)
        code = cli_load_suite(cli);
    if (code == 0)
        code = check_names(cli, cli->args.words[0], cli->args.words[1]);
    return code == 0 ? ask(cli, &resync) : code;
}

static const struct args_option options[] = {
    {"from", "tail|head", "where to read on: at the oldest event that is kept, or at the newest"},
    {"reason", "TEXT", "why; it is written down with who and when"},
};

const struct cli_command command_resync = {
    .name = "resync",
    .words = "CONSUMER PUBLISHER --from tail|head --reason TEXT",
    .summary = "let a consumer that has stopped follow a publisher again",
    .help =
        "A consumer with effects of its own stops following a publisher when it cannot know what\n"
        "it has missed: `truncated`, events behind its cursor are no longer kept; `diverged`, the\n"
        "log is another one than it has read, for the publisher's database was restored from a\n"
        "backup, or lost. Its other publishers are followed all the time.\n"
        "\n"
        "Compare first what the consumer did with what the publisher's log now says. Then decide:\n"
        "  --from tail   apply every event that the log still has, also such that were applied\n"
        "                before: right after a loss of the consumer's own effects\n"
        "  --from head   apply only what comes from now on: what was missed stays missed\n"
        "\n"
        "Only a stream that has stopped can be resynced. Who, when and why are written down in\n"
        "the consumer's database.\n"
        "\n"
        "examples:\n"
        "  zsaga resync notification order --from head --reason 'restored from last night, mails "
        "compared'\n",
    .exits = "  0 it follows again\n"
             "  1 refused: that stream has not stopped\n"
             "  2 the call is wrong\n"
             "  3 there is no such consumer, or it does not follow that publisher\n"
             "  4 the suite is not running, or the consumer does not answer\n",
    .options = options,
    .option_count = 2,
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
