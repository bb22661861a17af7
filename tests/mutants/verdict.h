/* What the end of a killer's process and its words say about a mutant. */
#ifndef ZSAGA_VERDICT_H
#define ZSAGA_VERDICT_H

#include <stdbool.h>

enum verdict_kind {
    VERDICT_PASSED, /* It has found nothing. */
    VERDICT_FAILED, /* It has found something: `by` tells what. */
    VERDICT_HUNG,   /* It had to be ended: that is no finding. */
    VERDICT_BROKEN, /* It did not do its work: `by` tells how it ended. */
};

struct verdict {
    enum verdict_kind kind;
    char by[80];        /* "I9", "L1", "assertion", a test's name. */
    unsigned long seed; /* The simulator's; 0: of another killer, or none was told. */
};

/* `status` as waitpid() gives it; `output` ends with a NUL. */
struct verdict verdict_of_simulator(int status, const char *output);
struct verdict verdict_of_test(int status, const char *output);

#endif
