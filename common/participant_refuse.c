/* A batch that cannot be stored: what is answered all the same. */
#include "participant_internal.h"

#include "base/mutant.h"

/* Commands and hellos are left without an answer: unknown is not failed, and an orchestrator that
 * hears nothing asks again without counting an attempt. */
void participant_refuse(struct participant_node *self, const struct node_outage *why)
{
    self->arena.budget = SIZE_MAX;
    for (size_t i = 0; i < self->work_count; i++) {
        struct work *work = &self->works[i];
        if (work->stored || MUTANT(REPLY_BEFORE_COMMIT))
            continue; /* Its answer is true. */
        work->answer = NULL;
        if (work->kind == WORK_OWNER)
            work->answer =
                &owner_answer_outage(self->owner, work->owner_request, &self->arena, why)->base;
    }
}
