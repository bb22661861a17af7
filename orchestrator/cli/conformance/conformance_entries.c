/* Checks of entries: each is judged by itself, and what breaks a limit is rejected. */
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "conformance_ask.h"
#include "conformance_case.h"

#define INPUT_MAX ((size_t)256 << 10)
#define OUTPUT_MAX ((size_t)16 << 10)
#define OPEN_MAX 2000

static void undecodable(struct talk *talk)
{
    struct talk_command first = talk_good(talk);
    struct talk_command second = talk_good(talk);
    talk_add_bytes(talk, bytes_text("\x0a\xff"), "an entry that does not decode");
    talk_add(talk, &first);
    talk_add_bytes(talk, bytes_text(""), "an entry that is neither a command nor a hello");
    talk_add(talk, &second);
    talk_exchange(talk);
    ask_rejected(talk, 0);
    (void)talk_reply(talk, 1);
    ask_rejected(talk, 2);
    (void)talk_reply(talk, 3);
    if (!talk->failed && !talk->in_order)
        talk_fail(talk, "the answers do not come in the order of the entries");
    (void)ask_expect(talk, &first, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &second, ZSAGA__OUTCOME__DONE, NULL);
}

static void unknown_kind(struct talk *talk)
{
    /* Field 15, a kind that a later release may have. */
    talk_add_bytes(talk, bytes_text("\x7a\x01x"), "a request of an unknown kind (field 15)");
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    ask_rejected(talk, 0);
}

/* A hello, and behind it what a later release may put there. */
static void unknown_field(struct talk *talk)
{
    static const char later[] = "\x7a\x01x";
    struct buffer packed = {0};
    struct buffer hello = {0};
    Zsaga__Hello plain = ZSAGA__HELLO__INIT;
    plain.number = ++talk->hellos;
    packed_append(&hello, &plain.base);
    buffer_append_text(&hello, later);
    const uint8_t head[] = {0x12, (uint8_t)hello.len}; /* Field 2 of a Request. */
    buffer_append(&packed, head, sizeof head);
    buffer_append(&packed, hello.data, hello.len);
    buffer_append_text(&packed, later);
    talk_add_bytes(talk, buffer_bytes(&packed), "a hello with a field 15, in a request with one");
    talk_expect_welcome(talk, plain.number);
    talk_exchange(talk);
    const Zsaga__Answer *answer = talk_answer(talk, 0);
    if (answer != NULL && answer->kind_case != ZSAGA__ANSWER__KIND_WELCOME)
        talk_fail(talk, "the hello is not answered by a welcome");
    buffer_release(&packed);
    buffer_release(&hello);
}

static void names(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    command.name = "no-such-action";
    ask_mark(talk);
    talk_add(talk, &command);
    talk_exchange(talk);
    ask_rejected(talk, 0);
    ask_unmoved(talk);
}

static void names_of_the_other_direction(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    command.name = talk->options.compensation;
    undo.name = talk->options.action;
    ask_mark(talk);
    talk_add(talk, &command);
    talk_add(talk, &undo);
    talk_exchange(talk);
    ask_rejected(talk, 0);
    ask_rejected(talk, 1);
    ask_unmoved(talk);
}

static uint8_t large[INPUT_MAX + 1];
static Zsaga__StepOutput output;
static Zsaga__StepOutput *outputs[33];

static void give_outputs(Zsaga__Command *command, size_t count, size_t size)
{
    zsaga__step_output__init(&output);
    output.step = packed_borrow_text("earlier");
    output.output = packed_borrow(bytes_of(large, size));
    for (size_t i = 0; i < count; i++)
        outputs[i] = &output;
    command->outputs = outputs;
    command->n_outputs = count;
}

/* Spoils one field of a command; returns what it did, NULL: there is none so high. */
static const char *spoil(Zsaga__Command *command, int field)
{
    switch (field) {
    case 0:
        command->saga.len = 15;
        return "a saga of 15 bytes";
    case 1:
        command->saga.len = 0;
        return "no saga";
    case 2:
        command->step = 32;
        return "step 32";
    case 3:
        command->direction = ZSAGA__DIRECTION__VOID;
        return "direction VOID, which is reserved";
    case 4:
        command->direction = (Zsaga__Direction)7;
        return "direction 7";
    case 5:
        command->attempt = 0;
        return "attempt 0";
    case 6:
        command->remaining_ms = (uint64_t)1 << 63;
        return "remaining_ms 2^63";
    case 7:
        command->traceparent = packed_borrow(bytes_of(large, 65));
        return "a traceparent of 65 bytes";
    case 8:
        command->name.len = 0;
        return "no name";
    case 9:
        command->name = packed_borrow_text("two words");
        return "a name with a space";
    case 10:
        command->input = packed_borrow(bytes_of(large, INPUT_MAX + 1));
        return "an input of 256 KiB and one byte";
    case 11:
        give_outputs(command, 33, 1);
        return "33 outputs";
    case 12:
        give_outputs(command, 1, OUTPUT_MAX + 1);
        return "an output of 16 KiB and one byte";
    default:
        return NULL;
    }
}

static bool try_spoiled(struct talk *talk, int field)
{
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command command = ZSAGA__COMMAND__INIT;
    struct talk_command good = talk_good(talk);
    command.saga = packed_borrow(id_view(&good.saga));
    command.step = good.step;
    command.attempt = good.attempt;
    command.name = packed_borrow_text(talk->options.action);
    command.input = packed_borrow(good.input);
    const char *words = spoil(&command, field);
    if (words == NULL)
        return false;
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &command;
    talk_add_request(talk, &request, words);
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    ask_rejected(talk, 0);
    return true;
}

static void fields(struct talk *talk)
{
    ask_mark(talk);
    for (int field = 0; try_spoiled(talk, field) && !talk->failed;)
        field++;
    ask_unmoved(talk);
}

/* A floor that breaks a rule; NULL: there is none so high. */
static const char *spoil_floor(Zsaga__Floor *floor, const uint8_t *ids, int field)
{
    switch (field) {
    case 0:
        floor->version = 0;
        return "a floor of version 0";
    case 1:
        floor->version = (uint64_t)1 << 63;
        return "a floor of version 2^63";
    case 2:
        floor->id.len = 15;
        return "a floor whose id has 15 bytes";
    case 3:
        floor->open = packed_borrow(bytes_of(ids, ID_SIZE - 1));
        return "a floor whose open ids are cut";
    case 4:
        /* Zeros, twice the same: not ascending. */
        floor->open = packed_borrow(bytes_of(large, (size_t)2 * ID_SIZE));
        return "a floor whose open ids do not ascend";
    case 5:
        floor->open = packed_borrow(bytes_of(ids, (size_t)(OPEN_MAX + 1) * ID_SIZE));
        return "a floor with 2,001 open ids";
    default:
        return NULL;
    }
}

static bool try_floor(struct talk *talk, const uint8_t *ids, int field)
{
    static const struct id lowest = {{0}};
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    floor.version = 1;
    floor.id = packed_borrow(id_view(&lowest));
    const char *words = spoil_floor(&floor, ids, field);
    if (words == NULL)
        return false;
    hello.number = ++talk->hellos;
    hello.floor = &floor;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    talk_add_request(talk, &request, words);
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    ask_rejected(talk, 0);
    return true;
}

static void floors(struct talk *talk)
{
    AUTO(freep) uint8_t *ids = xcalloc(OPEN_MAX + 1, ID_SIZE);
    for (size_t i = 0; i <= OPEN_MAX; i++) {
        ids[i * ID_SIZE + ID_SIZE - 2] = (uint8_t)(i >> 8);
        ids[i * ID_SIZE + ID_SIZE - 1] = (uint8_t)i;
    }
    for (int field = 0; try_floor(talk, ids, field) && !talk->failed;)
        field++;
}

/* What the business says to it is its own matter, but it must say something. */
static void largest_input(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    command.input = bytes_of(large, INPUT_MAX);
    command.once = true;
    (void)ask(talk, &command);
}

static void largest_outputs(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    command.output_count = 32;
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
}

#define LIMITS "How a participant judges, 5: its fields keep their limits, else reject of the entry"
#define EACH "Frames: entries are decoded one by one; one that is not valid is refused by itself"

const struct conformance_case case_entries[] = {
    {"entry/undecodable", CASE_GOOD, EACH, undecodable},
    {"entry/unknown kind", 0, "Compatibility: an unknown kind of entry is rejected by itself",
     unknown_kind},
    {"entry/unknown field", 0, "Compatibility: unknown fields are ignored", unknown_field},
    {"entry/unknown action", 0,
     "How a participant judges, 5: the participant has an action, or compensation, of that name",
     names},
    {"entry/name of the other direction", CASE_UNDO,
     "How a participant judges, 5: an action is not a compensation, nor the other way round",
     names_of_the_other_direction},
    {"entry/command fields", 0, LIMITS, fields},
    {"entry/floor fields", 0, LIMITS, floors},
    {"limit/input of 256 KiB", 0, "Command: input: 256 KiB", largest_input},
    {"limit/32 outputs of 16 KiB", CASE_GOOD, "StepOutput: output: 16 KiB; Command: outputs: 32",
     largest_outputs},
    {0},
};
