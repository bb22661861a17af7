#include "operate.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "out.h"
#include "printable.h"

static void tell(const struct cli *cli, const char *object, const char *done)
{
    struct bytes name = bytes_text(cli->args.words[0]);
    if (cli->json) {
        json_t *json = json_object();
        json_object_set_new(json, object, printable_json(name));
        json_object_set_new(json, "message", json_string(done));
        out_json(json);
        return;
    }
    AUTO(freep) char *safe = printable(name);
    (void)printf("%s: %s\n", safe, done);
}

int operate_reason(const struct cli *cli, const char **ret)
{
    const char *reason = args_value(&cli->args, "reason");
    if (reason == NULL || reason[strspn(reason, " \t")] == '\0')
        return cli_usage(cli, "--reason is missing: say why, for those who come later");
    if (strlen(reason) > CLIENT_REASON_MAX || !text_is_utf8(bytes_text(reason)))
        return cli_usage(cli, "--reason: up to %d bytes of UTF-8", CLIENT_REASON_MAX);
    *ret = reason;
    return 0;
}

int operate(struct cli *cli, operate_call call, const struct operate_words *words)
{
    const char *reason;
    int code = operate_reason(cli, &reason);
    if (code == 0)
        code = cli_connect(cli);
    if (code != 0)
        return code;
    struct err err = {0};
    AUTO(freep) char *who = cli_who();
    int rc = call(cli->client, cli->args.words[0], who, reason, CLI_ASK_MS, &err);
    if (rc != 0)
        return cli_fail_see(cli, &err, words->see);
    tell(cli, words->object, words->done);
    return CLI_TRUE;
}
