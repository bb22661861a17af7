#include "cli.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "printable.h"
#include "processes.h"
#include "spawn.h"

#define LOCK_WAIT_MS 5000

__attribute__((format(printf, 2, 0))) static void say(const char *who, const char *format,
                                                      va_list args)
{
    AUTO(freep) char *words = NULL;
    if (vasprintf(&words, format, args) < 0)
        abort();
    AUTO(freep) char *safe = printable(bytes_text(words));
    (void)fprintf(stderr, "%s: %s\n", who, safe);
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("zsaga", format, args);
    va_end(args);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    AUTO(freep) char *who = xprintf("zsaga %s", cli->command->name);
    va_list args;
    va_start(args, format);
    say(who, format, args);
    va_end(args);
    (void)fprintf(stderr, "usage: zsaga %s%s%s\nTry:   zsaga %s --help\n", cli->command->name,
                  cli->command->words[0] == '\0' ? "" : " ", cli->command->words,
                  cli->command->name);
    return CLI_USAGE;
}

int cli_fail(const struct err *err)
{
    cli_say("%s", err->text);
    switch (err->code) {
    case ERR_INVALID:
        return CLI_USAGE;
    case ERR_NOT_FOUND:
        return CLI_MISSING;
    case ERR_TIMEOUT:
        return CLI_STOPPED;
    default:
        return CLI_FALSE;
    }
}

int cli_fail_see(const struct cli *cli, const struct err *err, const char *command)
{
    if (err->code != ERR_NOT_FOUND)
        return cli_fail(err);
    cli_say("%s; see: zsaga %s --data %s", err->text, command, cli->dir);
    return CLI_MISSING;
}

static int say_no_suite(const struct cli *cli)
{
    cli_say("there is no suite in %s (no suite.zpl): is --data right? To make one: zsaga up "
            "--data %s",
            cli->dir, cli->dir);
    return CLI_STOPPED;
}

int cli_load_suite(struct cli *cli)
{
    if (cli->suite != NULL)
        return 0;
    struct err err = {0};
    int rc = suite_load(cli->dir, &cli->suite, &err);
    if (rc == ERR_NOT_FOUND)
        return say_no_suite(cli);
    return rc < 0 ? cli_fail(&err) : 0;
}

int cli_require_running(struct cli *cli)
{
    if (suite_is_locked(cli->dir))
        return 0;
    AUTO(freep) char *file = suite_path(cli->dir, "suite.zpl");
    if (access(file, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return say_no_suite(cli);
    cli_say("the suite in %s is not running; start it: zsaga up --data %s", cli->dir, cli->dir);
    return CLI_STOPPED;
}

/* Who holds the lock for a moment only, to read or import, is waited for: only a supervisor's hold
 * means that the services can be asked. */
int cli_reach(struct cli *cli, int *ret_lock)
{
    int64_t until_ms = clock_mono_ms() + LOCK_WAIT_MS;
    for (;;) {
        struct err err = {0};
        int rc = suite_lock(cli->dir, 0, ret_lock, &err);
        if (rc != ERR_HELD)
            return rc < 0 ? cli_fail(&err) : 0;
        json_t *processes = processes_read(cli->dir);
        json_decref(processes);
        if (processes != NULL || clock_mono_ms() >= until_ms)
            return 0;
    }
}

/* Whoever is kept out would only hear silence. */
int cli_may_enter(struct cli *cli)
{
    AUTO(freep) char *run = suite_path(cli->dir, "run");
    if (euidaccess(run, X_OK) == 0 || errno != EACCES)
        return 0;
    cli_say("the suite in %s runs, but %s is closed to you: ask as the user who runs it", cli->dir,
            run);
    return CLI_STOPPED;
}

/* One that will not be started again would only be waited for. */
static int check_orchestrator(const struct cli *cli)
{
    json_t *processes = processes_read(cli->dir);
    const char *state = processes_state(processes, SUITE_ORCHESTRATOR);
    bool failed = state != NULL && strcmp(state, child_state_name(CHILD_FAILED)) == 0;
    json_decref(processes);
    if (!failed)
        return 0;
    AUTO(freep) char *log_path = suite_log_path(cli->suite, SUITE_ORCHESTRATOR);
    AUTO(freep) char *words = spawn_last_words(log_path, 0);
    cli_say("the orchestrator has failed, and is not started again: %s; stop the suite, mend that, "
            "and start it: zsaga up --data %s",
            words[0] == '\0' ? log_path : words, cli->dir);
    return CLI_STOPPED;
}

int cli_connect(struct cli *cli)
{
    int code = cli_require_running(cli);
    if (code == 0)
        code = cli_load_suite(cli);
    if (code == 0 && cli->suite->client == NULL)
        code = cli_may_enter(cli);
    if (code == 0)
        code = check_orchestrator(cli);
    if (code != 0)
        return code;
    struct err err = {0};
    return client_open(cli->dir, &cli->client, &err) < 0 ? cli_fail(&err) : 0;
}

char *cli_who(void)
{
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        (void)snprintf(host, sizeof host, "localhost");
    const struct passwd *user = getpwuid(geteuid());
    if (user != NULL)
        return xprintf("%s@%s", user->pw_name, host);
    return xprintf("%u@%s", (unsigned)geteuid(), host);
}
