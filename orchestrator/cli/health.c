#include "health.h"

#include <string.h>

#include "ask_owner.h"
#include "base/clock.h"
#include "base/packed.h"
#include "printable.h"

static void add_unknown(json_t *process)
{
    json_object_set_new(process, "health", json_null());
    json_object_set_new(process, "detail", json_null());
}

static json_t *stream_json(const Zsaga__StreamHealth *stream)
{
    uint64_t lag = stream->head > stream->applied ? stream->head - stream->applied : 0;
    json_t *json = json_object();
    json_object_set_new(json, "publisher", printable_json(packed_view(stream->publisher)));
    json_object_set_new(json, "state", printable_json(packed_view(stream->state)));
    json_object_set_new(json, "head", json_integer((json_int_t)stream->head));
    json_object_set_new(json, "applied", json_integer((json_int_t)stream->applied));
    json_object_set_new(json, "lag", json_integer((json_int_t)lag));
    json_object_set_new(json, "detail", printable_json_or_null(packed_view(stream->detail)));
    return json;
}

static void take(void *self, const Zsaga__HealthReport *report)
{
    json_t *process = self;
    json_object_set_new(process, "health", printable_json_or_null(packed_view(report->state)));
    json_object_set_new(process, "detail", printable_json_or_null(packed_view(report->detail)));
    if (report->n_streams == 0)
        return;
    json_t *streams = json_array();
    for (size_t i = 0; i < report->n_streams; i++)
        json_array_append_new(streams, stream_json(report->streams[i]));
    json_object_set_new(process, "streams", streams);
}

static const char *text_of(const json_t *process, const char *key)
{
    const char *text = json_string_value(json_object_get(process, key));
    return text == NULL ? "" : text;
}

static void ask(struct suite *suite, json_t *process, int64_t wait_ms)
{
    struct err err = {0};
    add_unknown(process); /* So it stays without an answer. */
    (void)ask_owner_health(suite, text_of(process, "name"), wait_ms, take, process, &err);
}

void health_add(struct suite *suite, json_t *processes)
{
    int64_t until_ms = clock_mono_ms() + HEALTH_WAIT_ALL_MS;
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        int64_t left_ms = until_ms - clock_mono_ms();
        if (strcmp(text_of(process, "state"), "running") == 0 && left_ms > 0)
            ask(suite, process, left_ms < HEALTH_WAIT_MS ? left_ms : HEALTH_WAIT_MS);
        else
            add_unknown(process);
    }
}

bool health_is_hindered(const struct suite *suite, const json_t *processes)
{
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        const char *health = text_of(process, "health");
        if (health[0] != '\0' && strcmp(health, "ok") != 0 &&
            suite_find_consumer(suite, text_of(process, "name")) == NULL)
            return true;
    }
    return false;
}
