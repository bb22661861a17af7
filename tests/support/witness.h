/* The witness: a consumer of tests that writes down every event it is given, in the order given.
 *
 * Afterwards its table is compared with the logs of the publishers: each event once, in order, with
 * the same content. */
#ifndef ZSAGA_WITNESS_H
#define ZSAGA_WITNESS_H

#include "base/bytes.h"
#include "consumer.h"

#define WITNESS_DIGEST 16 /* Bytes. */

extern const struct consumer_service witness_service;

/* Of what an event says, beside its number and id. */
struct witness_content {
    struct bytes saga;
    struct bytes type;
    struct bytes causation;
    struct bytes traceparent;
    struct bytes payload;
    int64_t wall_ms;
};
void witness_digest(const struct witness_content *content, uint8_t digest[WITNESS_DIGEST]);

/* Compares the witness's database with a publisher's, both of processes that have ended. Events up
 * to `from` - 1 need not be there. Fails the test at the first difference; returns how many events
 * agree. */
uint64_t witness_compare(const char *witness_db, const char *publisher_db, const char *publisher,
                         uint64_t from);

#endif
