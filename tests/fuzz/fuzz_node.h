/* A node under a fuzzer: the real one on a real file, given what the story says, turn by turn. */
#ifndef ZSAGA_FUZZ_NODE_H
#define ZSAGA_FUZZ_NODE_H

#include "fuzz.h"
#include "node.h"
#include "store/db.h"
#include "wire/frame.h"

#define FUZZ_START_WALL_MS INT64_C(1700000000000)
#define FUZZ_PEER "peer" /* Routing id of whoever speaks to a ROUTER. */

struct fuzz_node {
    struct node *node; /* NULL once it has ended. */
    struct db *db;     /* The node's own. */
    struct node_turn turn;
    struct node_time now;
    struct outbound out; /* Of the last turn. */
};

/* The database of a story: as `image` says, or none yet where that is empty. */
char *fuzz_node_database(const char *name, struct bytes image);
/* What the file is now; the caller releases it. */
struct buffer fuzz_node_image(const char *path);

/* Takes the node, whose database is `db`, at the time in `fuzz->now`. */
void fuzz_node_begin(struct fuzz_node *fuzz, struct node *node, struct db *db);
void fuzz_node_end(struct fuzz_node *fuzz); /* As kill -9 does, but for the WAL. */

void fuzz_node_give(struct fuzz_node *fuzz, uint8_t port, struct bytes message);
/* Whether it can be read as one with so many bytes to decode it. */
bool fuzz_node_is_frame(struct bytes message, size_t budget);
/* A frame with one entry, from `sender`. */
void fuzz_node_give_entry(struct fuzz_node *fuzz, uint8_t port, struct frame_header *sender,
                          struct bytes entry);
void fuzz_node_give_message(struct fuzz_node *fuzz, uint8_t port, struct frame_header *sender,
                            const ProtobufCMessage *entry);
/* Returns node_turn_end()'s code. A code that is not ERR_FENCED ends the fuzzer. */
int fuzz_node_turn(struct fuzz_node *fuzz);
void fuzz_node_pass(struct fuzz_node *fuzz, int64_t ms); /* Time. */

/* Rows written since the start of the node, taken back ones included: when it is the same as
 * before, then nothing has changed. */
int64_t fuzz_node_writes(const struct fuzz_node *fuzz);

/* Reads what was sent: each must be a frame of `name`, its entries of the kind that `kind_of` tells
 * of the port (NULL: a port that nothing may leave on). `take` may be NULL. */
typedef const ProtobufCMessageDescriptor *(*fuzz_node_kind_of)(uint8_t port);
typedef void (*fuzz_node_take)(void *self, const struct peer *to, const struct frame_header *header,
                               uint32_t index, const ProtobufCMessage *entry);
void fuzz_node_read(struct fuzz_node *fuzz, const char *name, fuzz_node_kind_of kind_of,
                    fuzz_node_take take, void *self);

#endif
