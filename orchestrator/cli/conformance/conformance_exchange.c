/* One exchange of a talk: a frame goes out, and its answers are waited for. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "conformance_take.h"
#include "conformance_words.h"
#include "frame.pb-c.h"

#define TAKE_MS 50 /* Between two looks at the clock. */
#define WORDS_LINES_MAX 6

static void make_frame(struct talk *talk, talk_spoil spoil, struct buffer *to)
{
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Driver driver = ZSAGA__DRIVER__INIT;
    const struct frame_header *sender = &talk->sender;
    ProtobufCBinaryData *entries = xcalloc(talk->entry_count + 1, sizeof *entries);
    for (size_t i = 0; i < talk->entry_count; i++)
        entries[i] = packed_borrow(buffer_bytes(&talk->entries[i].packed));
    header.version = FRAME_VERSION;
    header.number = ++talk->sender.number;
    header.name = packed_borrow_text(sender->name);
    header.store = packed_borrow(id_view(&sender->store));
    header.incarnation = sender->incarnation;
    header.driver = &driver;
    driver.id = packed_borrow_text(sender->driver.id);
    driver.epoch = sender->driver.epoch;
    driver.nonce = sender->driver.nonce;
    driver.last_saga = packed_borrow(id_view(&sender->driver.last_saga));
    frame.header = &header;
    frame.n_entries = talk->entry_count;
    frame.entries = entries;
    if (spoil != NULL)
        spoil(&header, &driver);
    packed_append(to, &frame.base);
    free(entries);
}

/* The words for a new exchange; those of one that failed stay. */
static void tell_sent(struct talk *talk, const char *words)
{
    char last[ID_TEXT_SIZE];
    const struct frame_driver *driver = &talk->sender.driver;
    buffer_clear(&talk->sent);
    buffer_clear(&talk->came);
    if (words != NULL) {
        words_add(&talk->sent, "%s", words);
        return;
    }
    words_add(&talk->sent,
              "frame %" PRIu64 " of %s, epoch %" PRIu64 ", nonce %" PRIx64 ", last_saga %s",
              talk->sender.number + 1, driver->id, driver->epoch, driver->nonce,
              id_text(&driver->last_saga, last));
    for (size_t i = 0; i < talk->entry_count && i < WORDS_LINES_MAX; i++)
        words_add(&talk->sent, "\n  %zu: %s", i, words_text(&talk->entries[i].words));
    if (talk->entry_count > WORDS_LINES_MAX)
        words_add(&talk->sent, "\n  and %zu more", talk->entry_count - WORDS_LINES_MAX);
}

static void forget_answers(struct talk *talk)
{
    for (size_t i = 0; i < talk->entry_count; i++)
        talk->entries[i].answer = NULL;
    talk->frame_answer = NULL;
    talk->answer_count = 0;
    talk->in_order = true;
}

static void send_frame(struct talk *talk, talk_spoil spoil)
{
    struct buffer frame = {0};
    make_frame(talk, spoil, &frame);
    (void)talk->line->ops->send(talk->line, LINE_COMMAND, buffer_bytes(&frame));
    buffer_release(&frame);
}

static bool is_answered(const struct talk *talk)
{
    if (talk->frame_answer != NULL)
        return true;
    for (size_t i = 0; i < talk->entry_count; i++)
        if (talk->entries[i].answer == NULL)
            return false;
    return true;
}

static void fail_silent(struct talk *talk)
{
    size_t missing = 0;
    for (size_t i = 0; i < talk->entry_count; i++)
        missing += talk->entries[i].answer == NULL;
    talk->silent = talk->answer_count == 0;
    talk_fail(talk, "no answer within %.1f s to %zu of the %zu entries",
              (double)talk->options.timeout_ms / 1000, missing, talk->entry_count);
}

static void await_answers(struct talk *talk, talk_spoil spoil)
{
    int64_t now_ms = clock_mono_ms();
    int64_t until_ms = now_ms + talk->options.timeout_ms;
    int64_t again_ms = now_ms + talk->again_ms;
    while (!is_answered(talk) && !talk->failed) {
        take_answers(talk, TAKE_MS);
        now_ms = clock_mono_ms();
        if (is_answered(talk))
            break;
        if (now_ms >= until_ms) {
            fail_silent(talk);
        } else if (now_ms >= again_ms) {
            again_ms = now_ms + talk->again_ms;
            talk->repeats = true;
            forget_answers(talk);
            send_frame(talk, spoil);
        }
    }
}

/* A frame that is closed takes no more entries: the next one added begins another. */
static void close_frame(struct talk *talk)
{
    for (size_t i = 0; i < talk->entry_count; i++)
        talk->entries[i].closed = true;
}

static void open_frame(struct talk *talk)
{
    size_t kept = 0;
    for (size_t i = 0; i < talk->entry_count; i++) {
        if (talk->entries[i].closed) {
            buffer_release(&talk->entries[i].packed);
            buffer_release(&talk->entries[i].words);
        } else {
            talk->entries[kept++] = talk->entries[i];
        }
    }
    talk->entry_count = kept;
}

void talk_exchange_spoiled(struct talk *talk, talk_spoil spoil)
{
    open_frame(talk);
    if (!talk->failed) {
        tell_sent(talk, NULL);
        forget_answers(talk);
        talk->first_number = talk->sender.number + 1;
        send_frame(talk, spoil);
        await_answers(talk, spoil);
    }
    close_frame(talk);
}

void talk_exchange(struct talk *talk)
{
    talk_exchange_spoiled(talk, NULL);
}

void talk_send(struct talk *talk)
{
    open_frame(talk);
    if (!talk->failed) {
        tell_sent(talk, NULL);
        forget_answers(talk);
        talk->first_number = talk->sender.number + 1;
        send_frame(talk, NULL);
    }
    close_frame(talk);
}

void talk_listen(struct talk *talk, int wait_ms)
{
    take_answers(talk, wait_ms);
}

void talk_exchange_bytes(struct talk *talk, struct bytes message, const char *words)
{
    open_frame(talk);
    if (talk->failed)
        return;
    tell_sent(talk, words);
    forget_answers(talk);
    talk->first_number = talk->sender.number + 1;
    int64_t until_ms = clock_mono_ms() + talk->options.timeout_ms;
    (void)talk->line->ops->send(talk->line, LINE_COMMAND, message);
    while (talk->frame_answer == NULL && !talk->failed) {
        take_answers(talk, TAKE_MS);
        if (talk->frame_answer == NULL && clock_mono_ms() >= until_ms)
            talk_fail(talk, "no answer within %.1f s", (double)talk->options.timeout_ms / 1000);
    }
}
