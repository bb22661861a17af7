/* Frames: the bytes on every socket (docs/protocol.md, proto/frame.proto). */
#ifndef ZSAGA_FRAME_H
#define ZSAGA_FRAME_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "node.h"
#include "wire/arena.h"

#define FRAME_VERSION 1
#define FRAME_ENTRIES_MAX 32               /* In one frame. */
#define FRAME_BYTES_MAX ((size_t)64 << 10) /* Of one frame; a larger entry travels alone. */
#define FRAME_SIZE_MAX ((size_t)1 << 20)   /* Of any frame: sockets cut a peer that sends more. */
#define FRAME_ENTRY_MAX (FRAME_SIZE_MAX - 512) /* Of one entry: what is left beside a header. */
#define FRAME_WHOLE UINT32_MAX                 /* Index of a reject that means the whole frame. */

/* Which orchestrator speaks, and which start of it. */
struct frame_driver {
    char id[65]; /* Of the suite file. */
    uint64_t epoch;
    uint64_t nonce;
    struct id last_saga;
};

struct frame_header {
    uint64_t number;
    char name[65];
    struct id store; /* Zero for a client. */
    uint64_t incarnation;
    bool has_driver;
    struct frame_driver driver;
};

struct frame {
    struct frame_header header;
    size_t entry_count;
    const ProtobufCBinaryData *entries; /* In the arena. */
};

/* Decodes a frame, its entries still packed. ERR_INVALID, with words for the peer, when it is not
 * a valid frame of this version; ret->header.number is then set if it could be read, else 0. */
int frame_read(struct bytes bytes, struct arena *arena, struct frame *ret, struct err *err);

/* Packs entries for one peer into as few frames as the limits allow. Initialise with zeros plus
 * `to` and `sender`. */
struct frame_writer {
    struct peer to;
    struct frame_header *sender; /* Borrowed; `number` is raised for each frame. */
    struct outbound *out;        /* Borrowed: finished frames go here. */
    uint8_t *data;               /* The frame being filled, or NULL. */
    size_t len;
    size_t capacity;
    uint32_t count;
    uint64_t number; /* Of the frame being filled; other writers may have raised the sender's. */
};

/* Adds an entry; *ret_index (may be NULL) tells its index, and writer->number afterwards is the
 * number of the frame it is in. An entry beyond FRAME_ENTRY_MAX is our bug. */
void frame_writer_add(struct frame_writer *writer, const ProtobufCMessage *entry,
                      uint32_t *ret_index);
void frame_writer_flush(struct frame_writer *writer); /* Gives the open frame, if any, to `out`. */

#endif
