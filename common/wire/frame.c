#include "wire/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "frame.pb-c.h"

#define TAG_HEADER 0x0a /* Field 1, length-delimited. */
#define TAG_ENTRY 0x12  /* Field 2, length-delimited. */
#define VARINT_MAX 10   /* Bytes. */

static struct bytes view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

static int read_driver(const Zsaga__Driver *from, struct frame_driver *ret, struct err *err)
{
    if (!text_is_name(view(from->id)))
        return err_set(
            err, ERR_INVALID,
            "header.driver.id must be 1 to 64 bytes of UTF-8 without control characters");
    if (!id_from_bytes(view(from->last_saga), &ret->last_saga))
        return err_set(err, ERR_INVALID, "header.driver.last_saga must be 16 bytes");
    if (from->epoch == 0 || from->epoch > INT64_MAX)
        return err_set(err, ERR_INVALID, "header.driver.epoch must be 1 to 2^63 - 1");
    bytes_copy_text(view(from->id), ret->id, sizeof ret->id);
    ret->epoch = from->epoch;
    ret->nonce = from->nonce;
    return 0;
}

static int read_header(const Zsaga__Header *from, struct frame_header *ret, struct err *err)
{
    ret->number = from->number;
    if (from->version != FRAME_VERSION)
        return err_set(err, ERR_INVALID, "protocol version %u: this side speaks version %d",
                       from->version, FRAME_VERSION);
    if (!text_is_name(view(from->name)))
        return err_set(err, ERR_INVALID,
                       "header.name must be 1 to 64 bytes of UTF-8 without control characters");
    bytes_copy_text(view(from->name), ret->name, sizeof ret->name);
    if (from->store.len != 0 && !id_from_bytes(view(from->store), &ret->store))
        return err_set(err, ERR_INVALID, "header.store must be empty or 16 bytes");
    ret->incarnation = from->incarnation;
    ret->has_driver = from->driver != NULL;
    return from->driver == NULL ? 0 : read_driver(from->driver, &ret->driver, err);
}

int frame_read(struct bytes bytes, struct arena *arena, struct frame *ret, struct err *err)
{
    *ret = (struct frame){0};
    if (bytes.len > FRAME_SIZE_MAX)
        return err_set(err, ERR_INVALID, "a frame is at most %zu bytes", FRAME_SIZE_MAX);
    Zsaga__Frame *frame = zsaga__frame__unpack(&arena->allocator, bytes.len, bytes.data);
    if (frame == NULL)
        return err_set(err, ERR_INVALID, "not a zsaga frame");
    if (frame->header == NULL)
        return err_set(err, ERR_INVALID, "a frame needs a header");
    int rc = read_header(frame->header, &ret->header, err);
    if (rc < 0)
        return rc;
    if (frame->n_entries > FRAME_ENTRIES_MAX)
        return err_set(err, ERR_INVALID, "a frame has at most %d entries, not %zu",
                       FRAME_ENTRIES_MAX, frame->n_entries);
    ret->entry_count = frame->n_entries;
    ret->entries = frame->entries;
    return 0;
}

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t len = 0;
    while (value >= 0x80) {
        to[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[len++] = (uint8_t)value;
    return len;
}

static void append(struct frame_writer *writer, uint8_t tag, const ProtobufCMessage *message,
                   size_t size)
{
    size_t room = writer->len + 1 + VARINT_MAX + size;
    writer->data = xgrow(writer->data, &writer->capacity, room, 1);
    uint8_t *to = writer->data + writer->len;
    *to++ = tag;
    to += put_varint(to, size);
    to += protobuf_c_message_pack(message, to);
    writer->len = (size_t)(to - writer->data);
}

static ProtobufCBinaryData borrowed(const void *data, size_t len)
{
    /* Packing only reads; protobuf-c has no const variant. */
    union {
        const void *from;
        uint8_t *to;
    } cast = {.from = data};
    return (ProtobufCBinaryData){.len = len, .data = cast.to};
}

static void begin(struct frame_writer *writer)
{
    struct frame_header *sender = writer->sender;
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Driver driver = ZSAGA__DRIVER__INIT;
    header.version = FRAME_VERSION;
    header.number = ++sender->number;
    writer->number = header.number;
    header.name = borrowed(sender->name, strlen(sender->name));
    if (!id_is_zero(&sender->store))
        header.store = borrowed(sender->store.bytes, ID_SIZE);
    header.incarnation = sender->incarnation;
    if (sender->has_driver) {
        driver.id = borrowed(sender->driver.id, strlen(sender->driver.id));
        driver.epoch = sender->driver.epoch;
        driver.nonce = sender->driver.nonce;
        driver.last_saga = borrowed(sender->driver.last_saga.bytes, ID_SIZE);
        header.driver = &driver;
    }
    append(writer, TAG_HEADER, &header.base, protobuf_c_message_get_packed_size(&header.base));
}

void frame_writer_add(struct frame_writer *writer, const ProtobufCMessage *entry,
                      uint32_t *ret_index)
{
    size_t size = protobuf_c_message_get_packed_size(entry);
    assert(size <= FRAME_ENTRY_MAX);
    if (writer->data != NULL && (writer->count == FRAME_ENTRIES_MAX ||
                                 writer->len + size + 1 + VARINT_MAX > FRAME_BYTES_MAX))
        frame_writer_flush(writer);
    if (writer->data == NULL)
        begin(writer);
    append(writer, TAG_ENTRY, entry, size);
    if (ret_index != NULL)
        *ret_index = writer->count;
    writer->count++;
}

void frame_writer_flush(struct frame_writer *writer)
{
    if (writer->data == NULL)
        return;
    outbound_add(writer->out, &writer->to, writer->data, writer->len);
    writer->data = NULL;
    writer->len = 0;
    writer->capacity = 0;
    writer->count = 0;
}
