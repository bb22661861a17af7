#include "service_exit.h"

int service_exit_code(int err_code)
{
    switch (err_code) {
    case 0:
        return SERVICE_STOPPED;
    case ERR_INVALID:
        return SERVICE_CONFIG;
    case ERR_FENCED:
        return SERVICE_FENCED;
    case ERR_CORRUPT:
        return SERVICE_CORRUPT;
    case ERR_HELD:
        return SERVICE_HELD;
    default:
        return SERVICE_FAILED;
    }
}
