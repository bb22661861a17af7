/* The client of a chaos run: a process that submits orders all the time, each once and some of them
 * again, follows each to its end, and writes down what it asked and what it was told. */
#ifndef ZSAGA_CHAOS_CLIENT_H
#define ZSAGA_CHAOS_CLIENT_H

#include "chaos.h"

#define CHAOS_SKUS 50
#define CHAOS_CUSTOMERS 50

/* Starts it; it ends with the run. Returns its pid, 0 when it cannot be started. */
pid_t chaos_client_start(struct chaos *chaos, int rate_per_s, uint64_t seed);

/* Until what is open is known: the number of orders whose end is not. */
int64_t chaos_client_open(const struct chaos *chaos);

#endif
