/* The states of a saga, as words. */
#ifndef ZSAGA_OBSERVER_STATES_H
#define ZSAGA_OBSERVER_STATES_H

#include <stdint.h>

const char *states_name(uint32_t state); /* Of a SagaState; "unknown" for none of them. */

#endif
