/* What a participant answers. I2, I7, I9, I14, I16, I20, floor. */
#include "check_peek.h"
#include "check_wire.h"

/* I20: whom a participant answers, it has stored; and never again one that was overtaken. */
static void check_epoch(struct checker *checker, const struct heard *heard, uint64_t epoch)
{
    struct process *process = &checker->processes[heard->from];
    struct query row;
    if (!heard->fresh)
        return;
    check_did(checker, I20);
    if (epoch < process->answered && !process->restored)
        check_find(checker, I20, process->name, "answers epoch %llu, and has answered %llu",
                   (unsigned long long)epoch, (unsigned long long)process->answered);
    if (epoch > process->answered)
        process->answered = epoch;
    if (!check_peek(checker, heard->from, PEEK_PAIR, &row))
        return;
    if (!check_next(&row) || (uint64_t)check_int(&row, 0) < epoch)
        check_find(checker, I20, process->name, "answers epoch %llu, which it has not committed",
                   (unsigned long long)epoch);
    check_done(&row);
}

static uint64_t words_of(const Zsaga__Reply *reply)
{
    uint64_t digest = check_hash_field(CHECK_HASH_SEED, check_packed(reply->code));
    digest = check_hash_field(digest, check_packed(reply->message));
    return check_hash_field(digest, check_packed(reply->output));
}

/* I14: answers that are recorded agree, however often they are given, */
static void check_same(struct checker *checker, const struct saga *saga, const Zsaga__Reply *reply,
                       uint64_t *said)
{
    uint64_t digest = check_hash(words_of(reply), &reply->outcome, sizeof reply->outcome) | 1;
    check_did(checker, I14);
    if (*said != 0 && *said != digest)
        check_find(checker, I14, check_name(checker, saga), "step %u is answered differently",
                   reply->step);
    *said = digest;
}

/* and are committed. */
static void check_committed(struct checker *checker, const struct heard *heard,
                            const struct saga *saga, const Zsaga__Reply *reply, bool undo)
{
    struct peeked_step at;
    if (!check_peek_step(checker, heard->from, saga, reply->step, &at))
        return;
    bool done = reply->outcome == ZSAGA__OUTCOME__DONE;
    bool right =
        undo ? at.backward != BACKWARD_NOTHING
             : at.forward == (done ? FORWARD_DONE : FORWARD_REFUSED) && at.words == words_of(reply);
    check_did(checker, I14);
    if (!right)
        check_find(checker, I14, check_name(checker, saga),
                   "%s tells an outcome of step %u that it has not committed: %lld, %lld",
                   heard->frame->from, reply->step, (long long)at.forward, (long long)at.backward);
}

static void note_fact(struct checker *checker, const struct heard *heard, struct saga *saga,
                      const Zsaga__Reply *reply, bool undo)
{
    struct step *step = &saga->steps[reply->step];
    bool refused = reply->outcome == ZSAGA__OUTCOME__REJECTED;
    if (refused && undo) { /* Counts as `retry`. */
        if (checker->options.faithful)
            check_find(checker, I14, check_name(checker, saga), "compensation %u is refused",
                       reply->step);
        return;
    }
    check_same(checker, saga, reply, &step->said[undo]);
    check_did(checker, I9);
    if (!undo && step->undone && heard->fresh)
        check_find(checker, I9, check_name(checker, saga),
                   "action %u is answered as %s after it was undone", reply->step,
                   refused ? "refused" : "done");
    check_did(checker, I7);
    if (refused && step->retriable && checker->options.faithful)
        check_find(checker, I7, check_name(checker, saga), "step %u cannot be refused, and was",
                   reply->step);
    if (!undo && reply->output.len != 0)
        step->output = check_hash_field(CHECK_HASH_SEED, check_packed(reply->output)) | 1;
    step->undone = step->undone || undo;
    step->done = step->done || (!undo && !refused);
    step->refused = step->refused || refused;
    check_committed(checker, heard, saga, reply, undo);
}

/* I9: an action is blocked because its compensation came first, and for nothing else. */
static void note_blocked(struct checker *checker, const struct heard *heard,
                         const struct saga *saga, const Zsaga__Reply *reply)
{
    struct peeked_step at;
    check_did(checker, I9);
    if (checker->options.exact && !saga->steps[reply->step].undo_sent)
        check_find(checker, I9, check_name(checker, saga),
                   "action %u is blocked, and no compensation was sent", reply->step);
    if (check_peek_step(checker, heard->from, saga, reply->step, &at) &&
        at.backward == BACKWARD_NOTHING)
        check_find(checker, I9, check_name(checker, saga),
                   "action %u is blocked, and nothing is undone", reply->step);
}

/* Answers may be given in another order than the commands were sent. */
static void note_asked(struct asked *asked, const Zsaga__Reply *reply)
{
    if (reply->attempt < asked->attempt ||
        (reply->attempt == asked->attempt && reply->epoch < asked->epoch))
        return;
    *asked = (struct asked){reply->attempt, reply->epoch};
}

static void note_reply(struct checker *checker, const struct heard *heard,
                       const Zsaga__Reply *reply)
{
    bool undo = reply->direction == ZSAGA__DIRECTION__COMPENSATION;
    if (reply->saga.len != CHECK_ID_SIZE || reply->step >= STEPS_MAX ||
        (!undo && reply->direction != ZSAGA__DIRECTION__ACTION)) {
        check_find(checker, PROTOCOL, heard->frame->from, "sends a reply that is not valid");
        return;
    }
    size_t place = check_saga(checker, reply->saga.data);
    struct saga *saga = &checker->sagas[place];
    struct step *step = check_step(saga, reply->step);
    check_did(checker, I2);
    if (checker->options.exact && !(undo ? step->undo_sent : step->sent))
        check_find(checker, I2, check_name(checker, saga),
                   "%s answers a command of step %u that nobody sent", heard->frame->from,
                   reply->step);
    step->at = heard->from;
    check_epoch(checker, heard, reply->epoch);
    switch (reply->outcome) {
    case ZSAGA__OUTCOME__DONE:
    case ZSAGA__OUTCOME__REJECTED:
        note_fact(checker, heard, saga, reply, undo);
        return;
    case ZSAGA__OUTCOME__BLOCKED:
        note_blocked(checker, heard, saga, reply);
        return;
    case ZSAGA__OUTCOME__EXPIRED:
        /* Whoever was sent a command has a row for it before its saga is final. */
        check_did(checker, FLOOR);
        if (checker->options.faithful)
            check_find(checker, FLOOR, check_name(checker, saga),
                       "step %u is expired, and was never settled here", reply->step);
        return;
    case ZSAGA__OUTCOME__RETRY:
    case ZSAGA__OUTCOME__PENDING:
        note_asked(&step->asked[undo], reply);
        return;
    default:
        check_find(checker, PROTOCOL, heard->frame->from, "answers with outcome %d",
                   (int)reply->outcome);
    }
}

/* I16: what is told of the log is the end of it as committed, and never falls. */
static void note_welcome(struct checker *checker, const struct heard *heard,
                         const Zsaga__Welcome *welcome)
{
    const struct process *process = &checker->processes[heard->from];
    struct log *log = heard->log == NOBODY ? NULL : &checker->logs[heard->log];
    struct query row;
    check_did(checker, I16);
    if (log != NULL && heard->fresh && !process->restored) {
        if (welcome->head < log->head || welcome->records < log->records)
            check_find(checker, I16, process->name,
                       "goes back from event %llu to %llu, or from record %llu to %llu",
                       (unsigned long long)log->head, (unsigned long long)welcome->head,
                       (unsigned long long)log->records, (unsigned long long)welcome->records);
        log->head = welcome->head;
        log->records = welcome->records;
    }
    if (check_peek(checker, heard->from, PEEK_EXTENT, &row)) {
        if (!check_next(&row) || (uint64_t)check_int(&row, 0) != welcome->head)
            check_find(checker, I16, process->name, "tells a head of %llu, which is not committed",
                       (unsigned long long)welcome->head);
        check_done(&row);
    }
    if (check_peek(checker, heard->from, PEEK_RECORDS, &row)) {
        if (!check_next(&row) || (uint64_t)check_int(&row, 0) != welcome->records)
            check_find(checker, I16, process->name, "tells %llu records, which are not committed",
                       (unsigned long long)welcome->records);
        check_done(&row);
    }
    if (welcome->floor_epoch == 0 || !check_peek(checker, heard->from, PEEK_FLOOR, &row))
        return;
    check_did(checker, FLOOR);
    check_bind_int(&row, 1, (int64_t)welcome->floor_epoch);
    check_bind_int(&row, 2, (int64_t)welcome->floor_version);
    if (!check_next(&row))
        check_find(checker, FLOOR, process->name, "tells a floor that it has not committed");
    check_done(&row);
}

static void note_stale(struct checker *checker, const struct heard *heard,
                       const Zsaga__StaleEpoch *stale)
{
    bool lower = stale->refused_epoch < stale->held_epoch;
    bool other =
        stale->refused_epoch == stale->held_epoch && stale->refused_nonce != stale->held_nonce;
    check_did(checker, I20);
    if (!lower && !other && !stale->for_saga_id)
        check_find(checker, I20, heard->frame->from, "refuses epoch %llu, and holds %llu",
                   (unsigned long long)stale->refused_epoch, (unsigned long long)stale->held_epoch);
}

void check_heard_answer(struct checker *checker, const struct heard *heard,
                        const Zsaga__Answer *answer)
{
    switch (answer->kind_case) {
    case ZSAGA__ANSWER__KIND_REPLY:
        note_reply(checker, heard, answer->reply);
        return;
    case ZSAGA__ANSWER__KIND_WELCOME:
        note_welcome(checker, heard, answer->welcome);
        return;
    case ZSAGA__ANSWER__KIND_STALE_EPOCH:
        note_stale(checker, heard, answer->stale_epoch);
        return;
    case ZSAGA__ANSWER__KIND_REJECT:
        if (checker->options.faithful && !(checker->options.noise && answer->reject->frame == 0))
            check_find(checker, PROTOCOL, heard->frame->from, "rejects an entry: %.*s",
                       (int)answer->reject->message.len,
                       (const char *)answer->reject->message.data);
        return;
    default:
        check_find(checker, PROTOCOL, heard->frame->from, "sends an answer of no kind");
    }
}
