/* Orders on their way: each is submitted, asked for again when an answer is lost, followed to its
 * end, and counted. No socket, no clock: requests leave through a port, answers and time come in.
 *
 *           Submit              accepted, duplicate
 *   start ─────────→ asked ───────────────────────────→ watched ──→ counted
 *                     │ ↑ └─ conflict, refusal ─→ counted  │
 *                busy │ │ retry_after                      └─ Found says where it rests
 *                     ↓ │
 *                     busy        any of them, for longer than the timeout: counted as failed
 *
 * `watched` only when outcomes are waited for. Asking again is harmless: the nonce tells the
 * orchestrator that it is the same order of the same run. */
#ifndef ZSAGA_CLI_SUBMISSION_H
#define ZSAGA_CLI_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.pb-c.h"
#include "orders.h"

#define SUBMISSION_CONCURRENCY_MAX 50000
#define SUBMISSION_ASK_MS 1000    /* After so much silence about an order it is asked for again. */
#define SUBMISSION_SILENT_MS 1500 /* No answer to anything for so long: the connection is dead. */

struct submission_options {
    size_t concurrency; /* Orders on their way at once, at most. */
    int64_t timeout_ms; /* For each, from its first sending. */
    bool to_end;        /* Follow each to its end before another takes its place. */
    bool count_ends;    /* Count ends, and count those not known in time as failed. */
    uint8_t run[16];    /* Random: this run's part of the nonces. */
};

struct submission_counts {
    uint64_t orders; /* Known what became of them: the sum of the next five. */
    uint64_t accepted;
    uint64_t invalid;
    uint64_t duplicate;
    uint64_t conflict;
    uint64_t failed;
    uint64_t completed; /* Sagas, each once. */
    uint64_t compensated;
    uint64_t attention;
};

struct submission_port {
    void (*send)(void *self, const Zsaga__ClientRequest *request);
    /* Words about an order that came to no good. */
    void (*tell)(void *self, const struct order *order, const char *words);
    void *self;
};

struct submission;

struct submission *submission_new(const struct submission_options *options,
                                  const struct submission_port *port);
void submission_free(struct submission *submission);
void submission_freep(struct submission **submission_p);

bool submission_has_room(const struct submission *submission);
size_t submission_under_way(const struct submission *submission);

/* Takes the order and sends it. There must be room. Times are monotonic microseconds. */
void submission_start(struct submission *submission, struct order *order, int64_t now_us);
void submission_count_invalid(struct submission *submission); /* It was refused by the rules. */

void submission_take(struct submission *submission, const Zsaga__ClientAnswer *answer,
                     int64_t now_us);
/* Asks again, gives up: whatever is due. */
void submission_tick(struct submission *submission, int64_t now_us);
/* When to tick next, in milliseconds; INT64_MAX: nothing is under way. */
int64_t submission_deadline_ms(const struct submission *submission);

/* True when the connection should be made anew; what is unanswered is then asked for again. */
bool submission_is_silent(struct submission *submission, int64_t now_us);

const struct submission_counts *submission_counts(const struct submission *submission);
/* Of accepted orders, from the first sending to what was waited for; -1: there are none. */
int64_t submission_percentile_us(const struct submission *submission, unsigned percent);
/* From the first sending to the last thing known. */
int64_t submission_elapsed_us(const struct submission *submission);

#endif
