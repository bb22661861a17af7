#include "fake_publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"

struct fake_publisher *fake_publisher_new(const char *name, uint8_t number)
{
    struct fake_publisher *fake = xcalloc(1, sizeof *fake);
    (void)snprintf(fake->header.name, sizeof fake->header.name, "%s", name);
    fake->header.store.bytes[0] = number;
    fake->header.incarnation = 100;
    fake->rows = xcalloc(FAKE_ROWS_MAX, sizeof *fake->rows);
    fake->tail = 1;
    fake->answer_bytes = (size_t)256 << 10;
    return fake;
}

void fake_publisher_free(struct fake_publisher *fake)
{
    if (fake == NULL)
        return;
    for (size_t i = 0; i < fake->row_count; i++)
        buffer_release(&fake->rows[i].events);
    free(fake->rows);
    free(fake);
}

struct id fake_publisher_id(const struct fake_publisher *fake, uint64_t seq)
{
    struct id id = {{1, fake->branch}};
    for (int i = 0; i < 8; i++)
        id.bytes[ID_SIZE - 1 - i] = (uint8_t)(seq >> (8 * i));
    return id;
}

static void add_event(const struct fake_publisher *fake, uint64_t seq, struct buffer *to)
{
    Zsaga__Event event = ZSAGA__EVENT__INIT;
    struct id id = fake_publisher_id(fake, seq);
    struct buffer payload = {0};
    AUTO(freep)
    char *text = xprintf("%s/%u/%llu", fake->header.name, fake->branch, (unsigned long long)seq);
    buffer_append_text(&payload, text);
    while (payload.len < fake->payload_bytes)
        buffer_append_text(&payload, ".");
    event.id = packed_borrow(id_view(&id));
    event.type = packed_borrow_text("Something");
    event.time_ms = 1700000000000 + seq;
    event.payload = packed_borrow(buffer_bytes(&payload));
    packed_append_field(to, 1, &event.base);
    buffer_release(&payload);
}

void fake_publisher_add(struct fake_publisher *fake, uint32_t count)
{
    assert_true(fake->row_count < FAKE_ROWS_MAX);
    struct fake_row *row = &fake->rows[fake->row_count++];
    *row = (struct fake_row){.first = fake->head + 1, .count = count};
    for (uint32_t i = 0; i < count; i++)
        add_event(fake, row->first + i, &row->events);
    fake->head += count;
}

void fake_publisher_restart(struct fake_publisher *fake)
{
    fake->header.incarnation++;
    fake->header.number = 0;
}

void fake_publisher_restore(struct fake_publisher *fake, uint64_t head)
{
    while (fake->row_count > 0 && fake->rows[fake->row_count - 1].first > head)
        buffer_release(&fake->rows[--fake->row_count].events);
    fake->head = head;
    fake->branch++;
    fake_publisher_restart(fake);
}

void fake_publisher_trim(struct fake_publisher *fake, uint64_t tail)
{
    fake->tail = tail;
}

struct buffer fake_publisher_frame(struct fake_publisher *fake, const ProtobufCMessage *entry)
{
    struct outbound out = {0};
    struct buffer frame = {0};
    struct frame_writer writer = {.sender = &fake->header, .out = &out};
    frame_writer_add(&writer, entry, NULL);
    frame_writer_flush(&writer);
    assert_int_equal(out.count, 1);
    buffer_append(&frame, out.messages[0].data, out.messages[0].len);
    outbound_release(&out);
    return frame;
}

static Zsaga__LogRow pack(const struct fake_row *row)
{
    Zsaga__LogRow packed = ZSAGA__LOG_ROW__INIT;
    packed.first = row->first;
    packed.count = row->count;
    packed.events = packed_borrow(buffer_bytes(&row->events));
    return packed;
}

struct buffer fake_publisher_publish(struct fake_publisher *fake, const Zsaga__LogRow *row)
{
    Zsaga__Publication publication = ZSAGA__PUBLICATION__INIT;
    Zsaga__LogRow copy = *row;
    publication.kind_case = ZSAGA__PUBLICATION__KIND_ROW;
    publication.row = &copy;
    return fake_publisher_frame(fake, &publication.base);
}

static size_t index_of(const struct fake_publisher *fake, uint64_t seq)
{
    for (size_t i = 0; i < fake->row_count; i++)
        if (seq >= fake->rows[i].first && seq < fake->rows[i].first + fake->rows[i].count)
            return i;
    fail_msg("%s has no event %llu", fake->header.name, (unsigned long long)seq);
    return 0;
}

struct buffer fake_publisher_tell(struct fake_publisher *fake, uint64_t seq)
{
    Zsaga__LogRow row = pack(&fake->rows[index_of(fake, seq)]);
    return fake_publisher_publish(fake, &row);
}

static Zsaga__LogRange range_of(const struct fake_publisher *fake)
{
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    range.tail = fake->tail;
    range.head = fake->head;
    return range;
}

struct buffer fake_publisher_range(struct fake_publisher *fake)
{
    Zsaga__Publication publication = ZSAGA__PUBLICATION__INIT;
    Zsaga__LogRange range = range_of(fake);
    publication.kind_case = ZSAGA__PUBLICATION__KIND_RANGE;
    publication.range = &range;
    return fake_publisher_frame(fake, &publication.base);
}

struct buffer fake_publisher_reply(struct fake_publisher *fake, const Zsaga__ReplayAnswer *answer)
{
    return fake_publisher_frame(fake, &answer->base);
}

static const char *divergence(const struct fake_publisher *fake, const Zsaga__Fetch *fetch)
{
    struct id id = fake_publisher_id(fake, fetch->after);
    if (fetch->store.len != 0 &&
        !bytes_equal(packed_view(fetch->store), id_view(&fake->header.store)))
        return "other_store";
    if (fetch->after > fake->head)
        return "behind";
    /* The branch of an event is told by its row: those before a restore keep theirs. */
    if (fetch->after_id.len != 0 && fetch->after > 0 && fetch->after >= fake->tail) {
        const struct fake_row *row = &fake->rows[index_of(fake, fetch->after)];
        Zsaga__EventBatch *batch =
            zsaga__event_batch__unpack(NULL, row->events.len, row->events.data);
        (void)id_from_bytes(packed_view(batch->events[fetch->after - row->first]->id), &id);
        zsaga__event_batch__free_unpacked(batch, NULL);
        if (!bytes_equal(packed_view(fetch->after_id), id_view(&id)))
            return "other_event";
    }
    return NULL;
}

static struct buffer answer_fetched(struct fake_publisher *fake, Zsaga__ReplayAnswer *answer,
                                    uint64_t after)
{
    Zsaga__Fetched fetched = ZSAGA__FETCHED__INIT;
    Zsaga__LogRange range = range_of(fake);
    Zsaga__LogRow *rows = xcalloc(fake->row_count + 1, sizeof *rows);
    Zsaga__LogRow **pointers = xcalloc(fake->row_count + 1, sizeof *pointers);
    size_t bytes = 0;
    size_t count = 0;
    for (size_t i = after < fake->head ? index_of(fake, after + 1) : fake->row_count;
         i < fake->row_count && (count == 0 || bytes < fake->answer_bytes); i++) {
        rows[count] = pack(&fake->rows[i]);
        pointers[count] = &rows[count];
        bytes += rows[count++].events.len;
    }
    fetched.n_rows = count;
    fetched.rows = pointers;
    fetched.range = &range;
    answer->kind_case = ZSAGA__REPLAY_ANSWER__KIND_FETCHED;
    answer->fetched = &fetched;
    struct buffer frame = fake_publisher_reply(fake, answer);
    free(rows);
    free(pointers);
    return frame;
}

struct buffer fake_publisher_answer(struct fake_publisher *fake,
                                    const Zsaga__ReplayRequest *request)
{
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__LogRange range = range_of(fake);
    Zsaga__Diverged diverged = ZSAGA__DIVERGED__INIT;
    Zsaga__Truncated truncated = ZSAGA__TRUNCATED__INIT;
    assert_int_equal(request->kind_case, ZSAGA__REPLAY_REQUEST__KIND_FETCH);
    const char *code = divergence(fake, request->fetch);
    answer.id = request->id;
    if (code != NULL) {
        diverged.code = packed_borrow_text(code);
        diverged.message = packed_borrow_text("a restored backup?");
        diverged.range = &range;
        answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_DIVERGED;
        answer.diverged = &diverged;
        return fake_publisher_reply(fake, &answer);
    }
    if (request->fetch->after + 1 < fake->tail) {
        truncated.range = &range;
        answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED;
        answer.truncated = &truncated;
        return fake_publisher_reply(fake, &answer);
    }
    return answer_fetched(fake, &answer, request->fetch->after);
}
