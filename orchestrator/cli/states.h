/* The states of a saga, as views show them. */
#ifndef ZSAGA_CLI_STATES_H
#define ZSAGA_CLI_STATES_H

#include "client.h"
#include "table.h"

#define STATES_COUNT 5

/* In the order in which views show them. */
extern const enum client_state states_all[STATES_COUNT];

enum table_style states_style(enum client_state state);

#endif
