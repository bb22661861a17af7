/* What arrives: frames decoded into the work of the next batch. */
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "participant_internal.h"

static struct work *add_work(struct participant_node *self, enum work_kind kind, uint32_t index)
{
    self->works =
        xgrow(self->works, &self->work_capacity, self->work_count + 1, sizeof *self->works);
    struct work *work = &self->works[self->work_count++];
    *work = (struct work){.kind = kind, .frame = (uint32_t)self->frame_count - 1, .index = index};
    return work;
}

static void add_reject(struct participant_node *self, uint32_t index, const char *words)
{
    struct bytes kept = participant_keep(self, bytes_of(words, strlen(words) + 1));
    add_work(self, WORK_REJECT, index)->words = (const char *)kept.data;
}

static struct work_frame *add_frame(struct participant_node *self, const struct peer *from,
                                    const struct frame_header *header)
{
    self->frames =
        xgrow(self->frames, &self->frame_capacity, self->frame_count + 1, sizeof *self->frames);
    struct work_frame *frame = &self->frames[self->frame_count++];
    memset(frame, 0, sizeof *frame);
    frame->from.port = from->port;
    frame->from.id_len = from->id_len;
    memcpy(frame->from.id, from->id, from->id_len);
    frame->number = header->number;
    frame->has_driver = header->has_driver;
    frame->driver = header->driver;
    return frame;
}

static void receive_command_entry(struct participant_node *self, ProtobufCBinaryData entry,
                                  uint32_t index)
{
    Zsaga__Request *request = zsaga__request__unpack(&self->arena.allocator, entry.len, entry.data);
    if (request == NULL)
        add_reject(self, index, "the entry does not decode");
    else if (request->kind_case == ZSAGA__REQUEST__KIND_COMMAND)
        add_work(self, WORK_COMMAND, index)->command = request->command;
    else if (request->kind_case == ZSAGA__REQUEST__KIND_HELLO)
        add_work(self, WORK_HELLO, index)->hello = request->hello;
    else
        add_reject(self, index, "the entry is neither a command nor a hello");
}

static void receive_owner_entry(struct participant_node *self, ProtobufCBinaryData entry,
                                uint32_t index)
{
    struct bytes kept = participant_keep(self, packed_view(entry));
    add_work(self, WORK_OWNER, index)->owner_request = kept;
}

void participant_receive(struct participant_node *self, const struct peer *from, struct bytes bytes)
{
    self->arena.budget = self->arena.used + PARTICIPANT_DECODE_BUDGET;
    struct frame frame;
    struct err err = {0};
    bool commands = from->port == PARTICIPANT_PORT_COMMAND;
    int rc = frame_read(bytes, &self->arena, &frame, &err);
    add_frame(self, from, &frame.header);
    if (rc < 0) {
        if (commands) /* Counted as it is answered. */
            add_reject(self, FRAME_WHOLE, err.text);
        else
            self->counters.rejected++;
        return;
    }
    if (commands && !frame.header.has_driver) {
        add_reject(self, FRAME_WHOLE, "only an orchestrator speaks here: header.driver is missing");
        return;
    }
    for (size_t i = 0; i < frame.entry_count; i++) {
        self->arena.budget = self->arena.used + PARTICIPANT_DECODE_BUDGET;
        if (commands)
            receive_command_entry(self, frame.entries[i], (uint32_t)i);
        else
            receive_owner_entry(self, frame.entries[i], (uint32_t)i);
    }
}
