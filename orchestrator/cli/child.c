#include "child.h"

#include "service_exit.h"

const char *child_state_name(enum child_state state)
{
    static const char *const names[] = {
        [CHILD_STOPPED] = "stopped", [CHILD_STARTING] = "starting", [CHILD_RUNNING] = "running",
        [CHILD_BACKOFF] = "backoff", [CHILD_FAILED] = "failed",
    };
    return names[state];
}

void child_started(struct child *child, pid_t pid, int64_t now_ms)
{
    if (child->state == CHILD_BACKOFF)
        child->restarts++;
    child->pid = pid;
    child->state = CHILD_STARTING;
    child->started_ms = now_ms;
}

void child_is_ready(struct child *child)
{
    if (child->state == CHILD_STARTING)
        child->state = CHILD_RUNNING;
}

static bool is_final(int exit_code)
{
    return exit_code == SERVICE_CONFIG || exit_code == SERVICE_FENCED ||
           exit_code == SERVICE_CORRUPT;
}

static int64_t next_backoff_ms(const struct child *child, int64_t now_ms)
{
    if (child->backoff_ms == 0 || now_ms - child->started_ms >= CHILD_STEADY_MS)
        return CHILD_BACKOFF_MIN_MS;
    int64_t doubled = 2 * child->backoff_ms;
    return doubled < CHILD_BACKOFF_MAX_MS ? doubled : CHILD_BACKOFF_MAX_MS;
}

void child_ended(struct child *child, int exit_code, bool stopping, int64_t now_ms)
{
    child->pid = 0;
    child->exit_code = exit_code;
    if (stopping) {
        child->state = CHILD_STOPPED;
        return;
    }
    if (is_final(exit_code)) {
        child->state = CHILD_FAILED;
        return;
    }
    child->backoff_ms = next_backoff_ms(child, now_ms);
    child->restart_at_ms = now_ms + child->backoff_ms;
    child->state = CHILD_BACKOFF;
}

void child_stopped(struct child *child)
{
    if (child->pid == 0 && child->state != CHILD_FAILED)
        child->state = CHILD_STOPPED;
}

bool child_is_due(const struct child *child, int64_t now_ms)
{
    return child->state == CHILD_BACKOFF && now_ms >= child->restart_at_ms;
}
