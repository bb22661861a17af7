/* Inputs of the conformance checks, made from what the user gave: one for each saga. */
#ifndef ZSAGA_CLI_CONFORMANCE_INPUT_H
#define ZSAGA_CLI_CONFORMANCE_INPUT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

struct input {
    struct buffer bytes;
    bool is_order; /* A packed OrderInput, whose order_id is the key. */
};

/* TEXT, @FILE for its bytes, or order:FILE for the first order of a file as `zsaga submit order`
 * takes it. */
int input_read(const char *given, struct input *ret, struct err *err);
void input_release(struct input *input);

/* Appends the input with the key: in place of each {key}, or as the order's id. */
void input_make(const struct input *input, const char *key, struct buffer *to);

#endif
