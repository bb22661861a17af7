/* Definitions: what a saga's steps are, read from a ZPL file (docs/definitions.md). */
#ifndef ZSAGA_DEFINITION_H
#define ZSAGA_DEFINITION_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"

#define DEFINITION_STEPS_MAX 32
#define DEFINITION_HASH_SIZE 32
#define DEFINITION_TEXT_MAX ((size_t)64 << 10) /* Bytes of a file. */

enum step_kind {
    STEP_COMPENSATABLE,
    STEP_RETRIABLE, /* Repeated until done, never compensated: at the end only. */
};

struct definition_step {
    char name[TEXT_NAME_MAX + 1];
    char participant[TEXT_NAME_MAX + 1];
    char action[TEXT_NAME_MAX + 1];
    char compensation[TEXT_NAME_MAX + 1]; /* "" for a retriable. */
    enum step_kind kind;
    int64_t timeout_ms;     /* Silence after which the same command is sent again. */
    int64_t retry_attempts; /* Answers of `retry` that end a compensatable step. */
    int64_t retry_first_ms;
    int64_t retry_factor;
    int64_t retry_max_ms;
    int64_t patience_ms; /* Silence and outage together before giving up. */
    int64_t undo_first_ms;
    int64_t undo_max_ms;
    int64_t undo_patience_ms; /* Afterwards: attention. Of a retriable's action too. */
};

struct definition {
    char name[TEXT_NAME_MAX + 1];
    size_t step_count;
    struct definition_step steps[DEFINITION_STEPS_MAX];
    uint8_t hash[DEFINITION_HASH_SIZE]; /* Of the text: names this very version of it. */
    char *text;                         /* As read, NUL-terminated. */
};

/* Reads a definition; `file` is for messages. ERR_INVALID with file, line and key. */
int definition_parse(const char *file, const char *text, struct definition **ret, struct err *err);
int definition_load(const char *path, struct definition **ret, struct err *err);
void definition_free(struct definition *definition);

const char *definition_kind_name(enum step_kind kind);

#endif
