/* Connections in crowds to a process, opened and left alone. */
#ifndef ZSAGA_CHAOS_FLOOD_H
#define ZSAGA_CHAOS_FLOOD_H

#include "chaos.h"

/* The highest descriptor that a process has, and one. */
size_t chaos_flood_used(pid_t pid);
/* Returns how many were taken. */
size_t chaos_flood_begin(struct chaos *chaos, enum chaos_place place);
void chaos_flood_end(int place);

#endif
