/* Frames: what is read is the same when it is written and read again, and what the writer makes is
 * within the limits and holds all entries, in order. */
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "frame.pb-c.h"
#include "fuzz.h"
#include "owner.pb-c.h"
#include "wire/frame.h"

const enum fuzz_shape fuzz_shape = FUZZ_WIRE;
const size_t fuzz_shape_skip = 0;

#define BUDGET ((size_t)16 << 20)
#define REPEATS_MAX 50

static void require_same_header(const struct frame_header *a, const struct frame_header *b)
{
    fuzz_require(strcmp(a->name, b->name) == 0, "the name is another one");
    fuzz_require(id_compare(&a->store, &b->store) == 0, "the store is another one");
    fuzz_require(a->incarnation == b->incarnation, "the incarnation is another one");
    fuzz_require(a->has_driver == b->has_driver, "the driver is lost");
    if (!a->has_driver)
        return;
    fuzz_require(strcmp(a->driver.id, b->driver.id) == 0, "the driver is another one");
    fuzz_require(a->driver.epoch == b->driver.epoch, "the epoch is another one");
    fuzz_require(a->driver.nonce == b->driver.nonce, "the nonce is another one");
    fuzz_require(id_compare(&a->driver.last_saga, &b->driver.last_saga) == 0,
                 "the last saga is another one");
}

/* The entries as fields of messages that the writer packs: as many rows as there are entries, a few
 * times over. */
static size_t write_all(const struct frame *frame, struct frame_writer *writer, size_t repeats)
{
    size_t added = 0;
    for (size_t i = 0; i < repeats; i++)
        for (size_t j = 0; j < frame->entry_count; j++, added++) {
            ProtobufCBinaryData field = frame->entries[j];
            Zsaga__ExportRow row = ZSAGA__EXPORT_ROW__INIT;
            row.fields = &field;
            row.n_fields = 1;
            frame_writer_add(writer, &row.base, NULL);
        }
    frame_writer_flush(writer);
    return added;
}

static size_t read_back(const struct message *message, const struct frame *original, size_t place)
{
    struct arena arena;
    struct frame frame;
    struct err err = {0};
    arena_init(&arena, BUDGET);
    fuzz_require(message->len <= FRAME_SIZE_MAX, "a frame is too large");
    fuzz_require(frame_read(bytes_of(message->data, message->len), &arena, &frame, &err) == 0,
                 "our own frame is refused: %s", err.text);
    fuzz_require(message->len <= FRAME_BYTES_MAX || frame.entry_count == 1,
                 "a large entry does not travel alone");
    require_same_header(&original->header, &frame.header);
    for (size_t i = 0; i < frame.entry_count; i++, place++) {
        const Zsaga__ExportRow *row = zsaga__export_row__unpack(
            &arena.allocator, frame.entries[i].len, frame.entries[i].data);
        fuzz_require(row != NULL && row->n_fields == 1, "an entry is spoiled");
        fuzz_require(bytes_equal(packed_view(row->fields[0]),
                                 packed_view(original->entries[place % original->entry_count])),
                     "an entry is another one");
    }
    arena_release(&arena);
    return place;
}

static void check_writer(const struct frame *frame, size_t repeats)
{
    struct outbound out = {0};
    struct frame_header sender = frame->header;
    struct frame_writer writer = {.sender = &sender, .out = &out};
    size_t added = write_all(frame, &writer, repeats);
    size_t place = 0;
    for (size_t i = 0; i < out.count; i++)
        place = read_back(&out.messages[i], frame, place);
    fuzz_require(place == added, "%zu of %zu entries came through", place, added);
    outbound_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct frame frame;
    struct err err = {0};
    arena_init(&arena, BUDGET);
    int rc = frame_read(bytes_of(data, size), &arena, &frame, &err);
    fuzz_require(arena.used <= BUDGET, "decoding took more than it may");
    fuzz_require(rc == 0 || (rc == ERR_INVALID && err.text[0] != '\0'), "refused without words");
    if (rc == 0)
        check_writer(&frame, 1 + size % REPEATS_MAX);
    arena_release(&arena);
    return 0;
}
