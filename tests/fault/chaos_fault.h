/* What is done to the suite, by drawing lots. */
#ifndef ZSAGA_CHAOS_FAULT_H
#define ZSAGA_CHAOS_FAULT_H

#include "chaos.h"

/* Draws the weather of the links anew when it is time for it. */
void chaos_fault_weather(struct chaos *chaos);
/* All links pass everything on. */
void chaos_fault_clear_weather(struct chaos *chaos);

/* One fault, drawn so that each kind has its turn. It may go on after this returns. */
void chaos_fault_strike(struct chaos *chaos);

#endif
