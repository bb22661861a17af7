/* What an operator does: a request with who and why, answered by done or a refusal. */
#ifndef ZSAGA_CLI_OPERATE_H
#define ZSAGA_CLI_OPERATE_H

#include "cli.h"

/* Puts --reason into *reason, which is part of `request`, sends it and tells what came of it.
 * `object` names the first word in JSON. Returns the exit code. */
int operate(struct cli *cli, Zsaga__ClientRequest *request, ProtobufCBinaryData *reason,
            const char *object);

#endif
