/* Exit codes of the suite's services, which tell the supervisor whether to start them again. */
#ifndef ZSAGA_SERVICE_EXIT_H
#define ZSAGA_SERVICE_EXIT_H

#include "base/err.h"

enum service_exit {
    SERVICE_STOPPED = 0,
    SERVICE_FAILED = 1,   /* Started again. */
    SERVICE_CONFIG = 2,   /* Usage or configuration: not started again. */
    SERVICE_FENCED = 10,  /* Another start of it has taken over: not started again. */
    SERVICE_CORRUPT = 11, /* Its database is damaged or newer: not started again. */
    SERVICE_HELD = 12,    /* Another process has what it needs: started again. */
};

/* The exit code for an error from a service's run. */
int service_exit_code(int err_code);

#endif
