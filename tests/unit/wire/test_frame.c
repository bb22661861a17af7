#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "client.pb-c.h"
#include "frame.pb-c.h"
#include "wire/frame.h"

#define BUDGET ((size_t)16 << 20)

static struct frame_header sender_named(const char *name)
{
    struct frame_header sender = {.incarnation = 0xfedcba9876543210};
    (void)snprintf(sender.name, sizeof sender.name, "%s", name);
    return sender;
}

static struct frame_header orchestrator(void)
{
    struct frame_header sender = sender_named("orchestrator");
    memset(sender.store.bytes, 0xaa, ID_SIZE);
    sender.has_driver = true;
    (void)snprintf(sender.driver.id, sizeof sender.driver.id, "suite-1");
    sender.driver.epoch = 7;
    sender.driver.nonce = 0x1122334455667788;
    memset(sender.driver.last_saga.bytes, 0xbb, ID_SIZE);
    return sender;
}

/* An entry of about `size` bytes. */
static void add_entry(struct frame_writer *writer, size_t size, uint32_t *ret_index)
{
    static uint8_t filler[FRAME_ENTRY_MAX];
    Zsaga__Done done = ZSAGA__DONE__INIT;
    done.message = (ProtobufCBinaryData){.len = size, .data = filler};
    frame_writer_add(writer, &done.base, ret_index);
}

/* A frame with `count` small entries; free *ret. */
static size_t frame_of(struct frame_header sender, uint32_t count, uint8_t **ret)
{
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    for (uint32_t i = 0; i < count; i++)
        add_entry(&writer, 10 + i, NULL);
    frame_writer_flush(&writer);
    assert_int_equal(out.count, 1);
    size_t len = out.messages[0].len;
    *ret = out.messages[0].data;
    out.messages[0].data = NULL;
    outbound_release(&out);
    return len;
}

/* Packs what frame_writer would never make; free *ret. */
static size_t pack(const Zsaga__Frame *frame, uint8_t **ret)
{
    *ret = malloc(zsaga__frame__get_packed_size(frame) + 1);
    assert_non_null(*ret);
    return zsaga__frame__pack(frame, *ret);
}

static int read_once(const void *data, size_t len, struct frame *ret, struct err *err)
{
    struct arena arena;
    arena_init(&arena, BUDGET);
    int rc = frame_read(bytes_of(data, len), &arena, ret, err);
    arena_release(&arena); /* The header stays valid, the entries do not. */
    return rc;
}

static void expect_refused(const Zsaga__Frame *frame, const char *words)
{
    uint8_t *data;
    size_t len = pack(frame, &data);
    struct frame got;
    struct err err = {0};
    assert_int_equal(read_once(data, len, &got, &err), ERR_INVALID);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    free(data);
}

/* What is written is read: the header with its driver, and the entries in their order. */
static void test_read__what_was_written__comes_back(void **state)
{
    (void)state;
    struct frame_header sender = orchestrator();
    uint8_t *data;
    size_t len = frame_of(sender, 3, &data);
    struct arena arena;
    arena_init(&arena, BUDGET);
    struct frame frame;
    struct err err = {0};
    assert_int_equal(frame_read(bytes_of(data, len), &arena, &frame, &err), 0);
    assert_int_equal(frame.header.number, 1);
    assert_string_equal(frame.header.name, "orchestrator");
    assert_memory_equal(&frame.header.store, &sender.store, sizeof sender.store);
    assert_int_equal(frame.header.incarnation, sender.incarnation);
    assert_true(frame.header.has_driver);
    assert_string_equal(frame.header.driver.id, "suite-1");
    assert_int_equal(frame.header.driver.epoch, 7);
    assert_int_equal(frame.header.driver.nonce, sender.driver.nonce);
    assert_memory_equal(&frame.header.driver.last_saga, &sender.driver.last_saga, ID_SIZE);
    assert_int_equal(frame.entry_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(frame.entries[i].len, 2 + 10 + i);
    arena_release(&arena);
    free(data);
}

/* A client has neither a store nor a driver, and its frame says so. */
static void test_read__client_frame__has_no_store_and_no_driver(void **state)
{
    (void)state;
    uint8_t *data;
    size_t len = frame_of(sender_named("zsaga"), 1, &data);
    struct frame frame;
    struct err err = {0};
    assert_int_equal(read_once(data, len, &frame, &err), 0);
    assert_true(id_is_zero(&frame.header.store));
    assert_false(frame.header.has_driver);
    free(data);
}

/* The 33rd entry opens a second frame, and each entry knows its index and its frame's number. */
static void test_writer__more_than_32_entries__opens_another_frame(void **state)
{
    (void)state;
    struct frame_header sender = orchestrator();
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    for (uint32_t i = 0; i < 65; i++) {
        uint32_t index;
        add_entry(&writer, 1, &index);
        assert_int_equal(index, i % 32);
        assert_int_equal(writer.number, 1 + i / 32);
    }
    frame_writer_flush(&writer);
    frame_writer_flush(&writer); /* Nothing is open: nothing happens. */
    assert_int_equal(out.count, 3);
    outbound_release(&out);
}

/* A frame ends before it would exceed 64 KiB; a larger entry travels alone. */
static void test_writer__many_bytes__keeps_frames_small(void **state)
{
    (void)state;
    static const size_t sizes[] = {30000, 30000, 30000, 200000, 10, 10};
    static const size_t entries[] = {2, 1, 1, 2};
    struct frame_header sender = orchestrator();
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        add_entry(&writer, sizes[i], NULL);
    frame_writer_flush(&writer);
    assert_int_equal(out.count, 4);
    for (size_t i = 0; i < out.count; i++) {
        struct frame frame;
        struct err err = {0};
        assert_int_equal(read_once(out.messages[i].data, out.messages[i].len, &frame, &err), 0);
        assert_int_equal(frame.entry_count, entries[i]);
        assert_true(frame.entry_count == 1 || out.messages[i].len <= FRAME_BYTES_MAX);
    }
    outbound_release(&out);
}

/* The largest entry fits a frame that no socket cuts, whatever its header. */
static void test_writer__largest_entry__fits_the_largest_frame(void **state)
{
    (void)state;
    struct frame_header sender = orchestrator();
    memset(sender.name, 'n', sizeof sender.name - 1);
    memset(sender.driver.id, 'i', sizeof sender.driver.id - 1);
    sender.number = UINT64_MAX - 1;
    sender.driver.epoch = INT64_MAX;
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    add_entry(&writer, FRAME_ENTRY_MAX - 4, NULL); /* Tag and length of the field: 4 bytes. */
    frame_writer_flush(&writer);
    assert_in_range(out.messages[0].len, FRAME_ENTRY_MAX, FRAME_SIZE_MAX);
    struct frame frame;
    struct err err = {0};
    assert_int_equal(read_once(out.messages[0].data, out.messages[0].len, &frame, &err), 0);
    assert_int_equal(frame.entry_count, 1);
    outbound_release(&out);
}

/* Writers to several peers share the sender's numbers, and each knows that of its own frame. */
static void test_writer__two_peers_at_once__each_knows_its_frame(void **state)
{
    (void)state;
    struct frame_header sender = orchestrator();
    struct outbound out = {0};
    struct frame_writer one = {.to = {.port = 1}, .sender = &sender, .out = &out};
    struct frame_writer two = {.to = {.port = 2}, .sender = &sender, .out = &out};
    add_entry(&one, 1, NULL);
    add_entry(&two, 1, NULL);
    add_entry(&one, 1, NULL);
    assert_int_equal(one.number, 1);
    assert_int_equal(two.number, 2);
    frame_writer_flush(&two);
    frame_writer_flush(&one);
    assert_int_equal(out.messages[0].to.port, 2);
    assert_int_equal(out.messages[1].to.port, 1);
    for (size_t i = 0; i < 2; i++) {
        struct frame frame;
        struct err err = {0};
        assert_int_equal(read_once(out.messages[i].data, out.messages[i].len, &frame, &err), 0);
        assert_int_equal(frame.header.number, 2 - i);
    }
    outbound_release(&out);
}

/* A frame cut off at any byte is refused, or is a shorter frame where it ends between entries. */
static void test_read__cut_at_every_byte__is_refused_or_shorter(void **state)
{
    (void)state;
    uint8_t *data;
    size_t len = frame_of(orchestrator(), 4, &data);
    size_t shorter = 0;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* Its end is where a sanitizer sees an overrun. */
        assert_non_null(copy);
        memcpy(copy + 1, data, cut);
        struct frame frame;
        struct err err = {0};
        int rc = read_once(copy + 1, cut, &frame, &err);
        if (rc == 0) {
            assert_in_range(frame.entry_count, 0, 3);
            shorter++;
        } else {
            assert_int_equal(rc, ERR_INVALID);
            assert_int_not_equal(err.text[0], '\0');
        }
        free(copy);
    }
    assert_int_equal(shorter, 4);
    free(data);
}

/* Whatever a bit flip makes of a frame, it is read or refused, never followed out of bounds. */
static void test_read__bits_flipped__is_read_or_refused(void **state)
{
    (void)state;
    uint8_t *data;
    size_t len = frame_of(orchestrator(), 4, &data);
    struct rng rng;
    rng_seed(&rng, 1);
    size_t refused = 0;
    for (int round = 0; round < 20000; round++) {
        size_t at = rng_below(&rng, len);
        uint8_t flip = (uint8_t)(1 + rng_below(&rng, 255));
        data[at] ^= flip;
        struct frame frame;
        struct err err = {0};
        int rc = read_once(data, len, &frame, &err);
        assert_true(rc == 0 || rc == ERR_INVALID);
        refused += rc != 0;
        data[at] ^= flip;
    }
    assert_in_range(refused, 1000, 19000);
    free(data);
}

/* Another version is refused with words that name both, and the number that the reject will name.
 */
static void test_read__other_version__is_refused_with_its_number(void **state)
{
    (void)state;
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    frame.header = &header;
    header.version = 2;
    header.number = 99;
    header.name = (ProtobufCBinaryData){.len = 1, .data = (uint8_t[]){'n'}};
    expect_refused(&frame, "version 2: this side speaks version 1");
    uint8_t *data;
    size_t len = pack(&frame, &data);
    struct frame got;
    assert_int_equal(read_once(data, len, &got, NULL), ERR_INVALID);
    assert_int_equal(got.header.number, 99);
    free(data);
}

/* A frame without a header, and no bytes at all, are refused. */
static void test_read__no_header__is_refused(void **state)
{
    (void)state;
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    expect_refused(&frame, "needs a header");
}

/* Bytes that are no protobuf at all are refused. */
static void test_read__garbage__is_refused(void **state)
{
    (void)state;
    struct frame frame;
    struct err err = {0};
    assert_int_equal(read_once("GET / HTTP/1.1\r\n\r\n", 18, &frame, &err), ERR_INVALID);
    assert_string_equal(err.text, "not a zsaga frame");
    assert_int_equal(frame.header.number, 0);
}

/* Each field of the header is checked, and the words name it. */
static void test_read__bad_header_fields__are_named(void **state)
{
    (void)state;
    uint8_t zeros[65] = {0};
    uint8_t name[65];
    memset(name, 'n', sizeof name);
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    frame.header = &header;
    header.version = FRAME_VERSION;
    expect_refused(&frame, "header.name");
    header.name = (ProtobufCBinaryData){.len = 65, .data = name};
    expect_refused(&frame, "header.name");
    header.name = (ProtobufCBinaryData){.len = 4, .data = zeros};
    expect_refused(&frame, "header.name");
    header.name = (ProtobufCBinaryData){.len = 64, .data = name};
    header.store = (ProtobufCBinaryData){.len = 15, .data = zeros};
    expect_refused(&frame, "header.store");
    header.store.len = 17;
    expect_refused(&frame, "header.store");
}

/* Each field of the driver is checked, and the words name it. */
static void test_read__bad_driver_fields__are_named(void **state)
{
    (void)state;
    uint8_t zeros[65] = {0};
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Driver driver = ZSAGA__DRIVER__INIT;
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    frame.header = &header;
    header.version = FRAME_VERSION;
    header.name = (ProtobufCBinaryData){.len = 1, .data = (uint8_t[]){'n'}};
    header.driver = &driver;
    driver.epoch = 1;
    driver.last_saga = (ProtobufCBinaryData){.len = 16, .data = zeros};
    expect_refused(&frame, "driver.id");
    driver.id = header.name;
    driver.epoch = 0;
    expect_refused(&frame, "driver.epoch");
    driver.epoch = (uint64_t)INT64_MAX + 1;
    expect_refused(&frame, "driver.epoch");
    driver.epoch = 1;
    driver.last_saga.len = 0;
    expect_refused(&frame, "driver.last_saga");
}

/* A frame of 32 entries is read, one of 33 refused as a whole. */
static void test_read__33_entries__is_refused(void **state)
{
    (void)state;
    ProtobufCBinaryData entries[33] = {{0}};
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    frame.header = &header;
    frame.entries = entries;
    header.version = FRAME_VERSION;
    header.name = (ProtobufCBinaryData){.len = 1, .data = (uint8_t[]){'n'}};
    frame.n_entries = 33;
    expect_refused(&frame, "at most 32 entries, not 33");
    frame.n_entries = 32;
    uint8_t *data;
    size_t len = pack(&frame, &data);
    struct frame got;
    assert_int_equal(read_once(data, len, &got, NULL), 0);
    assert_int_equal(got.entry_count, 32);
    free(data);
}

/* More than 1 MiB is refused before anything is decoded. */
static void test_read__oversize__is_refused(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, FRAME_SIZE_MAX + 1);
    assert_non_null(data);
    struct frame frame;
    struct err err = {0};
    assert_int_equal(read_once(data, FRAME_SIZE_MAX + 1, &frame, &err), ERR_INVALID);
    assert_string_equal(err.text, "a frame is at most 1048576 bytes");
    free(data);
}

/* Fields of a later version of this protocol are passed over. */
static void test_read__unknown_field__is_ignored(void **state)
{
    (void)state;
    static const uint8_t field_15[] = {0x7a, 3, 'n', 'e', 'w'};
    uint8_t *data;
    size_t len = frame_of(orchestrator(), 1, &data);
    uint8_t *longer = malloc(len + sizeof field_15);
    assert_non_null(longer);
    memcpy(longer, data, len);
    memcpy(longer + len, field_15, sizeof field_15);
    struct frame frame;
    struct err err = {0};
    assert_int_equal(read_once(longer, len + sizeof field_15, &frame, &err), 0);
    assert_int_equal(frame.entry_count, 1);
    free(longer);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__what_was_written__comes_back),
        cmocka_unit_test(test_read__client_frame__has_no_store_and_no_driver),
        cmocka_unit_test(test_writer__more_than_32_entries__opens_another_frame),
        cmocka_unit_test(test_writer__many_bytes__keeps_frames_small),
        cmocka_unit_test(test_writer__largest_entry__fits_the_largest_frame),
        cmocka_unit_test(test_writer__two_peers_at_once__each_knows_its_frame),
        cmocka_unit_test(test_read__cut_at_every_byte__is_refused_or_shorter),
        cmocka_unit_test(test_read__bits_flipped__is_read_or_refused),
        cmocka_unit_test(test_read__other_version__is_refused_with_its_number),
        cmocka_unit_test(test_read__no_header__is_refused),
        cmocka_unit_test(test_read__garbage__is_refused),
        cmocka_unit_test(test_read__bad_header_fields__are_named),
        cmocka_unit_test(test_read__bad_driver_fields__are_named),
        cmocka_unit_test(test_read__33_entries__is_refused),
        cmocka_unit_test(test_read__oversize__is_refused),
        cmocka_unit_test(test_read__unknown_field__is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
