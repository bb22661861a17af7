/* A fuzz target: one function that takes any bytes, must come back soon, and holds what is
 * promised.
 *
 * Each fuzz_NAME.c is a program of its own twice: with clang's libFuzzer, which looks for inputs
 * that nobody thought of (`./run fuzz`), and with replay_main.c, which runs what corpus/NAME/ has,
 * and mutations of it, as a test of every build. */
#ifndef ZSAGA_FUZZ_H
#define ZSAGA_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* What a target's bytes are, so that mutations keep some of their sense. */
enum fuzz_shape {
    FUZZ_TEXT,  /* Bytes. */
    FUZZ_WIRE,  /* A packed message, behind as many bytes as `fuzz_shape_skip` says. */
    FUZZ_STORY, /* Steps, one behind the other: see fuzz_step. Most are packed messages. */
};

/* Of each target. */
extern const enum fuzz_shape fuzz_shape;
extern const size_t fuzz_shape_skip;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input that is taken bit by bit; behind its end all is zero and empty. */
struct fuzz_input {
    const uint8_t *data;
    size_t len;
};
uint8_t fuzz_u8(struct fuzz_input *input);
uint32_t fuzz_u16(struct fuzz_input *input); /* Little endian. */
struct bytes fuzz_bytes(struct fuzz_input *input, size_t len);
struct bytes fuzz_rest(struct fuzz_input *input);

/* A step of a story: what to do, a byte, and with what: a length of 16 bits and so many bytes. */
#define FUZZ_STEPS_MAX 64 /* More are not done: a story is about what depends on each other. */
struct fuzz_step {
    uint8_t op;
    struct bytes payload;
};
bool fuzz_next_step(struct fuzz_input *input, struct fuzz_step *ret);
void fuzz_add_step(struct buffer *story, uint8_t op, struct bytes payload);

/* A promise: words and the end of the process when it does not hold. */
void fuzz_require(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A directory of this process, in $TMPDIR or else in memory where the machine has some; gone at its
 * end. */
const char *fuzz_dir(void);

/* FNV-1a, to compare what must be the same. */
uint64_t fuzz_digest(uint64_t before, struct bytes bytes);
#define FUZZ_DIGEST_FIRST UINT64_C(0xcbf29ce484222325)

#endif
