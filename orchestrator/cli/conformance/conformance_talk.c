#include "conformance_talk.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "conformance_take.h"
#include "conformance_words.h"

#define ARENA_BUDGET ((size_t)256 << 20)
#define OUTPUT_SIZE ((size_t)16 << 10)
#define PATIENCE_MS 60000
#define AGAIN_MS 1000

void talk_init(struct talk *talk, struct line *line, const struct talk_options *options)
{
    *talk = (struct talk){.line = line, .options = *options, .again_ms = AGAIN_MS};
    uint64_t random = (uint64_t)clock_mono_us() ^ ((uint64_t)clock_wall_ms() << 20);
    talk->own = (struct frame_driver){.id = TALK_DRIVER, .nonce = random};
    talk->own.epoch = (uint64_t)clock_wall_ms();
    id_source_init(&talk->ids, random);
    talk->sender = (struct frame_header){
        .name = "orchestrator", .incarnation = random, .has_driver = true, .driver = talk->own};
    talk->sender.store = talk_new_saga(talk); /* A database that nobody else has. */
    arena_init(&talk->arena, ARENA_BUDGET);
}

static void drop_entries(struct talk *talk)
{
    for (size_t i = 0; i < talk->entry_count; i++) {
        buffer_release(&talk->entries[i].packed);
        buffer_release(&talk->entries[i].words);
    }
    talk->entry_count = 0;
}

void talk_release(struct talk *talk)
{
    drop_entries(talk);
    free(talk->entries);
    free(talk->actions);
    free(talk->mark_rows);
    arena_release(&talk->arena);
    for (size_t i = 0; i < TALK_WATCH_COUNT; i++)
        buffer_release(&talk->watched[i]);
    buffer_release(&talk->why);
    buffer_release(&talk->sent);
    buffer_release(&talk->came);
}

void talk_fail(struct talk *talk, const char *format, ...)
{
    if (talk->failed)
        return;
    talk->failed = true;
    /* Its words may name what stands in the buffer. */
    struct buffer why = {0};
    va_list args;
    va_start(args, format);
    words_add_list(&why, format, args);
    va_end(args);
    buffer_release(&talk->why);
    talk->why = why;
}

void talk_watch(struct talk *talk, enum talk_watch what, const char *format, ...)
{
    if (talk->watched[what].len != 0)
        return;
    va_list args;
    va_start(args, format);
    words_add_list(&talk->watched[what], format, args);
    va_end(args);
}

struct id talk_new_saga(struct talk *talk)
{
    struct id saga = id_next(&talk->ids, clock_wall_ms());
    talk->sender.driver.last_saga = saga;
    talk->own.last_saga = saga;
    return saga;
}

/* An input for the saga, in the arena. */
static struct bytes input_for(struct talk *talk, bool refused, const struct id *saga)
{
    struct buffer input = {0};
    char hex[ID_TEXT_SIZE];
    AUTO(freep)
    char *key = xprintf("%s%.20s", talk->options.key_prefix, id_text(saga, hex));
    talk->options.make_input(talk->options.maker, refused, key, &input);
    void *copy = arena_alloc(&talk->arena, input.len + 1);
    assert(copy != NULL);
    if (input.len != 0)
        memcpy(copy, input.data, input.len);
    struct bytes ret = bytes_of(copy, input.len);
    buffer_release(&input);
    return ret;
}

static struct talk_command command_for(struct talk *talk, bool refused)
{
    struct talk_command command = {.saga = talk_new_saga(talk), .step = 1, .attempt = 1};
    command.input = input_for(talk, refused, &command.saga);
    return command;
}

struct talk_command talk_good(struct talk *talk)
{
    return command_for(talk, false);
}

struct talk_command talk_refused(struct talk *talk)
{
    return command_for(talk, true);
}

struct talk_command talk_undo(struct talk_command command)
{
    command.undo = true;
    return command;
}

static struct talk_entry *add_entry(struct talk *talk, struct bytes packed)
{
    talk->entries =
        xgrow(talk->entries, &talk->entry_capacity, talk->entry_count + 1, sizeof *talk->entries);
    struct talk_entry *entry = &talk->entries[talk->entry_count++];
    *entry = (struct talk_entry){0};
    buffer_append(&entry->packed, packed.data, packed.len);
    return entry;
}

void talk_add_bytes(struct talk *talk, struct bytes entry, const char *words)
{
    words_add(&add_entry(talk, entry)->words, "%s", words);
}

static struct talk_entry *add_request(struct talk *talk, const Zsaga__Request *request)
{
    struct buffer packed = {0};
    packed_append(&packed, &request->base);
    struct talk_entry *entry = add_entry(talk, buffer_bytes(&packed));
    buffer_release(&packed);
    if (request->kind_case == ZSAGA__REQUEST__KIND_COMMAND)
        words_command(&entry->words, request->command);
    return entry;
}

void talk_add_request(struct talk *talk, const Zsaga__Request *request, const char *words)
{
    struct talk_entry *entry = add_request(talk, request);
    words_add(&entry->words, "%s%s", entry->words.len == 0 ? "" : ": ", words);
}

static const char *name_of(const struct talk *talk, const struct talk_command *command)
{
    if (command->name != NULL)
        return command->name;
    return command->undo ? talk->options.compensation : talk->options.action;
}

/* What the check may have brought about is taken back after it. */
static void remember_action(struct talk *talk, const struct talk_command *command)
{
    for (size_t i = 0; i < talk->action_count; i++)
        if (id_compare(&talk->actions[i], &command->saga) == 0)
            return;
    talk->actions =
        xgrow(talk->actions, &talk->action_capacity, talk->action_count + 1, sizeof *talk->actions);
    talk->actions[talk->action_count++] = command->saga;
}

void talk_add(struct talk *talk, const struct talk_command *command)
{
    static const uint8_t output[OUTPUT_SIZE];
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command packed = ZSAGA__COMMAND__INIT;
    Zsaga__StepOutput earlier = ZSAGA__STEP_OUTPUT__INIT;
    Zsaga__StepOutput *outputs[32];
    earlier.step = packed_borrow_text("earlier");
    earlier.output = packed_borrow(bytes_of(output, sizeof output));
    for (size_t i = 0; i < command->output_count; i++)
        outputs[i] = &earlier;
    packed.saga = packed_borrow(id_view(&command->saga));
    packed.step = command->step;
    packed.direction = command->undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    packed.attempt = command->attempt;
    packed.remaining_ms = PATIENCE_MS;
    packed.name = packed_borrow_text(name_of(talk, command));
    packed.input = packed_borrow(command->input);
    packed.traceparent = packed_borrow(command->traceparent);
    packed.retriable = command->retriable;
    packed.n_outputs = command->output_count;
    packed.outputs = outputs;
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &packed;
    struct talk_entry *entry = add_request(talk, &request);
    entry->kind = TALK_ENTRY_COMMAND;
    entry->command = *command;
    if (!command->undo && command->step == 1)
        remember_action(talk, command);
}

void talk_expect_welcome(struct talk *talk, uint64_t number)
{
    struct talk_entry *entry = &talk->entries[talk->entry_count - 1];
    entry->kind = TALK_ENTRY_HELLO;
    entry->hello = number;
}

uint64_t talk_add_hello(struct talk *talk, Zsaga__Floor *floor)
{
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    hello.number = ++talk->hellos;
    hello.floor = floor;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    struct talk_entry *entry = add_request(talk, &request);
    entry->kind = TALK_ENTRY_HELLO;
    entry->hello = hello.number;
    words_add(&entry->words, "hello %" PRIu64, hello.number);
    if (floor != NULL)
        words_add(&entry->words, " with floor version %" PRIu64, floor->version);
    return hello.number;
}

const Zsaga__Answer *talk_answer(const struct talk *talk, size_t entry)
{
    return entry < talk->entry_count ? talk->entries[entry].answer : NULL;
}

const Zsaga__Reply *talk_reply(struct talk *talk, size_t entry)
{
    static const Zsaga__Reply none = ZSAGA__REPLY__INIT;
    const Zsaga__Answer *answer = talk_answer(talk, entry);
    if (answer != NULL && answer->kind_case == ZSAGA__ANSWER__KIND_REPLY)
        return answer->reply;
    talk_fail(talk, "entry %zu was not answered by a reply", entry);
    return &none;
}

void talk_begin(struct talk *talk)
{
    drop_entries(talk);
    arena_reset(&talk->arena);
    talk->sender.driver = talk->own;
    talk->action_count = 0;
    talk->failed = false;
    talk->silent = false;
    buffer_clear(&talk->why);
    buffer_clear(&talk->sent);
    buffer_clear(&talk->came);
}

static void undo_some(struct talk *talk, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct talk_command undo = {
            .saga = talk->actions[i], .step = 1, .undo = true, .attempt = 1};
        undo.input = input_for(talk, false, &undo.saga);
        talk_add(talk, &undo);
    }
    talk_exchange(talk);
}

/* Whether that works is the matter of other checks. */
static void take_back(struct talk *talk)
{
    size_t count = talk->options.compensation == NULL ? 0 : talk->action_count;
    for (size_t i = 0; i < count; i += FRAME_ENTRIES_MAX / 2)
        undo_some(talk, i, i + FRAME_ENTRIES_MAX / 2 < count ? i + FRAME_ENTRIES_MAX / 2 : count);
}

/* What is behind a welcome on its way was not said: answers come in order. */
static void flush(struct talk *talk)
{
    talk->sender.driver = talk->own;
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    talk->repeats = talk->failed;
}

void talk_end(struct talk *talk)
{
    if (!talk->failed)
        flush(talk);
    if (talk->silent)
        return;
    bool failed = talk->failed;
    struct buffer kept[] = {talk->why, talk->sent, talk->came};
    talk->why = talk->sent = talk->came = (struct buffer){0};
    talk->sender.driver = talk->own;
    talk->failed = false;
    talk->repeats = true;
    drop_entries(talk);
    take_back(talk);
    talk->failed = false;
    flush(talk);
    talk->failed = failed;
    buffer_release(&talk->why);
    buffer_release(&talk->sent);
    buffer_release(&talk->came);
    talk->why = kept[0];
    talk->sent = kept[1];
    talk->came = kept[2];
}
