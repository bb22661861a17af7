/* The orchestrator's journal: sagas, and what their histories lead to. I2, I3, I4, I7. */
#include <stdlib.h>
#include <string.h>

#include "check_books.h"
#include "check_sql.h"
#include "check_story.h"
#include "check_words.h"

#define FLAG_UNDO 1

/* The journal as it is read. */
struct reading {
    struct checker *checker;
    const char *process;
    sqlite3 *db;
    struct story story;
    size_t saga; /* Whose history is being read; NOBODY. */
    bool broken; /* Its history: what follows is not looked at. */
};

static bool is_order(const struct definition *definition)
{
    static const char *const actions[] = {"charge", "reserve"};
    for (size_t i = 0; i < definition->step_count; i++)
        for (size_t j = 0; j < sizeof actions / sizeof actions[0]; j++)
            if (strcmp(definition->steps[i].action, actions[j]) == 0)
                return true;
    return false;
}

static int state_of(int64_t row)
{
    return row == CHECK_COMPLETED || row == CHECK_COMPENSATED ? (int)row : CHECK_RUNNING;
}

static void read_input(struct checker *checker, struct saga *saga, const struct query *row)
{
    struct check_bytes input = check_bytes_at(row, 3);
    saga->body = check_body(check_bytes_at(row, 5), input);
    saga->stored_input = check_hash(CHECK_HASH_SEED, input.data, input.len) | 1;
    if (saga->definition == NOBODY || !is_order(&checker->definitions[saga->definition]))
        return;
    free(saga->order);
    saga->order = check_copy(input);
    saga->order_len = input.len;
}

static void name_saga(struct reading *reading, size_t place, struct check_bytes text)
{
    struct checker *checker = reading->checker;
    size_t number = check_key(checker, text);
    struct key *key = &checker->keys[number];
    struct saga *saga = &checker->sagas[place];
    check_did(checker, I3);
    if (key->saga != NOBODY && key->saga != place)
        check_find(checker, I3, key->text,
                   checker->sagas[key->saga].stored ? "is there twice"
                                                    : "is stored as another saga than was told");
    key->saga = place;
    saga->key = number;
    if (checker->has_history && key->body_count == 0)
        check_find(checker, I2, key->text, "is stored, and nobody submitted it");
}

static void read_saga(struct reading *reading, const struct query *row)
{
    struct checker *checker = reading->checker;
    struct check_bytes id = check_bytes_at(row, 0);
    if (id.len != CHECK_ID_SIZE) {
        check_find(checker, I22, reading->process, "a saga's id has %zu bytes", id.len);
        return;
    }
    size_t place = check_saga(checker, id.data);
    name_saga(reading, place, check_bytes_at(row, 1));
    struct saga *saga = &checker->sagas[place];
    saga->stored = true;
    saga->row = state_of(check_int(row, 2));
    saga->story = CHECK_RUNNING;
    saga->definition = check_definition(checker, check_bytes_at(row, 4));
    if (saga->definition == NOBODY)
        check_find(checker, I4, check_name(checker, saga), "runs by what is no definition");
    if (sqlite3_column_type(row->stmt, 3) == SQLITE_NULL)
        check_find(checker, I2, check_name(checker, saga), "has no input");
    read_input(checker, saga, row);
    check_did(checker, I7);
    if (saga->row == CHECK_COMPLETED && check_bytes_at(row, 6).len != 0)
        check_find(checker, I7, check_name(checker, saga), "is completed, and has a reason");
}

static void note_record(struct saga *saga, int64_t what, int64_t step, bool undo, int state)
{
    saga->records = check_grow(saga->records, &saga->record_capacity, saga->record_count + 1,
                               sizeof *saga->records);
    saga->records[saga->record_count++] = (struct record){
        .what = (uint8_t)what, .step = (uint8_t)step, .undo = undo, .state = (uint8_t)state};
}

/* What the history says of each step, and whether it leads to what the row says. */
static void end_story(struct reading *reading)
{
    struct checker *checker = reading->checker;
    const struct story *story = &reading->story;
    if (reading->saga == NOBODY)
        return;
    struct saga *saga = &checker->sagas[reading->saga];
    saga->story = story->state;
    for (uint32_t i = 0; i < story->definition->step_count; i++) {
        struct step *step = check_step(saga, i);
        step->story_done = story->steps[i].forward == STORY_DONE;
        step->story_refused = story->steps[i].forward == STORY_REFUSED;
        step->story_gave_up = story->steps[i].forward == STORY_GAVE_UP;
        step->story_undone = story->steps[i].undo == STORY_UNDONE;
    }
    bool ended = story->state == CHECK_COMPLETED || story->state == CHECK_COMPENSATED;
    check_did(checker, I7);
    if (!reading->broken && (ended ? story->state : CHECK_RUNNING) != saga->row)
        check_find(checker, I7, check_name(checker, saga),
                   "is stored as %s, and its history leads to %s", check_states[saga->row],
                   check_states[story->state]);
    reading->saga = NOBODY;
}

static void begin_story(struct reading *reading, size_t place)
{
    struct checker *checker = reading->checker;
    struct saga *saga = &checker->sagas[place];
    end_story(reading);
    if (saga->definition == NOBODY || checker->definitions[saga->definition].step_count > STEPS_MAX)
        return;
    check_story_begin(&reading->story, &checker->definitions[saga->definition],
                      checker->options.faithful);
    reading->saga = place;
    reading->broken = false;
    saga->record_count = 0;
    saga->resumes = 0;
    note_record(saga, WHAT_ACCEPTED, 0, false, CHECK_RUNNING);
}

static void read_record(struct reading *reading, const struct query *row)
{
    struct checker *checker = reading->checker;
    size_t place = check_find_saga(checker, check_bytes_at(row, 0));
    if (place == NOBODY || !checker->sagas[place].stored) {
        check_find(checker, I2, reading->process, "a history of no saga");
        return;
    }
    if (place != reading->saga)
        begin_story(reading, place);
    if (place != reading->saga || reading->broken)
        return;
    struct saga *saga = &checker->sagas[place];
    int64_t what = check_int(row, 2);
    int64_t step = check_int(row, 3);
    bool undo = (check_int(row, 4) & FLAG_UNDO) != 0;
    const char *words = "a record is missing before this one";
    check_did(checker, I4);
    if (check_int(row, 1) == (int64_t)saga->record_count + 1)
        words = check_story_go_on(&reading->story, what, step, undo, check_bytes_at(row, 5));
    if (words != NULL) {
        check_find(checker, I4, check_name(checker, saga),
                   "in its history, record %lld, step %lld: %s", (long long)check_int(row, 1),
                   (long long)step, words);
        reading->broken = true;
        return;
    }
    saga->resumes += what == WHAT_RESUMED;
    note_record(saga, what, step, undo, reading->story.state);
}

static void read_histories(struct reading *reading)
{
    struct checker *checker = reading->checker;
    struct query rows = check_query(checker, reading->process, reading->db,
                                    "SELECT saga, number, what, step, flags, code"
                                    " FROM zsaga_history ORDER BY saga, number");
    reading->saga = NOBODY;
    while (check_next(&rows))
        read_record(reading, &rows);
    check_done(&rows);
    end_story(reading);
    for (size_t i = 0; i < checker->saga_count; i++)
        if (checker->sagas[i].stored && checker->sagas[i].record_count == 0)
            begin_story(reading, i);
    end_story(reading);
}

static void check_counters(struct reading *reading)
{
    static const char off[] =
        "SELECT count(*) FROM zsaga_counter WHERE (name = 'saga_completed' AND value <>"
        " (SELECT count(*) FROM zsaga_saga WHERE state = 3)) OR (name = 'saga_compensated' AND"
        " value <> (SELECT count(*) FROM zsaga_saga WHERE state = 4))";
    check_did(reading->checker, I7);
    if (check_number(reading->checker, reading->process, reading->db, off, 0) != 0)
        check_find(reading->checker, I7, reading->process, "the counters of final sagas are off");
}

void check_journal_read(struct checker *checker, size_t place, sqlite3 *db)
{
    struct reading reading = {
        .checker = checker, .process = checker->processes[place].name, .db = db};
    struct query rows =
        check_query(checker, reading.process, db,
                    "SELECT s.id, s.key, s.state, i.input, CAST(d.text AS BLOB), d.name, s.reason"
                    " FROM zsaga_saga s LEFT JOIN zsaga_definition d ON d.number = s.definition"
                    " LEFT JOIN zsaga_input i ON i.saga = s.id ORDER BY s.id");
    checker->journal = place;
    while (check_next(&rows))
        read_saga(&reading, &rows);
    check_done(&rows);
    read_histories(&reading);
    check_counters(&reading);
}
