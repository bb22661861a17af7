/* Frames of the suite made by hand, each given to its checker as it is sent. */
#ifndef ZSAGA_CHECK_WIRE_WORLD_H
#define ZSAGA_CHECK_WIRE_WORLD_H

#include "client.pb-c.h"
#include "command.pb-c.h"
#include "world.h"

#define DONE ZSAGA__OUTCOME__DONE
#define REJECTED ZSAGA__OUTCOME__REJECTED
#define RETRY ZSAGA__OUTCOME__RETRY

/* The header of a frame is made of this; tests change it. */
struct wire_header {
    uint64_t epoch;
    uint64_t nonce;
    unsigned last_saga;
    unsigned store;       /* 0: the sender's own. */
    uint64_t incarnation; /* 0: the first. */
    const char *name;     /* NULL: the sender's own. */
    uint64_t number;      /* 0: the next. */
};
extern struct wire_header wire_header;

/* Of step 0 to p0, of step 1 to p1; or to whomever. */
void wire_command(struct world *world, unsigned saga, uint32_t step, bool undo, uint32_t attempt);
void wire_command_to(struct world *world, int to, unsigned saga, uint32_t step, bool undo,
                     uint32_t attempt);
void wire_hello(struct world *world, unsigned floor);

void wire_answer(struct world *world, unsigned saga, uint32_t step, bool undo,
                 Zsaga__Outcome outcome, const char *code);
void wire_welcome(struct world *world, int from, uint64_t head, uint64_t records);

void wire_tell_row(struct world *world, int from, uint64_t first, const char *events);
void wire_tell_range(struct world *world, int from, uint64_t tail, uint64_t head);

void wire_tell_client(struct world *world, const char *key, Zsaga__SagaState state);
void wire_accept(struct world *world, unsigned saga);

/* Fixtures of cmocka: a world whose checker sees exactly, and does not look into databases. */
int wire_begin(void **state);
int wire_end(void **state);

#endif
