/* What participants say: replies, welcomes, rejects, and that this start has been overtaken. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mutant.h"
#include "base/packed.h"
#include "orchestrator_internal.h"

static struct channel *channel_of(struct orchestrator *self, const struct work_frame *frame)
{
    return &self->channels[frame->from.port - ORCHESTRATOR_PORT_FIRST_PARTICIPANT];
}

int answers_frame(struct orchestrator *self, const struct work_frame *frame, struct err *err)
{
    (void)err;
    struct channel *channel = channel_of(self, frame);
    bool another = channel->met && frame->incarnation != channel->incarnation;
    /* Only the answer to the newest hello changes what is known; so ask at once, but once for each
     * incarnation noticed: the answer itself comes from another incarnation too. */
    if (another && frame->incarnation != channel->noticed) {
        channel->held = true;
        self->counters.held++;
        channel_hello(channel, self->now_ms);
    }
    channel->noticed = frame->incarnation;
    channel_heard(channel, self->now_ms);
    return 0;
}

static void suspend(struct orchestrator *self, struct channel *channel, const char *why)
{
    (void)snprintf(channel->detail, sizeof channel->detail, "%s", why);
    if (channel->state == CHANNEL_SUSPENDED)
        return;
    channel->state = CHANNEL_SUSPENDED;
    (void)snprintf(channel->known.suspended, sizeof channel->known.suspended, "%s", why);
    channel->known_changed = true;
    self->counters.suspended++;
    news_add(&self->news, true, "participant_suspended", "participant=%s reason=%s", channel->name,
             log_quote(why));
    drive_touch_channel(self, channel);
}

/* Its log must be the one known, and never shorter. */
static bool log_is_sound(struct orchestrator *self, struct channel *channel,
                         const struct journal_participant *said)
{
    struct journal_participant *known = &channel->known;
    channel->reported = *said;
    if (channel->state == CHANNEL_SUSPENDED)
        return false; /* Until an operator speaks, whatever its log says by now. */
    if (!id_is_zero(&known->store) && id_compare(&known->store, &said->store) != 0) {
        suspend(self, channel, "its database is another one than before");
        return false;
    }
    bool behind = said->head < known->head || said->records < known->records;
    if (behind && !MUTANT(BACKUP_UNNOTICED)) {
        suspend(self, channel, "its database went backwards: a restored backup?");
        return false;
    }
    channel->known_changed = channel->known_changed || id_is_zero(&known->store) ||
                             said->head != known->head || said->records != known->records;
    *known = *said;
    return true;
}

static int restarted(struct orchestrator *self, struct channel *channel, struct err *err)
{
    self->counters.restarts++;
    struct active *suspect = channel_restarted(channel);
    drive_touch_channel(self, channel);
    if (suspect == NULL)
        return 0;
    self->counters.suspects++;
    struct saga_event event = {
        .type = EVENT_RETRY,
        .step = suspect->saga.cursor,
        .undo = saga_is_undoing(&suspect->saga),
        .current = true,
        .code = bytes_text("participant_crashed"),
        .words = bytes_text("the participant died each time this command was alone with it"),
    };
    uint32_t alone = suspect->alone;
    int rc = drive_event(self, suspect, &event, err);
    if (suspect->saga.phase == PHASE_BACKOFF)
        suspect->alone = alone; /* It stays a suspect until it is answered. */
    return rc;
}

static int on_welcome(struct orchestrator *self, const struct work_frame *frame,
                      const Zsaga__Welcome *welcome, struct err *err)
{
    struct channel *channel = channel_of(self, frame);
    if (channel->met && frame->incarnation == channel->incarnation)
        channel->welcome_at_ms = self->now_ms;
    /* A second answer to it, of a hello that came twice, may be older than the first. */
    bool newest = welcome->number == channel->hello_number && channel->hello_open;
    self->counters.old_welcomes += !newest;
    if (!newest && !MUTANT(ANY_WELCOME))
        return 0;
    channel->hello_open = false;
    channel->held = false;
    channel->welcome_at_ms = self->now_ms;
    channel->floor_epoch = welcome->floor_epoch;
    channel->floor_version = welcome->floor_version;
    struct journal_participant said = {
        .store = frame->store, .head = welcome->head, .records = welcome->records};
    if (!log_is_sound(self, channel, &said))
        return 0;
    bool was_up = channel->state == CHANNEL_UP;
    channel->state = CHANNEL_UP;
    channel->detail[0] = '\0';
    channel->seek_ms = CHANNEL_SEEK_FIRST_MS;
    channel->next_hello_ms = self->now_ms + CHANNEL_HELLO_MS;
    bool another = !channel->met || frame->incarnation != channel->incarnation;
    channel->met = true;
    channel->incarnation = frame->incarnation;
    if (another || !was_up)
        news_add(&self->news, false, "participant_up", "participant=%s restarted=%s", channel->name,
                 another ? "yes" : "no");
    if (another)
        return restarted(self, channel, err);
    if (!was_up)
        drive_touch_channel(self, channel);
    return 0;
}

static bool event_of(const Zsaga__Reply *reply, enum saga_event_type *ret)
{
    bool undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    switch (reply->outcome) {
    case ZSAGA__OUTCOME__DONE:
        *ret = EVENT_DONE;
        return true;
    case ZSAGA__OUTCOME__REJECTED:
        *ret = undo ? EVENT_RETRY : EVENT_REJECTED; /* A compensation cannot refuse. */
        return true;
    case ZSAGA__OUTCOME__RETRY:
        *ret = EVENT_RETRY;
        return true;
    case ZSAGA__OUTCOME__BLOCKED:
        *ret = EVENT_BLOCKED;
        return true;
    case ZSAGA__OUTCOME__PENDING:
        *ret = EVENT_PENDING;
        return true;
    case ZSAGA__OUTCOME__EXPIRED:
        *ret = EVENT_EXPIRED;
        return true;
    default:
        return false;
    }
}

static bool is_current(const struct orchestrator *self, const struct active *active,
                       const Zsaga__Reply *reply)
{
    const struct saga *saga = &active->saga;
    bool undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    bool own = reply->epoch == self->sender.driver.epoch || MUTANT(REPLY_EPOCH_IGNORED);
    bool newest = reply->attempt == saga->attempt || MUTANT(ATTEMPT_IGNORED);
    return saga->phase == PHASE_OUT && own && newest && reply->step == saga->cursor &&
           undo == saga_is_undoing(saga);
}

static bool is_well_formed(const Zsaga__Reply *reply)
{
    return reply->saga.len == ID_SIZE && reply->step < DEFINITION_STEPS_MAX &&
           (reply->direction == ZSAGA__DIRECTION__ACTION ||
            reply->direction == ZSAGA__DIRECTION__COMPENSATION);
}

/* The saga a reply is about, if it comes from whoever that step belongs to. */
static struct active *find(struct orchestrator *self, const struct work_frame *frame,
                           const Zsaga__Reply *reply)
{
    struct id id;
    memcpy(id.bytes, reply->saga.data, ID_SIZE);
    struct active *active = active_map_find(&self->active, &id);
    if (active == NULL || active->finished || reply->step >= active->definition->step_count)
        return NULL;
    return &self->channels[active->channels[reply->step]] == channel_of(self, frame) ? active
                                                                                     : NULL;
}

static int on_reply(struct orchestrator *self, const struct work_frame *frame,
                    const Zsaga__Reply *reply, struct err *err)
{
    struct saga_event event = {0};
    if (!is_well_formed(reply) || !event_of(reply, &event.type)) {
        self->counters.malformed++;
        return 0;
    }
    struct active *active = find(self, frame, reply);
    if (active == NULL) {
        self->counters.stale_replies++;
        return 0;
    }
    char words[SAGA_WORDS_MAX + 1];
    text_to_utf8(packed_view(reply->message), words, sizeof words);
    event.step = (uint8_t)reply->step;
    event.undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    event.current = is_current(self, active, reply);
    event.retry_after_ms =
        reply->retry_after_ms > INT32_MAX ? INT32_MAX : (int64_t)reply->retry_after_ms;
    /* A fact stays one, whatever its code looks like. */
    bool named = reply->code.len == 0 || text_is_token(packed_view(reply->code));
    event.code = named ? packed_view(reply->code) : bytes_text("unnamed");
    event.words = bytes_text(words);
    event.output = packed_view(reply->output);
    if (event.output.len > ORCHESTRATOR_OUTPUT_MAX) {
        event.type = EVENT_MALFORMED;
        event.code = bytes_text("output_too_large");
        event.words = bytes_text("the step's output is over 16 KiB");
    }
    if (event.current)
        channel_answered(channel_of(self, frame), active);
    bool fact = event.type == EVENT_DONE || event.type == EVENT_REJECTED;
    if (fact && !event.undo && active->saga.steps[event.step].forward == FORWARD_GIVEN_UP)
        self->counters.late_facts++;
    return drive_event(self, active, &event, err);
}

static int on_reject(struct orchestrator *self, const struct work_frame *frame,
                     const Zsaga__Reject *reject, struct err *err)
{
    struct channel *channel = channel_of(self, frame);
    char words[SAGA_WORDS_MAX + 1];
    text_to_utf8(packed_view(reject->message), words, sizeof words);
    bool found = false;
    struct active *next = NULL;
    int rc = 0;
    for (struct active *active = channel->lists[PLACE_IN_FLIGHT].first; rc == 0 && active != NULL;
         active = next) {
        next = active->next;
        bool meant = active->frame == reject->frame &&
                     (reject->index == FRAME_WHOLE || reject->index == active->index);
        if (!meant)
            continue;
        found = true;
        struct saga_event event = {
            .type = EVENT_MALFORMED,
            .step = active->saga.cursor,
            .undo = saga_is_undoing(&active->saga),
            .current = true,
            .code = bytes_text("malformed"),
            .words = bytes_text(words),
        };
        channel_answered(channel, active);
        rc = drive_event(self, active, &event, err);
    }
    if (!found) {
        (void)snprintf(channel->detail, sizeof channel->detail, "refused a frame: %s", words);
        news_add(&self->news, true, "frame_refused", "participant=%s reason=%s", channel->name,
                 log_quote(words));
    }
    return rc;
}

static int on_stale_epoch(struct orchestrator *self, const struct work_frame *frame,
                          const Zsaga__StaleEpoch *stale)
{
    const struct frame_driver *own = &self->sender.driver;
    /* A late frame of this orchestrator's own past was refused, not this start of it. */
    if (stale->refused_epoch != own->epoch || stale->refused_nonce != own->nonce)
        return 0;
    struct fenced *fenced = &self->fenced;
    fenced->is = true;
    fenced->by = channel_of(self, frame)->name;
    fenced->old_copy = fenced->old_copy || stale->for_saga_id;
    if (stale->held_epoch > fenced->epoch)
        fenced->epoch = stale->held_epoch;
    struct id last;
    if (id_from_bytes(packed_view(stale->held_last_saga), &last) &&
        id_compare(&last, &fenced->last_saga) > 0)
        fenced->last_saga = last;
    return 0;
}

int answers_entry(struct orchestrator *self, const struct work_frame *frame,
                  const Zsaga__Answer *answer, struct err *err)
{
    switch (answer->kind_case) {
    case ZSAGA__ANSWER__KIND_REPLY:
        return on_reply(self, frame, answer->reply, err);
    case ZSAGA__ANSWER__KIND_WELCOME:
        return on_welcome(self, frame, answer->welcome, err);
    case ZSAGA__ANSWER__KIND_REJECT:
        return on_reject(self, frame, answer->reject, err);
    case ZSAGA__ANSWER__KIND_STALE_EPOCH:
        return on_stale_epoch(self, frame, answer->stale_epoch);
    default:
        self->counters.malformed++;
        return 0;
    }
}
