/* Interrupts: Ctrl-C and its kin set a flag that whoever works or waits looks at. */
#ifndef ZSAGA_BENCH_INTERRUPT_H
#define ZSAGA_BENCH_INTERRUPT_H

#include "base/err.h"

void interrupt_catch(void);
int interrupt_signal(void); /* 0: none has come. */

/* ERR_SYSTEM once one has come, else 0. */
int interrupt_check(struct err *err);

#endif
