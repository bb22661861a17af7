#include "states.h"

#include <string.h>

const Zsaga__SagaState states_all[STATES_COUNT] = {
    ZSAGA__SAGA_STATE__RUNNING,     ZSAGA__SAGA_STATE__COMPENSATING, ZSAGA__SAGA_STATE__COMPLETED,
    ZSAGA__SAGA_STATE__COMPENSATED, ZSAGA__SAGA_STATE__ATTENTION,
};

static const struct state {
    const char *name;
    bool rests;
    enum table_style style;
} states[] = {
    [ZSAGA__SAGA_STATE__STATE_UNKNOWN] = {"unknown", false, TABLE_BAD},
    [ZSAGA__SAGA_STATE__RUNNING] = {"running", false, TABLE_PLAIN},
    [ZSAGA__SAGA_STATE__COMPENSATING] = {"compensating", false, TABLE_BUSY},
    [ZSAGA__SAGA_STATE__COMPLETED] = {"completed", true, TABLE_GOOD},
    [ZSAGA__SAGA_STATE__COMPENSATED] = {"compensated", true, TABLE_BUSY},
    [ZSAGA__SAGA_STATE__ATTENTION] = {"attention", true, TABLE_BAD},
};

static const struct state *find(Zsaga__SagaState state)
{
    size_t i = (size_t)state;
    return &states[i < sizeof states / sizeof states[0] ? i : 0];
}

const char *states_name(Zsaga__SagaState state)
{
    return find(state)->name;
}

bool states_parse(const char *name, Zsaga__SagaState *ret)
{
    for (size_t i = 0; i < STATES_COUNT; i++) {
        if (strcmp(states_name(states_all[i]), name) != 0)
            continue;
        *ret = states_all[i];
        return true;
    }
    return false;
}

bool states_rests(Zsaga__SagaState state)
{
    return find(state)->rests;
}

enum table_style states_style(Zsaga__SagaState state)
{
    return find(state)->style;
}
