#include "view_json.h"

#include <math.h>

#include "base/log.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "client.pb-c.h"
#include "states.h"
#include "view_parts.h"

static json_t *text_json(ProtobufCBinaryData text)
{
    size_t size = 3 * text.len + 1;
    AUTO(freep) char *utf8 = xmalloc(size);
    text_to_utf8(packed_view(text), utf8, size);
    return json_string(utf8);
}

static json_t *text_or_null(ProtobufCBinaryData text)
{
    return text.len == 0 ? json_null() : text_json(text);
}

static json_t *time_json(uint64_t wall_ms)
{
    char text[LOG_TIME_SIZE];
    return wall_ms == 0 ? json_null() : json_string(log_time((int64_t)wall_ms, text));
}

static json_t *number_json(uint64_t number)
{
    return json_integer((json_int_t)number);
}

/* Seconds to the millisecond; null below 0. */
static json_t *seconds_json(int64_t ms)
{
    return ms < 0 ? json_null() : json_real((double)ms / 1000);
}

static json_t *rate_json(double per_s)
{
    return json_real(round(per_s * 1000) / 1000);
}

static json_t *sagas_json(const Zsaga__ViewReport *report)
{
    json_t *json = json_object();
    for (uint32_t state = ZSAGA__SAGA_STATE__RUNNING; state <= ZSAGA__SAGA_STATE__ATTENTION;
         state++)
        json_object_set_new(json, states_name(state), number_json(view_count(report, state)));
    return json;
}

static json_t *rates_json(const Zsaga__ViewRates *rates)
{
    if (rates == NULL)
        return json_null();
    json_t *json = json_object();
    json_t *finished = json_array();
    json_object_set_new(json, "started_per_s", rate_json(rates->started_10s));
    json_object_set_new(json, "completed_per_s", rate_json(rates->completed_10s));
    json_object_set_new(json, "compensated_per_s", rate_json(rates->compensated_10s));
    json_object_set_new(json, "started_per_s_1m", rate_json(rates->started_60s));
    json_object_set_new(json, "completed_per_s_1m", rate_json(rates->completed_60s));
    json_object_set_new(json, "compensated_per_s_1m", rate_json(rates->compensated_60s));
    json_object_set_new(json, "timed", number_json(rates->timed));
    json_object_set_new(json, "p50_ms",
                        rates->timed == 0 ? json_null() : number_json(rates->p50_ms));
    json_object_set_new(json, "p99_ms",
                        rates->timed == 0 ? json_null() : number_json(rates->p99_ms));
    for (size_t i = 0; i < rates->n_finished; i++)
        json_array_append_new(finished, number_json(rates->finished[i]));
    json_object_set_new(json, "finished_each_s", finished);
    return json;
}

static json_t *stream_json(const Zsaga__ViewStream *stream)
{
    json_t *json = json_object();
    json_object_set_new(json, "publisher", text_json(stream->publisher));
    json_object_set_new(json, "state", text_json(stream->state));
    json_object_set_new(json, "head", number_json(stream->head));
    json_object_set_new(json, "applied", number_json(stream->applied));
    json_object_set_new(json, "lag", number_json(stream->head - stream->applied));
    json_object_set_new(json, "lag_s", seconds_json(stream->lag_ms));
    json_object_set_new(json, "heard_s", seconds_json(stream->heard_ms));
    json_object_set_new(json, "events_per_s", rate_json(stream->per_s));
    json_object_set_new(json, "gaps", number_json(stream->gaps));
    json_object_set_new(json, "duplicates", number_json(stream->duplicates));
    json_object_set_new(json, "fetches", number_json(stream->fetches));
    json_object_set_new(json, "resyncs", number_json(stream->resyncs));
    json_object_set_new(json, "detail", text_or_null(stream->detail));
    return json;
}

static json_t *saga_json(const Zsaga__ViewSaga *saga, const Zsaga__ViewReport *report)
{
    json_t *json = json_object();
    bool aged = saga->started_ms != 0 && report->as_of_ms >= saga->started_ms;
    bool idle = report->as_of_ms >= saga->changed_ms;
    json_object_set_new(json, "key", text_or_null(saga->key));
    json_object_set_new(json, "definition", text_or_null(saga->definition));
    json_object_set_new(json, "why", json_string(view_why_name(saga->why)));
    json_object_set_new(json, "state", json_string(states_name(saga->state)));
    json_object_set_new(json, "step", text_or_null(saga->step));
    json_object_set_new(json, "waiting_on", text_or_null(saga->waiting_on));
    json_object_set_new(json, "attempts", number_json(saga->attempts));
    json_object_set_new(json, "age_s",
                        seconds_json(aged ? (int64_t)(report->as_of_ms - saga->started_ms) : -1));
    json_object_set_new(json, "idle_s",
                        seconds_json(idle ? (int64_t)(report->as_of_ms - saga->changed_ms) : -1));
    json_object_set_new(json, "last_error", text_or_null(saga->last_error));
    json_object_set_new(json, "reason", text_or_null(saga->reason));
    return json;
}

json_t *view_json(const Zsaga__ViewReport *report, const struct view_state *state)
{
    json_t *json = json_object();
    json_t *streams = json_array();
    json_t *look = json_array();
    struct view_freshness freshness;
    view_freshness(report, state, &freshness);
    for (size_t i = 0; i < report->n_streams; i++)
        json_array_append_new(streams, stream_json(report->streams[i]));
    for (size_t i = 0; i < report->n_sagas; i++)
        json_array_append_new(look, saga_json(report->sagas[i], report));
    json_object_set_new(json, "schema", json_string("zsaga-top/1"));
    json_object_set_new(json, "at", time_json((uint64_t)state->wall_ms));
    json_object_set_new(json, "as_of", time_json(report->as_of_ms));
    json_object_set_new(json, "lag_s", seconds_json(view_lag_ms(report, state)));
    json_object_set_new(json, "freshness", json_string(freshness.word));
    json_object_set_new(json, "sagas", sagas_json(report));
    json_object_set_new(json, "unfinished", number_json(report->unfinished));
    json_object_set_new(json, "stuck", number_json(report->stuck));
    json_object_set_new(json, "stuck_is_partial", json_boolean(report->partial));
    json_object_set_new(json, "rates", rates_json(report->rates));
    json_object_set_new(json, "streams", streams);
    json_object_set_new(json, "look_at", look);
    return json;
}
