/* Intake: a submit becomes a saga, once per key. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"

#define BUSY_RETRY_MS 100

/* Compared for `conflict`: the definition's name and the input, byte for byte. */
static void digest_of(const Zsaga__Submit *submit, uint8_t digest[JOURNAL_DIGEST_SIZE])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, JOURNAL_DIGEST_SIZE);
    (void)crypto_generichash_update(&state, submit->definition.data, submit->definition.len);
    (void)crypto_generichash_update(&state, (const uint8_t *)"", 1);
    (void)crypto_generichash_update(&state, submit->input.data, submit->input.len);
    (void)crypto_generichash_final(&state, digest, JOURNAL_DIGEST_SIZE);
}

static struct stored_definition *find_current(struct orchestrator *self, struct bytes name)
{
    for (size_t i = 0; i < self->definition_count; i++) {
        struct stored_definition *stored = &self->definitions[i];
        if (stored->current && bytes_equal(bytes_text(stored->definition->name), name))
            return stored;
    }
    return NULL;
}

void intake_watch(struct active *active, const struct peer *peer)
{
    if (active->watcher == NULL)
        active->watcher = xmalloc(sizeof *active->watcher);
    *active->watcher = *peer;
}

static int answer(struct orchestrator *self, struct work *work, Zsaga__Verdict verdict,
                  const struct journal_saga *row)
{
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    submitted.verdict = verdict;
    submitted.saga = orchestrator_keep_bytes(self, id_view(&row->id));
    struct active *active = row->final ? NULL : active_map_find(&self->active, &row->id);
    submitted.state = client_state(active != NULL ? active->saga.state : row->state);
    submitted.reason = active != NULL
                           ? orchestrator_keep_bytes(self, bytes_text(active->saga.reason))
                           : orchestrator_keep_bytes(self, row->reason);
    if (active != NULL && work->request->submit->watch)
        intake_watch(active, &self->frames[work->frame].from);
    Zsaga__ClientAnswer *message = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    message->submitted = orchestrator_keep(self, &submitted, sizeof submitted);
    return 0;
}

static int answer_busy(struct orchestrator *self, struct work *work)
{
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    submitted.verdict = ZSAGA__VERDICT__BUSY;
    submitted.retry_after_ms = BUSY_RETRY_MS;
    submitted.message =
        orchestrator_keep_bytes(self, bytes_text("too many active sagas: ask again later"));
    Zsaga__ClientAnswer *message = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    message->submitted = orchestrator_keep(self, &submitted, sizeof submitted);
    return 0;
}

/* What a conflict must not do. */
static void change_input(struct orchestrator *self, const struct id *saga, struct bytes input)
{
    struct active *active = active_map_find(&self->active, saga);
    if (active == NULL)
        return;
    free(active->input);
    active->input = xmemdup(input.data, input.len);
    active->input_len = input.len;
}

/* The key is known: the same saga, or a conflict. */
static int answer_known(struct orchestrator *self, struct work *work, const uint8_t *digest,
                        const struct journal_saga *row)
{
    const Zsaga__Submit *submit = work->request->submit;
    bool conflict = !bytes_equal(row->digest, bytes_of(digest, JOURNAL_DIGEST_SIZE));
    if (MUTANT(CONFLICT_CHANGES_SAGA) && conflict)
        change_input(self, &row->id, packed_view(submit->input));
    if (conflict && !MUTANT(CONFLICT_UNNOTICED))
        return answer(self, work, ZSAGA__VERDICT__CONFLICT, row);
    /* The same nonce: our answer was lost, and this is the same submit asked again. */
    bool again = submit->nonce.len != 0 && bytes_equal(row->nonce, packed_view(submit->nonce));
    return answer(self, work, again ? ZSAGA__VERDICT__ACCEPTED : ZSAGA__VERDICT__DUPLICATE, row);
}

static int accept(struct orchestrator *self, struct work *work, const uint8_t *digest,
                  struct stored_definition *stored, struct err *err)
{
    const Zsaga__Submit *submit = work->request->submit;
    struct journal_saga row = {
        .id = id_next(&self->ids, self->wall_ms),
        .key = packed_view(submit->key),
        .definition = stored->number,
        .digest = bytes_of(digest, JOURNAL_DIGEST_SIZE),
        .nonce = packed_view(submit->nonce),
        .created_ms = self->wall_ms,
    };
    int rc = journal_accept(self->journal, &row, packed_view(submit->input), err);
    if (rc < 0)
        return rc;
    struct active *active =
        active_new(&row.id, stored->definition, row.key, packed_view(submit->input));
    active->channels = stored->channels;
    active->created_ms = self->wall_ms;
    active_map_add(&self->active, active);
    self->last_saga = row.id;
    self->counters.accepted++;
    struct saga_event event = {.type = EVENT_ACCEPTED};
    rc = drive_event(self, active, &event, err);
    return rc < 0 ? rc : answer(self, work, ZSAGA__VERDICT__ACCEPTED, &row);
}

int intake_submit(struct orchestrator *self, struct work *work, struct err *err)
{
    const Zsaga__Submit *submit = work->request->submit;
    if (!text_is_name(packed_view(submit->key)))
        return client_refuse(self, work, "malformed",
                             "the key must be 1 to 64 bytes of UTF-8 without control characters");
    if (submit->nonce.len > JOURNAL_NONCE_MAX)
        return client_refuse(self, work, "malformed", "the nonce is over 32 bytes");
    if (submit->input.len > ORCHESTRATOR_INPUT_MAX)
        return client_refuse(self, work, "too_large", "the input is over 256 KiB");
    struct stored_definition *stored = find_current(self, packed_view(submit->definition));
    if (stored == NULL)
        return client_refuse(self, work, "unknown_definition",
                             "there is no saga definition of this name");
    uint8_t digest[JOURNAL_DIGEST_SIZE];
    digest_of(submit, digest);
    struct journal_saga row;
    bool found = false;
    int rc = journal_find(self->journal, packed_view(submit->key), &row, &found, err);
    if (rc < 0)
        return rc;
    if (found)
        return answer_known(self, work, digest, &row);
    bool full = self->active.count >= (size_t)self->limits.active_sagas_max ||
                self->active.held_bytes >= (size_t)self->limits.active_bytes_max;
    return full ? answer_busy(self, work) : accept(self, work, digest, stored, err);
}
