/* What goes out once a batch is committed: hellos and commands, answers, pushed outcomes. */
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "orchestrator_internal.h"

#define TRACEPARENT_SIZE 56  /* With the NUL. */
#define COMMAND_OVERHEAD 256 /* Bytes of a command besides its input and outputs. */
#define BRIEFS_MAX 400       /* In one pushed entry. */

static void add_hello(struct orchestrator *self, struct channel *channel,
                      struct frame_writer *writer)
{
    channel->hello_due = false;
    floor_refresh(self);
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    hello.number = channel->hello_number;
    bool holds = channel->floor_epoch == self->sender.driver.epoch &&
                 channel->floor_version >= self->floor_version;
    if (self->floor_version != 0 && !holds) {
        floor.version = self->floor_version;
        floor.id = packed_borrow(id_view(&self->floor));
        floor.open = packed_borrow(buffer_bytes(&self->floor_open));
        hello.floor = &floor;
    }
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    frame_writer_add(writer, &request.base, NULL);
}

/* W3C trace context: the saga is the trace, each command of a step a span. */
static void put_traceparent(const struct active *active, char text[TRACEPARENT_SIZE])
{
    char trace[ID_TEXT_SIZE];
    const uint8_t *id = active->saga.id.bytes;
    unsigned command = active->saga.cursor * 2U + (saga_is_undoing(&active->saga) ? 2U : 1U);
    (void)snprintf(text, TRACEPARENT_SIZE, "00-%s-%02x%02x%02x%02x%02x%02x%02x%02x-01",
                   id_text(&active->saga.id, trace), id[3], id[4], id[5], id[6], id[7], id[8],
                   id[9], command);
}

static void add_command(struct orchestrator *self, struct active *active,
                        struct frame_writer *writer)
{
    const struct saga *saga = &active->saga;
    const struct definition_step *step = &active->definition->steps[saga->cursor];
    bool undo = saga_is_undoing(saga);
    char traceparent[TRACEPARENT_SIZE];
    put_traceparent(active, traceparent);
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command command = ZSAGA__COMMAND__INIT;
    Zsaga__StepOutput outputs[DEFINITION_STEPS_MAX];
    Zsaga__StepOutput *pointers[DEFINITION_STEPS_MAX];
    int64_t left = saga_patience_ms(saga, active->definition) - active->used_ms;
    command.saga = packed_borrow(id_view(&saga->id));
    command.step = saga->cursor;
    command.direction = undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    command.attempt = saga->attempt;
    command.remaining_ms = left < 0 ? 0 : (uint64_t)left;
    command.traceparent = packed_borrow_text(traceparent);
    command.name = packed_borrow_text(undo ? step->compensation : step->action);
    command.input = packed_borrow(bytes_of(active->input, active->input_len));
    for (size_t i = 0; i < active->definition->step_count; i++) {
        if (active->outputs[i].len == 0)
            continue;
        Zsaga__StepOutput *output = &outputs[command.n_outputs];
        zsaga__step_output__init(output);
        output->step = packed_borrow_text(active->definition->steps[i].name);
        output->output = packed_borrow(active->outputs[i]);
        pointers[command.n_outputs++] = output;
    }
    command.outputs = pointers;
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &command;
    frame_writer_add(writer, &request.base, &active->index);
    active->frame = self->sender.number;
    self->counters.sent++;
}

static void send_channel(struct orchestrator *self, struct channel *channel, struct outbound *out)
{
    struct frame_writer writer = {.sender = &self->sender, .out = out};
    writer.to.port = channel->port;
    if (channel->hello_due)
        add_hello(self, channel, &writer);
    struct active *active;
    while ((active = channel_next(channel)) != NULL) {
        add_command(self, active, &writer);
        channel_sent(channel, active, active->held_bytes + COMMAND_OVERHEAD);
        drive_sent(self, active);
    }
    frame_writer_flush(&writer);
}

void send_commands(struct orchestrator *self, struct outbound *out)
{
    for (size_t i = 0; i < self->channel_count; i++)
        if (!self->channels[i].absent)
            send_channel(self, &self->channels[i], out);
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
    return a->port == b->port && a->id_len == b->id_len && memcmp(a->id, b->id, a->id_len) == 0;
}

/* On the client and owner planes the header says no more than who speaks. */
static struct frame_header plain_header(const struct orchestrator *self)
{
    struct frame_header header = self->sender;
    header.has_driver = false;
    return header;
}

void send_replies(struct orchestrator *self, struct outbound *out)
{
    struct frame_header header = plain_header(self);
    struct frame_writer writer = {.sender = &header, .out = out};
    for (size_t i = 0; i < self->work_count; i++) {
        const struct work *work = &self->works[i];
        if (work->reply == NULL)
            continue;
        const struct peer *to = &self->frames[work->frame].from;
        if (!same_peer(to, &writer.to)) {
            frame_writer_flush(&writer);
            writer.to = *to;
        }
        frame_writer_add(&writer, work->reply, NULL);
    }
    frame_writer_flush(&writer);
    self->sender.number = header.number;
}

static void fill_brief(const struct active *active, Zsaga__Brief *brief)
{
    zsaga__brief__init(brief);
    brief->key = packed_borrow(bytes_of(active->key, active->key_len));
    brief->state = client_state(active->saga.state);
    brief->reason = packed_borrow_text(active->saga.reason);
}

/* One entry for as many outcomes as belong to one client. */
static size_t push_some(struct orchestrator *self, size_t first, struct frame_writer *writer)
{
    Zsaga__ClientAnswer answer = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__Found found = ZSAGA__FOUND__INIT;
    Zsaga__Brief briefs[BRIEFS_MAX];
    Zsaga__Brief *pointers[BRIEFS_MAX];
    writer->to = self->pushes[first].to;
    size_t i = first;
    while (i < self->push_count && found.n_sagas < BRIEFS_MAX &&
           same_peer(&self->pushes[i].to, &writer->to)) {
        fill_brief(self->pushes[i].active, &briefs[found.n_sagas]);
        pointers[found.n_sagas] = &briefs[found.n_sagas];
        found.n_sagas++;
        i++;
    }
    found.sagas = pointers;
    answer.kind_case = ZSAGA__CLIENT_ANSWER__KIND_FOUND;
    answer.found = &found;
    frame_writer_add(writer, &answer.base, NULL);
    frame_writer_flush(writer);
    return i;
}

void send_pushes(struct orchestrator *self, struct outbound *out)
{
    struct frame_header header = plain_header(self);
    struct frame_writer writer = {.sender = &header, .out = out};
    for (size_t i = 0; i < self->push_count;)
        i = push_some(self, i, &writer);
    self->sender.number = header.number;
    self->push_count = 0;
}
