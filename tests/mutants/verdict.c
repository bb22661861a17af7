#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "sim.h"

/* The first line of `output` that begins so, or NULL. */
static const char *line_with(const char *output, const char *begin)
{
    for (const char *line = output; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, begin, strlen(begin)) == 0)
            return line;
    }
    return NULL;
}

static void copy_word(const char *from, struct verdict *verdict)
{
    size_t len = strcspn(from, " \n");
    (void)snprintf(verdict->by, sizeof verdict->by, "%.*s", (int)len, from);
}

/* "FAIL I9 seed=15 ..." */
static void read_failure(const char *output, struct verdict *verdict)
{
    static const char begin[] = "FAIL ";
    const char *line = line_with(output, begin);
    if (line == NULL) {
        verdict->kind = VERDICT_BROKEN;
        (void)snprintf(verdict->by, sizeof verdict->by, "failed without a line that says FAIL");
        return;
    }
    copy_word(line + strlen(begin), verdict);
    const char *seed = strstr(line, "seed=");
    const char *end = strchr(line, '\n');
    if (seed != NULL && (end == NULL || seed < end))
        verdict->seed = strtoul(seed + strlen("seed="), NULL, 0);
}

static bool is_finding(int code)
{
    return code == SIM_EXIT_CRASH || code == SIM_EXIT_LIVENESS || code == SIM_EXIT_INVARIANT ||
           code == SIM_EXIT_NOT_DETERMINED;
}

static void tell_end(int status, struct verdict *verdict)
{
    verdict->kind = VERDICT_BROKEN;
    if (WIFSIGNALED(status))
        (void)snprintf(verdict->by, sizeof verdict->by, "signal %d", WTERMSIG(status));
    else
        (void)snprintf(verdict->by, sizeof verdict->by, "exit code %d", WEXITSTATUS(status));
}

struct verdict verdict_of_simulator(int status, const char *output)
{
    struct verdict verdict = {.kind = VERDICT_PASSED};
    /* 1: some rare thing has not happened in so many runs; no run has failed. */
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
        return verdict;
    verdict.kind = VERDICT_FAILED;
    if (WIFEXITED(status) && is_finding(WEXITSTATUS(status)))
        read_failure(output, &verdict);
    else
        tell_end(status, &verdict);
    return verdict;
}

struct verdict verdict_of_test(int status, const char *output)
{
    struct verdict verdict = {.kind = VERDICT_PASSED};
    static const char begin[] = "[  FAILED  ] ";
    const char *line = line_with(output, begin);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return verdict;
    tell_end(status, &verdict);
    if (line != NULL) {
        verdict.kind = VERDICT_FAILED;
        copy_word(line + strlen(begin), &verdict);
    } else if (WIFSIGNALED(status)) {
        verdict.kind = VERDICT_FAILED; /* An assertion of the engine's own. */
    }
    return verdict;
}
