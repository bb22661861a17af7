/* A saga in a pure test, with its history kept as a journal would: after each event the history is
 * folded and compared with the saga that lived through it. */
#ifndef ZSAGA_SIM_TALE_H
#define ZSAGA_SIM_TALE_H

#include "saga.h"

#define SIM_TALE_RECORDS_MAX 400

struct sim_tale {
    struct definition *definition;
    struct saga saga;
    struct saga_update update;                        /* Of the last event. */
    struct saga_record records[SIM_TALE_RECORDS_MAX]; /* By number; their bytes are copies. */
    uint32_t record_count;
};

/* For cmocka: a saga of two compensatable steps and a retriable one, with the default times, just
 * accepted. */
int sim_tale_begin(void **state);
int sim_tale_end(void **state);

const struct saga_update *sim_tale_happens(struct sim_tale *tale, const struct saga_event *event);
/* An answer to the command that is out. */
const struct saga_update *sim_tale_answer(struct sim_tale *tale, enum saga_event_type type,
                                          const char *code);
const struct saga_update *sim_tale_fires(struct sim_tale *tale, enum saga_event_type type);
const struct saga_update *sim_tale_resume(struct sim_tale *tale);

/* Fails unless the first attempt of a command at `cursor` is out. */
void sim_tale_is_out(const struct sim_tale *tale, enum saga_state state, uint8_t cursor);

#endif
