/* An operator's words: they move what rests, and say who and why. */

#include "base/log.h"
#include "base/packed.h"
#include "orchestrator_internal.h"

static bool is_reason(struct bytes text)
{
    return text.len >= 1 && text.len <= SAGA_WORDS_MAX && text_is_utf8(text);
}

static int answer_done(struct orchestrator *self, struct work *work, const char *words)
{
    Zsaga__Done done = ZSAGA__DONE__INIT;
    done.message = orchestrator_keep_bytes(self, bytes_text(words));
    Zsaga__ClientAnswer *answer = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_DONE);
    answer->done = orchestrator_keep(self, &done, sizeof done);
    return 0;
}

int operate_resume(struct orchestrator *self, struct work *work, struct err *err)
{
    const Zsaga__Resume *resume = work->request->resume;
    if (!is_reason(packed_view(resume->reason)) || !text_is_name(packed_view(resume->who)))
        return client_refuse(self, work, "malformed",
                             "say who, in 1 to 64 bytes, and why, in 1 to 256 bytes");
    struct journal_saga row;
    bool found = false;
    int rc = journal_find(self->journal, packed_view(resume->key), &row, &found, err);
    if (rc < 0)
        return rc;
    if (!found)
        return client_refuse(self, work, "not_found", "there is no saga with this key");
    struct active *active = row.final ? NULL : active_map_find(&self->active, &row.id);
    if (active == NULL || active->saga.state != SAGA_ATTENTION)
        return client_refuse(self, work, "not_in_attention",
                             "the saga is %s: only one in attention can be retried",
                             saga_state_name(active == NULL ? row.state : active->saga.state));
    struct saga_event event = {
        .type = EVENT_RESUME,
        .code = packed_view(resume->who),
        .words = packed_view(resume->reason),
    };
    rc = drive_event(self, active, &event, err);
    return rc < 0 ? rc : answer_done(self, work, "the saga goes on from where it stood");
}

static void tell_trusted(struct orchestrator *self, const struct channel *channel,
                         const Zsaga__Trust *trust)
{
    char who[TEXT_NAME_MAX + 1];
    char why[SAGA_WORDS_MAX + 1];
    text_to_utf8(packed_view(trust->who), who, sizeof who);
    text_to_utf8(packed_view(trust->reason), why, sizeof why);
    news_add(&self->news, true, "participant_trusted", "participant=%s who=%s reason=%s",
             channel->name, log_quote(who), log_quote(why));
}

int operate_trust(struct orchestrator *self, struct work *work, struct err *err)
{
    const Zsaga__Trust *trust = work->request->trust;
    (void)err;
    if (!is_reason(packed_view(trust->reason)) || !text_is_name(packed_view(trust->who)))
        return client_refuse(self, work, "malformed",
                             "say who, in 1 to 64 bytes, and why, in 1 to 256 bytes");
    for (size_t i = 0; i < self->channel_count; i++) {
        struct channel *channel = &self->channels[i];
        if (!bytes_equal(bytes_text(channel->name), packed_view(trust->participant)))
            continue;
        if (channel->state != CHANNEL_SUSPENDED)
            return client_refuse(self, work, "not_suspended", "%s is %s: nothing to trust",
                                 channel->name, channel_state_name(channel));
        tell_trusted(self, channel, trust);
        channel->known = channel->reported;
        channel->known_changed = true;
        /* Its next welcome, at once, finds the log sound and brings it up. */
        channel->state = CHANNEL_DOWN;
        channel_hello(channel, self->now_ms);
        return answer_done(self, work, "its database is believed as it is now");
    }
    return client_refuse(self, work, "not_found", "there is no such participant");
}
