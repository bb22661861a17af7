#include "sim_tale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"

static const char three[] = "saga\n"
                            "    name = three\n"
                            "    step\n"
                            "        name = a\n"
                            "        participant = p\n"
                            "        action = do\n"
                            "        compensation = undo\n"
                            "    step\n"
                            "        name = b\n"
                            "        participant = p\n"
                            "        action = do\n"
                            "        compensation = undo\n"
                            "    step\n"
                            "        name = c\n"
                            "        participant = p\n"
                            "        action = do\n"
                            "        kind = retriable\n";

static struct bytes copy(struct bytes bytes)
{
    return bytes_of(xmemdup(bytes.data, bytes.len), bytes.len);
}

static void release(struct saga_record *record)
{
    free((void *)(uintptr_t)record->code.data);
    free((void *)(uintptr_t)record->words.data);
    free((void *)(uintptr_t)record->output.data);
}

static void write_down(struct sim_tale *tale, const struct saga_record *record)
{
    assert_in_range(record->number, 1, SIM_TALE_RECORDS_MAX - 1);
    assert_in_range(record->number, tale->record_count, tale->record_count + 1);
    struct saga_record *kept = &tale->records[record->number];
    release(kept);
    *kept = *record;
    kept->code = copy(record->code);
    kept->words = copy(record->words);
    kept->output = copy(record->output);
    tale->record_count = record->number;
}

/* What stands behind the end of a text means nothing. */
static void cut_tail(char *text, size_t size)
{
    size_t len = strlen(text);
    memset(text + len, 0, size - len);
}

static void cut_tails(struct saga *saga)
{
    cut_tail(saga->reason, sizeof saga->reason);
    cut_tail(saga->error_code, sizeof saga->error_code);
    cut_tail(saga->error_words, sizeof saga->error_words);
}

/* Folds the history, and compares it with the saga that lived through it. */
static void check_fold(const struct sim_tale *tale)
{
    struct saga folded;
    saga_init(&folded, &tale->saga.id);
    for (uint32_t i = 1; i <= tale->record_count; i++)
        saga_apply(&folded, tale->definition, &tale->records[i]);
    /* That a backoff ended is not written down: it is waited for anew. */
    if (folded.phase == PHASE_BACKOFF)
        folded.phase = tale->saga.phase;
    struct saga lived = tale->saga;
    cut_tails(&folded);
    cut_tails(&lived);
    assert_memory_equal(&folded, &lived, sizeof folded);
}

const struct saga_update *sim_tale_happens(struct sim_tale *tale, const struct saga_event *event)
{
    saga_step(&tale->saga, tale->definition, event, &tale->update);
    for (int i = 0; i < tale->update.record_count; i++)
        write_down(tale, &tale->update.records[i]);
    check_fold(tale);
    return &tale->update;
}

int sim_tale_begin(void **state)
{
    static const struct id id = {{1}};
    struct sim_tale *tale = xcalloc(1, sizeof *tale);
    struct err err = {0};
    assert_int_equal(definition_parse("three", three, &tale->definition, &err), 0);
    saga_init(&tale->saga, &id);
    (void)sim_tale_happens(tale, &(struct saga_event){.type = EVENT_ACCEPTED});
    *state = tale;
    return 0;
}

int sim_tale_end(void **state)
{
    struct sim_tale *tale = *state;
    for (uint32_t i = 0; i < SIM_TALE_RECORDS_MAX; i++)
        release(&tale->records[i]);
    definition_free(tale->definition);
    free(tale);
    return 0;
}

/* An answer to the command that is out. */
const struct saga_update *sim_tale_answer(struct sim_tale *tale, enum saga_event_type type,
                                          const char *code)
{
    struct saga_event event = {.type = type,
                               .step = tale->saga.cursor,
                               .undo = saga_is_undoing(&tale->saga),
                               .current = true,
                               .code = bytes_text(code)};
    return sim_tale_happens(tale, &event);
}

const struct saga_update *sim_tale_fires(struct sim_tale *tale, enum saga_event_type type)
{
    return sim_tale_happens(tale, &(struct saga_event){.type = type, .used_ms = 1234});
}

const struct saga_update *sim_tale_resume(struct sim_tale *tale)
{
    return sim_tale_happens(tale, &(struct saga_event){.type = EVENT_RESUME,
                                                       .code = bytes_text("ann"),
                                                       .words = bytes_text("mended")});
}

void sim_tale_is_out(const struct sim_tale *tale, enum saga_state state, uint8_t cursor)
{
    assert_int_equal(tale->saga.state, state);
    assert_int_equal(tale->saga.phase, PHASE_OUT);
    assert_int_equal(tale->saga.cursor, cursor);
    assert_int_equal(tale->saga.attempt, 1);
}
