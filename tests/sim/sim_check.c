/* The databases at the end of a run: each saga's history and its effects, everywhere. */
#include <stdio.h>
#include <string.h>

#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_reader.h"
#include "sim_rows.h"

/* Values as stored; written down again here, for a check must not trust what it checks. */
enum { DONE = 2, REJECTED, GAVE_UP, UNDONE, TROUBLE, ATTENTION, RESUMED };
enum { STATE_OPEN = 0, STATE_COMPLETED = 3, STATE_COMPENSATED = 4 };
enum { FORWARD_NOTHING, FORWARD_DONE, FORWARD_REFUSED, FORWARD_WAITS };
enum { BACKWARD_NOTHING, BACKWARD_UNDONE, BACKWARD_TOMBSTONE };
#define FLAG_UNDO 1

/* A saga as its history tells it. */
struct told {
    struct sim_saga *saga;
    const struct sim_shape *shape;
    struct id id;
    int64_t state;
    size_t cursor;
    bool back;
    bool rests;
    bool done[SIM_STEPS_MAX];
    bool gave_up[SIM_STEPS_MAX];
    bool undone[SIM_STEPS_MAX];
};

void sim_check_accepted(struct sim *sim, const struct sim_saga *saga)
{
    struct sim_rows rows =
        sim_rows(sim, SIM_ORCHESTRATOR, "SELECT 1 FROM zsaga_saga WHERE key = ?1");
    sim_rows_bind(&rows, 1, bytes_text(saga->key));
    if (!sim_rows_next(&rows))
        sim_fail(sim, "I1", "%s is told as accepted and is not stored", saga->key);
    sim_rows_end(&rows);
}

void sim_check_reply(struct sim *sim, const struct sim_host *host, const struct id *saga,
                     uint32_t step, bool undo)
{
    struct sim_rows rows =
        sim_rows(sim, host->place,
                 "SELECT forward, backward FROM zsaga_inbox WHERE saga = ?1 AND step = ?2");
    sim_rows_bind(&rows, 1, id_view(saga));
    sim_rows_bind_int(&rows, 2, step);
    bool known = sim_rows_next(&rows) && (sim_rows_int(&rows, undo ? 1 : 0) != 0);
    sim_rows_end(&rows);
    if (!known)
        sim_fail(sim, "I14", "%s tells an outcome that it has not committed", host->name);
}

static void fail_history(struct sim *sim, const struct told *told, const char *words, int64_t step)
{
    sim_fail(sim, "I4", "%s: in its history, step %lld: %s", told->saga->key, (long long)step,
             words);
}

static bool needs_undo(const struct told *told, size_t step)
{
    return (told->done[step] || told->gave_up[step]) && !told->undone[step];
}

static void on_undone(struct sim *sim, struct told *told, size_t step)
{
    if (!told->back || !needs_undo(told, step))
        fail_history(sim, told, "undone for no reason", (int64_t)step);
    for (size_t i = step + 1; i < told->shape->step_count; i++)
        if (needs_undo(told, i))
            fail_history(sim, told, "undone out of order", (int64_t)step);
    told->undone[step] = true;
}

/* Of the step that is under way, or late word of one that was given up. */
static void on_outcome(struct sim *sim, struct told *told, size_t step, bool done)
{
    bool late = told->back && told->gave_up[step];
    if (!late && (told->back || step != told->cursor))
        fail_history(sim, told, "an outcome of a step that is not under way", (int64_t)step);
    if (done) {
        told->done[step] = true;
        told->cursor += !late;
    } else if (!late && !told->shape->retriable[step]) {
        told->back = true;
    }
}

static void on_gave_up(struct sim *sim, struct told *told, size_t step)
{
    if (told->back || step != told->cursor || told->shape->retriable[step])
        fail_history(sim, told, "cannot be given up", (int64_t)step);
    told->gave_up[step] = true;
    told->back = true;
    sim->counts->gave_up++;
}

static void on_attention(struct sim *sim, struct told *told, size_t step, struct bytes code)
{
    static const char *const never[] = {"blocked", "expired", "malformed", "output_too_large"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (bytes_equal(code, bytes_text(never[i])))
            fail_history(sim, told, never[i], (int64_t)step);
    if (!told->back && !told->shape->retriable[step])
        fail_history(sim, told, "attention where it should have turned back", (int64_t)step);
    told->rests = true;
    sim->counts->attention++;
}

static void on_record(struct sim *sim, struct told *told, const struct sim_rows *row)
{
    int64_t what = sim_rows_int(row, 1);
    int64_t step = sim_rows_int(row, 2);
    bool undo = (sim_rows_int(row, 3) & FLAG_UNDO) != 0;
    if (step < 0 || (size_t)step >= told->shape->step_count)
        fail_history(sim, told, "no such step", step);
    if (what == UNDONE)
        on_undone(sim, told, (size_t)step);
    else if (what == DONE || what == REJECTED)
        on_outcome(sim, told, (size_t)step, what == DONE);
    else if (what == GAVE_UP)
        on_gave_up(sim, told, (size_t)step);
    else if (what == ATTENTION)
        on_attention(sim, told, (size_t)step, sim_rows_bytes(row, 4));
    else if (what == TROUBLE && undo != told->back)
        fail_history(sim, told, "trouble of a command that is not under way", step);
    else if (what == RESUMED) {
        if (!told->rests)
            fail_history(sim, told, "resumed, and did not rest", step);
        told->rests = false;
        sim->counts->resumed++;
    }
}

static void read_history(struct sim *sim, struct told *told)
{
    int64_t number = 1; /* That it was accepted has no row of its own. */
    struct sim_rows rows = sim_rows(sim, SIM_ORCHESTRATOR,
                                    "SELECT number, what, step, flags, code FROM zsaga_history"
                                    " WHERE saga = ?1 ORDER BY number");
    sim_rows_bind(&rows, 1, id_view(&told->id));
    while (sim_rows_next(&rows)) {
        if (sim_rows_int(&rows, 0) != ++number)
            fail_history(sim, told, "a record is missing", number);
        on_record(sim, told, &rows);
    }
    sim_rows_end(&rows);
}

/* I7: what the history leads to is what the saga's row says. */
static void check_end(struct sim *sim, const struct told *told)
{
    if (told->state == STATE_OPEN)
        sim_fail(sim, "L1", "%s does not end, and nothing hinders it", told->saga->key);
    for (size_t i = 0; i < told->shape->step_count; i++)
        if (told->shape->retriable[i] && told->saga->steps[i].refused)
            sim_fail(sim, "I7", "%s: step %zu cannot be refused, and was", told->saga->key, i);
    if (told->rests)
        sim_fail(sim, "I4", "%s is final, and in attention", told->saga->key);
    bool completed = told->state == STATE_COMPLETED;
    sim->counts->completed += completed;
    sim->counts->compensated += !completed;
    if (completed == told->back)
        sim_fail(sim, "I7", "%s has state %lld, and went %s", told->saga->key,
                 (long long)told->state, told->back ? "back" : "on");
    if (completed && told->cursor != told->shape->step_count)
        sim_fail(sim, "I7", "%s is completed after %zu steps", told->saga->key, told->cursor);
    for (size_t i = 0; told->back && i < told->shape->step_count; i++)
        if (needs_undo(told, i))
            sim_fail(sim, "I7", "%s is compensated without step %zu", told->saga->key, i);
}

static uint8_t toy_of(const struct told *told, size_t step)
{
    const char *name = told->shape->definition->steps[step].participant;
    return (uint8_t)(SIM_FIRST_TOY + (name[1] - '0'));
}

/* I6, I7, I8: effects and their undoing, as the participant's own log has them. */
static void check_effects(struct sim *sim, const struct told *told, size_t step, int64_t forward,
                          int64_t backward)
{
    struct sim_rows rows =
        sim_rows(sim, toy_of(told, step),
                 "SELECT count(*) FILTER (WHERE undo = 0), count(*) FILTER (WHERE undo = 1),"
                 " max(seq) FILTER (WHERE undo = 0), min(seq) FILTER (WHERE undo = 1)"
                 " FROM toy_log WHERE saga = ?1 AND step = ?2");
    sim_rows_bind(&rows, 1, id_view(&told->id));
    sim_rows_bind_int(&rows, 2, (int64_t)step);
    (void)sim_rows_next(&rows);
    int64_t did = sim_rows_int(&rows, 0);
    int64_t undid = sim_rows_int(&rows, 1);
    bool ordered = undid == 0 || sim_rows_int(&rows, 2) < sim_rows_int(&rows, 3);
    sim_rows_end(&rows);
    if (did > 1 || undid > did || !ordered)
        sim_fail(sim, "I6", "%s: step %zu took effect %lld times and was undone %lld times",
                 told->saga->key, step, (long long)did, (long long)undid);
    if (did != (forward == FORWARD_DONE) || undid != (backward == BACKWARD_UNDONE))
        sim_fail(sim, "I8",
                 "%s: step %zu: %lld effects, %lld undone, and the inbox says %lld, %lld",
                 told->saga->key, step, (long long)did, (long long)undid, (long long)forward,
                 (long long)backward);
    bool right = told->state == STATE_COMPLETED     ? did == 1 && undid == 0
                 : told->state == STATE_COMPENSATED ? did == undid
                                                    : true;
    if (!right)
        sim_fail(sim, "I7", "%s: state %lld, step %zu: %lld effects, %lld undone", told->saga->key,
                 (long long)told->state, step, (long long)did, (long long)undid);
}

static void check_step(struct sim *sim, const struct told *told, size_t step)
{
    struct sim_rows rows =
        sim_rows(sim, toy_of(told, step),
                 "SELECT forward, backward FROM zsaga_inbox WHERE saga = ?1 AND step = ?2");
    sim_rows_bind(&rows, 1, id_view(&told->id));
    sim_rows_bind_int(&rows, 2, (int64_t)step);
    bool known = sim_rows_next(&rows);
    int64_t forward = known ? sim_rows_int(&rows, 0) : FORWARD_NOTHING;
    int64_t backward = known ? sim_rows_int(&rows, 1) : BACKWARD_NOTHING;
    sim_rows_end(&rows);
    /* I10: nobody is left who could still do what was sent to him. */
    bool settled = forward == FORWARD_DONE || forward == FORWARD_REFUSED || backward != 0;
    if (told->state != STATE_OPEN && told->saga->steps[step].sent && !settled)
        sim_fail(sim, "I10", "%s is final, and step %zu is open: %lld, %lld", told->saga->key, step,
                 (long long)forward, (long long)backward);
    /* What is in flight somewhere cannot be undone before it is known. */
    if (forward == FORWARD_WAITS && backward != BACKWARD_NOTHING)
        sim_fail(sim, "I8", "%s: step %zu is pending, and undone", told->saga->key, step);
    if (forward == FORWARD_REFUSED && told->done[step])
        sim_fail(sim, "I4", "%s: step %zu refused, and is told done", told->saga->key, step);
    check_effects(sim, told, step, forward, backward);
}

static const struct sim_shape *find_shape(struct sim *sim, struct bytes text)
{
    for (size_t i = 0; i < sim->shape_count; i++)
        if (bytes_equal(bytes_text(sim->shapes[i].definition->text), text))
            return &sim->shapes[i];
    sim_fail(sim, "definition", "a saga runs by a definition that nobody gave");
}

static void check_saga(struct sim *sim, struct sim_saga *saga)
{
    struct told told = {.saga = saga};
    struct sim_rows rows = sim_rows(sim, SIM_ORCHESTRATOR,
                                    "SELECT s.id, s.state, CAST(d.text AS BLOB) FROM zsaga_saga s"
                                    " JOIN zsaga_definition d ON d.number = s.definition"
                                    " WHERE s.key = ?1");
    sim_rows_bind(&rows, 1, bytes_text(saga->key));
    if (!sim_rows_next(&rows))
        sim_fail(sim, "I1", "%s was accepted and is lost", saga->key);
    if (!id_from_bytes(sim_rows_bytes(&rows, 0), &told.id) || id_compare(&told.id, &saga->id) != 0)
        sim_fail(sim, "I3", "%s is stored as another saga", saga->key);
    told.state = sim_rows_int(&rows, 1);
    told.shape = find_shape(sim, sim_rows_bytes(&rows, 2));
    if (sim_rows_next(&rows))
        sim_fail(sim, "I3", "%s is there twice", saga->key);
    sim_rows_end(&rows);
    read_history(sim, &told);
    check_end(sim, &told);
    for (size_t i = 0; i < told.shape->step_count; i++)
        check_step(sim, &told, i);
}

void sim_check_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->host_count; i++)
        if (sim->hosts[i].node == NULL || sim->hosts[i].turn.broken)
            sim_fail(sim, "L1", "%s did not come back: %s", sim->hosts[i].name,
                     sim->hosts[i].node == NULL ? "down" : sim->hosts[i].turn.trouble);
    for (size_t i = 0; i < sim->saga_count; i++)
        check_saga(sim, &sim->sagas[i]);
    sim_check_books(sim);
    sim_reader_check(sim);
}
