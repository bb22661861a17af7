/* A publisher played by hand: a log in memory, and the frames that tell of it.
 *
 * What it says is what a test makes it say; nothing is sent by itself. Events carry their publisher
 * and number as payload, so that a reader can be checked. */
#ifndef ZSAGA_FAKE_PUBLISHER_H
#define ZSAGA_FAKE_PUBLISHER_H

#include "base/bytes.h"
#include "event.pb-c.h"
#include "replay.pb-c.h"
#include "wire/frame.h"

#define FAKE_ROWS_MAX 20000

struct fake_row {
    uint64_t first;
    uint32_t count;
    struct buffer events; /* Packed. */
};

struct fake_publisher {
    struct frame_header header; /* What its frames say of it; change it at will. */
    uint8_t branch;             /* Part of the ids of its events: another log has another. */
    struct fake_row *rows;
    size_t row_count;
    uint64_t tail;
    uint64_t head;
    size_t answer_bytes;  /* Of rows in an answer. */
    size_t payload_bytes; /* Of an event, at least. */
};

struct fake_publisher *fake_publisher_new(const char *name, uint8_t number);
void fake_publisher_free(struct fake_publisher *fake);

/* Commits `count` events as a row. */
void fake_publisher_add(struct fake_publisher *fake, uint32_t count);
struct id fake_publisher_id(const struct fake_publisher *fake, uint64_t seq);
void fake_publisher_restart(struct fake_publisher *fake); /* Another incarnation. */
/* As an old copy of the database: the log ends at `head`, and goes on otherwise. */
void fake_publisher_restore(struct fake_publisher *fake, uint64_t head);
void fake_publisher_trim(struct fake_publisher *fake, uint64_t tail); /* At a row's first event. */

/* Each returns a packed frame, which the caller releases. */
struct buffer fake_publisher_tell(struct fake_publisher *fake, uint64_t seq); /* The row with it. */
struct buffer fake_publisher_range(struct fake_publisher *fake);
struct buffer fake_publisher_publish(struct fake_publisher *fake, const Zsaga__LogRow *row);
struct buffer fake_publisher_answer(struct fake_publisher *fake,
                                    const Zsaga__ReplayRequest *request); /* As is right. */
struct buffer fake_publisher_reply(struct fake_publisher *fake, const Zsaga__ReplayAnswer *answer);

/* Any frame of it. */
struct buffer fake_publisher_frame(struct fake_publisher *fake, const ProtobufCMessage *entry);

#endif
