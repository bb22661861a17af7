/* What arrives: frames decoded into the work of the next batch. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"

static struct work *add_work(struct orchestrator *self, enum work_kind kind)
{
    self->works =
        xgrow(self->works, &self->work_capacity, self->work_count + 1, sizeof *self->works);
    struct work *work = &self->works[self->work_count++];
    *work = (struct work){.kind = kind, .frame = (uint32_t)self->frame_count - 1};
    return work;
}

static void add_frame(struct orchestrator *self, const struct peer *from,
                      const struct frame_header *header)
{
    self->frames =
        xgrow(self->frames, &self->frame_capacity, self->frame_count + 1, sizeof *self->frames);
    struct work_frame *frame = &self->frames[self->frame_count++];
    memset(frame, 0, sizeof *frame);
    frame->from.port = from->port;
    frame->from.id_len = from->id_len;
    memcpy(frame->from.id, from->id, from->id_len);
    frame->incarnation = header->incarnation;
    frame->store = header->store;
}

static void add_client_refusal(struct orchestrator *self, const char *words)
{
    static const Zsaga__ClientRequest nameless = ZSAGA__CLIENT_REQUEST__INIT;
    struct work *work = add_work(self, WORK_CLIENT);
    work->request = &nameless;
    (void)client_refuse(self, work, "malformed", "%s", words);
}

static void receive_client_entry(struct orchestrator *self, ProtobufCBinaryData entry)
{
    Zsaga__ClientRequest *request =
        zsaga__client_request__unpack(&self->arena.allocator, entry.len, entry.data);
    if (request == NULL)
        add_client_refusal(self, "the entry does not decode");
    else
        add_work(self, WORK_CLIENT)->request = request;
}

static void receive_owner_entry(struct orchestrator *self, ProtobufCBinaryData entry)
{
    ProtobufCBinaryData kept = orchestrator_keep_bytes(self, packed_view(entry));
    add_work(self, WORK_OWNER)->owner_request = packed_view(kept);
}

static void receive_answer(struct orchestrator *self, ProtobufCBinaryData entry)
{
    Zsaga__Answer *answer = zsaga__answer__unpack(&self->arena.allocator, entry.len, entry.data);
    if (answer == NULL)
        self->counters.malformed++;
    else
        add_work(self, WORK_ANSWER)->answer = answer;
}

/* The endpoint in the suite file leads to the right service. */
static bool is_expected(struct orchestrator *self, const struct peer *from,
                        const struct frame_header *header)
{
    struct channel *channel = &self->channels[from->port - ORCHESTRATOR_PORT_FIRST_PARTICIPANT];
    if (strcmp(header->name, channel->name) == 0)
        return true;
    if (self->counters.foreign++ == 0)
        news_add(&self->news, true, "wrong_peer", "participant=%s answered_by=%s", channel->name,
                 log_quote(header->name));
    (void)snprintf(channel->detail, sizeof channel->detail,
                   "its endpoint is answered by \"%s\": see suite.zpl", header->name);
    return false;
}

void receive_frame(struct orchestrator *self, const struct peer *from, struct bytes bytes)
{
    self->arena.budget = self->arena.used + ORCHESTRATOR_DECODE_BUDGET;
    struct frame frame;
    struct err err = {0};
    bool client = from->port == ORCHESTRATOR_PORT_CLIENT;
    bool owner = from->port == ORCHESTRATOR_PORT_OWNER;
    int rc = frame_read(bytes, &self->arena, &frame, &err);
    if (rc == 0 && !client && !owner && !is_expected(self, from, &frame.header))
        return;
    add_frame(self, from, &frame.header);
    if (rc < 0) {
        self->counters.malformed++;
        if (client)
            add_client_refusal(self, err.text);
        return;
    }
    if (!client && !owner)
        (void)add_work(self, WORK_FRAME);
    for (size_t i = 0; i < frame.entry_count; i++) {
        self->arena.budget = self->arena.used + ORCHESTRATOR_DECODE_BUDGET;
        if (client)
            receive_client_entry(self, frame.entries[i]);
        else if (owner)
            receive_owner_entry(self, frame.entries[i]);
        else
            receive_answer(self, frame.entries[i]);
    }
}
