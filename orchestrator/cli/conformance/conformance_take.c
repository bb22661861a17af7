#include "conformance_take.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "conformance_words.h"

#define OUTPUT_MAX ((size_t)16 << 10)
#define MESSAGE_MAX 256
#define WORDS_MAX 1500 /* Of what came. */

static bool is_whole(const Zsaga__Answer *answer)
{
    return answer->kind_case == ZSAGA__ANSWER__KIND_STALE_EPOCH ||
           (answer->kind_case == ZSAGA__ANSWER__KIND_REJECT &&
            answer->reject->index == FRAME_WHOLE);
}

static void watch_reply(struct talk *talk, const Zsaga__Reply *reply)
{
    const char *outcome = words_outcome(reply->outcome);
    bool undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    if (reply->outcome < ZSAGA__OUTCOME__DONE || reply->outcome > ZSAGA__OUTCOME__EXPIRED ||
        reply->outcome == ZSAGA__OUTCOME__VOIDED)
        talk_watch(talk, TALK_WATCH_REPLY, "a reply of outcome %d: %s", (int)reply->outcome,
                   outcome);
    if (undo && reply->outcome == ZSAGA__OUTCOME__REJECTED)
        talk_watch(talk, TALK_WATCH_REPLY, "a compensation was REJECTED: it cannot refuse");
    if (undo && reply->outcome == ZSAGA__OUTCOME__BLOCKED)
        talk_watch(talk, TALK_WATCH_REPLY, "a compensation was BLOCKED: only actions are");
    if (reply->code.len != 0 && !text_is_token(packed_view(reply->code)))
        talk_watch(talk, TALK_WATCH_REPLY,
                   "a code that is not 1 to 64 of a-z A-Z 0-9 _ - . (with %s)", outcome);
    if (reply->message.len > MESSAGE_MAX)
        talk_watch(talk, TALK_WATCH_REPLY, "a message of %zu bytes (with %s)", reply->message.len,
                   outcome);
    if (reply->output.len > OUTPUT_MAX)
        talk_watch(talk, TALK_WATCH_REPLY, "an output of %zu bytes (with %s)", reply->output.len,
                   outcome);
}

static void watch_welcome(struct talk *talk, const Zsaga__Welcome *welcome)
{
    struct talk_seen *seen = &talk->seen;
    if (welcome->head < seen->head)
        talk_watch(talk, TALK_WATCH_HEAD, "head %" PRIu64 " after %" PRIu64, welcome->head,
                   seen->head);
    if (welcome->records < seen->records)
        talk_watch(talk, TALK_WATCH_HEAD, "records %" PRIu64 " after %" PRIu64, welcome->records,
                   seen->records);
    seen->head = welcome->head;
    seen->records = welcome->records;
}

static void watch_store(struct talk *talk, const struct id *store)
{
    if (id_is_zero(store))
        talk_watch(talk, TALK_WATCH_HEADER, "a frame without header.store");
    else if (!id_is_zero(&talk->seen.store) && id_compare(store, &talk->seen.store) != 0)
        talk_watch(talk, TALK_WATCH_HEADER, "header.store has changed");
    talk->seen.store = *store;
}

static void watch_header(struct talk *talk, const struct frame_header *header)
{
    struct talk_seen *seen = &talk->seen;
    const char *wanted = talk->options.participant != NULL ? talk->options.participant : seen->name;
    if (wanted[0] != '\0' && strcmp(wanted, header->name) != 0)
        talk_watch(talk, TALK_WATCH_HEADER, "header.name is \"%s\", not \"%s\"", header->name,
                   wanted);
    if (header->has_driver)
        talk_watch(talk, TALK_WATCH_HEADER,
                   "header.driver in an answer: only an orchestrator has one");
    if (seen->incarnation == header->incarnation && header->number <= seen->number)
        talk_watch(talk, TALK_WATCH_HEADER,
                   "frame %" PRIu64 " came after frame %" PRIu64 " of the same start",
                   header->number, seen->number);
    watch_store(talk, &header->store);
    bytes_copy_text(bytes_text(header->name), seen->name, sizeof seen->name);
    seen->incarnation = header->incarnation;
    seen->number = header->number;
}

static bool answers_command(const struct talk_entry *entry, const Zsaga__Reply *reply)
{
    const struct talk_command *command = &entry->command;
    return entry->kind == TALK_ENTRY_COMMAND &&
           bytes_equal(packed_view(reply->saga), id_view(&command->saga)) &&
           reply->step == command->step &&
           (reply->direction == ZSAGA__DIRECTION__COMPENSATION) == command->undo &&
           reply->attempt == command->attempt;
}

static bool is_of_exchange(const struct talk *talk, uint64_t frame)
{
    return frame >= talk->first_number && frame <= talk->sender.number;
}

/* Whether the answer is one to this entry. */
static bool answers(const struct talk *talk, size_t index, const Zsaga__Answer *answer)
{
    const struct talk_entry *entry = &talk->entries[index];
    switch (answer->kind_case) {
    case ZSAGA__ANSWER__KIND_REPLY:
        return answers_command(entry, answer->reply);
    case ZSAGA__ANSWER__KIND_WELCOME:
        return entry->kind == TALK_ENTRY_HELLO && entry->hello == answer->welcome->number;
    case ZSAGA__ANSWER__KIND_REJECT:
        return answer->reject->index == index && is_of_exchange(talk, answer->reject->frame);
    default:
        return false;
    }
}

static bool match_entry(struct talk *talk, const Zsaga__Answer *answer)
{
    bool open_before = false;
    for (size_t i = 0; i < talk->entry_count; i++) {
        struct talk_entry *entry = &talk->entries[i];
        if (entry->answer == NULL && answers(talk, i, answer)) {
            entry->answer = answer;
            talk->in_order = talk->in_order && !open_before;
            return true;
        }
        open_before = open_before || entry->answer == NULL;
    }
    return false;
}

static bool match(struct talk *talk, const Zsaga__Answer *answer)
{
    if (!is_whole(answer))
        return match_entry(talk, answer);
    bool other = answer->kind_case == ZSAGA__ANSWER__KIND_REJECT && answer->reject->frame != 0 &&
                 !is_of_exchange(talk, answer->reject->frame);
    if (other || talk->frame_answer != NULL)
        return false;
    talk->frame_answer = answer;
    return true;
}

static void watch(struct talk *talk, const Zsaga__Answer *answer, bool matched)
{
    if (answer->kind_case == ZSAGA__ANSWER__KIND_REPLY)
        watch_reply(talk, answer->reply);
    if (answer->kind_case == ZSAGA__ANSWER__KIND_REPLY && matched &&
        answer->reply->epoch != talk->sender.driver.epoch)
        talk_watch(talk, TALK_WATCH_REPLY,
                   "a reply of epoch %" PRIu64 " to a frame of epoch %" PRIu64,
                   answer->reply->epoch, talk->sender.driver.epoch);
    if (answer->kind_case == ZSAGA__ANSWER__KIND_WELCOME)
        watch_welcome(talk, answer->welcome);
}

static void take_answer(struct talk *talk, ProtobufCBinaryData packed)
{
    const Zsaga__Answer *answer =
        zsaga__answer__unpack(&talk->arena.allocator, packed.len, packed.data);
    if (answer == NULL) {
        talk_fail(talk, "an entry of %zu bytes came that is no Answer", packed.len);
        return;
    }
    bool matched = match(talk, answer);
    watch(talk, answer, matched);
    talk->answer_count += matched;
    if (!talk->failed && talk->came.len < WORDS_MAX && (matched || !talk->repeats)) {
        words_add(&talk->came, talk->came.len == 0 ? "" : "\n  ");
        words_answer(&talk->came, answer);
    }
    if (!matched && !talk->repeats)
        talk_fail(talk, "an answer came that answers nothing of what was sent");
}

void take_answers(struct talk *talk, int wait_ms)
{
    struct buffer message = {0};
    struct frame frame;
    struct err err = {0};
    if (talk->line->ops->take(talk->line, LINE_COMMAND, wait_ms, &message)) {
        void *copy = arena_alloc(&talk->arena, message.len + 1);
        assert(copy != NULL);
        memcpy(copy, message.data, message.len);
        if (frame_read(bytes_of(copy, message.len), &talk->arena, &frame, &err) < 0) {
            talk_fail(talk, "what came is no frame: %s", err.text);
        } else {
            watch_header(talk, &frame.header);
            for (size_t i = 0; i < frame.entry_count; i++)
                take_answer(talk, frame.entries[i]);
        }
    }
    buffer_release(&message);
}
