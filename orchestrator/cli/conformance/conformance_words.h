/* What is said on the command plane, in words for a person. */
#ifndef ZSAGA_CLI_CONFORMANCE_WORDS_H
#define ZSAGA_CLI_CONFORMANCE_WORDS_H

#include <stdarg.h>

#include "base/bytes.h"
#include "command.pb-c.h"

/* Appends one line, or a part of one, as printf does. */
void words_add(struct buffer *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_add_list(struct buffer *to, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* "text", or its length where it is none that a person reads. */
void words_bytes(struct buffer *to, ProtobufCBinaryData data);

void words_command(struct buffer *to, const Zsaga__Command *command);
void words_answer(struct buffer *to, const Zsaga__Answer *answer);
const char *words_outcome(Zsaga__Outcome outcome);

/* The buffer as a C string. */
const char *words_text(struct buffer *buffer);

#endif
