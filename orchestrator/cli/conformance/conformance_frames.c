/* Checks of frames: what is none is told so as a whole, and harms nobody. */
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "conformance_ask.h"
#include "conformance_case.h"
#include "conformance_words.h"

#define BATCH_BYTES ((size_t)56 << 10) /* A frame has 64 KiB at most. */
#define COMMAND_BYTES 256              /* More than a command is beside its input. */

static void no_frame(struct talk *talk)
{
    ask_mark(talk);
    talk_exchange_bytes(talk, bytes_text("\xff\xff\xff not a frame"), "bytes that are no frame");
    ask_rejected(talk, ASK_WHOLE);
    ask_unmoved(talk);
}

/* An action in a frame whose header is spoiled: nothing of it may count. */
static void spoiled(struct talk *talk, talk_spoil spoil, const char *words)
{
    struct talk_command command = talk_good(talk);
    talk_add(talk, &command);
    talk_exchange_spoiled(talk, spoil);
    if (!talk->failed)
        words_add(&talk->sent, "\n  but with %s", words);
    ask_rejected(talk, ASK_WHOLE);
}

static void later_version(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)driver;
    header->version = 2;
}

static void version(struct talk *talk)
{
    ask_mark(talk);
    spoiled(talk, later_version, "header.version 2");
    const Zsaga__Answer *answer = talk->frame_answer;
    struct bytes words =
        answer == NULL || talk->failed ? bytes_of(NULL, 0) : packed_view(answer->reject->message);
    if (!talk->failed &&
        (memchr(words.data, '1', words.len) == NULL || memchr(words.data, '2', words.len) == NULL))
        talk_fail(talk, "the message does not name both versions");
    ask_unmoved(talk);
}

static void no_driver(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)driver;
    header->driver = NULL;
}

static void without_driver(struct talk *talk)
{
    ask_mark(talk);
    spoiled(talk, no_driver, "no header.driver");
    ask_unmoved(talk);
}

static void no_name(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)driver;
    header->name.len = 0;
}

static void odd_store(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)driver;
    header->store.len = 5;
}

static void no_id(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)header;
    driver->id.len = 0;
}

static void no_epoch(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)header;
    driver->epoch = 0;
}

static void large_epoch(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)header;
    driver->epoch = (uint64_t)1 << 63;
}

static void short_last_saga(Zsaga__Header *header, Zsaga__Driver *driver)
{
    (void)header;
    driver->last_saga.len = 15;
}

static void header_fields(struct talk *talk)
{
    static const struct field {
        talk_spoil spoil;
        const char *words;
    } fields[] = {
        {no_name, "an empty header.name"},  {odd_store, "a header.store of 5 bytes"},
        {no_id, "an empty driver.id"},      {no_epoch, "driver.epoch 0"},
        {large_epoch, "driver.epoch 2^63"}, {short_last_saga, "a driver.last_saga of 15 bytes"},
    };
    ask_mark(talk);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        spoiled(talk, fields[i].spoil, fields[i].words);
    ask_unmoved(talk);
}

static void too_many(struct talk *talk)
{
    for (size_t i = 0; i < FRAME_ENTRIES_MAX + 1; i++)
        (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    ask_rejected(talk, ASK_WHOLE);
}

static void without_entries(struct talk *talk)
{
    talk_exchange(talk);
    (void)ask_hello(talk, NULL);
}

/* As many good commands as a frame holds. */
static size_t add_batch(struct talk *talk, struct talk_command commands[FRAME_ENTRIES_MAX])
{
    size_t count = 0;
    for (size_t bytes = 0; count < FRAME_ENTRIES_MAX; count++) {
        commands[count] = talk_good(talk);
        bytes += commands[count].input.len + COMMAND_BYTES;
        if (bytes > BATCH_BYTES && count > 0)
            break;
        talk_add(talk, &commands[count]);
    }
    return count;
}

static void full_batch(struct talk *talk)
{
    struct talk_command commands[FRAME_ENTRIES_MAX];
    const Zsaga__Reply *first[FRAME_ENTRIES_MAX];
    size_t count = add_batch(talk, commands);
    talk_exchange(talk);
    if (!talk->failed && !talk->in_order)
        talk_fail(talk, "the answers do not come in the order of the entries");
    for (size_t i = 0; i < count; i++)
        first[i] = talk_reply(talk, i);
    for (size_t i = 0; i < count; i++)
        talk_add(talk, &commands[i]);
    talk_exchange(talk);
    for (size_t i = 0; i < count; i++)
        if (first[i]->outcome == ZSAGA__OUTCOME__DONE ||
            first[i]->outcome == ZSAGA__OUTCOME__REJECTED)
            ask_same(talk, first[i], talk_reply(talk, i));
}

static void apart(struct talk *talk, const struct bytes *parts, size_t count, const char *words)
{
    struct err err = {0};
    bool answered = false;
    if (talk->failed)
        return;
    buffer_clear(&talk->sent);
    buffer_clear(&talk->came);
    words_add(&talk->sent, "%s", words);
    if (talk->line->ops->send_apart(talk->line, parts, count, &answered, &err) < 0)
        talk_fail(talk, "%s", err.text);
    else if (answered)
        talk_fail(talk, "it was answered");
}

static void two_parts(struct talk *talk)
{
    const struct bytes parts[] = {bytes_text(""), bytes_text("the second part")};
    apart(talk, parts, 2, "a message of two parts, the first empty, as a REQ socket sends");
    (void)ask_hello(talk, NULL);
}

static void too_large(struct talk *talk)
{
    AUTO(freep) uint8_t *large = xcalloc(1, FRAME_SIZE_MAX + 1);
    const struct bytes part = bytes_of(large, FRAME_SIZE_MAX + 1);
    apart(talk, &part, 1, "a message of 1 MiB and one byte, over another connection");
    (void)ask_hello(talk, NULL);
}

#define WHOLE                                                                                      \
    "Frames: a frame that is no frame is refused as a whole: it does not decode, has no header, "  \
    "another version, more than 32 entries, or a header field that breaks the rules"

const struct conformance_case case_frames[] = {
    {"frame/bytes that are none", 0, WHOLE, no_frame},
    {"frame/other version", 0,
     "Compatibility: a frame of another version is refused as a whole, with words that name both "
     "versions",
     version},
    {"frame/no orchestrator", 0,
     "How a participant judges, 2: header.driver is there, else reject of the whole frame",
     without_driver},
    {"frame/header fields", 0, WHOLE, header_fields},
    {"frame/33 entries", 0, WHOLE, too_many},
    {"frame/no entries", 0, "Frames: a frame without entries is valid and does nothing",
     without_entries},
    {"frame/32 entries", CASE_GOOD,
     "Frames: a sender puts into one frame what one commit has for one peer, up to 32 entries. "
     "Answer: they come in the order of the entries they answer",
     full_batch},
    {"frame/two parts", CASE_APART,
     "Transport: a message of more parts is dropped whole and counted", two_parts},
    {"frame/over 1 MiB", CASE_APART, "Transport: a message of more than 1 MiB ends its connection",
     too_large},
    {0},
};
