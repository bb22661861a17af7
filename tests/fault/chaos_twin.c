#include "chaos_twin.h"

#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos_suite.h"
#include "chaos_verdict.h"
#include "service_exit.h"

#define REFUSED_MS 10000 /* Until the second one has given way. */
#define MEANWHILE_MS 3000
#define STARTED_MS 1000
#define PASSED_MS 100 /* Until the proxies have written down what it said last. */
#define GROWN 50      /* Orders that make a copy an old one. */

/* Its exit code; -1: it goes on. */
static int await_end(struct chaos *chaos, pid_t pid, int64_t wait_ms)
{
    int64_t until_ms = chaos_now_ms() + wait_ms;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (chaos_now_ms() >= until_ms)
            return -1;
        chaos_wait(chaos, 10);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end_it(struct chaos *chaos, pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)await_end(chaos, pid, REFUSED_MS);
}

/* So that it has its lock, and the second one cannot take its place. */
static void await_first(struct chaos *chaos)
{
    const struct chaos_service *first = &chaos->services[CHAOS_ORCHESTRATOR];
    while (first->pid == 0 || chaos_now_ms() < first->started_at_ms + STARTED_MS)
        chaos_wait(chaos, 50);
}

void chaos_twin_same(struct chaos *chaos)
{
    await_first(chaos);
    uint64_t starts = chaos->services[CHAOS_ORCHESTRATOR].starts;
    pid_t pid = chaos_suite_twin(chaos, "data");
    int code = await_end(chaos, pid, REFUSED_MS);
    chaos_tell(chaos, CHAOS_TWIN_SAME, "a second orchestrator on the same directory ended with %d",
               code);
    if (code < 0)
        end_it(chaos, pid);
    bool undisturbed = starts == chaos->services[CHAOS_ORCHESTRATOR].starts;
    if (undisturbed && code != SERVICE_HELD)
        chaos_find(chaos, "a second orchestrator on the same directory ended with %d, not with %d",
                   code, SERVICE_HELD);
}

/* Copies while nobody writes. */
static bool make_copy(struct chaos *chaos, char name[24])
{
    static unsigned int number;
    (void)snprintf(name, 24, "twin-%u", ++number);
    chaos_suite_hold(chaos, CHAOS_ORCHESTRATOR);
    bool copied = chaos_suite_copy(chaos, name);
    if (!copied)
        chaos_find(chaos, "the orchestrator's database could not be copied");
    return copied;
}

/* Sagas come that a copy does not know, and all participants have been told of them. */
static bool grow(struct chaos *chaos)
{
    uint64_t accepted = chaos->board->accepted;
    int64_t until_ms = chaos_now_ms() + 4 * MEANWHILE_MS;
    while (chaos->board->accepted < accepted + GROWN && chaos_now_ms() < until_ms)
        chaos_wait(chaos, 50);
    if (chaos->board->accepted < accepted + GROWN)
        return false;
    /* Who is silent for so long is not ready. */
    chaos_wait(chaos, MEANWHILE_MS);
    json_t *status = chaos_verdict_ask(chaos, "status", "data");
    bool ready = json_is_true(json_object_get(status, "ready"));
    json_decref(status);
    return ready;
}

void chaos_twin_old(struct chaos *chaos)
{
    char name[24];
    bool copied = make_copy(chaos, name);
    chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
    if (!copied)
        return;
    if (!grow(chaos)) {
        chaos_note(chaos, "no second orchestrator: too little has happened, or was heard of");
        return;
    }
    /* Both may be fenced: the copy's epoch may be the first one's, and one of them wins. */
    chaos->services[CHAOS_ORCHESTRATOR].expected = true;
    pid_t pid = chaos_suite_twin(chaos, name);
    int code = await_end(chaos, pid, REFUSED_MS);
    chaos_tell(chaos, CHAOS_TWIN_OLD, "a second orchestrator on an older copy ended with %d", code);
    if (code < 0)
        end_it(chaos, pid);
    if (code != SERVICE_FENCED && code >= 0)
        chaos_find(chaos, "a second orchestrator on an older copy ended with %d, not with %d", code,
                   SERVICE_FENCED);
    chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
}

/* Both start under the same epoch: each participant hears one of them. */
void chaos_twin_fight(struct chaos *chaos)
{
    char name[24];
    if (!make_copy(chaos, name)) {
        chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
        return;
    }
    chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
    chaos_suite_turn(chaos);
    chaos->services[CHAOS_ORCHESTRATOR].expected = true;
    pid_t pid = chaos_suite_twin(chaos, name);
    int code = await_end(chaos, pid, MEANWHILE_MS);
    bool fenced = chaos->services[CHAOS_ORCHESTRATOR].exit_code == SERVICE_FENCED;
    chaos_tell(chaos, CHAOS_TWIN_FIGHT, "a second orchestrator on a copy, at once, ended with %d%s",
               code, fenced ? "; the first was fenced" : "");
    if (code < 0)
        end_it(chaos, pid);
    if (code != SERVICE_FENCED && !fenced)
        chaos_note(chaos, "neither was fenced within %d s", MEANWHILE_MS / 1000);
    chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
}

/* The copy takes over while the first is down; so it is the one that knows, and its database is
 * what goes on. */
void chaos_twin_new(struct chaos *chaos)
{
    char name[24];
    char db[32];
    if (!make_copy(chaos, name)) {
        chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
        return;
    }
    (void)snprintf(db, sizeof db, "%s/db", name);
    chaos->board->heir = 1;
    pid_t pid = chaos_suite_twin(chaos, name);
    int code = await_end(chaos, pid, MEANWHILE_MS);
    chaos_tell(chaos, CHAOS_TWIN_NEW, "a copy of the orchestrator has taken over for %d s%s",
               MEANWHILE_MS / 1000, code < 0 ? "" : ", and ended by itself");
    if (code < 0)
        end_it(chaos, pid);
    if (!chaos_suite_copy_database(chaos, db, "data/db", "orchestrator"))
        chaos_find(chaos, "the copy could not be put in the place of the first");
    chaos_wait(chaos, PASSED_MS);
    chaos->board->heir = 0;
    chaos_suite_release(chaos, CHAOS_ORCHESTRATOR);
}

/* What the orchestrator says of its channel to a participant: "up", "suspended". */
static bool channel_is(struct chaos *chaos, const char *participant, const char *wanted)
{
    json_t *status = chaos_verdict_ask(chaos, "status", "data");
    size_t i;
    json_t *channel;
    bool is = false;
    json_array_foreach(json_object_get(status, "channels"), i, channel)
    {
        const char *name = json_string_value(json_object_get(channel, "participant"));
        const char *state = json_string_value(json_object_get(channel, "state"));
        is = is || (name != NULL && state != NULL && strcmp(name, participant) == 0 &&
                    strcmp(state, wanted) == 0);
    }
    json_decref(status);
    return is;
}

static bool await_channel(struct chaos *chaos, const char *wanted)
{
    int64_t until_ms = chaos_now_ms() + REFUSED_MS;
    while (!channel_is(chaos, "payment", wanted)) {
        if (chaos_now_ms() >= until_ms)
            return false;
        chaos_wait(chaos, 200);
    }
    return true;
}

/* Submits for a while, as the client sees fit. */
static void let_submit(struct chaos *chaos, int64_t ms)
{
    chaos->board->submitting = 1;
    chaos_wait(chaos, ms);
    chaos->board->submitting = 0;
}

static void trust(struct chaos *chaos)
{
    const char *const argv[] = {chaos_suite_program(chaos, "zsaga"),
                                "trust",
                                "payment",
                                "--reason",
                                "chaos has restored it",
                                "--data",
                                chaos_suite_path(chaos, "data"),
                                NULL};
    struct buffer said = {0};
    if (chaos_suite_run(chaos, &said, argv) != 0)
        chaos_find(chaos, "`zsaga trust` failed: %s", (const char *)said.data);
    buffer_release(&said);
}

void chaos_twin_backup(struct chaos *chaos)
{
    chaos_suite_hold(chaos, CHAOS_PAYMENT);
    bool copied = chaos_suite_copy_database(chaos, "data/db", ".", "payment");
    chaos_suite_release(chaos, CHAOS_PAYMENT);
    let_submit(chaos, MEANWHILE_MS);
    chaos_wait(chaos, 2000); /* A hello each second tells how far it was. */
    chaos_suite_hold(chaos, CHAOS_PAYMENT);
    copied = copied && chaos_suite_copy_database(chaos, ".", "data/db", "payment");
    chaos_suite_release(chaos, CHAOS_PAYMENT);
    chaos_tell(chaos, CHAOS_BACKUP, "payment's database is %d s old",
               (int)(MEANWHILE_MS + 2000) / 1000);
    if (!copied)
        chaos_find(chaos, "payment's database could not be restored");
    if (!await_channel(chaos, "suspended"))
        chaos_find(chaos, "a participant that went back in time is not suspended");
    trust(chaos);
    if (!await_channel(chaos, "up"))
        chaos_find(chaos, "a participant that is trusted is not up again");
    let_submit(chaos, MEANWHILE_MS);
}
