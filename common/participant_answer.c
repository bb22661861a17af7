/* The answers to a batch, as frames. */
#include "base/packed.h"
#include "participant_internal.h"

static void add_reject_answer(struct participant_node *self, struct frame_writer *writer,
                              const struct work *work)
{
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reject reject = ZSAGA__REJECT__INIT;
    reject.frame = self->frames[work->frame].number;
    reject.index = work->index;
    reject.code = packed_borrow_text("malformed");
    reject.message = packed_borrow_text(work->words);
    answer.kind_case = ZSAGA__ANSWER__KIND_REJECT;
    answer.reject = &reject;
    frame_writer_add(writer, &answer.base, NULL);
    self->counters.rejected++;
}

static void add_answer(struct participant_node *self, struct frame_writer *writer,
                       const struct work *work)
{
    if (work->kind == WORK_REJECT) {
        add_reject_answer(self, writer, work);
        return;
    }
    if (work->answer == NULL)
        return;
    if (work->kind == WORK_HELLO) {
        /* As they are now that the batch is committed. */
        Zsaga__Answer *answer = (Zsaga__Answer *)(uintptr_t)work->answer;
        if (answer->kind_case == ZSAGA__ANSWER__KIND_WELCOME) {
            answer->welcome->head = outbox_head(self->outbox);
            answer->welcome->records = inbox_records(self->inbox);
        }
    }
    frame_writer_add(writer, work->answer, NULL);
}

void participant_answer_all(struct participant_node *self, struct outbound *out)
{
    struct frame_writer writer = {.sender = &self->sender, .out = out};
    for (size_t i = 0; i < self->work_count; i++) {
        const struct peer *to = &self->frames[self->works[i].frame].from;
        if (!peer_equal(to, &writer.to)) {
            frame_writer_flush(&writer);
            writer.to = *to;
        }
        add_answer(self, &writer, &self->works[i]);
    }
    frame_writer_flush(&writer);
}
