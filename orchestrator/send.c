/* What goes out once a batch is committed: hellos and commands, answers, pushed outcomes. */
#include <string.h>

#include "base/packed.h"
#include "orchestrator_internal.h"

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

static char *put_hex(char *to, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 0xf];
    }
    return to;
}

void send_traceparent(const struct id *saga, uint8_t step, bool undo, char text[TRACEPARENT_SIZE])
{
    uint8_t span[8]; /* From the saga's time on: 0 would be no span. */
    memcpy(span, saga->bytes + 3, sizeof span - 1);
    span[sizeof span - 1] = (uint8_t)(step * 2U + (undo ? 2U : 1U));
    memcpy(text, "00-", 3);
    char *to = put_hex(text + 3, saga->bytes, ID_SIZE);
    *to++ = '-';
    to = put_hex(to, span, sizeof span);
    memcpy(to, "-01", 4);
}

static void add_command(struct orchestrator *self, struct active *active,
                        struct frame_writer *writer)
{
    const struct saga *saga = &active->saga;
    const struct definition_step *step = &active->definition->steps[saga->cursor];
    bool undo = saga_is_undoing(saga);
    char traceparent[TRACEPARENT_SIZE];
    send_traceparent(&saga->id, saga->cursor, undo, traceparent);
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
    command.retriable = !undo && step->kind == STEP_RETRIABLE;
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
        channel_told(channel, self->now_ms);
        drive_sent(self, active);
    }
    if (channel->state == CHANNEL_UP && channel_waiting(channel) != 0)
        self->counters.throttled++;
    frame_writer_flush(&writer);
}

void send_commands(struct orchestrator *self, struct outbound *out)
{
    for (size_t i = 0; i < self->channel_count; i++)
        if (!self->channels[i].absent)
            send_channel(self, &self->channels[i], out);
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
        if (!peer_equal(to, &writer.to)) {
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
           peer_equal(&self->pushes[i].to, &writer->to)) {
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
