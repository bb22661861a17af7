/* What an orchestrator sends: commands and floors. I2, I5, I11, I14, I21, floor. */
#include <string.h>

#include "check_peek.h"
#include "check_story.h"
#include "check_wire.h"

#define FLAG_UNDO 1

void check_identify(struct checker *checker, size_t orchestrator, size_t place)
{
    struct saga *saga = &checker->sagas[place];
    struct query row;
    if (saga->identified || !check_peek(checker, orchestrator, PEEK_SAGA, &row))
        return;
    saga->identified = true;
    check_did(checker, I2);
    check_bind(&row, 1, (struct check_bytes){saga->id, CHECK_ID_SIZE});
    if (check_next(&row)) {
        struct check_bytes input = check_bytes_at(&row, 3);
        saga->key = check_key(checker, check_bytes_at(&row, 0));
        saga->definition = check_definition(checker, check_bytes_at(&row, 2));
        saga->input = check_hash(CHECK_HASH_SEED, input.data, input.len) | 1;
        saga->body = check_body(check_bytes_at(&row, 4), input);
    } else {
        check_find(checker, I2, check_name(checker, saga), "is spoken of, and is not stored");
    }
    check_done(&row);
    if (saga->key == NOBODY || !checker->has_history)
        return;
    const struct key *key = &checker->keys[saga->key];
    bool submitted = false;
    for (size_t i = 0; i < key->body_count; i++)
        submitted = submitted || key->bodies[i].digest == saga->body;
    if (!submitted)
        check_find(checker, I2, key->text, "is worked on, and nobody submitted it so");
}

/* I5, I11: an action follows the done one before it, and no compensation. */
static void check_action(struct checker *checker, const struct saga *saga, uint32_t number)
{
    check_did(checker, I5);
    check_did(checker, I11);
    for (size_t i = 0; i < saga->step_count; i++)
        if (saga->steps[i].undo_sent)
            check_find(checker, I5, check_name(checker, saga),
                       "action %u is sent after compensation %zu", number, i);
    if (number > 0 && !saga->steps[number - 1].done)
        check_find(checker, I11, check_name(checker, saga),
                   "action %u is sent before the one before it is done", number);
}

/* I11: compensations go backwards, one after the other, and leave nothing out. */
static void check_undo(struct checker *checker, const struct saga *saga, uint32_t number)
{
    check_did(checker, I11);
    for (uint32_t i = 0; i < number; i++)
        if (saga->steps[i].undo_sent)
            check_find(checker, I11, check_name(checker, saga), "compensation %u is sent after %u",
                       number, i);
    for (uint32_t i = number + 1; i < saga->step_count; i++) {
        const struct step *later = &saga->steps[i];
        bool needed = later->undo_sent || (later->sent && !later->refused);
        if (needed && !later->undone)
            check_find(checker, I11, check_name(checker, saga),
                       "compensation %u is sent before %u is undone", number, i);
    }
}

/* I21: attempts count answers that asked for another one, of this start or as written down by
 * then; silence is none. What an operator has let go on counts anew; and a participant that dies of
 * a command has answered it. */
static void check_attempt(struct checker *checker, const struct saga *saga, uint32_t number,
                          bool undo, const struct sending *now)
{
    const struct sending *last = &saga->steps[number].last[undo];
    const struct asked *asked = &saga->steps[number].asked[undo];
    if (last->loads == now->loads && now->attempt < last->attempt)
        check_find(checker, I21, check_name(checker, saga), "step %u goes back to attempt %u",
                   number, now->attempt);
    bool excused = last->attempt == 0 || now->resumed != 0 || now->starts != last->starts;
    uint32_t before = now->attempt - 1;
    bool right =
        asked->attempt > before ||
        (asked->attempt == before && (before > last->attempt || asked->epoch >= last->epoch));
    check_did(checker, I21);
    if (now->attempt > last->attempt && !excused && !right)
        check_find(checker, I21, check_name(checker, saga),
                   "step %u comes to attempt %u, and nobody asked for it", number, now->attempt);
}

/* I21: the same attempt is sent again after its timeout, the next one after a backoff, or because
 * somebody started anew or an operator spoke. */
static void check_time(struct checker *checker, const struct heard *heard, struct saga *saga,
                       const Zsaga__Command *command, bool undo)
{
    const struct definition_step *rules = check_rules(checker, saga, command->step);
    struct step *step = &saga->steps[command->step];
    const struct process *to = &checker->processes[heard->to];
    if (rules == NULL)
        return;
    if (step->last == NULL)
        step->last = check_zeros(2, sizeof *step->last);
    struct sending *last = &step->last[undo];
    struct sending now = {.at_ms = heard->frame->at_ms,
                          .attempt = command->attempt,
                          .epoch = heard->header->driver->epoch,
                          .loads = checker->processes[heard->from].loads,
                          .starts = to->starts,
                          .excused = last->excused,
                          .resumed = saga->key == NOBODY ? 0 : checker->keys[saga->key].resumed};
    bool anew = last->attempt == 0 || last->loads != now.loads || last->resumed != now.resumed;
    int64_t backoff = undo ? rules->undo_first_ms : rules->retry_first_ms;
    int64_t wait = now.attempt == last->attempt ? rules->timeout_ms : backoff;
    bool early = !anew && now.at_ms - last->at_ms < wait;
    check_did(checker, I21);
    /* Each new incarnation is noticed once, some time. */
    if (last->attempt == 0)
        now.excused = to->starts == 0 ? 0 : to->starts - 1;
    if (early && now.excused >= to->starts)
        check_find(checker, I21, check_name(checker, saga),
                   "step %u is sent again after %lld ms of %lld", command->step,
                   (long long)(now.at_ms - last->at_ms), (long long)wait);
    now.excused += early;
    check_attempt(checker, saga, command->step, undo, &now);
    if (now.attempt == last->attempt) /* That it died of this attempt may be noticed much later. */
        now.starts = last->starts;
    *last = now;
}

/* The command is the one of the saga's own definition. */
static void check_names(struct checker *checker, const struct heard *heard, const struct saga *saga,
                        const Zsaga__Command *command, bool undo)
{
    const struct definition_step *rules = check_rules(checker, saga, command->step);
    if (saga->definition == NOBODY)
        return;
    check_did(checker, PROTOCOL);
    if (rules == NULL || strcmp(rules->participant, heard->frame->to) != 0 ||
        !check_is(check_packed(command->name), undo ? rules->compensation : rules->action) ||
        (bool)command->retriable != (rules->retriable && !undo))
        check_find(checker, PROTOCOL, check_name(checker, saga),
                   "command %.*s of step %u to %s is not the definition's", (int)command->name.len,
                   (const char *)command->name.data, command->step, heard->frame->to);
}

/* I14: a command hands on what the actions before it have answered, as they did. */
static void check_outputs(struct checker *checker, const struct saga *saga,
                          const Zsaga__Command *command, bool undo)
{
    size_t said = 0;
    if (saga->definition == NOBODY || !checker->options.exact)
        return;
    check_did(checker, I14);
    for (size_t i = 0; i < command->n_outputs; i++) {
        const Zsaga__StepOutput *output = command->outputs[i];
        uint64_t digest = check_hash_field(CHECK_HASH_SEED, check_packed(output->output)) | 1;
        bool right = false;
        for (size_t j = 0; j < saga->step_count; j++) {
            const struct definition_step *rules = check_rules(checker, saga, j);
            right = right || (rules != NULL && saga->steps[j].output == digest &&
                              check_is(check_packed(output->step), rules->name));
        }
        if (!right)
            check_find(checker, I14, check_name(checker, saga),
                       "step %u is handed what nobody said", command->step);
    }
    for (uint32_t i = 0; i < command->step; i++)
        said += saga->steps[i].output != 0;
    if (!undo && command->n_outputs != said)
        check_find(checker, I14, check_name(checker, saga), "action %u gets %zu outputs of %zu",
                   command->step, command->n_outputs, said);
}

/* I4: what is sent is where the journal, as it is committed, has led to. */
static void check_led(struct checker *checker, const struct heard *heard, const struct saga *saga,
                      const Zsaga__Command *command, bool undo)
{
    struct query row;
    bool right = !undo && command->step == 0 && command->attempt == 1;
    if (!checker->options.exact || !check_peek(checker, heard->from, PEEK_LAST, &row))
        return;
    check_did(checker, I4);
    check_bind(&row, 1, (struct check_bytes){saga->id, CHECK_ID_SIZE});
    if (check_next(&row)) {
        int64_t what = check_int(&row, 0);
        bool same = check_int(&row, 1) == (int64_t)command->step &&
                    ((check_int(&row, 2) & FLAG_UNDO) != 0) == undo &&
                    check_int(&row, 3) == (int64_t)command->attempt;
        bool next = check_int(&row, 1) + 1 == (int64_t)command->step && command->attempt == 1;
        right = what == WHAT_TROUBLE   ? same
                : what == WHAT_RESUMED ? true
                : what == WHAT_DONE    ? undo || next
                                       : undo && what != WHAT_ATTENTION;
    }
    check_done(&row);
    if (!right)
        check_find(checker, I4, check_name(checker, saga),
                   "%s of step %u, attempt %u, is sent, and the journal does not lead to it",
                   undo ? "the compensation" : "the action", command->step, command->attempt);
}

static void check_input(struct checker *checker, struct saga *saga, const Zsaga__Command *command)
{
    uint64_t input = check_hash(CHECK_HASH_SEED, command->input.data, command->input.len) | 1;
    check_did(checker, I2);
    if (saga->input != 0 && saga->input != input)
        check_find(checker, I2, check_name(checker, saga),
                   "step %u gets another input than was submitted", command->step);
    saga->input = input;
}

static void note_command(struct checker *checker, const struct heard *heard,
                         const Zsaga__Command *command)
{
    bool undo = command->direction == ZSAGA__DIRECTION__COMPENSATION;
    if (command->saga.len != CHECK_ID_SIZE || command->step >= STEPS_MAX || command->attempt == 0 ||
        (!undo && command->direction != ZSAGA__DIRECTION__ACTION)) {
        check_find(checker, PROTOCOL, heard->frame->from, "sends a command that is not valid");
        return;
    }
    size_t place = check_saga(checker, command->saga.data);
    (void)check_step(&checker->sagas[place], command->step);
    check_identify(checker, heard->from, place);
    struct saga *saga = &checker->sagas[place];
    struct step *step = &saga->steps[command->step];
    check_input(checker, saga, command);
    check_names(checker, heard, saga, command, undo);
    check_outputs(checker, saga, command, undo);
    check_led(checker, heard, saga, command, undo);
    if (checker->options.exact)
        check_time(checker, heard, saga, command, undo);
    check_did(checker, I5);
    if (heard->fresh && saga->told != 0)
        check_find(checker, I5, check_name(checker, saga), "step %u is sent after its end was told",
                   command->step);
    if (heard->fresh && undo)
        check_undo(checker, saga, command->step);
    else if (heard->fresh)
        check_action(checker, saga, command->step);
    step->at = heard->to;
    step->retriable = step->retriable || command->retriable;
    *(undo ? &step->undo_sent : &step->sent) = true;
}

static bool is_listed(const Zsaga__Floor *floor, struct check_bytes id)
{
    for (size_t i = 0; i + CHECK_ID_SIZE <= floor->open.len; i += CHECK_ID_SIZE)
        if (check_equal((struct check_bytes){floor->open.data + i, CHECK_ID_SIZE}, id))
            return true;
    return false;
}

/* Forgetting never opens a door again: below the floor all is final but what is listed. */
static void note_floor(struct checker *checker, const struct heard *heard,
                       const Zsaga__Floor *floor)
{
    struct query rows;
    if (!check_peek(checker, heard->from, PEEK_OPEN, &rows))
        return;
    check_did(checker, FLOOR);
    check_bind(&rows, 1, check_packed(floor->id));
    while (check_next(&rows))
        if (!is_listed(floor, check_bytes_at(&rows, 0)))
            check_find(checker, FLOOR, heard->frame->from, "an open saga is told as final");
    check_done(&rows);
}

void check_heard_request(struct checker *checker, const struct heard *heard,
                         const Zsaga__Request *request)
{
    if (request->kind_case == ZSAGA__REQUEST__KIND_COMMAND)
        note_command(checker, heard, request->command);
    else if (request->kind_case == ZSAGA__REQUEST__KIND_HELLO && request->hello->floor != NULL)
        note_floor(checker, heard, request->hello->floor);
}
