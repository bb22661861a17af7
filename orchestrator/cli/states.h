/* The states of a saga, as words. */
#ifndef ZSAGA_CLI_STATES_H
#define ZSAGA_CLI_STATES_H

#include <stdbool.h>
#include <stddef.h>

#include "client.pb-c.h"
#include "table.h"

#define STATES_COUNT 5

/* In the order in which views show them. */
extern const Zsaga__SagaState states_all[STATES_COUNT];

const char *states_name(Zsaga__SagaState state); /* "unknown" for none of them. */
bool states_parse(const char *name, Zsaga__SagaState *ret);

/* Moves no more by itself: final, or waiting for an operator. */
bool states_rests(Zsaga__SagaState state);

enum table_style states_style(Zsaga__SagaState state);

#endif
