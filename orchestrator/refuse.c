/* A batch that cannot be stored: what its clients are told. */
#include <stdio.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "orchestrator_internal.h"

#define WORDS_MAX 640

static void refuse_submit(struct orchestrator *self, struct work *work,
                          const struct node_outage *why, const char *words)
{
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    submitted.verdict = ZSAGA__VERDICT__BUSY;
    submitted.retry_after_ms = (uint64_t)why->retry_ms;
    submitted.message = orchestrator_keep_bytes(self, bytes_text(words));
    submitted.code =
        orchestrator_keep_bytes(self, bytes_text(why->disk_full ? "disk_full" : "trouble"));
    Zsaga__ClientAnswer *message = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    message->submitted = orchestrator_keep(self, &submitted, sizeof submitted);
}

static void refuse_client(struct orchestrator *self, struct work *work,
                          const struct node_outage *why)
{
    char words[WORDS_MAX];
    (void)snprintf(words, sizeof words, "%s; nothing was stored", why->words);
    if (work->request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_SUBMIT)
        refuse_submit(self, work, why, words);
    else if (work->request->kind_case != ZSAGA__CLIENT_REQUEST__KIND__NOT_SET)
        (void)client_refuse(self, work, why->disk_full ? "disk_full" : "busy", "%s", words);
    else if (work->reply == NULL)
        (void)client_refuse(self, work, "malformed", "the request has no known kind");
}

/* What participants said is left as if it had not come: the commands are sent again. */
void refuse_batch(struct orchestrator *self, const struct node_outage *why)
{
    for (size_t i = 0; i < self->work_count; i++) {
        struct work *work = &self->works[i];
        if (MUTANT(ACCEPTED_BEFORE_COMMIT) && work->reply != NULL)
            continue;
        if (work->kind == WORK_CLIENT)
            refuse_client(self, work, why);
        else if (work->kind == WORK_OWNER)
            work->reply =
                &owner_answer_outage(self->owner, work->owner_request, &self->arena, why)->base;
    }
}
