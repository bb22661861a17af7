/* One command against the barrier: judge, call the handler in its savepoint, record, answer. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "participant_internal.h"

#define STEPS_MAX 32
#define INPUT_MAX ((size_t)256 << 10)

/* What one command is worked on with. */
struct job {
    struct participant_node *node;
    struct work *work;
    const struct work_frame *frame;
    const struct participant_action *action;
    struct inbox_row row;
    struct call call;
};

static void *keep_zeroed(struct participant_node *node, size_t size)
{
    node->arena.budget = SIZE_MAX; /* Our own needs are not a peer's doing. */
    void *p = arena_alloc(&node->arena, size);
    assert(p != NULL);
    return memset(p, 0, size);
}

struct bytes participant_keep(struct participant_node *node, struct bytes bytes)
{
    if (bytes.len == 0)
        return bytes_of(NULL, 0);
    void *copy = keep_zeroed(node, bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    return bytes_of(copy, bytes.len);
}

static void reject(struct participant_node *node, struct work *work, const char *words)
{
    struct bytes kept = participant_keep(node, bytes_of(words, strlen(words) + 1));
    work->kind = WORK_REJECT;
    work->words = (const char *)kept.data;
}

static void reject_name(struct participant_node *node, struct work *work, bool compensation)
{
    char name[TEXT_NAME_MAX + 1];
    bytes_copy_text(packed_view(work->command->name), name, sizeof name);
    char words[PARTICIPANT_MESSAGE_MAX];
    (void)snprintf(words, sizeof words, "%s has no %s \"%s\"", node->service->name,
                   compensation ? "compensation" : "action", name);
    reject(node, work, words);
}

static Zsaga__Reply *answer(struct participant_node *node, struct work *work,
                            const struct work_frame *frame, Zsaga__Outcome outcome)
{
    const Zsaga__Command *command = work->command;
    Zsaga__Answer *message = keep_zeroed(node, sizeof *message);
    Zsaga__Reply *reply = keep_zeroed(node, sizeof *reply);
    zsaga__answer__init(message);
    zsaga__reply__init(reply);
    message->kind_case = ZSAGA__ANSWER__KIND_REPLY;
    message->reply = reply;
    reply->saga = command->saga;
    reply->step = command->step;
    reply->direction = command->direction;
    reply->attempt = command->attempt;
    reply->epoch = frame->driver.epoch;
    reply->outcome = outcome;
    work->answer = &message->base;
    return reply;
}

static void answer_words(struct participant_node *node, Zsaga__Reply *reply, struct bytes code,
                         struct bytes words)
{
    reply->code = packed_borrow(participant_keep(node, code));
    reply->message = packed_borrow(participant_keep(node, words));
}

void participant_answer_retry(struct participant_node *node, struct work *work,
                              const struct work_frame *frame, const char *code, const char *message)
{
    Zsaga__Reply *reply = answer(node, work, frame, ZSAGA__OUTCOME__RETRY);
    answer_words(node, reply, bytes_text(code), bytes_text(message));
    node->counters.retried++;
}

static int answer_call_retry(struct job *job)
{
    struct call *call = &job->call;
    participant_answer_retry(job->node, job->work, job->frame, call->code, call->message);
    Zsaga__Answer *message = (Zsaga__Answer *)(uintptr_t)job->work->answer;
    message->reply->retry_after_ms = (uint64_t)call->retry_after_ms;
    return 0;
}

/* The recorded forward outcome: each repetition gets the same. */
static int answer_recorded(struct job *job)
{
    static const Zsaga__Outcome outcomes[] = {
        [INBOX_FORWARD_NONE] = ZSAGA__OUTCOME__OUTCOME_UNKNOWN,
        [INBOX_FORWARD_DONE] = ZSAGA__OUTCOME__DONE,
        [INBOX_FORWARD_REJECTED] = ZSAGA__OUTCOME__REJECTED,
        [INBOX_FORWARD_PENDING] = ZSAGA__OUTCOME__PENDING,
    };
    assert(job->row.forward != INBOX_FORWARD_NONE);
    Zsaga__Reply *reply = answer(job->node, job->work, job->frame, outcomes[job->row.forward]);
    answer_words(job->node, reply, job->row.code, job->row.message);
    reply->output = packed_borrow(participant_keep(job->node, job->row.output));
    return 0;
}

static int answer_undone(struct job *job)
{
    Zsaga__Reply *reply = answer(job->node, job->work, job->frame, ZSAGA__OUTCOME__DONE);
    if (job->row.backward == INBOX_BACKWARD_TOMBSTONE)
        answer_words(job->node, reply, bytes_text("nothing_to_undo"),
                     bytes_text("the action never took effect, and never will"));
    return 0;
}

static int answer_pending(struct job *job)
{
    (void)answer(job->node, job->work, job->frame, ZSAGA__OUTCOME__PENDING);
    return 0;
}

static int answer_blocked(struct job *job)
{
    Zsaga__Reply *reply = answer(job->node, job->work, job->frame, ZSAGA__OUTCOME__BLOCKED);
    answer_words(job->node, reply, bytes_text("blocked"),
                 bytes_text("this action's compensation came before it"));
    job->node->counters.blocked++;
    return 0;
}

static int answer_expired(struct job *job)
{
    Zsaga__Reply *reply = answer(job->node, job->work, job->frame, ZSAGA__OUTCOME__EXPIRED);
    answer_words(job->node, reply, bytes_text("expired"),
                 bytes_text("the orchestrator's floor says that this saga is final"));
    job->node->counters.expired++;
    return 0;
}

static bool must_end(int rc)
{
    return rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_FULL;
}

/* A failed statement of the engine's own: the whole batch is taken back. */
static int engine_failed(int rc)
{
    return rc >= 0 || must_end(rc) ? rc : ERR_ABORTED;
}

/* The handler said something that its direction does not allow, or too much. */
static int check_outcome(struct job *job, int outcome, bool undo, struct err *err)
{
    if (outcome < 0)
        return outcome;
    if (job->call.output_too_large)
        return err_set(err, ERR_INVALID, "the output is over %zu bytes", PARTICIPANT_OUTPUT_MAX);
    if (job->call.event_fault != NULL)
        return err_set(err, ERR_INVALID, "%s", job->call.event_fault);
    if (undo && outcome == CALL_PENDING)
        return err_set(err, ERR_INVALID, "a compensation cannot be pending");
    return outcome;
}

static int take_back(struct job *job, struct outbox_mark mark, struct err *err)
{
    if (job->node->service->forget != NULL)
        job->node->service->forget(job->node->self);
    if (!MUTANT(FAILED_EVENT_TOLD))
        outbox_take_back(job->node->outbox, mark);
    if (MUTANT(HANDLER_NOT_TAKEN_BACK))
        return engine_failed(db_release(job->node->db, err));
    return engine_failed(db_undo_savepoint(job->node->db, err));
}

/* Calls a handler in its savepoint. *ret_outcome: CALL_DONE and CALL_PENDING keep what it wrote;
 * CALL_REFUSED and CALL_RETRY (also for an error) took it back. */
static int call_handler(struct job *job, participant_handler handler, bool undo, int *ret_outcome,
                        struct err *err)
{
    struct participant_node *node = job->node;
    int rc = engine_failed(db_savepoint(node->db, err));
    if (rc < 0)
        return rc;
    struct outbox_mark mark = outbox_mark(node->outbox);
    struct err handler_err = {0};
    (void)db_guard(node->db, true);
    int outcome = handler(&job->call, &handler_err);
    (void)db_guard(node->db, false);
    if (db_storage_failure(node->db) != 0) {
        *err = handler_err;
        return db_storage_failure(node->db);
    }
    if (!db_in_transaction(node->db))
        return PARTICIPANT_GUILTY;
    outcome = check_outcome(job, outcome, undo, &handler_err);
    if (outcome == CALL_DONE || outcome == CALL_PENDING) {
        *ret_outcome = outcome;
        return engine_failed(db_release(node->db, err));
    }
    if (outcome < 0) {
        (void)snprintf(job->call.code, sizeof job->call.code, "error");
        text_to_utf8(bytes_text(handler_err.text), job->call.message, sizeof job->call.message);
        job->call.retry_after_ms = 0;
    }
    *ret_outcome = outcome == CALL_REFUSED ? CALL_REFUSED : CALL_RETRY;
    return take_back(job, mark, err);
}

static int record(struct job *job, struct err *err)
{
    job->node->counters.applied++;
    return engine_failed(inbox_put(job->node->inbox, &job->call.saga, job->work->command->step,
                                   job->frame->held->number, &job->row, err));
}

static void add_refusal_event(struct call *call)
{
    if (call->refusal_event.type != NULL)
        call_event(call, call->refusal_event.type, call->refusal_event.payload);
}

/* Runs the action, or asks a pending one again, and records what it said. *ret_outcome as
 * call_handler(). */
static int run_action(struct job *job, bool again, int *ret_outcome, struct err *err)
{
    job->call.again = again;
    int rc = call_handler(job, job->action->run, false, ret_outcome, err);
    /* Behind the point of no return nothing can be refused: it is recorded nowhere and asked again,
     * so that what was in its way can be mended. */
    if (*ret_outcome == CALL_REFUSED && job->work->command->retriable && !MUTANT(RETRIABLE_REFUSED))
        *ret_outcome = CALL_RETRY;
    if (rc != 0 || *ret_outcome == CALL_RETRY)
        return rc;
    if (*ret_outcome == CALL_PENDING && again)
        return 0;
    struct call *call = &job->call;
    job->row = (struct inbox_row){0};
    if (*ret_outcome == CALL_REFUSED) {
        add_refusal_event(call);
        job->row.forward = INBOX_FORWARD_REJECTED;
        job->row.code = participant_keep(job->node, bytes_text(call->code));
        job->row.message = participant_keep(job->node, bytes_text(call->message));
        if (MUTANT(REFUSAL_NOT_STORED))
            return 0;
    } else {
        job->row.forward = *ret_outcome == CALL_DONE ? INBOX_FORWARD_DONE : INBOX_FORWARD_PENDING;
        job->row.output = *ret_outcome == CALL_DONE ? call->output : bytes_of(NULL, 0);
    }
    return record(job, err);
}

static int do_action(struct job *job, bool again, struct err *err)
{
    int outcome = CALL_RETRY;
    int rc = run_action(job, again, &outcome, err);
    if (rc != 0)
        return rc;
    if (outcome == CALL_RETRY)
        return answer_call_retry(job);
    return outcome == CALL_PENDING ? answer_pending(job) : answer_recorded(job);
}

static int do_tombstone(struct job *job, struct err *err)
{
    job->row.backward = INBOX_BACKWARD_TOMBSTONE;
    job->node->counters.tombstones++;
    job->node->counters.unheard += job->row.forward == INBOX_FORWARD_NONE;
    if (MUTANT(NO_TOMBSTONE))
        return answer_undone(job);
    int rc = record(job, err);
    return rc < 0 ? rc : answer_undone(job);
}

static int do_undo(struct job *job, struct err *err)
{
    int outcome = CALL_RETRY;
    int rc = call_handler(job, job->action->undo, true, &outcome, err);
    if (rc != 0)
        return rc;
    /* A compensation cannot refuse: its refusal is recorded nowhere and asked again. */
    if (outcome != CALL_DONE && !(MUTANT(UNDO_REFUSAL_TAKEN) && outcome == CALL_REFUSED))
        return answer_call_retry(job);
    job->row.backward = INBOX_BACKWARD_DONE;
    rc = record(job, err);
    return rc < 0 ? rc : answer_undone(job);
}

/* The action is still in flight somewhere: nothing is undone before its effect is known. */
static int do_ask_undo(struct job *job, struct err *err)
{
    int outcome = CALL_RETRY;
    job->node->counters.asked_undo++;
    int rc = run_action(job, true, &outcome, err);
    if (rc != 0)
        return rc;
    if (outcome == CALL_RETRY)
        return answer_call_retry(job);
    if (outcome == CALL_PENDING)
        return answer_pending(job);
    return outcome == CALL_DONE ? do_undo(job, err) : do_tombstone(job, err);
}

/* inbox_find() lends its bytes only until the next statement on the inbox. */
static void keep_row(struct job *job)
{
    struct inbox_row *row = &job->row;
    row->code = participant_keep(job->node, row->code);
    row->message = participant_keep(job->node, row->message);
    row->output = participant_keep(job->node, row->output);
    inbox_rest(job->node->inbox);
}

static int through_barrier(struct job *job, bool compensation, struct err *err)
{
    switch (inbox_judge(&job->row, compensation)) {
    case INBOX_RUN:
        return do_action(job, false, err);
    case INBOX_ASK:
        return do_action(job, true, err);
    case INBOX_UNDO:
        return do_undo(job, err);
    case INBOX_ASK_UNDO:
        return do_ask_undo(job, err);
    case INBOX_TOMBSTONE:
        return do_tombstone(job, err);
    case INBOX_REPEAT:
        job->node->counters.repeated++;
        return compensation ? answer_undone(job) : answer_recorded(job);
    case INBOX_BLOCKED:
        return answer_blocked(job);
    }
    assert(0);
    return 0;
}

/* Words for what is wrong with a command, or NULL. */
static const char *fault_of(const Zsaga__Command *command)
{
    if (command->saga.len != ID_SIZE)
        return "command.saga must be 16 bytes";
    if (command->step >= STEPS_MAX)
        return "command.step must be 0 to 31";
    if (command->direction != ZSAGA__DIRECTION__ACTION &&
        command->direction != ZSAGA__DIRECTION__COMPENSATION)
        return "command.direction must be action or compensation";
    if (command->attempt == 0)
        return "command.attempt counts from 1";
    if (command->remaining_ms > INT64_MAX)
        return "command.remaining_ms is too large";
    if (!text_is_token(packed_view(command->name)))
        return "command.name must be 1 to 64 of a-z A-Z 0-9 _ - .";
    if (command->input.len > INPUT_MAX)
        return "command.input is over 256 KiB";
    if (command->traceparent.len > TEXT_NAME_MAX)
        return "command.traceparent is over 64 bytes";
    if (command->n_outputs > STEPS_MAX)
        return "command.outputs has more than 32 entries";
    for (size_t i = 0; i < command->n_outputs; i++)
        if (command->outputs[i]->output.len > PARTICIPANT_OUTPUT_MAX ||
            !text_is_token(packed_view(command->outputs[i]->step)))
            return "command.outputs has an entry without a step's name or over 16 KiB";
    return NULL;
}

static const struct participant_action *find_action(const struct participant_service *service,
                                                    struct bytes name, bool compensation)
{
    for (size_t i = 0; i < service->action_count; i++) {
        const struct participant_action *action = &service->actions[i];
        const char *known = compensation ? action->compensation : action->name;
        if (known != NULL && bytes_equal(bytes_text(known), name))
            return action;
    }
    return NULL;
}

/* Nobody waits for it any more, nor would undo what it came to. A pending row of a saga that is
 * final is that of an old backup. */
static bool is_over(const struct job *job, bool found)
{
    bool pending = job->row.forward == INBOX_FORWARD_PENDING && !MUTANT(PENDING_RESUMED);
    return (!found || pending) && !MUTANT(FLOOR_IGNORED) &&
           fence_is_below_floor(job->frame->held, &job->call.saga);
}

int participant_command(struct participant_node *node, struct work *work,
                        const struct work_frame *frame, int64_t wall_ms, struct err *err)
{
    const Zsaga__Command *command = work->command;
    const char *fault = fault_of(command);
    if (fault != NULL) {
        reject(node, work, fault);
        return 0;
    }
    bool compensation = command->direction == ZSAGA__DIRECTION__COMPENSATION;
    struct job job = {.node = node, .work = work, .frame = frame};
    job.action = find_action(node->service, packed_view(command->name), compensation);
    if (job.action == NULL) {
        reject_name(node, work, compensation);
        return 0;
    }
    job.call = (struct call){.node = node, .command = command, .wall_ms = wall_ms};
    memcpy(job.call.saga.bytes, command->saga.data, ID_SIZE);
    bool found = false;
    int rc = inbox_find(node->inbox, &job.call.saga, command->step, &job.row, &found, err);
    if (rc < 0)
        return engine_failed(rc);
    keep_row(&job);
    if (is_over(&job, found))
        return answer_expired(&job);
    return through_barrier(&job, compensation, err);
}
