#include "killers.h"

#include <string.h>

static const struct killer killers[MUTANT_COUNT] = {
#define X(name_, words_, breaks_)                                                                  \
    [MUTANT_##name_] = {.name = #name_, .words = (words_), .breaks = (breaks_)},
    MUTANTS(X)
#undef X
};

/* Where the simulator is not enough. */
static const struct {
    const char *blind;
    const char *test;
} others[MUTANT_COUNT] = {
    [MUTANT_LATE_FORWARD_RUNS] = {NULL, "conformance_scribbler"},
    [MUTANT_UNDO_BEFORE_KNOWN] = {NULL, "sim_scenarios"},
    [MUTANT_EPOCH_IGNORED] = {NULL, "conformance_scribbler"},
    [MUTANT_NONCE_IGNORED] = {NULL, "conformance_scribbler"},
    [MUTANT_OLD_COPY_OBEYED] = {NULL, "conformance_scribbler"},
    [MUTANT_FENCE_NOT_STORED] = {NULL, "sim_batch"},
    [MUTANT_FLOOR_IGNORED] = {"nothing of a run is older than what participants remember",
                              "conformance_scribbler"},
    [MUTANT_WAL_UNSETTLED] = {NULL, "sim_disk"},
    [MUTANT_PENDING_RESUMED] = {NULL, "conformance_outcomes"},
    [MUTANT_TAINT_IGNORED] = {NULL, "sim_disk"},
    [MUTANT_SETTLED_IN_PLACE] = {NULL, "sim_disk"},
    [MUTANT_IDS_GO_BACK] = {NULL, "unit_base_id"},
    [MUTANT_DIVERGENCE_UNNOTICED] = {NULL, "unit_publisher"},
    [MUTANT_MODEL_KEPT] = {NULL, "unit_observer_model"},
    [MUTANT_COMMANDS_BEFORE_COMMIT] = {NULL, "unit_rules_batch"},
    [MUTANT_ATTEMPT_IGNORED] = {NULL, "unit_orchestrator_answers"},
    [MUTANT_REPLY_EPOCH_IGNORED] = {NULL, "unit_orchestrator_answers"},
    [MUTANT_LATE_RETRY_TAKEN] = {NULL, "unit_orchestrator_answers"},
    [MUTANT_SILENCE_IS_RETRY] = {NULL, "unit_orchestrator_answers"},
    [MUTANT_SUSPENSION_FORGOTTEN] = {NULL, "unit_rules_hello"},
    [MUTANT_BACKUP_UNNOTICED] = {NULL, "unit_rules_hello"},
};

struct killer killer_of(enum mutant mutant)
{
    struct killer killer = killers[mutant];
    killer.blind = others[mutant].blind;
    killer.test = others[mutant].test;
    return killer;
}

enum mutant killer_find(const char *name)
{
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
        if (strcmp(killers[i].name, name) == 0)
            return (enum mutant)i;
    return MUTANT_NONE;
}
