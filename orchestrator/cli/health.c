#include "health.h"

#include <string.h>

#include "ask_owner.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"

static void add(json_t *process, const char *state, const char *detail)
{
    bool known = state != NULL && state[0] != '\0';
    bool words = known && detail[0] != '\0';
    json_object_set_new(process, "health", known ? json_string(state) : json_null());
    json_object_set_new(process, "detail", words ? json_string(detail) : json_null());
}

static const char *text_of(const json_t *process, const char *key)
{
    const char *text = json_string_value(json_object_get(process, key));
    return text == NULL ? "" : text;
}

static void ask(struct suite *suite, json_t *process, int64_t wait_ms)
{
    struct err err = {0};
    AUTO(freep) char *state = NULL;
    AUTO(freep) char *detail = NULL;
    /* Without an answer it stays unknown. */
    (void)ask_owner_health(suite, text_of(process, "name"), wait_ms, &state, &detail, &err);
    add(process, state, detail);
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
            add(process, NULL, NULL);
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
