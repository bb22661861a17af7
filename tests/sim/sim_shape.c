/* What a simulated run is about: definitions of random shape, and what each step will answer. */
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "sim_parts.h"

#define SAGAS_MAX 10
#define LARGE 16000      /* Bytes of an input, which becomes an output: that has a limit. */
#define FOR_EVER 1000000 /* Calls in trouble: until somebody mends it. */

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return sim_choice_below(&sim->choice.streams[SIM_CHOICE_SHAPES], bound);
}

static bool is_rare(struct sim *sim, unsigned per_thousand)
{
    return sim_choice_rarely(&sim->choice.streams[SIM_CHOICE_SHAPES], per_thousand, 1000);
}

void sim_shape_add(struct sim *sim, const char *text)
{
    struct err err = {0};
    struct sim_shape *shape = &sim->shapes[sim->shape_count++];
    *shape = (struct sim_shape){0};
    if (definition_parse("sim", text, &shape->definition, &err) < 0)
        sim_fail(sim, "definition", "%s\n%s", err.text, text);
    (void)snprintf(shape->name, sizeof shape->name, "%s", shape->definition->name);
    shape->step_count = shape->definition->step_count;
    for (size_t i = 0; i < shape->step_count; i++)
        shape->retriable[i] = shape->definition->steps[i].kind == STEP_RETRIABLE;
}

static void add_text(struct buffer *text, const char *line)
{
    buffer_append_text(text, "        ");
    buffer_append_text(text, line);
    buffer_append_text(text, "\n");
}

static void draw_times(struct sim *sim, struct buffer *text)
{
    char line[80];
    if (below(sim, 4) == 3)
        return; /* The defaults. */
    (void)snprintf(line, sizeof line, "timeout = %dms", 50 << below(sim, 6));
    add_text(text, line);
    (void)snprintf(line, sizeof line, "patience = %dms", 100 << below(sim, 9));
    add_text(text, line);
    add_text(text, "retry");
    (void)snprintf(line, sizeof line, "    attempts = %d", 1 + (int)below(sim, 5));
    add_text(text, line);
    (void)snprintf(line, sizeof line, "    first = %dms", 10 << below(sim, 6));
    add_text(text, line);
    add_text(text, "undo");
    (void)snprintf(line, sizeof line, "    first = %dms", 10 << below(sim, 6));
    add_text(text, line);
    (void)snprintf(line, sizeof line, "    max = %dms", 1000 << below(sim, 4));
    add_text(text, line);
    (void)snprintf(line, sizeof line, "    patience = %dms",
                   3000 << below(sim, sim->profile.outlasts ? 9 : 4));
    add_text(text, line);
}

static void draw_step(struct sim *sim, struct buffer *text, size_t step, bool retriable)
{
    char line[80];
    buffer_append_text(text, "    step\n");
    (void)snprintf(line, sizeof line, "name = s%zu", step);
    add_text(text, line);
    (void)snprintf(line, sizeof line, "participant = p%d", (int)below(sim, sim->toy_count));
    add_text(text, line);
    (void)snprintf(line, sizeof line, "action = do%zu", step);
    add_text(text, line);
    (void)snprintf(line, sizeof line, retriable ? "kind = retriable" : "compensation = undo%zu",
                   step);
    add_text(text, line);
    draw_times(sim, text);
}

static void draw_shape(struct sim *sim, int number, int version)
{
    struct buffer text = {0};
    char line[40];
    size_t steps = 1 + (size_t)below(sim, SIM_STEPS_MAX);
    size_t retriable = below(sim, 2) == 0 ? 0 : (size_t)below(sim, steps + 1);
    (void)snprintf(line, sizeof line, "saga\n    name = d%d\n", number);
    buffer_append_text(&text, line);
    for (size_t i = 0; i < steps; i++)
        draw_step(sim, &text, i, i >= steps - retriable);
    buffer_append(&text, "", 1);
    sim_shape_add(sim, (const char *)text.data);
    sim->shapes[sim->shape_count - 1].version = version;
    buffer_release(&text);
}

static void draw_line(struct sim *sim, struct toy_line *line, bool undo)
{
    if (!is_rare(sim, sim->profile.troubled))
        return;
    line->trouble = (enum toy_trouble)(1 + below(sim, TOY_TROUBLE_COUNT - 1));
    if (line->trouble == (undo ? TOY_PENDING : TOY_UNWILLING))
        line->trouble = TOY_RETRY;
    line->times = 1 + (uint32_t)below(sim, 4);
    if (below(sim, 8) == 7)
        line->times = FOR_EVER;
}

bool sim_shape_is_retriable(const struct sim *sim, size_t shape, size_t step)
{
    const struct sim_shape *first = &sim->shapes[shape];
    const struct sim_shape *second = first + 1;
    return first->retriable[step] || (second->version == 1 && second->retriable[step]);
}

void sim_script_draw(struct sim *sim, size_t saga)
{
    struct toy_script *script = &sim->scripts[saga];
    *script = (struct toy_script){0};
    for (size_t i = 0; i < SIM_STEPS_MAX; i++) {
        draw_line(sim, &script->action[i], false);
        draw_line(sim, &script->undo[i], true);
        script->action[i].output = below(sim, 2) != 0;
    }
    if (!is_rare(sim, sim->profile.refused))
        return;
    size_t step = (size_t)below(sim, sim->shapes[sim->sagas[saga].shape].step_count);
    script->action[step].refuses = true;
}

void sim_script_mend(struct sim *sim, size_t saga)
{
    for (size_t i = 0; i < SIM_STEPS_MAX; i++) {
        sim->scripts[saga].action[i].times = 0;
        sim->scripts[saga].undo[i].times = 0;
        /* What refuses behind the point of no return is asked until this. */
        if (sim_shape_is_retriable(sim, sim->sagas[saga].shape, i))
            sim->scripts[saga].action[i].refuses = false;
    }
}

static void draw_limits(struct sim *sim)
{
    sim->limits = (struct suite_limits){
        .active_sagas_max = below(sim, 3) == 2 ? 2 : 1000,
        .active_bytes_max = 1 << 20,
        .window_max = 128U >> below(sim, 8),
        .window_bytes_max = below(sim, 4) == 3 ? 500 : 1 << 20,
    };
}

void sim_shape_draw(struct sim *sim)
{
    draw_limits(sim);
    int shapes = 1 + (int)below(sim, 3);
    for (int i = 0; i < shapes; i++) {
        draw_shape(sim, i, 0);
        if (below(sim, 3) == 2)
            draw_shape(sim, i, 1);
    }
    sim->saga_count = 1 + (size_t)below(sim, sim->profile.crowded ? SIM_SAGAS_MAX : SAGAS_MAX);
    int64_t span = below(sim, 2) == 0 ? 100 : sim->profile.heal_at_ms;
    for (size_t i = 0; i < sim->saga_count; i++) {
        struct sim_saga *saga = &sim->sagas[i];
        *saga = (struct sim_saga){0};
        (void)snprintf(saga->key, sizeof saga->key, "key-%zu", i);
        saga->input = xprintf("%zu:%0*d", i, below(sim, 16) == 15 ? (int)below(sim, LARGE) : 1, 0);
        do
            saga->shape = (size_t)below(sim, sim->shape_count);
        while (sim->shapes[saga->shape].version != 0);
        saga->submit_at_ms = (int64_t)below(sim, (uint64_t)span);
        sim_script_draw(sim, i);
    }
}
