#include "garbage_frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/rng.h"
#include "base/xalloc.h"
#include "frame.pb-c.h"

#define SEED 20101201
#define RANDOM_FRAMES 200
#define LARGE ((size_t)1000 << 10)
#define FIELDS_MAX 9 /* Numbers of fields that are tried. */

static uint8_t zeros[65];
static uint8_t sixteen[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static ProtobufCBinaryData data(const void *bytes, size_t len)
{
    return packed_borrow(bytes_of(bytes, len));
}

static Zsaga__Driver good_driver(void)
{
    Zsaga__Driver driver = ZSAGA__DRIVER__INIT;
    driver.id = packed_borrow_text("of-the-test");
    driver.epoch = 1;
    driver.nonce = 1;
    driver.last_saga = data(sixteen, sizeof sixteen);
    return driver;
}

static Zsaga__Header good_header(Zsaga__Driver *driver)
{
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    header.version = 1;
    header.number = 7;
    header.name = packed_borrow_text("garbage");
    header.store = data(sixteen, sizeof sixteen);
    header.incarnation = 1;
    header.driver = driver;
    return header;
}

static void pack(struct buffer *to, Zsaga__Header *header, ProtobufCBinaryData *entries,
                 size_t count)
{
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    frame.header = header;
    frame.entries = entries;
    frame.n_entries = count;
    buffer_clear(to);
    packed_append(to, &frame.base);
}

void garbage_frames_pack(struct buffer *to, bool driver, const struct bytes *entries, size_t count)
{
    Zsaga__Driver driver_of_the_test = good_driver();
    Zsaga__Header header = good_header(driver ? &driver_of_the_test : NULL);
    ProtobufCBinaryData *packed = xcalloc(count + 1, sizeof *packed);
    for (size_t i = 0; i < count; i++)
        packed[i] = packed_borrow(entries[i]);
    pack(to, &header, packed, count);
    free(packed);
}

/* Broken frames. */

static void give_random(garbage_taker take, void *self)
{
    uint8_t bytes[400];
    struct rng rng;
    rng_seed(&rng, SEED);
    for (int i = 0; i < RANDOM_FRAMES; i++) {
        size_t len = (size_t)rng_below(&rng, sizeof bytes);
        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)rng_next(&rng);
        take(self, "random bytes", bytes_of(bytes, len));
    }
}

static void give_cut(garbage_taker take, void *self)
{
    struct buffer good = {0};
    const struct bytes entry = bytes_text("entry");
    garbage_frames_pack(&good, true, &entry, 1);
    for (size_t len = 1; len < good.len; len++)
        take(self, "a frame that is cut", bytes_of(good.data, len));
    buffer_release(&good);
}

static void give_spoiled(garbage_taker take, void *self, const char *what,
                         void (*spoil)(Zsaga__Header *header, Zsaga__Driver *driver))
{
    struct buffer frame = {0};
    Zsaga__Driver driver = good_driver();
    Zsaga__Header header = good_header(&driver);
    spoil(&header, &driver);
    pack(&frame, &header, NULL, 0);
    take(self, what, buffer_bytes(&frame));
    buffer_release(&frame);
}

#define SPOIL(name, statement)                                                                     \
    static void spoil_##name(Zsaga__Header *header, Zsaga__Driver *driver)                         \
    {                                                                                              \
        (void)header;                                                                              \
        (void)driver;                                                                              \
        statement;                                                                                 \
    }
SPOIL(version_0, header->version = 0)
SPOIL(version_2, header->version = 2)
SPOIL(version_max, header->version = UINT32_MAX)
SPOIL(name_empty, header->name = data(NULL, 0))
SPOIL(name_long,
      header->name = data("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 65))
SPOIL(name_control, header->name = data("a\nb", 3))
SPOIL(name_nul, header->name = data("a\0b", 3))
SPOIL(name_not_utf8, header->name = data("\xff\xfe", 2))
SPOIL(store_15, header->store = data(sixteen, 15))
SPOIL(store_17, header->store = data(zeros, 17))
SPOIL(driver_id_empty, driver->id = data(NULL, 0))
SPOIL(driver_id_long, driver->id = data(zeros, 65))
SPOIL(epoch_0, driver->epoch = 0)
SPOIL(epoch_max, driver->epoch = UINT64_MAX)
SPOIL(last_saga_15, driver->last_saga = data(sixteen, 15))
SPOIL(last_saga_0, driver->last_saga = data(NULL, 0))

static void give_spoiled_all(garbage_taker take, void *self)
{
    static const struct {
        const char *what;
        void (*spoil)(Zsaga__Header *header, Zsaga__Driver *driver);
    } all[] = {
        {"version 0", spoil_version_0},
        {"version 2", spoil_version_2},
        {"the largest version", spoil_version_max},
        {"no name", spoil_name_empty},
        {"a name of 65 bytes", spoil_name_long},
        {"a name of two lines", spoil_name_control},
        {"a name with a NUL", spoil_name_nul},
        {"a name that is no UTF-8", spoil_name_not_utf8},
        {"a store of 15 bytes", spoil_store_15},
        {"a store of 17 bytes", spoil_store_17},
        {"a driver without id", spoil_driver_id_empty},
        {"a driver id of 65 bytes", spoil_driver_id_long},
        {"epoch 0", spoil_epoch_0},
        {"the largest epoch", spoil_epoch_max},
        {"a last saga of 15 bytes", spoil_last_saga_15},
        {"no last saga", spoil_last_saga_0},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        give_spoiled(take, self, all[i].what, all[i].spoil);
}

static void give_crowded(garbage_taker take, void *self, size_t count, const char *what)
{
    struct buffer frame = {0};
    struct bytes *entries = xcalloc(count, sizeof *entries);
    garbage_frames_pack(&frame, true, entries, count);
    take(self, what, buffer_bytes(&frame));
    buffer_release(&frame);
    free(entries);
}

void garbage_frames_broken(garbage_taker take, void *self)
{
    take(self, "nothing", bytes_of("", 0));
    take(self, "a length of 2 GiB", bytes_of("\x12\xff\xff\xff\xff\x07", 6));
    take(self, "a length without end",
         bytes_of("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
    take(self, "a header of a wrong type", bytes_of("\x08\x01", 2));
    take(self, "an empty header", bytes_of("\x0a\x00", 2));
    take(self, "entries without a header", bytes_of("\x12\x01x", 3));
    take(self, "a group that never ends", bytes_of("\x0b\x0b\x0b\x0b", 4));
    take(self, "words", bytes_text("GET / HTTP/1.1\r\nHost: here\r\n\r\n"));
    give_random(take, self);
    give_cut(take, self);
    give_spoiled_all(take, self);
    give_crowded(take, self, 33, "33 entries");
    give_crowded(take, self, 30000, "30,000 entries");
}

/* Entries. */

static void put_varint(struct buffer *to, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)(value & 0x7f);
        value >>= 7;
        byte = (uint8_t)(byte | (value != 0 ? 0x80 : 0));
        buffer_append(to, &byte, 1);
    } while (value != 0);
}

static void put_field(struct buffer *to, unsigned number, struct bytes value)
{
    put_varint(to, number << 3 | 2);
    put_varint(to, value.len);
    buffer_append(to, value.data, value.len);
}

static void give_entry(garbage_taker take, void *self, const char *what, struct bytes entry)
{
    struct buffer frame = {0};
    garbage_frames_pack(&frame, true, &entry, 1);
    take(self, what, buffer_bytes(&frame));
    buffer_release(&frame);
}

/* A message of a kind with a field of its own, each a message, a text and a number: what fits the
 * types of some plane is then judged by its rules. */
static void give_kinds(garbage_taker take, void *self)
{
    struct buffer inner = {0};
    struct buffer entry = {0};
    for (unsigned kind = 1; kind <= 2 * FIELDS_MAX; kind++)
        for (unsigned field = 0; field <= 2 * FIELDS_MAX; field++) {
            buffer_clear(&inner);
            buffer_clear(&entry);
            put_varint(&entry, 1 << 3);
            put_varint(&entry, UINT64_MAX);
            if (field > FIELDS_MAX) {
                put_varint(&inner, (field - FIELDS_MAX) << 3);
                put_varint(&inner, UINT64_MAX);
            } else if (field > 0) {
                put_field(&inner, field, bytes_of("\0\xff\n", 3));
            }
            put_field(&entry, kind, buffer_bytes(&inner));
            give_entry(take, self, "an entry of any kind and field", buffer_bytes(&entry));
        }
    buffer_release(&inner);
    buffer_release(&entry);
}

void garbage_frames_entries(garbage_taker take, void *self)
{
    struct rng rng;
    uint8_t bytes[64];
    rng_seed(&rng, SEED);
    give_crowded(take, self, 32, "32 empty entries");
    for (int i = 0; i < RANDOM_FRAMES; i++) {
        size_t len = (size_t)rng_below(&rng, sizeof bytes);
        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)rng_next(&rng);
        give_entry(take, self, "a random entry", bytes_of(bytes, len));
    }
    give_kinds(take, self);
}

/* Large frames. */

void garbage_frames_repeated(garbage_taker take, void *self, unsigned kind, unsigned field)
{
    struct buffer inner = {0};
    struct buffer entry = {0};
    while (inner.len < LARGE - 64)
        put_field(&inner, field, bytes_of("", 0));
    put_field(&entry, kind, buffer_bytes(&inner));
    give_entry(take, self, "a field repeated for ever", buffer_bytes(&entry));
    buffer_release(&inner);
    buffer_release(&entry);
}

/* Each message the only field of the one around it. */
static void give_nested(garbage_taker take, void *self, unsigned field)
{
    struct buffer groups = {0};
    struct buffer nested = {0};
    size_t depth = 100000;
    for (size_t i = 0; i < depth; i++)
        put_varint(&groups, field << 3 | 3);
    give_entry(take, self, "groups in groups", buffer_bytes(&groups));
    uint8_t *at = xcalloc(1, 10 * depth);
    size_t first = 10 * depth;
    for (size_t len = 0; first > 16; len = 10 * depth - first) {
        buffer_clear(&nested);
        put_varint(&nested, field << 3 | 2);
        put_varint(&nested, len);
        first -= nested.len;
        memcpy(at + first, nested.data, nested.len);
    }
    give_entry(take, self, "messages in messages", bytes_of(at + first, 10 * depth - first));
    free(at);
    buffer_release(&groups);
    buffer_release(&nested);
}

void garbage_frames_large(garbage_taker take, void *self)
{
    give_crowded(take, self, 500000, "500,000 empty entries");
    for (unsigned kind = 1; kind <= FIELDS_MAX; kind++)
        for (unsigned field = 1; field <= FIELDS_MAX; field += 4)
            garbage_frames_repeated(take, self, kind, field);
    for (unsigned field = 1; field <= 5; field++)
        give_nested(take, self, field);
}
