#include "operate.h"

#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "out.h"
#include "printable.h"

#define REASON_MAX 500 /* Bytes. */

static void tell(const struct cli *cli, const Zsaga__ClientAnswer *answer, const char *object)
{
    struct bytes words = bytes_text("done");
    if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_DONE && answer->done->message.len != 0)
        words = packed_view(answer->done->message);
    if (cli->json) {
        json_t *json = json_object();
        json_object_set_new(json, object, printable_json(bytes_text(cli->args.words[0])));
        json_object_set_new(json, "message", printable_json(words));
        out_json(json);
        return;
    }
    AUTO(freep) char *safe = printable(words);
    (void)puts(safe);
}

int operate(struct cli *cli, Zsaga__ClientRequest *request, ProtobufCBinaryData *reason,
            const char *object)
{
    const char *text = args_value(&cli->args, "reason");
    if (text == NULL || text[strspn(text, " \t")] == '\0')
        return cli_usage(cli, "--reason is missing: say why, for those who come later");
    if (strlen(text) > REASON_MAX || !text_is_utf8(bytes_text(text)))
        return cli_usage(cli, "--reason: up to %d bytes of UTF-8", REASON_MAX);
    *reason = packed_borrow_text(text);
    int code = cli_connect(cli);
    if (code != 0)
        return code;
    const Zsaga__ClientAnswer *answer;
    code = cli_ask(cli, request, &answer);
    if (code == 0)
        tell(cli, answer, object);
    return code;
}
