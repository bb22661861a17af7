/* What an operator does: with who and why, answered by done or a refusal. */
#ifndef ZSAGA_CLI_OPERATE_H
#define ZSAGA_CLI_OPERATE_H

#include "cli.h"

/* client_retry() or client_trust(). */
typedef int (*operate_call)(struct client *client, const char *name, const char *who,
                            const char *reason, int64_t timeout_ms, struct err *err);

/* Checks --reason and borrows it. 0, or says what is wrong and returns the exit code. */
int operate_reason(const struct cli *cli, const char **ret);

struct operate_words {
    const char *object; /* Names the first word in JSON. */
    const char *done;   /* Told when it is done. */
    const char *see;    /* The command that shows to what it could be done. */
};

/* Does it to the first word with --reason. Returns the exit code. */
int operate(struct cli *cli, operate_call call, const struct operate_words *words);

#endif
