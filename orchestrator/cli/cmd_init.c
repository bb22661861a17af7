#include <stdio.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "printable.h"

static void print(const struct cli *cli, bool made)
{
    if (cli->json) {
        json_t *json = json_object();
        json_object_set_new(json, "data", printable_json(bytes_text(cli->dir)));
        json_object_set_new(json, "made", json_boolean(made));
        out_json(json);
    } else if (made) {
        AUTO(freep) char *dir = printable(bytes_text(cli->dir));
        (void)printf("made %s/suite.zpl: edit it, then: zsaga up --data %s\n", dir, dir);
    }
    if (!made)
        cli_say("%s has a suite.zpl already: it was left as it is", cli->dir);
}

static int run(struct cli *cli)
{
    AUTO(freep) char *path = xprintf("%s/suite.zpl", cli->dir);
    bool made = access(path, F_OK) != 0;
    bool bare = args_has(&cli->args, "bare");
    struct err err = {0};
    int rc = bare ? suite_create_empty(cli->dir, &err) : suite_create(cli->dir, &err);
    if (rc < 0) {
        (void)cli_fail(&err);
        return CLI_USAGE; /* The directory is the caller's choice. */
    }
    print(cli, made);
    return made ? CLI_TRUE : CLI_FALSE;
}

static const struct args_option options[] = {
    {"bare", NULL, "without the order services: for participants of your own"},
};

const struct cli_command command_init = {
    .name = "init",
    .words = "",
    .summary = "make a data directory with its suite.zpl, starting nothing",
    .help =
        "Makes the data directory and writes DIR/suite.zpl, with its defaults and comments, to be\n"
        "edited before the first `zsaga up` (which makes them too, if they are not there). A\n"
        "directory that has a suite.zpl is left as it is.\n"
        "\n"
        "examples:\n"
        "  zsaga init --data /var/lib/zsaga\n"
        "  zsaga init --bare           a suite for services of your own, see docs/tutorial.md\n",
    .exits = "  0 made\n"
             "  1 it has a suite.zpl already\n"
             "  2 the call is wrong, or the directory cannot be made\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
