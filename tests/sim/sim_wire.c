/* What is sent: its hash, its line in the trace, and what only the scripts know of it. */
#include <string.h>

#include "base/packed.h"
#include "client.pb-c.h"
#include "command.pb-c.h"
#include "replay.pb-c.h"
#include "sim_check.h"
#include "sim_parts.h"

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 32);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t word;
    for (; len >= sizeof word; len -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = hash_word(hash, word);
    }
    word = 0;
    memcpy(&word, bytes, len);
    return hash_word(hash_word(hash, len), word);
}

static void note_command(struct sim *sim, const char *to, const Zsaga__Command *command)
{
    uint32_t number = sim_toy_number(packed_view(command->input));
    if (number >= sim->saga_count || command->step >= SIM_STEPS_MAX)
        sim_fail(sim, "I2", "a command of a saga that nobody submitted");
    memcpy(sim->sagas[number].id.bytes, command->saga.data, ID_SIZE);
    sim_trace(sim, "%-12s > %s %.*s #%u", SUITE_ORCHESTRATOR, to, (int)command->name.len,
              (const char *)command->name.data, command->attempt);
}

static const char *outcome_name(Zsaga__Outcome outcome)
{
    static const char *const names[] = {"unknown", "done",   "rejected", "retry",
                                        "blocked", "voided", "pending",  "expired"};
    return names[outcome];
}

/* A toy refuses with one code, and hands on what it was given. */
static void note_reply(struct sim *sim, const char *from, const Zsaga__Reply *reply)
{
    struct id id;
    bool undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    const struct sim_saga *saga =
        id_from_bytes(packed_view(reply->saga), &id) ? sim_find_saga(sim, &id) : NULL;
    if (saga == NULL)
        sim_fail(sim, "I2", "a reply about a saga that nobody submitted");
    sim_trace(sim, "%-12s %s%u %s%s%.*s", from, undo ? "undo" : "do", reply->step,
              outcome_name(reply->outcome), reply->code.len == 0 ? "" : " ", (int)reply->code.len,
              (const char *)reply->code.data);
    if (reply->outcome == ZSAGA__OUTCOME__REJECTED &&
        !bytes_equal(packed_view(reply->code), bytes_text("no")))
        sim_fail(sim, "I14", "%s: step %u refuses with another code", saga->key, reply->step);
    if (reply->output.len != 0 && !bytes_equal(packed_view(reply->output), bytes_text(saga->input)))
        sim_fail(sim, "output", "%s: step %u hands on what nobody gave it", saga->key, reply->step);
}

static void count_replay(struct sim *sim, const Zsaga__ReplayAnswer *answer)
{
    sim->counts->cut_off += answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED;
    if (answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_FETCHED)
        sim->counts->fetched += answer->fetched->n_rows;
}

void sim_wire_seen(struct sim *sim, const char *from, const char *to, const ProtobufCMessage *entry)
{
    if (entry->descriptor == &zsaga__request__descriptor) {
        const Zsaga__Request *request = (const Zsaga__Request *)entry;
        if (request->kind_case == ZSAGA__REQUEST__KIND_COMMAND)
            note_command(sim, to, request->command);
    } else if (entry->descriptor == &zsaga__answer__descriptor) {
        const Zsaga__Answer *answer = (const Zsaga__Answer *)entry;
        if (answer->kind_case == ZSAGA__ANSWER__KIND_REPLY)
            note_reply(sim, from, answer->reply);
    } else if (entry->descriptor == &zsaga__replay_answer__descriptor) {
        count_replay(sim, (const Zsaga__ReplayAnswer *)entry);
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
    sim->hash = hash_bytes(sim->hash, &sim->now_ms, sizeof sim->now_ms);
    sim->hash = hash_bytes(sim->hash, &from, 1);
    sim->hash = hash_message(sim, sim->hash, message);
    if (sim->mischief.done)
        sim_mischief_note(sim, from, to, message);
    else
        sim_check_frame(sim, from, to, live, message);
}
