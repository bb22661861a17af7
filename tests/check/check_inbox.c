/* Participants' databases against the sagas: what took effect, what was undone, what was told of
 * it. I2, I4, I6, I7, I8, I9, I10, I14, I15. */
#include <string.h>

#include "check_books.h"
#include "check_sql.h"
#include "check_words.h"

static void read_row(struct checker *checker, size_t place, const struct query *row)
{
    struct check_bytes id = check_bytes_at(row, 0);
    int64_t number = check_int(row, 1);
    const char *process = checker->processes[place].name;
    if (id.len != CHECK_ID_SIZE || number < 0 || number >= STEPS_MAX) {
        check_find(checker, I22, process, "a row of its inbox is damaged");
        return;
    }
    size_t at = check_saga(checker, id.data);
    struct saga *saga = &checker->sagas[at];
    struct step *step = check_step(saga, (uint32_t)number);
    if (step->kept != NOBODY && step->kept != place)
        check_find(checker, I2, check_name(checker, saga),
                   "step %lld is in the inboxes of %s and %s", (long long)number,
                   checker->processes[step->kept].name, process);
    step->kept = place;
    step->forward = (uint8_t)check_int(row, 2);
    step->backward = (uint8_t)check_int(row, 3);
}

static void read_effects(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    struct query rows = check_query(checker, process->name, db, books->service->effects);
    while (check_next(&rows)) {
        struct check_bytes id = check_bytes_at(&rows, 0);
        if (id.len != CHECK_ID_SIZE) {
            check_find(checker, I22, process->name, "an effect of its tables names no saga");
            continue;
        }
        struct effect effect = {.saga = check_saga(checker, id.data),
                                .step = -1,
                                .effects = check_int(&rows, 3),
                                .undos = check_int(&rows, 4),
                                .undo_first = check_int(&rows, 5) != 0};
        if (sqlite3_column_type(rows.stmt, 1) != SQLITE_NULL)
            effect.step = check_int(&rows, 1);
        else
            for (size_t i = 0; books->service->actions[i] != NULL; i++)
                if (strcmp(books->service->actions[i], check_text_at(&rows, 2)) == 0)
                    effect.action = books->service->actions[i];
        books->effects = check_grow(books->effects, &books->effect_capacity,
                                    books->effect_count + 1, sizeof effect);
        books->effects[books->effect_count++] = effect;
    }
    check_done(&rows);
}

void check_inbox_read(struct checker *checker, size_t place, sqlite3 *db)
{
    struct query rows = check_query(checker, checker->processes[place].name, db,
                                    "SELECT saga, step, forward, backward FROM zsaga_inbox");
    while (check_next(&rows))
        read_row(checker, place, &rows);
    check_done(&rows);
    if (checker->processes[place].books->service != NULL)
        read_effects(checker, place, db);
}

/* After a crash. */

static void look_at_answer(struct checker *checker, size_t place, uint64_t stamp,
                           const struct query *row)
{
    size_t at = check_find_saga(checker, check_bytes_at(row, 0));
    int64_t number = check_int(row, 1);
    struct saga *saga = at == NOBODY ? NULL : &checker->sagas[at];
    if (saga == NULL || number < 0 || (size_t)number >= saga->step_count)
        return;
    struct step *step = &saga->steps[number];
    int64_t forward = check_int(row, 2);
    int64_t backward = check_int(row, 3);
    if (step->at != place)
        return;
    step->stamp = stamp;
    check_did(checker, I14);
    if ((step->done && forward != FORWARD_DONE) || (step->refused && forward != FORWARD_REFUSED) ||
        (step->undone && backward == BACKWARD_NOTHING))
        check_find(checker, I14, check_name(checker, saga),
                   "after a crash of %s, step %lld is another one than it has told: %lld, %lld",
                   checker->processes[place].name, (long long)number, (long long)forward,
                   (long long)backward);
}

void check_inbox_crash(struct checker *checker, size_t place, sqlite3 *db)
{
    uint64_t stamp = ++checker->stamps;
    struct query rows = check_query(checker, checker->processes[place].name, db,
                                    "SELECT saga, step, forward, backward FROM zsaga_inbox");
    while (check_next(&rows))
        look_at_answer(checker, place, stamp, &rows);
    check_done(&rows);
    for (size_t i = 0; i < checker->saga_count; i++) {
        struct saga *saga = &checker->sagas[i];
        for (size_t j = 0; j < saga->step_count; j++) {
            const struct step *step = &saga->steps[j];
            bool told = step->done || step->refused || step->undone;
            if (told && step->at == place && step->stamp != stamp)
                check_find(checker, I14, check_name(checker, saga),
                           "after a crash, %s has forgotten what it told of step %zu",
                           checker->processes[place].name, j);
        }
    }
}

/* At the end. */

static size_t step_of(const struct checker *checker, size_t place, const struct effect *effect)
{
    const struct saga *saga = &checker->sagas[effect->saga];
    const struct definition_step *rules;
    if (effect->step >= 0)
        return effect->step < STEPS_MAX ? (size_t)effect->step : NOBODY;
    for (size_t i = 0; (rules = check_rules(checker, saga, i)) != NULL; i++)
        if (effect->action != NULL && strcmp(rules->action, effect->action) == 0 &&
            strcmp(rules->participant, checker->processes[place].name) == 0)
            return i;
    return NOBODY;
}

/* Brings what took effect to the steps of the sagas. */
static void spread_effects(struct checker *checker, size_t place)
{
    const struct process *process = &checker->processes[place];
    for (size_t i = 0; i < process->books->effect_count; i++) {
        const struct effect *effect = &process->books->effects[i];
        struct saga *saga = &checker->sagas[effect->saga];
        size_t number = step_of(checker, place, effect);
        check_did(checker, I2);
        if (checker->journal != NOBODY && (!saga->stored || number == NOBODY))
            check_find(checker, I2, check_name(checker, saga),
                       "took effect in %s, and is none of its sagas", process->name);
        if (number == NOBODY)
            continue;
        struct step *step = check_step(saga, (uint32_t)number);
        step->effect_at = place;
        step->effects += effect->effects;
        step->undos += effect->undos;
        step->undo_first = step->undo_first || effect->undo_first;
    }
}

/* I6, I8, I9: effects and their undoing, as the service's own tables have them. */
static void check_effects(struct checker *checker, const struct saga *saga, size_t number)
{
    const struct step *step = &saga->steps[number];
    const char *about = check_name(checker, saga);
    check_did(checker, I6);
    if (step->effects > 1 || step->undos > step->effects || step->undo_first)
        check_find(checker, I6, about,
                   "step %zu took effect %lld times and was undone %lld times%s", number,
                   (long long)step->effects, (long long)step->undos,
                   step->undo_first ? ", before it did" : "");
    bool tombstone = step->backward == BACKWARD_TOMBSTONE;
    if (tombstone)
        check_did(checker, I9);
    check_did(checker, I8);
    if (step->effects != (step->forward == FORWARD_DONE) ||
        step->undos != (step->backward == BACKWARD_UNDONE))
        check_find(checker, tombstone ? I9 : I8, about,
                   "step %zu: %lld effects, %lld undone, and the inbox says %d, %d", number,
                   (long long)step->effects, (long long)step->undos, step->forward, step->backward);
}

/* I15: an event for each effect, each undoing and each refusal, and none besides. */
static void check_told_events(struct checker *checker, const struct saga *saga, size_t number,
                              bool complete)
{
    const struct step *step = &saga->steps[number];
    const struct {
        unsigned kind;
        bool happened;
        const char *words;
    } all[] = {{TOLD_DID, step->effects > 0, "took effect"},
               {TOLD_UNDID, step->undos > 0, "was undone"},
               {TOLD_REFUSED, step->forward == FORWARD_REFUSED, "was refused"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bool told = (step->told & all[i].kind) != 0;
        check_did(checker, I15);
        if (told && !all[i].happened)
            check_find(checker, I15, check_name(checker, saga),
                       "it is told that step %zu %s, and it was not so", number, all[i].words);
        if (complete && !told && all[i].happened)
            check_find(checker, I15, check_name(checker, saga), "step %zu %s, and it is not told",
                       number, all[i].words);
    }
}

/* I4, I7, I8, I10: the history, and the inbox of the step's participant. */
static void check_agreement(struct checker *checker, const struct saga *saga, size_t number)
{
    const struct step *step = &saga->steps[number];
    const char *about = check_name(checker, saga);
    bool final = saga->row != CHECK_RUNNING;
    bool settled = step->forward == FORWARD_DONE || step->forward == FORWARD_REFUSED ||
                   step->backward != BACKWARD_NOTHING;
    bool touched = step->sent || step->story_done || step->story_refused || step->story_gave_up ||
                   step->forward != FORWARD_NOTHING;
    check_did(checker, I10);
    if (final && touched && !settled)
        check_find(checker, I10, about, "is final, and step %zu is open: %d, %d", number,
                   step->forward, step->backward);
    check_did(checker, I8);
    if (step->forward == FORWARD_WAITS && step->backward != BACKWARD_NOTHING)
        check_find(checker, I8, about, "step %zu is pending, and undone", number);
    check_did(checker, I14);
    if ((step->story_done && step->forward != FORWARD_DONE) ||
        (step->story_refused && step->forward != FORWARD_REFUSED) ||
        (step->story_undone && step->backward == BACKWARD_NOTHING))
        check_find(checker, I14, about,
                   "step %zu: the history knows what its participant does not: %d, %d", number,
                   step->forward, step->backward);
    check_did(checker, I7);
    bool done = step->forward == FORWARD_DONE;
    bool undone = step->backward == BACKWARD_UNDONE;
    if (saga->row == CHECK_COMPLETED ? !done || step->backward != BACKWARD_NOTHING
                                     : saga->row == CHECK_COMPENSATED && done != undone)
        check_find(checker, I7, about, "is %s, and step %zu is not: %d, %d",
                   check_states[saga->row], number, step->forward, step->backward);
}

static void check_saga_step(struct checker *checker, struct saga *saga, size_t number)
{
    const struct definition_step *rules = check_rules(checker, saga, number);
    size_t place = rules == NULL
                       ? NOBODY
                       : check_map_find(&checker->process_names, check_text(rules->participant));
    const struct books *books = place == NOBODY ? NULL : checker->processes[place].books;
    const struct step *step = check_step(saga, (uint32_t)number);
    check_did(checker, I2);
    if (step->kept != NOBODY && step->kept != place)
        check_find(checker, I2, check_name(checker, saga),
                   "%s has step %zu, which is none of its own", checker->processes[step->kept].name,
                   number);
    if (books == NULL || !books->has_inbox)
        return;
    check_agreement(checker, saga, number);
    if (books->service == NULL || !check_service_tells(books->service, rules->action))
        return;
    check_effects(checker, saga, number);
    check_told_events(checker, saga, number, books->has_log && books->first <= 1);
}

static void check_unknown(struct checker *checker, struct saga *saga)
{
    for (size_t i = 0; i < saga->step_count; i++) {
        const struct step *step = &saga->steps[i];
        check_did(checker, I2);
        if (step->kept != NOBODY)
            check_find(checker, I2, check_name(checker, saga),
                       "%s knows it, and nobody submitted it", checker->processes[step->kept].name);
    }
}

void check_steps_finish(struct checker *checker)
{
    for (size_t i = 0; i < checker->process_count; i++)
        if (checker->processes[i].books != NULL)
            spread_effects(checker, i);
    for (size_t i = 0; checker->journal != NOBODY && i < checker->saga_count; i++) {
        struct saga *saga = &checker->sagas[i];
        if (!saga->stored) {
            check_unknown(checker, saga);
            continue;
        }
        size_t count =
            saga->definition == NOBODY ? 0 : checker->definitions[saga->definition].step_count;
        for (size_t j = 0; j < count && j < STEPS_MAX; j++)
            check_saga_step(checker, saga, j);
        for (size_t j = count; j < saga->step_count; j++)
            if (saga->steps[j].kept != NOBODY)
                check_saga_step(checker, saga, j);
    }
}
