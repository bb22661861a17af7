#include "fake_orchestrator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/packed.h"

#define PAGE_ROWS 3
#define RESUMED_ROWS 2

static struct fake_saga *find(struct fake_orchestrator *self, struct bytes key)
{
    for (size_t i = 0; i < self->saga_count; i++)
        if (bytes_equal(bytes_text(self->sagas[i].key), key))
            return &self->sagas[i];
    return NULL;
}

struct fake_saga *fake_orchestrator_add(struct fake_orchestrator *self, const char *key,
                                        Zsaga__SagaState state)
{
    if (self->saga_count == FAKE_SAGAS_MAX)
        abort();
    struct fake_saga *saga = &self->sagas[self->saga_count++];
    *saga = (struct fake_saga){.state = state};
    (void)snprintf(saga->key, sizeof saga->key, "%s", key);
    return saga;
}

static void put(struct frame_writer *writer, const Zsaga__ClientAnswer *answer)
{
    if (writer != NULL)
        frame_writer_add(writer, &answer->base, NULL);
}

static Zsaga__ClientAnswer answer_to(const Zsaga__ClientRequest *request,
                                     Zsaga__ClientAnswer__KindCase kind)
{
    Zsaga__ClientAnswer answer = ZSAGA__CLIENT_ANSWER__INIT;
    answer.id = request->id;
    answer.kind_case = kind;
    return answer;
}

static void refuse(const Zsaga__ClientRequest *request, struct frame_writer *writer,
                   const char *code)
{
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    Zsaga__Refusal refusal = ZSAGA__REFUSAL__INIT;
    refusal.code = packed_borrow_text(code);
    refusal.message = packed_borrow_text("words of the orchestrator");
    answer.refusal = &refusal;
    put(writer, &answer);
}

static void done(const Zsaga__ClientRequest *request, struct frame_writer *writer)
{
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_DONE);
    Zsaga__Done message = ZSAGA__DONE__INIT;
    answer.done = &message;
    put(writer, &answer);
}

static void push_end(struct fake_orchestrator *self, struct fake_saga *saga,
                     struct frame_writer *writer)
{
    Zsaga__ClientAnswer answer = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__Found message = ZSAGA__FOUND__INIT;
    Zsaga__Brief brief = ZSAGA__BRIEF__INIT;
    Zsaga__Brief *briefs[] = {&brief};
    saga->state = self->rest;
    brief.key = packed_borrow_text(saga->key);
    brief.state = saga->state;
    message.n_sagas = 1;
    message.sagas = briefs;
    answer.kind_case = ZSAGA__CLIENT_ANSWER__KIND_FOUND;
    answer.found = &message;
    put(writer, &answer);
}

static Zsaga__Verdict judge(struct fake_orchestrator *self, const Zsaga__Submit *submit,
                            struct fake_saga **ret)
{
    *ret = find(self, packed_view(submit->key));
    if (*ret == NULL) {
        char key[65];
        bytes_copy_text(packed_view(submit->key), key, sizeof key);
        *ret = fake_orchestrator_add(self, key, ZSAGA__SAGA_STATE__RUNNING);
        bytes_copy_text(packed_view(submit->input), (*ret)->input, sizeof(*ret)->input);
        (*ret)->nonce_len = submit->nonce.len;
        memcpy((*ret)->nonce, submit->nonce.data, submit->nonce.len);
        return ZSAGA__VERDICT__ACCEPTED;
    }
    if (!bytes_equal(bytes_text((*ret)->input), packed_view(submit->input)))
        return ZSAGA__VERDICT__CONFLICT;
    return bytes_equal(bytes_of((*ret)->nonce, (*ret)->nonce_len), packed_view(submit->nonce))
               ? ZSAGA__VERDICT__ACCEPTED
               : ZSAGA__VERDICT__DUPLICATE;
}

static void submit(struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                   struct frame_writer *writer)
{
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    uint8_t id[16] = {9};
    struct fake_saga *saga = NULL;
    answer.submitted = &submitted;
    if (self->busy > 0) {
        self->busy--;
        submitted.verdict = ZSAGA__VERDICT__BUSY;
        submitted.retry_after_ms = 20;
        if (self->outage != NULL) {
            submitted.code = packed_borrow_text("disk_full");
            submitted.message = packed_borrow_text(self->outage);
        }
        put(writer, &answer);
        return;
    }
    submitted.verdict = judge(self, request->submit, &saga);
    if (self->other_verdict)
        submitted.verdict = (Zsaga__Verdict)77;
    submitted.saga = packed_borrow(bytes_of(id, sizeof id));
    submitted.state = saga->state;
    put(writer, &answer);
    if (self->push && request->submit->watch)
        push_end(self, saga, writer);
}

static void look(struct fake_orchestrator *self, struct fake_saga *saga, Zsaga__Brief *brief)
{
    if (saga == NULL)
        return;
    saga->finds++;
    if (self->rest_after != 0 && saga->finds >= self->rest_after)
        saga->state = self->rest;
    brief->state = saga->state;
    brief->reason = packed_borrow_text("sold_out");
}

static void answer_find(struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                        struct frame_writer *writer)
{
    static Zsaga__Brief briefs[1000];
    static Zsaga__Brief *pointers[1000];
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_FOUND);
    Zsaga__Found message = ZSAGA__FOUND__INIT;
    for (size_t i = 0; i < request->find->n_keys; i++) {
        pointers[i] = &briefs[i];
        zsaga__brief__init(&briefs[i]);
        briefs[i].key = request->find->keys[i];
        look(self, find(self, packed_view(briefs[i].key)), &briefs[i]);
    }
    message.n_sagas = request->find->n_keys;
    message.sagas = pointers;
    answer.found = &message;
    put(writer, &answer);
}

static Zsaga__SagaRow row_of(const struct fake_saga *saga, uint8_t id[16])
{
    Zsaga__SagaRow row = ZSAGA__SAGA_ROW__INIT;
    row.id = packed_borrow(bytes_of(id, 16));
    row.key = packed_borrow_text(saga->key);
    row.definition = packed_borrow_text("order");
    row.state = saga->state;
    row.step = packed_borrow_text("charge");
    row.waiting_on = packed_borrow_text("payment");
    row.attempts = 3;
    row.last_error = packed_borrow(bytes_of("no\xff", 3));
    row.reason = packed_borrow_text("sold_out");
    row.created_ms = 1000;
    row.finished_ms = 2000;
    row.next_wake_ms = 3000;
    return row;
}

static bool is_wanted(const Zsaga__List *list, Zsaga__SagaState state)
{
    bool wanted = list->n_states == 0;
    for (size_t i = 0; i < list->n_states; i++)
        wanted = wanted || list->states[i] == state;
    return wanted;
}

/* Newest first: the last one added. A saga's id ends with its place, from 1. */
static void list(struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                 struct frame_writer *writer)
{
    uint8_t ids[PAGE_ROWS][16] = {{0}};
    Zsaga__SagaRow rows[PAGE_ROWS];
    Zsaga__SagaRow *pointers[PAGE_ROWS];
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_LISTED);
    Zsaga__Listed message = ZSAGA__LISTED__INIT;
    size_t at = self->saga_count;
    if (request->list->before.len == 16)
        at = (size_t)request->list->before.data[15] - 1;
    self->lists++;
    while (at > 0 && message.n_rows < PAGE_ROWS) {
        const struct fake_saga *saga = &self->sagas[--at];
        if (!is_wanted(request->list, saga->state))
            continue;
        ids[message.n_rows][15] = (uint8_t)(at + 1);
        rows[message.n_rows] = row_of(saga, ids[message.n_rows]);
        pointers[message.n_rows] = &rows[message.n_rows];
        message.n_rows++;
    }
    message.rows = pointers;
    if (at > 0)
        message.next = packed_borrow(bytes_of(ids[PAGE_ROWS - 1], 16));
    answer.listed = &message;
    put(writer, &answer);
}

static void show(struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                 struct frame_writer *writer)
{
    const struct fake_saga *saga = find(self, packed_view(request->show->key));
    if (saga == NULL) {
        refuse(request, writer, "not_found");
        return;
    }
    uint8_t id[16] = {9};
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_SHOWN);
    Zsaga__Shown message = ZSAGA__SHOWN__INIT;
    Zsaga__SagaRow row = row_of(saga, id);
    Zsaga__StepRow step = ZSAGA__STEP_ROW__INIT;
    Zsaga__StepRow *steps[] = {&step};
    Zsaga__HistoryRow rows[RESUMED_ROWS] = {ZSAGA__HISTORY_ROW__INIT, ZSAGA__HISTORY_ROW__INIT};
    Zsaga__HistoryRow *history[RESUMED_ROWS] = {&rows[0], &rows[1]};
    step.name = packed_borrow_text("charge");
    step.participant = packed_borrow_text("payment");
    step.kind = packed_borrow_text("compensatable");
    step.state = packed_borrow_text("out");
    step.attempts = 3;
    step.undo_state = packed_borrow_text("none");
    rows[0].at_ms = 1000;
    rows[0].what = packed_borrow_text("accepted");
    rows[1].at_ms = 1500;
    rows[1].what = packed_borrow_text("resumed");
    rows[1].detail = packed_borrow_text(self->resumed_by == NULL ? "" : self->resumed_by);
    message.row = &row;
    message.n_steps = 1;
    message.steps = steps;
    message.n_history = self->resumed_by == NULL ? 1 : RESUMED_ROWS;
    message.history = history;
    answer.shown = &message;
    put(writer, &answer);
}

static void resume(struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                   struct frame_writer *writer)
{
    struct fake_saga *saga = find(self, packed_view(request->resume->key));
    if (saga == NULL) {
        refuse(request, writer, "not_found");
    } else if (saga->state != ZSAGA__SAGA_STATE__ATTENTION) {
        refuse(request, writer, "not_in_attention");
    } else {
        saga->state = ZSAGA__SAGA_STATE__RUNNING;
        done(request, writer);
    }
}

static void status(const struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                   struct frame_writer *writer)
{
    Zsaga__ClientAnswer answer = answer_to(request, ZSAGA__CLIENT_ANSWER__KIND_STATUS);
    Zsaga__StatusReport report = ZSAGA__STATUS_REPORT__INIT;
    Zsaga__StateCount count = ZSAGA__STATE_COUNT__INIT;
    Zsaga__StateCount *counts[] = {&count};
    Zsaga__Channel channel = ZSAGA__CHANNEL__INIT;
    Zsaga__Channel *channels[] = {&channel};
    count.state = ZSAGA__SAGA_STATE__RUNNING;
    count.count = self->saga_count;
    channel.participant = packed_borrow_text("payment");
    channel.state = packed_borrow_text("down");
    channel.window = 8;
    channel.detail = packed_borrow_text("silent");
    report.n_sagas = 1;
    report.sagas = counts;
    report.oldest_key = packed_borrow_text("A");
    report.oldest_created_ms = 1000;
    report.n_channels = 1;
    report.channels = channels;
    answer.status = &report;
    put(writer, &answer);
}

static void trust(const Zsaga__ClientRequest *request, struct frame_writer *writer)
{
    struct bytes name = packed_view(request->trust->participant);
    if (bytes_equal(name, bytes_text("payment")))
        done(request, writer);
    else
        refuse(request, writer,
               bytes_equal(name, bytes_text("order")) ? "not_suspended" : "not_found");
}

static void carry_out(struct fake_orchestrator *self, const Zsaga__ClientRequest *request,
                      struct frame_writer *writer)
{
    switch (request->kind_case) {
    case ZSAGA__CLIENT_REQUEST__KIND_SUBMIT:
        submit(self, request, writer);
        break;
    case ZSAGA__CLIENT_REQUEST__KIND_FIND:
        answer_find(self, request, writer);
        break;
    case ZSAGA__CLIENT_REQUEST__KIND_LIST:
        list(self, request, writer);
        break;
    case ZSAGA__CLIENT_REQUEST__KIND_SHOW:
        show(self, request, writer);
        break;
    case ZSAGA__CLIENT_REQUEST__KIND_RESUME:
        resume(self, request, writer);
        break;
    case ZSAGA__CLIENT_REQUEST__KIND_STATUS:
        status(self, request, writer);
        break;
    case ZSAGA__CLIENT_REQUEST__KIND_TRUST:
        trust(request, writer);
        break;
    default:
        abort();
    }
}

void fake_orchestrator_answer(void *context, const Zsaga__ClientRequest *request,
                              struct frame_writer *writer)
{
    struct fake_orchestrator *self = context;
    bool lost = self->lose > 0;
    if (self->deaf > 0) {
        self->deaf--;
        return;
    }
    self->lose -= lost;
    if (self->refusal != NULL)
        refuse(request, writer, self->refusal);
    else if (self->other_kind)
        done(request, writer);
    else
        carry_out(self, request, lost ? NULL : writer);
}
