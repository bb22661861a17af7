/* What became of a file's orders: counts, times, and words about those that came to no good.
 *
 * Each order is in one of the counts that `orders` is the sum of: how its submission ended. With
 * ends, its saga is in one of three more, each saga once; an order whose verdict is known, but
 * whose saga did not rest in time, is `unfinished`. */
#ifndef ZSAGA_CLI_SUBMISSION_H
#define ZSAGA_CLI_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

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
    uint64_t unfinished; /* Orders. */
};

struct submission_port {
    /* Words about an order that came to no good. */
    void (*tell)(void *self, const char *key, uint64_t line, const char *words);
    void *self;
};

struct submission;

/* `ends`: they are waited for, and counted. */
struct submission *submission_new(bool ends, const struct submission_port *port);
void submission_free(struct submission *submission);
void submission_freep(struct submission **submission_p);

void submission_count_invalid(struct submission *submission); /* It was refused by the rules. */
/* An order goes out. Times are monotonic microseconds. */
void submission_start(struct submission *submission, int64_t now_us);
/* What became of it; the tag is its line. */
void submission_take(struct submission *submission, const struct client_result *result,
                     int64_t now_us);

const struct submission_counts *submission_counts(const struct submission *submission);
/* All were accepted or duplicates and, if that was waited for, ended completed or compensated. */
bool submission_is_good(const struct submission *submission);
/* Of accepted orders, from the first sending to what was waited for; -1: there are none. */
int64_t submission_percentile_us(const struct submission *submission, unsigned percent);
/* From the first sending to the last thing known. */
int64_t submission_elapsed_us(const struct submission *submission);

#endif
