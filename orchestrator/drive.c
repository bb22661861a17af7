/* Drives one saga: event → saga_step() → journal → its next command, timer or end. */
#include <assert.h>

#include "base/log.h"
#include "base/mutant.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"
#include "tell.h"

#define MARK_MAX_MS 60000 /* Patience used is journaled at least this often while it counts. */
#define MARKS 10          /* And at each tenth of the patience. */

struct channel *drive_channel(struct orchestrator *self, const struct active *active)
{
    assert(active->saga.cursor < active->definition->step_count);
    return &self->channels[active->channels[active->saga.cursor]];
}

static bool counts_now(struct orchestrator *self, const struct active *active)
{
    if (active->saga.phase == PHASE_REST)
        return false;
    bool outage = drive_channel(self, active)->state != CHANNEL_UP;
    if (active->saga.phase == PHASE_OUT)
        return outage || active->sent;
    return outage || saga_backoff_counts(&active->saga, active->definition);
}

void drive_touch(struct orchestrator *self, struct active *active)
{
    if (active->counts)
        active->used_ms += self->now_ms - active->used_at_ms;
    active->used_at_ms = self->now_ms;
    active->counts = counts_now(self, active);
}

static void set_mark(struct active *active)
{
    int64_t every = saga_patience_ms(&active->saga, active->definition) / MARKS;
    if (every > MARK_MAX_MS)
        every = MARK_MAX_MS;
    active->next_mark_ms = active->used_ms + (every < 1 ? 1 : every);
}

void drive_arm(struct orchestrator *self, struct active *active)
{
    int64_t at = INT64_MAX;
    if (active->saga.phase == PHASE_BACKOFF || active->place == PLACE_IN_FLIGHT)
        at = active->wake_at_ms;
    if (active->counts) {
        int64_t limit = saga_patience_ms(&active->saga, active->definition);
        if (active->next_mark_ms < limit)
            limit = active->next_mark_ms;
        int64_t left = limit - active->used_ms;
        int64_t then = active->used_at_ms + (left < 0 ? 0 : left);
        at = then < at ? then : at;
    }
    if (at == INT64_MAX)
        heap_remove(&self->timers, &active->timer);
    else
        heap_set(&self->timers, &active->timer, at);
}

static void touch_list(struct orchestrator *self, struct active_list *list)
{
    for (struct active *active = list->first; active != NULL; active = active->next) {
        drive_touch(self, active);
        drive_arm(self, active);
    }
}

/* Those in backoff stand in no list; whether their patience runs depends on the channel too. */
static void touch_waiting(struct orchestrator *self, const struct channel *channel)
{
    for (size_t i = 0; i < self->active.slot_count; i++)
        for (struct active *active = self->active.slots[i]; active != NULL; active = active->chain)
            if (active->saga.phase == PHASE_BACKOFF && drive_channel(self, active) == channel) {
                drive_touch(self, active);
                drive_arm(self, active);
            }
}

void drive_touch_channel(struct orchestrator *self, struct channel *channel)
{
    for (int place = PLACE_UNDO; place < PLACE_COUNT; place++)
        touch_list(self, &channel->lists[place]);
    touch_waiting(self, channel);
}

static void push_end(struct orchestrator *self, struct active *active)
{
    if (active->watcher == NULL)
        return;
    self->pushes =
        xgrow(self->pushes, &self->push_capacity, self->push_count + 1, sizeof *self->pushes);
    self->pushes[self->push_count++] = (struct push){.to = *active->watcher, .active = active};
}

static void tell_attention(struct orchestrator *self, const struct active *active)
{
    char key[TEXT_NAME_MAX + 1];
    bytes_copy_text(bytes_of(active->key, active->key_len), key, sizeof key);
    news_add(&self->news, true, "attention", "key=%s step=%s code=%s words=%s", log_quote(key),
             active->definition->steps[active->saga.cursor].name, active->saga.error_code,
             log_quote(active->saga.error_words));
}

static int finish(struct orchestrator *self, struct active *active, struct err *err)
{
    int rc = journal_finish(self->journal, &active->saga, self->wall_ms, err);
    if (rc < 0)
        return rc;
    if (!MUTANT(END_UNTOLD))
        tell_final(self, active);
    active->finished = true;
    self->state_counts[active->saga.state]++;
    self->counters.finished++;
    self->finished = xgrow(self->finished, &self->finished_capacity, self->finished_count + 1,
                           sizeof(struct active *));
    self->finished[self->finished_count++] = active;
    return 0;
}

/* The command that is out is another one now, or none. */
void drive_place(struct orchestrator *self, struct active *active)
{
    const struct saga *saga = &active->saga;
    active->wake_at_ms = INT64_MAX;
    if (saga->phase == PHASE_OUT)
        channel_enqueue(drive_channel(self, active), active);
    else if (saga->phase == PHASE_BACKOFF)
        active->wake_at_ms = self->now_ms + saga_backoff_ms(saga, active->definition);
    if (saga->phase != PHASE_REST) {
        set_mark(active);
        active->used_at_ms = self->now_ms;
        active->counts = counts_now(self, active);
    } else {
        active->counts = false;
    }
    drive_arm(self, active);
}

/* Journals them, and tells them in the log. `before`: the saga's state in front of them. */
static int write_records(struct orchestrator *self, struct active *active, enum saga_state before,
                         const struct saga_update *update, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < update->record_count; i++) {
        const struct saga_record *record = &update->records[i];
        /* Of several records only the last one moves the saga to another state. */
        bool last = i + 1 == update->record_count;
        active->last_at_ms = self->wall_ms;
        if (!update->marks)
            tell_record(self, active, record, last ? active->saga.state : before);
        if (record->what == WHAT_ACCEPTED)
            continue; /* Implied by the saga's own row. */
        if (record->what == WHAT_DONE)
            self->active.held_bytes += active_set_output(active, record->step, record->output);
        rc = journal_record(self->journal, &active->saga.id, self->wall_ms, record, err);
    }
    return rc;
}

static void start_command(struct active *active)
{
    active->sent = false;
    active->silences = 0;
    active->alone = 0;
    active->used_ms = active->saga.patience_used_ms;
}

int drive_event(struct orchestrator *self, struct active *active, struct saga_event *event,
                struct err *err)
{
    drive_touch(self, active);
    event->used_ms = active->used_ms;
    enum saga_state state = active->saga.state;
    uint8_t cursor = active->saga.cursor;
    struct channel *channel = active->place == PLACE_NOWHERE ? NULL : drive_channel(self, active);
    struct saga_update update;
    saga_step(&active->saga, active->definition, event, &update);
    if (update.stale) {
        self->counters.stale_replies++;
        return 0;
    }
    if (update.moved && channel != NULL)
        channel_withdraw(channel, active);
    int rc = write_records(self, active, state, &update, err);
    if (rc < 0)
        return rc;
    if (state != active->saga.state || cursor != active->saga.cursor)
        start_command(active);
    if (!update.moved) {
        if (active->saga.phase != PHASE_REST)
            set_mark(active);
        drive_arm(self, active);
        return 0;
    }
    if (active->saga.phase == PHASE_BACKOFF)
        active->sent = false;
    drive_place(self, active);
    if (active->saga.phase != PHASE_REST)
        return 0;
    push_end(self, active);
    if (active->saga.state == SAGA_ATTENTION)
        tell_attention(self, active);
    return saga_is_final(&active->saga) ? finish(self, active, err) : 0;
}

static int64_t silence_ms(const struct active *active)
{
    int64_t wait = active->definition->steps[active->saga.cursor].timeout_ms;
    for (uint32_t i = 0; i < active->silences && wait < CHANNEL_SILENCE_MAX_MS; i++)
        wait *= 2;
    /* The doubling stops there; a definition's own longer timeout stands. */
    int64_t own = active->definition->steps[active->saga.cursor].timeout_ms;
    if (wait > CHANNEL_SILENCE_MAX_MS)
        wait = own > CHANNEL_SILENCE_MAX_MS ? own : CHANNEL_SILENCE_MAX_MS;
    return wait;
}

void drive_sent(struct orchestrator *self, struct active *active)
{
    active->wake_at_ms = self->now_ms + silence_ms(active) / (MUTANT(TIMER_EARLY) ? 2 : 1);
    drive_touch(self, active);
    drive_arm(self, active);
}

int drive_timer(struct orchestrator *self, struct active *active, struct err *err)
{
    drive_touch(self, active);
    struct saga_event event = {0};
    if (active->counts) {
        event.type = EVENT_PATIENCE_SPENT;
        if (active->used_ms >= saga_patience_ms(&active->saga, active->definition)) {
            self->counters.spent++;
            return drive_event(self, active, &event, err);
        }
        event.type = EVENT_PATIENCE_USED;
        if (active->used_ms >= active->next_mark_ms)
            return drive_event(self, active, &event, err);
    }
    if (self->now_ms >= active->wake_at_ms) {
        event.type = EVENT_WAKE;
        if (active->saga.phase == PHASE_BACKOFF)
            return drive_event(self, active, &event, err);
        if (MUTANT(SILENCE_IS_RETRY) && active->place == PLACE_IN_FLIGHT) {
            event = (struct saga_event){.type = EVENT_RETRY, .current = true};
            return drive_event(self, active, &event, err);
        }
        if (active->place == PLACE_IN_FLIGHT) {
            self->counters.silences++;
            channel_silent(drive_channel(self, active), active);
            drive_touch(self, active);
        }
    }
    drive_arm(self, active);
    return 0;
}
