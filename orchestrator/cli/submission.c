#include "submission.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "latency.h"
#include "saga_set.h"

struct submission {
    bool ends;
    struct submission_port port;
    struct submission_counts counts;
    struct saga_set counted; /* Sagas whose end is in the counts. */
    struct latency latency;
    int64_t first_us;
    int64_t last_us;
};

struct submission *submission_new(bool ends, const struct submission_port *port)
{
    struct submission *self = xcalloc(1, sizeof *self);
    self->ends = ends;
    self->port = *port;
    self->first_us = -1;
    return self;
}

void submission_free(struct submission *self)
{
    if (self == NULL)
        return;
    saga_set_release(&self->counted);
    free(self);
}

void submission_freep(struct submission **submission_p)
{
    submission_free(*submission_p);
}

const struct submission_counts *submission_counts(const struct submission *self)
{
    return &self->counts;
}

bool submission_is_good(const struct submission *self)
{
    const struct submission_counts *counts = &self->counts;
    return counts->invalid + counts->conflict + counts->failed + counts->attention +
               counts->unfinished ==
           0;
}

int64_t submission_percentile_us(const struct submission *self, unsigned percent)
{
    return latency_percentile(&self->latency, percent);
}

int64_t submission_elapsed_us(const struct submission *self)
{
    return self->first_us < 0 ? 0 : self->last_us - self->first_us;
}

void submission_count_invalid(struct submission *self)
{
    self->counts.orders++;
    self->counts.invalid++;
}

void submission_start(struct submission *self, int64_t now_us)
{
    if (self->first_us < 0)
        self->first_us = self->last_us = now_us;
}

static void tell(struct submission *self, const struct client_result *result, const char *words)
{
    self->port.tell(self->port.self, result->key, result->tag, words);
}

static void count_end(struct submission *self, const struct client_outcome *outcome)
{
    if (id_is_zero(&outcome->saga) || !saga_set_add(&self->counted, &outcome->saga))
        return;
    self->counts.completed += outcome->state == CLIENT_COMPLETED;
    self->counts.compensated += outcome->state == CLIENT_COMPENSATED;
    self->counts.attention += outcome->state == CLIENT_ATTENTION;
}

static void tell_unfinished(struct submission *self, const struct client_result *result)
{
    AUTO(freep)
    char *words = xprintf("%s, and still %s after %.0f s; it goes on by itself: `zsaga show %s` "
                          "tells where it stands",
                          result->outcome.verdict == CLIENT_ACCEPTED ? "accepted" : "a duplicate",
                          client_state_name(result->outcome.state), (double)result->took_us / 1e6,
                          result->key);
    self->counts.unfinished++;
    tell(self, result, words);
}

static void take_known(struct submission *self, const struct client_result *result)
{
    bool rests = client_state_rests(result->outcome.state);
    if (result->outcome.verdict == CLIENT_DUPLICATE) {
        self->counts.duplicate++;
    } else {
        self->counts.accepted++;
        if (result->code == 0)
            latency_add(&self->latency, result->took_us);
    }
    if (self->ends && rests)
        count_end(self, &result->outcome);
    else if (self->ends)
        tell_unfinished(self, result);
}

void submission_take(struct submission *self, const struct client_result *result, int64_t now_us)
{
    self->counts.orders++;
    self->last_us = now_us;
    switch (result->outcome.verdict) {
    case CLIENT_ACCEPTED:
    case CLIENT_DUPLICATE:
        take_known(self, result);
        break;
    case CLIENT_CONFLICT:
        self->counts.conflict++;
        tell(self, result, "conflict: this order_id was submitted before, with other contents");
        break;
    case CLIENT_UNDECIDED:
    default:
        self->counts.failed++;
        tell(self, result, result->err.text);
        break;
    }
}
