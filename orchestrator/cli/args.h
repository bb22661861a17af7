/* Arguments of a command: options by name, the other words in order. */
#ifndef ZSAGA_CLI_ARGS_H
#define ZSAGA_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct args_option {
    const char *name;  /* Without the dashes. */
    const char *value; /* What it takes, "N" or "TEXT"; NULL: nothing. */
    const char *help;
};

/* Words and values are borrowed from argv. */
struct args {
    const struct args_option *options;
    size_t option_count;
    struct args_found {
        const struct args_option *option;
        const char *value;
    } * found;
    size_t found_count;
    const char **words;
    size_t word_count;
};

/* Takes "--name", "--name value", "--name=value"; "--" ends the options; "-" is a word.
 * ERR_INVALID names what is wrong, and the option that was perhaps meant. */
int args_parse(struct args *args, const struct args_option *options, size_t option_count, int argc,
               char **argv, struct err *err);
void args_release(struct args *args);

bool args_has(const struct args *args, const char *name);
/* The last one given, or NULL. */
const char *args_value(const struct args *args, const char *name);
/* The next one given of that name; start with *place 0. NULL: no more. */
const char *args_each(const struct args *args, const char *name, size_t *place);

/* Whole numbers, and numbers above 0 that may have a fraction. `otherwise` when not given. */
int args_int(const struct args *args, const char *name, int64_t otherwise, int64_t min, int64_t max,
             int64_t *ret, struct err *err);
int args_positive(const struct args *args, const char *name, double otherwise, double max,
                  double *ret, struct err *err);

/* The candidate most like `word`, or NULL when none is near. */
const char *args_nearest(const char *word, const char *const *candidates, size_t count);

#endif
