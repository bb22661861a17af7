/* Definitions: read or refused with a line; one that is read keeps its limits, and its stored text
 * is the same definition again. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "definition.h"
#include "fuzz.h"

const enum fuzz_shape fuzz_shape = FUZZ_TEXT;
const size_t fuzz_shape_skip = 0;

static void check_step(const struct definition_step *step)
{
    fuzz_require(text_is_token(bytes_text(step->name)), "a step's name");
    fuzz_require(text_is_token(bytes_text(step->participant)), "a participant's name");
    fuzz_require(text_is_token(bytes_text(step->action)), "an action's name");
    fuzz_require((step->kind == STEP_RETRIABLE) == (step->compensation[0] == '\0'),
                 "a compensation where there is none, or none where there must be one");
    fuzz_require(step->timeout_ms > 0 && step->patience_ms > 0 && step->undo_patience_ms > 0 &&
                     step->retry_first_ms > 0 && step->retry_max_ms > 0 &&
                     step->undo_first_ms > 0 && step->undo_max_ms > 0 && step->retry_factor >= 1 &&
                     step->retry_attempts >= 1,
                 "a time or count that is none");
}

static void check(const struct definition *definition)
{
    struct definition *again = NULL;
    struct err err = {0};
    fuzz_require(text_is_token(bytes_text(definition->name)), "a definition's name");
    fuzz_require(definition->step_count >= 1 && definition->step_count <= DEFINITION_STEPS_MAX,
                 "%zu steps", definition->step_count);
    for (size_t i = 0; i < definition->step_count; i++) {
        check_step(&definition->steps[i]);
        fuzz_require(i == 0 || definition->steps[i - 1].kind != STEP_RETRIABLE ||
                         definition->steps[i].kind == STEP_RETRIABLE,
                     "a step behind the point of no return can be refused");
    }
    fuzz_require(definition_parse("stored", definition->text, &again, &err) == 0,
                 "the stored text is refused: %s", err.text);
    fuzz_require(memcmp(again->hash, definition->hash, sizeof again->hash) == 0 &&
                     memcmp(again->steps, definition->steps, sizeof again->steps) == 0,
                 "the stored text is another definition");
    definition_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct definition *definition = NULL;
    struct err err = {0};
    char *text = xcalloc(1, size + 1);
    memcpy(text, data, size);
    int rc = definition_parse("it", text, &definition, &err);
    if (rc == 0)
        check(definition);
    else
        fuzz_require(rc == ERR_INVALID && strncmp(err.text, "it:", 3) == 0,
                     "refused without a line, code %d: %s", rc, err.text);
    definition_free(definition);
    free(text);
    return 0;
}
