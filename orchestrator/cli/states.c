#include "states.h"

const enum client_state states_all[STATES_COUNT] = {
    CLIENT_RUNNING, CLIENT_COMPENSATING, CLIENT_COMPLETED, CLIENT_COMPENSATED, CLIENT_ATTENTION,
};

enum table_style states_style(enum client_state state)
{
    switch (state) {
    case CLIENT_RUNNING:
        return TABLE_PLAIN;
    case CLIENT_COMPENSATING:
    case CLIENT_COMPENSATED:
        return TABLE_BUSY;
    case CLIENT_COMPLETED:
        return TABLE_GOOD;
    case CLIENT_STATE_UNKNOWN:
    case CLIENT_ATTENTION:
    default:
        return TABLE_BAD;
    }
}
