/* Memory from the database: definitions, and the sagas that are not final. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"

static uint8_t channel_of(struct orchestrator *self, const char *participant)
{
    for (size_t i = 0; i < self->channel_count; i++)
        if (strcmp(self->channels[i].name, participant) == 0)
            return (uint8_t)i;
    /* A running saga needs somebody who is no longer in the suite file: its patience decides. When
     * there are too many of them, the last such channel stands for all others. */
    if (self->channel_count == ORCHESTRATOR_CHANNELS_MAX)
        return (uint8_t)(ORCHESTRATOR_CHANNELS_MAX - 1);
    struct channel *channel = &self->channels[self->channel_count];
    channel_init(channel, participant, 0, 1, 1);
    channel->absent = true;
    channel->next_hello_ms = INT64_MAX;
    (void)snprintf(channel->detail, sizeof channel->detail, "not in suite.zpl");
    return (uint8_t)self->channel_count++;
}

struct stored_definition *load_find_definition(struct orchestrator *self, int64_t number)
{
    for (size_t i = 0; i < self->definition_count; i++)
        if (self->definitions[i].number == number)
            return &self->definitions[i];
    return NULL;
}

static struct stored_definition *add_definition(struct orchestrator *self, int64_t number,
                                                struct definition *definition)
{
    self->definitions = xgrow(self->definitions, &self->definition_capacity,
                              self->definition_count + 1, sizeof *self->definitions);
    struct stored_definition *stored = &self->definitions[self->definition_count++];
    *stored = (struct stored_definition){.number = number, .definition = definition};
    stored->channels = xcalloc(definition->step_count, 1);
    for (size_t i = 0; i < definition->step_count; i++)
        stored->channels[i] = channel_of(self, definition->steps[i].participant);
    return stored;
}

static int add_stored(void *context, int64_t number, const char *text, struct err *err)
{
    struct orchestrator *self = context;
    struct definition *definition = NULL;
    char name[64];
    (void)snprintf(name, sizeof name, "stored definition %lld", (long long)number);
    int rc = definition_parse(name, text, &definition, err);
    if (rc < 0)
        return rc;
    (void)add_definition(self, number, definition);
    return 0;
}

int load_definitions(struct orchestrator *self, const struct orchestrator_options *options,
                     struct err *err)
{
    int64_t numbers[64];
    assert(options->definition_count <= sizeof numbers / sizeof numbers[0]);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < options->definition_count; i++)
        rc = journal_put_definition(self->journal, options->definitions[i], &numbers[i], err);
    if (rc == 0)
        rc = journal_each_definition(self->journal, add_stored, self, err);
    for (size_t i = 0; rc == 0 && i < options->definition_count; i++) {
        struct stored_definition *stored = load_find_definition(self, numbers[i]);
        if (stored == NULL)
            return err_set(err, ERR_CORRUPT, "a definition was not stored");
        stored->current = true;
    }
    return rc;
}

static int apply_record(void *context, int64_t at_ms, const struct saga_record *record,
                        struct err *err)
{
    struct active *active = context;
    if (!saga_can_apply(&active->saga, active->definition, record))
        return err_set(err, ERR_CORRUPT, "a running saga's history is damaged");
    if (record->what == WHAT_DONE && !MUTANT(OUTPUT_FORGOTTEN))
        (void)active_set_output(active, record->step, record->output);
    saga_apply(&active->saga, active->definition, record);
    active->last_at_ms = at_ms;
    return 0;
}

static int fold(struct orchestrator *self, struct active *active, struct err *err)
{
    const struct saga_record accepted = {.number = 1, .what = WHAT_ACCEPTED};
    saga_apply(&active->saga, active->definition, &accepted);
    int rc = journal_each_record(self->journal, &active->saga.id, apply_record, active, err);
    if (rc == 0 &&
        (saga_is_final(&active->saga) || !saga_is_sound(&active->saga, active->definition)))
        rc = err_set(err, ERR_CORRUPT, "a running saga's history is damaged");
    return rc;
}

static int load_row(struct orchestrator *self, const struct journal_saga *row, struct err *err)
{
    struct stored_definition *stored = load_find_definition(self, row->definition);
    if (stored == NULL)
        return err_set(err, ERR_CORRUPT, "a running saga's definition is missing");
    struct bytes input;
    int rc = journal_input(self->journal, &row->id, &input, err);
    if (rc == 0 && input.len > ORCHESTRATOR_INPUT_MAX)
        rc = err_set(err, ERR_CORRUPT, "a running saga's input is over 256 KiB");
    if (rc < 0)
        return rc;
    struct active *active = active_new(&row->id, stored->definition, row->key, input);
    active->channels = stored->channels;
    active->created_ms = row->created_ms;
    active->last_at_ms = row->created_ms;
    rc = fold(self, active, err);
    active_map_add(&self->active, active);
    if (rc < 0)
        return rc;
    active->used_ms = active->saga.patience_used_ms;
    self->counters.waking += active->saga.phase == PHASE_BACKOFF;
    self->counters.resting += active->saga.phase == PHASE_REST;
    if (MUTANT(WAKE_FORGOTTEN) && active->saga.phase == PHASE_BACKOFF)
        return 0;
    drive_place(self, active);
    return 0;
}

static int load_saga(void *context, const struct journal_saga *row, struct err *err)
{
    int rc = load_row(context, row, err);
    return rc < 0 ? journal_blame(row, rc, err) : 0;
}

void load_forget(struct orchestrator *self)
{
    for (size_t i = 0; i < self->channel_count; i++) {
        memset(self->channels[i].lists, 0, sizeof self->channels[i].lists);
        self->channels[i].in_flight_bytes = 0;
        self->channels[i].window = 1;
    }
    self->push_count = 0;
    self->finished_count = 0;
    active_map_release(&self->active);
    heap_release(&self->timers);
}

/* Its log may have grown past the known head meanwhile: the hello alone would tell nothing. */
static int load_channel(struct orchestrator *self, struct channel *channel, struct err *err)
{
    struct journal_participant *known = &channel->known;
    int rc = journal_load_participant(self->journal, channel->name, known, err);
    if (rc < 0 || MUTANT(SUSPENSION_FORGOTTEN))
        return rc;
    if (known->suspended[0] != '\0') {
        channel->state = CHANNEL_SUSPENDED;
        (void)snprintf(channel->detail, sizeof channel->detail, "%s", known->suspended);
    } else if (channel->state == CHANNEL_SUSPENDED) { /* By the batch that was taken back. */
        (void)snprintf(known->suspended, sizeof known->suspended, "%s", channel->detail);
        channel->known_changed = true;
    }
    return 0;
}

int load_all(struct orchestrator *self, struct err *err)
{
    load_forget(self);
    int rc = journal_load_self(self->journal, &self->self, err);
    for (size_t i = 0; rc == 0 && i < self->channel_count; i++)
        rc = load_channel(self, &self->channels[i], err);
    if (rc == 0)
        rc = journal_count(self->journal, self->state_counts, err);
    if (rc == 0)
        rc = journal_each_open(self->journal, load_saga, self, err);
    self->last_saga = self->self.last_saga;
    id_source_raise(&self->ids, &self->last_saga);
    id_source_raise(&self->ids, outbox_last_id(self->outbox));
    journal_rest(self->journal);
    return rc;
}
