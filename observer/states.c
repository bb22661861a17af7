#include "states.h"

#include "client.pb-c.h"

const char *states_name(uint32_t state)
{
    static const char *const names[] = {
        [ZSAGA__SAGA_STATE__STATE_UNKNOWN] = "unknown",
        [ZSAGA__SAGA_STATE__RUNNING] = "running",
        [ZSAGA__SAGA_STATE__COMPENSATING] = "compensating",
        [ZSAGA__SAGA_STATE__COMPLETED] = "completed",
        [ZSAGA__SAGA_STATE__COMPENSATED] = "compensated",
        [ZSAGA__SAGA_STATE__ATTENTION] = "attention",
    };
    return names[state < sizeof names / sizeof names[0] ? state : 0];
}
