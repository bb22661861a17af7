/* The machine's clocks. Only what does I/O reads them: nodes are given the time. */
#ifndef ZSAGA_CLOCK_H
#define ZSAGA_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* Since some moment in the past; never goes back. */
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* Since 1970; goes back when it is set. */

#endif
