#include "load.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"
#include "demand.h"
#include "figures.h"
#include "usage.h"

#define TAKE_MAX 256 /* Results before room is used again. */
#define WAIT_MS 100

enum phase { WARMING, MEASURING, DRAINING };

struct load {
    const struct load_plan *plan;
    const struct load_watch *watch;
    struct client *client;
    struct client_batch *batch;
    uint64_t next; /* Serial. */
    struct buffer input;
    uint32_t *samples; /* Microseconds. */
    size_t sample_count;
    size_t sample_capacity;
    enum phase phase;
    int64_t began_us;
    int64_t phase_us; /* When this phase began. */
    int64_t cpu_us;   /* As the time measured began. */
    struct load_result *result;
};

/* Open loop: the time at which a serial is to arrive. */
static int64_t arrival_us(const struct load *load, uint64_t serial)
{
    return load->began_us + (int64_t)((double)serial * 1e6 / load->plan->rate);
}

static int start(struct load *load, struct err *err)
{
    struct demand_order order;
    demand_order(load->plan->prefix, load->next, &order);
    demand_pack(&order, &load->input);
    const struct client_saga saga = {
        .definition = "order", .key = order.order_id, .input = buffer_bytes(&load->input)};
    int rc = client_batch_start(load->batch, &saga, load->next, err);
    load->next++;
    load->result->submitted++;
    return rc;
}

static int start_what_may(struct load *load, int64_t at_us, struct err *err)
{
    bool closed = load->plan->in_flight > 0;
    int rc = 0;
    while (rc == 0 && client_batch_has_room(load->batch) &&
           (closed || arrival_us(load, load->next) <= at_us))
        rc = start(load, err);
    return rc;
}

static void count_sample(struct load *load, int64_t us)
{
    load->samples =
        xgrow(load->samples, &load->sample_capacity, load->sample_count + 1, sizeof *load->samples);
    load->samples[load->sample_count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int finish(struct load *load, const struct client_result *end, struct err *err)
{
    struct load_result *result = load->result;
    enum client_state state = end->outcome.state;
    if (end->code < 0)
        return err_set(err, end->code, "%s: %s", end->key, end->err.text);
    if (end->outcome.verdict != CLIENT_ACCEPTED)
        return err_set(err, ERR_INVALID, "%s is new, but known to the orchestrator", end->key);
    result->completed += state == CLIENT_COMPLETED;
    result->compensated += state == CLIENT_COMPENSATED;
    if (state != (demand_is_refused(end->tag) ? CLIENT_COMPENSATED : CLIENT_COMPLETED)) {
        result->misjudged++;
        (void)snprintf(result->example, sizeof result->example, "%s is %s (%s)", end->key,
                       client_state_name(state), end->outcome.reason);
    }
    if (load->phase == MEASURING)
        count_sample(load, load->plan->in_flight > 0
                               ? end->took_us
                               : clock_mono_us() - arrival_us(load, end->tag));
    return 0;
}

static int take_results(struct load *load, int64_t wait_ms, struct err *err)
{
    struct client_result end;
    if (client_batch_in_flight(load->batch) == 0) {
        (void)poll(NULL, 0, (int)wait_ms); /* An empty batch does not wait. */
        return 0;
    }
    int rc = client_batch_take(load->batch, wait_ms, &end, err);
    for (int i = 1; rc == CLIENT_BATCH_RESULT; i++) {
        rc = finish(load, &end, err);
        if (rc == 0 && i < TAKE_MAX)
            rc = client_batch_take(load->batch, 0, &end, err);
    }
    return rc < 0 ? rc : 0;
}

static void change_phase(struct load *load, int64_t at_us)
{
    double passed_s = (double)(at_us - load->phase_us) / 1e6;
    if (load->phase == WARMING && passed_s >= load->plan->warm_up_s) {
        load->phase = MEASURING;
        load->phase_us = at_us;
        load->cpu_us = usage_own_us();
        load->watch->begins(load->watch->self);
    } else if (load->phase == MEASURING && passed_s >= load->plan->seconds) {
        load->watch->ends(load->watch->self);
        load->phase = DRAINING;
        load->result->seconds = passed_s;
        load->result->cpu_us = (double)(usage_own_us() - load->cpu_us);
    }
}

static int64_t wait_ms(const struct load *load, int64_t at_us)
{
    if (load->phase == DRAINING || load->plan->in_flight > 0)
        return WAIT_MS;
    if (!client_batch_has_room(load->batch))
        return WAIT_MS;
    int64_t wait_us = arrival_us(load, load->next) - at_us;
    return wait_us > WAIT_MS * 1000 ? WAIT_MS : wait_us < 0 ? 0 : (wait_us + 999) / 1000;
}

static int drive(struct load *load, struct err *err)
{
    int rc = 0;
    while (rc == 0 && (load->phase != DRAINING || client_batch_in_flight(load->batch) > 0)) {
        int64_t at_us = clock_mono_us();
        change_phase(load, at_us);
        if (load->phase != DRAINING)
            rc = start_what_may(load, at_us, err);
        if (rc == 0)
            rc = take_results(load, wait_ms(load, clock_mono_us()), err);
    }
    return rc;
}

static int open_batch(struct load *load, struct err *err)
{
    const struct client_batch_options options = {
        .in_flight = load->plan->in_flight > 0 ? load->plan->in_flight : CLIENT_BATCH_MAX,
        .timeout_ms = LOAD_END_MS,
        .to_end = true,
    };
    int rc = client_open_endpoint(load->plan->endpoint, &load->client, err);
    return rc < 0 ? rc : client_batch_new(load->client, &options, &load->batch, err);
}

static void sum_up(struct load *load)
{
    struct load_result *result = load->result;
    size_t count = load->sample_count;
    figures_sort(load->samples, count);
    result->measured = count;
    result->p50_ms = figures_percentile(load->samples, count, 0.5) / 1000;
    result->p99_ms = figures_percentile(load->samples, count, 0.99) / 1000;
    result->p999_ms = figures_percentile(load->samples, count, 0.999) / 1000;
}

int load_run(const struct load_plan *plan, const struct load_watch *watch, struct load_result *ret,
             struct err *err)
{
    struct load load = {.plan = plan, .watch = watch, .result = ret};
    *ret = (struct load_result){0};
    int rc = open_batch(&load, err);
    load.began_us = clock_mono_us();
    load.phase_us = load.began_us;
    if (rc == 0)
        rc = drive(&load, err);
    sum_up(&load);
    client_batch_free(load.batch);
    client_free(load.client);
    buffer_release(&load.input);
    free(load.samples);
    return rc;
}
