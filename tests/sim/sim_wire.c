/* What is sent, checked as it is sent: nothing out of its order, nothing that is not committed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "client.pb-c.h"
#include "command.pb-c.h"
#include "sim_parts.h"
#include "sim_reader.h"

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3U;
    return hash;
}

static uint64_t hash_field(uint64_t hash, ProtobufCBinaryData field)
{
    hash = hash_bytes(hash, &field.len, sizeof field.len);
    return hash_bytes(hash, field.data, field.len);
}

/* I5, I11: an action follows the done one before it, and no compensation. */
static void check_action(struct sim *sim, const struct sim_saga *saga, uint32_t step)
{
    for (size_t i = 0; i < SIM_STEPS_MAX; i++)
        if (saga->steps[i].undo_sent)
            sim_fail(sim, "I5", "%s: action %u is sent after compensation %zu", saga->key, step, i);
    if (step > 0 && !saga->steps[step - 1].done)
        sim_fail(sim, "I11", "%s: action %u is sent before the one before it is done", saga->key,
                 step);
}

/* An action gets what the actions before it have handed on, as they said it. */
static void check_outputs(struct sim *sim, const struct sim_saga *saga,
                          const Zsaga__Command *command)
{
    size_t handed = 0;
    for (uint32_t i = 0; i < command->step; i++)
        handed += saga->steps[i].handed;
    for (size_t i = 0; i < command->n_outputs; i++)
        if (!bytes_equal(packed_view(command->outputs[i]->output), bytes_text(saga->input)))
            sim_fail(sim, "output", "%s: action %u is handed what nobody said", saga->key,
                     command->step);
    if (command->n_outputs != handed)
        sim_fail(sim, "output", "%s: action %u gets %zu outputs of %zu", saga->key, command->step,
                 command->n_outputs, handed);
}

/* I11: compensations go backwards, one after the other, and leave nothing out. */
static void check_undo(struct sim *sim, const struct sim_saga *saga, uint32_t step)
{
    for (uint32_t i = 0; i < step; i++)
        if (saga->steps[i].undo_sent)
            sim_fail(sim, "I11", "%s: compensation %u is sent after %u", saga->key, step, i);
    for (uint32_t i = step + 1; i < SIM_STEPS_MAX; i++) {
        const struct sim_step *later = &saga->steps[i];
        bool needed = later->undo_sent || (later->sent && !later->refused);
        if (needed && !later->undone)
            sim_fail(sim, "I11", "%s: compensation %u is sent before %u is undone", saga->key, step,
                     i);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* I21: the same attempt is sent again after its timeout, the next one after a backoff, or because
 * somebody started anew or an operator spoke. */
static void check_time(struct sim *sim, struct sim_saga *saga, uint8_t to,
                       const Zsaga__Command *command, bool undo)
{
    struct sim_sending *last = &saga->steps[command->step].last[undo];
    struct sim_sending now = {.at_ms = sim->now_ms,
                              .attempt = command->attempt,
                              .from_start = sim->hosts[SIM_ORCHESTRATOR].loads,
                              .excused = last->excused,
                              .resumed = saga->resumed};
    int64_t timeout = INT64_MAX;
    int64_t backoff = INT64_MAX;
    for (size_t i = 0; i < 2; i++) {
        const struct sim_shape *shape = &sim->shapes[saga->shape + i];
        if (shape->version != (int)i || command->step >= shape->step_count)
            continue;
        const struct definition_step *step = &shape->definition->steps[command->step];
        timeout = earlier(timeout, step->timeout_ms);
        backoff = earlier(backoff, undo ? step->undo_first_ms : step->retry_first_ms);
    }
    bool anew =
        last->attempt == 0 || last->from_start != now.from_start || last->resumed != now.resumed;
    int64_t wait = now.attempt == last->attempt ? timeout : backoff;
    bool early = !anew && now.at_ms - last->at_ms < wait;
    /* Each new incarnation is noticed once, some time. */
    if (last->attempt == 0)
        now.excused = sim->hosts[to].starts - 1;
    if (early && now.excused == sim->hosts[to].starts)
        sim_fail(sim, "I21", "%s: step %u is sent again after %lld ms of %lld", saga->key,
                 command->step, (long long)(now.at_ms - last->at_ms), (long long)wait);
    now.excused += early;
    if (last->from_start == now.from_start && now.attempt < last->attempt)
        sim_fail(sim, "I21", "%s: step %u goes back to attempt %u", saga->key, command->step,
                 now.attempt);
    *last = now;
}

static void note_command(struct sim *sim, uint8_t to, const Zsaga__Command *command)
{
    uint32_t number = sim_toy_number(packed_view(command->input));
    if (number >= sim->saga_count || command->step >= SIM_STEPS_MAX)
        sim_fail(sim, "I2", "a command of a saga that nobody submitted");
    struct sim_saga *saga = &sim->sagas[number];
    bool undo = command->direction == ZSAGA__DIRECTION__COMPENSATION;
    memcpy(saga->id.bytes, command->saga.data, ID_SIZE);
    sim_trace(sim, "%-12s > %s %.*s #%u", SUITE_ORCHESTRATOR, sim->hosts[to].name,
              (int)command->name.len, (const char *)command->name.data, command->attempt);
    check_time(sim, saga, to, command, undo);
    if (undo) {
        check_undo(sim, saga, command->step);
        saga->steps[command->step].undo_sent = true;
    } else {
        check_action(sim, saga, command->step);
        check_outputs(sim, saga, command);
        saga->steps[command->step].sent = true;
    }
}

static const char *outcome_name(Zsaga__Outcome outcome)
{
    static const char *const names[] = {"unknown", "done",   "rejected", "retry",
                                        "blocked", "voided", "pending",  "expired"};
    return names[outcome];
}

/* I14: answers that are recorded agree, however often they are given. */
static void check_same(struct sim *sim, const struct sim_saga *saga, const Zsaga__Reply *reply,
                       uint64_t *said)
{
    uint64_t digest = hash_field(reply->outcome, reply->code);
    digest = hash_field(hash_field(digest, reply->message), reply->output) | 1;
    if (*said != 0 && *said != digest)
        sim_fail(sim, "I14", "%s: step %u is answered differently: %s", saga->key, reply->step,
                 outcome_name(reply->outcome));
    *said = digest;
}

static void note_fact(struct sim *sim, const struct sim_host *host, struct sim_saga *saga,
                      const Zsaga__Reply *reply, bool undo)
{
    struct sim_step *step = &saga->steps[reply->step];
    check_same(sim, saga, reply, undo ? &step->undo_said : &step->said);
    if (!undo && step->undone)
        sim_fail(sim, "I9", "%s: action %u is answered %s after it was undone", saga->key,
                 reply->step, outcome_name(reply->outcome));
    if (reply->outcome == ZSAGA__OUTCOME__REJECTED &&
        !bytes_equal(packed_view(reply->code), bytes_text("no")))
        sim_fail(sim, "I14", "%s: step %u refuses with another code", saga->key, reply->step);
    step->handed = step->handed || (!undo && reply->output.len != 0);
    step->undone = step->undone || undo;
    step->done = step->done || (!undo && reply->outcome == ZSAGA__OUTCOME__DONE);
    step->refused = step->refused || reply->outcome == ZSAGA__OUTCOME__REJECTED;
    sim_check_reply(sim, host, &saga->id, reply->step, undo);
}

static void note_reply(struct sim *sim, const struct sim_host *host, const Zsaga__Reply *reply)
{
    struct id id;
    bool undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    struct sim_saga *saga =
        id_from_bytes(packed_view(reply->saga), &id) ? sim_find_saga(sim, &id) : NULL;
    if (saga == NULL)
        sim_fail(sim, "I2", "a reply about a saga that nobody submitted");
    sim_trace(sim, "%-12s %s%u %s%s%.*s", host->name, undo ? "undo" : "do", reply->step,
              outcome_name(reply->outcome), reply->code.len == 0 ? "" : " ", (int)reply->code.len,
              (const char *)reply->code.data);
    sim_claim_pair(sim, host, reply->epoch);
    switch (reply->outcome) {
    case ZSAGA__OUTCOME__DONE:
    case ZSAGA__OUTCOME__REJECTED:
        note_fact(sim, host, saga, reply, undo);
        return;
    case ZSAGA__OUTCOME__EXPIRED:
        /* Whoever was sent a command has a row for it before its saga is final. */
        sim_fail(sim, "floor", "%s: step %u is expired, and was never settled here", saga->key,
                 reply->step);
    default:
        return;
    }
}

static void note_entry(struct sim *sim, uint8_t from, uint8_t to, ProtobufCBinaryData entry)
{
    ProtobufCAllocator *allocator = &sim->arena.allocator;
    if (to == SIM_CLIENT) {
        Zsaga__ClientAnswer *answer =
            zsaga__client_answer__unpack(allocator, entry.len, entry.data);
        if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED &&
            answer->submitted->verdict == ZSAGA__VERDICT__ACCEPTED)
            sim_check_accepted(sim, &sim->sagas[answer->id & 0xff]);
    } else if (from == SIM_ORCHESTRATOR) {
        Zsaga__Request *request = zsaga__request__unpack(allocator, entry.len, entry.data);
        if (request->kind_case == ZSAGA__REQUEST__KIND_COMMAND)
            note_command(sim, to, request->command);
        else if (request->hello->floor != NULL)
            sim_claim_floor(sim, request->hello->floor);
    } else {
        Zsaga__Answer *answer = zsaga__answer__unpack(allocator, entry.len, entry.data);
        if (answer->kind_case == ZSAGA__ANSWER__KIND_REPLY)
            note_reply(sim, &sim->hosts[from], answer->reply);
        else if (answer->kind_case == ZSAGA__ANSWER__KIND_WELCOME)
            sim_claim_welcome(sim, from, answer->welcome);
        else if (answer->kind_case == ZSAGA__ANSWER__KIND_REJECT &&
                 (answer->reject->frame != 0 || sim->profile.garbage == 0))
            sim_fail(sim, "protocol", "%s rejects an entry: %.*s", sim->hosts[from].name,
                     (int)answer->reject->message.len, (const char *)answer->reject->message.data);
    }
}

/* Words may name the run's directory, whose own name is another in each run. */
static uint64_t hash_message(const struct sim *sim, uint64_t hash, struct bytes message)
{
    size_t len = strlen(sim->dir);
    const uint8_t *end = message.data + message.len;
    const uint8_t *named;
    while ((named = memmem(message.data, message.len, sim->dir, len)) != NULL) {
        hash = hash_bytes(hash, message.data, (size_t)(named - message.data));
        message = bytes_of(named + len, (size_t)(end - named) - len);
    }
    return hash_bytes(hash, message.data, message.len);
}

void sim_wire_note(struct sim *sim, uint8_t from, uint8_t to, bool live, struct bytes message)
{
    struct frame frame;
    struct err err = {0};
    sim->hash = hash_bytes(sim->hash, &sim->now_ms, sizeof sim->now_ms);
    sim->hash = hash_bytes(sim->hash, &from, 1);
    sim->hash = hash_message(sim, sim->hash, message);
    arena_reset(&sim->arena);
    if (frame_read(message, &sim->arena, &frame, &err) < 0)
        sim_fail(sim, "protocol", "%s", err.text);
    sim_claim_header(sim, from, &frame.header);
    for (size_t i = 0; i < frame.entry_count; i++) {
        if (sim_is_reader(sim, from) || sim_is_reader(sim, to))
            sim_reader_note(sim, from, live, frame.entries[i]);
        else
            note_entry(sim, from, to, frame.entries[i]);
    }
}
