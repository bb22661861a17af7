#include "unready.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli.h"
#include "program.h"
#include "suite.h"

#define ANSWER_MS 3000 /* Then it is told without. */

void unready_begin(struct unready *self, int64_t due_ms)
{
    *self = (struct unready){.due_ms = due_ms, .answer_fd = -1};
}

int64_t unready_due_ms(const struct unready *self)
{
    return self->state == UNREADY_DONE ? INT64_MAX : self->due_ms;
}

void unready_end(struct unready *self)
{
    int ignored;
    if (self->pid > 0) {
        (void)kill(self->pid, SIGKILL);
        (void)program_wait(self->pid, -1, &ignored);
    }
    if (self->answer_fd >= 0)
        (void)close(self->answer_fd);
    *self = (struct unready){.state = UNREADY_DONE, .answer_fd = -1};
}

/* Without a process the answer is empty. */
static void ask(struct unready *self, const char *dir)
{
    struct err err = {0};
    AUTO(freep) char *tool = NULL;
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    self->answer_fd = memfd_create("zsaga-status", MFD_CLOEXEC);
    if (null_fd >= 0 && self->answer_fd >= 0 && program_self(&tool, &err) == 0) {
        const char *const argv[] = {tool, "status", "--json", "--data", dir, NULL};
        if (program_start(argv, self->answer_fd, null_fd, &self->pid, &err) < 0)
            self->pid = 0;
    }
    if (null_fd >= 0)
        (void)close(null_fd);
}

static const json_t *channel_of(const json_t *status, const char *name)
{
    size_t i;
    json_t *channel;
    json_array_foreach(json_object_get(status, "channels"), i, channel)
    {
        const char *participant = json_string_value(json_object_get(channel, "participant"));
        if (participant != NULL && strcmp(participant, name) == 0)
            return channel;
    }
    return NULL;
}

/* Whether it said something about that one. */
static bool say(const char *dir, const json_t *channel, const struct child *child)
{
    const char *state = json_string_value(json_object_get(channel, "state"));
    const char *detail = json_string_value(json_object_get(channel, "detail"));
    if (state != NULL && strcmp(state, "suspended") == 0)
        cli_say("not ready yet: %s is suspended (%s); compare, then: zsaga trust %s --reason TEXT "
                "--data %s",
                child->name, detail == NULL ? "no words" : detail, child->name, dir);
    else if (state != NULL && strcmp(state, "up") != 0)
        cli_say("not ready yet: %s does not answer; see %s/log/%s.log", child->name, dir,
                child->name);
    else if (child->state == CHILD_STARTING || child->state == CHILD_BACKOFF)
        cli_say("not ready yet: %s has not said that it is; see %s/log/%s.log", child->name, dir,
                child->name);
    else
        return false;
    return true;
}

/* The orchestrator waits for the others: it is named only when none of them is at fault. */
static void tell(const struct unready *self, const char *dir, const struct child *const *children,
                 size_t count)
{
    json_t *status = NULL;
    const struct child *orchestrator = NULL;
    bool said = false;
    if (self->answer_fd >= 0 && lseek(self->answer_fd, 0, SEEK_SET) == 0)
        status = json_loadfd(self->answer_fd, 0, NULL);
    for (size_t i = 0; i < count; i++) {
        const char *name = children[i]->name;
        if (strcmp(name, SUITE_ORCHESTRATOR) == 0)
            orchestrator = children[i];
        else
            said = say(dir, channel_of(status, name), children[i]) || said;
    }
    if (!said && orchestrator != NULL)
        (void)say(dir, NULL, orchestrator);
    json_decref(status);
}

void unready_step(struct unready *self, const char *dir, const struct child *const *children,
                  size_t count, int64_t now_ms)
{
    int ignored;
    if (self->state == UNREADY_WAITS && now_ms >= self->due_ms) {
        ask(self, dir);
        self->state = UNREADY_ASKS;
        self->due_ms = self->pid > 0 ? now_ms + ANSWER_MS : now_ms;
    }
    if (self->state != UNREADY_ASKS)
        return;
    if (self->pid > 0 && program_wait(self->pid, 0, &ignored))
        self->pid = 0;
    if (self->pid > 0 && now_ms < self->due_ms)
        return;
    tell(self, dir, children, count);
    unready_end(self);
}
