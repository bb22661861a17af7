/* What all commands of the tool share: exit codes, the data directory, complaints. */
#ifndef ZSAGA_CLI_CLI_H
#define ZSAGA_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"
#include "base/err.h"
#include "client.h"
#include "suite.h"

enum cli_exit {
    CLI_TRUE = 0,    /* What was asked is true. */
    CLI_FALSE = 1,   /* It is not. */
    CLI_USAGE = 2,   /* Usage or configuration. */
    CLI_MISSING = 3, /* No such thing. */
    CLI_STOPPED = 4, /* The suite is not running or does not answer. */
    CLI_TIMEOUT = 5,
};

#define CLI_ASK_MS 10000   /* How long the orchestrator may take to answer a question. */
#define CLI_OWNER_MS 15000 /* ... an owner. Both outlive a restart. */

struct cli;

/* A command of the tool. */
struct cli_command {
    const char *name;
    const char *words;   /* What follows the name: "KEY --reason TEXT". */
    const char *summary; /* One line. */
    const char *help;    /* What it does, with examples. */
    const char *exits;   /* What its exit codes say. */
    const struct args_option *options;
    size_t option_count;
    size_t words_min; /* Words that must and may follow. */
    size_t words_max;
    bool no_data;                /* It makes a directory of its own: --data is no option of it. */
    int (*run)(struct cli *cli); /* Returns the exit code. */
};

/* One call of the tool. */
struct cli {
    const struct cli_command *command;
    struct args args;
    char *dir; /* The data directory. */
    bool json;
    bool color;   /* Of standard output. */
    size_t width; /* Of its terminal; 0: none. */
    struct suite *suite;
    struct client *client; /* To the orchestrator. */
};

extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* The whole program. */
int cli_main(int argc, char **argv);

/* Says "zsaga: words" on standard error, safe for a terminal. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is wrong with the call and what to do next; returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says the error, or the refusal; returns the exit code for it. */
int cli_fail(const struct err *err);

/* The same; of what there is not, says which command shows what there is. */
int cli_fail_see(const struct cli *cli, const struct err *err, const char *command);

/* Each returns 0, or says why not and returns the exit code. */
int cli_load_suite(struct cli *cli);      /* cli->suite */
int cli_require_running(struct cli *cli); /* Its lock is held. */
int cli_may_enter(struct cli *cli);       /* This user may ask the running suite. */
int cli_connect(struct cli *cli);         /* cli->client, of a running suite. */
/* Finds out whether the suite runs (*ret_lock is -1) or takes its lock (to be closed). */
int cli_reach(struct cli *cli, int *ret_lock);

/* user@host, for what an operator does. Allocated. */
char *cli_who(void);

#endif
