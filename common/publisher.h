/* A publisher: how a node tells its log to whoever listens.
 *
 * Part of a node, and like it without socket or clock. On the PUB port go the rows that were just
 * committed and, twice a second, the range that can be fetched; what is lost there (PUB drops when
 * a reader is slow or away) is fetched on the replay port, which answers one fetch a turn from the
 * rows of the log itself. Nobody has to listen: it costs a reader's absence nothing and remembers
 * no reader. docs/protocol.md, "The event plane". */
#ifndef ZSAGA_PUBLISHER_H
#define ZSAGA_PUBLISHER_H

#include <stdint.h>

#include "base/err.h"
#include "node.h"
#include "store/outbox.h"
#include "suite.h"
#include "wire/frame.h"

#define PUBLISHER_RANGE_MS 500                    /* Between two ranges on the PUB port. */
#define PUBLISHER_FETCH_BYTES ((size_t)256 << 10) /* Of rows in one answer; a larger row alone. */
#define PUBLISHER_FETCHES_MAX 64                  /* Waiting to be answered; one a peer. */

struct publisher;

/* How much of the log is kept. */
struct publisher_keep {
    uint64_t bytes;
    int64_t age_ms; /* By publisher_log_ms(). */
};

struct publisher_keep publisher_keep_of(const struct suite_keep *keep);

/* Borrows `outbox` and `sender` (the node's, whose numbers it goes on counting). */
struct publisher *publisher_new(struct outbox *outbox, struct frame_header *sender,
                                uint8_t events_port, uint8_t replay_port,
                                const struct publisher_keep *keep);
void publisher_free(struct publisher *publisher);

/* A message at the replay port. A peer's newer fetch replaces the one that waits; beyond
 * PUBLISHER_FETCHES_MAX it is refused as busy. Never fails. */
void publisher_receive(struct publisher *publisher, const struct peer *from, struct bytes bytes);

/* The log's own clock, by which its rows age: for outbox_write(). It runs while the process does,
 * on from the newest row, so that a jump of the wall clock makes nothing old. */
int64_t publisher_log_ms(struct publisher *publisher, struct node_time now);

/* Whether the log is to be trimmed: then the node makes a transaction, and publisher_trim() in it,
 * before outbox_write(). Asked at most once a second by the node's clock. */
bool publisher_wants_trim(struct publisher *publisher, struct node_time now);
int publisher_trim(struct publisher *publisher, struct node_time now, struct err *err);

/* Ends each turn of the node, after its commit if there was one: publishes what is fresh, tells the
 * range when that is due, answers one fetch. Negative for a failing database. */
int publisher_turn(struct publisher *publisher, struct node_time now, struct outbound *out,
                   struct err *err);

/* Monotonic: when it next wants a turn; now when a fetch waits. */
int64_t publisher_deadline(const struct publisher *publisher);

#endif
