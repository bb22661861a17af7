#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_books.h"
#include "check_internal.h"

static const char *const names[INVARIANT_COUNT] = {
#define X(name) #name,
    CHECK_INVARIANTS(X)
#undef X
};

static const char *name_of(enum invariant invariant)
{
    return invariant == FLOOR ? "floor" : invariant == PROTOCOL ? "protocol" : names[invariant];
}

struct checker *checker_new(const struct checker_options *options)
{
    struct checker *checker = check_zeros(1, sizeof *checker);
    checker->options = *options;
    checker->journal = NOBODY;
    check_arena_open(checker);
    return checker;
}

static void free_sagas(struct checker *checker)
{
    for (size_t i = 0; i < checker->saga_count; i++) {
        struct saga *saga = &checker->sagas[i];
        for (size_t j = 0; j < saga->step_count; j++)
            free(saga->steps[j].last);
        free(saga->steps);
        free(saga->records);
        free(saga->order);
    }
    free(checker->sagas);
}

static void free_processes(struct checker *checker)
{
    for (size_t i = 0; i < checker->process_count; i++) {
        struct process *process = &checker->processes[i];
        checker_drop(checker, process->name);
        check_books_free(process->books);
        free(process->incarnations);
        free(process->name);
    }
    free(checker->processes);
}

void checker_free(struct checker *checker)
{
    if (checker == NULL)
        return;
    free_processes(checker);
    free_sagas(checker);
    for (size_t i = 0; i < checker->key_count; i++) {
        free(checker->keys[i].text);
        free(checker->keys[i].bodies);
    }
    for (size_t i = 0; i < checker->definition_count; i++)
        check_definition_release(&checker->definitions[i]);
    for (size_t i = 0; i < checker->log_count; i++) {
        check_map_release(&checker->logs[i].rows);
        free(checker->logs[i].told);
    }
    free(checker->keys);
    free(checker->ops);
    free(checker->definitions);
    free(checker->logs);
    check_map_release(&checker->process_names);
    check_map_release(&checker->saga_ids);
    check_map_release(&checker->key_texts);
    check_map_release(&checker->op_numbers);
    check_map_release(&checker->definition_texts);
    check_map_release(&checker->log_stores);
    check_arena_close(checker);
    free(checker);
}

void check_find(struct checker *checker, enum invariant invariant, const char *about,
                const char *format, ...)
{
    char words[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    checker->findings++;
    const struct checker_finding finding = {name_of(invariant), about, words};
    checker->options.found(checker->options.context, &finding);
}

_Static_assert(INVARIANT_COUNT == CHECKER_INVARIANTS, "as the header says");

const char *checker_invariant(size_t place)
{
    return place < INVARIANT_COUNT ? name_of((enum invariant)place) : NULL;
}

uint64_t checker_evaluated(const struct checker *checker, size_t place)
{
    return checker->evaluated[place];
}

uint64_t checker_findings(const struct checker *checker)
{
    return checker->findings;
}

size_t check_process(struct checker *checker, const char *name)
{
    size_t place = check_map_find(&checker->process_names, check_text(name));
    if (place != CHECK_NOWHERE)
        return place;
    place = checker->process_count++;
    checker->processes = check_grow(checker->processes, &checker->process_capacity,
                                    checker->process_count, sizeof *checker->processes);
    checker->processes[place] = (struct process){.name = check_copy_text(name), .log = NOBODY};
    check_map_add(&checker->process_names, check_text(name), place);
    return place;
}

size_t check_key(struct checker *checker, struct check_bytes text)
{
    size_t place = check_map_find(&checker->key_texts, text);
    if (place != CHECK_NOWHERE)
        return place;
    place = checker->key_count++;
    checker->keys = check_grow(checker->keys, &checker->key_capacity, checker->key_count,
                               sizeof *checker->keys);
    checker->keys[place] = (struct key){.text = (char *)check_copy(text), .saga = NOBODY};
    check_map_add(&checker->key_texts, text, place);
    return place;
}

size_t check_find_saga(const struct checker *checker, struct check_bytes id)
{
    return id.len == CHECK_ID_SIZE ? check_map_find(&checker->saga_ids, id) : NOBODY;
}

size_t check_saga(struct checker *checker, const void *id)
{
    const struct check_bytes bytes = {id, CHECK_ID_SIZE};
    size_t place = check_find_saga(checker, bytes);
    if (place != NOBODY)
        return place;
    place = checker->saga_count++;
    checker->sagas = check_grow(checker->sagas, &checker->saga_capacity, checker->saga_count,
                                sizeof *checker->sagas);
    struct saga *saga = &checker->sagas[place];
    *saga = (struct saga){.key = NOBODY, .definition = NOBODY};
    memcpy(saga->id, id, CHECK_ID_SIZE);
    check_map_add(&checker->saga_ids, bytes, place);
    return place;
}

struct step *check_step(struct saga *saga, uint32_t step)
{
    if (step >= saga->step_count) {
        size_t count = step + 1;
        size_t capacity = saga->step_count;
        saga->steps = check_grow(saga->steps, &capacity, count, sizeof *saga->steps);
        for (size_t i = saga->step_count; i < capacity; i++)
            saga->steps[i] = (struct step){.at = NOBODY, .kept = NOBODY, .effect_at = NOBODY};
        saga->step_count = capacity;
    }
    return &saga->steps[step];
}

size_t check_definition(struct checker *checker, struct check_bytes text)
{
    size_t place = check_map_find(&checker->definition_texts, text);
    if (place != CHECK_NOWHERE)
        return place;
    struct definition definition;
    if (!check_definition_read(text, &definition)) {
        check_definition_release(&definition);
        return NOBODY;
    }
    place = checker->definition_count++;
    checker->definitions = check_grow(checker->definitions, &checker->definition_capacity,
                                      checker->definition_count, sizeof *checker->definitions);
    checker->definitions[place] = definition;
    check_map_add(&checker->definition_texts, text, place);
    return place;
}

const struct definition_step *check_rules(const struct checker *checker, const struct saga *saga,
                                          size_t step)
{
    if (saga->definition == NOBODY)
        return NULL;
    const struct definition *definition = &checker->definitions[saga->definition];
    return step < definition->step_count ? &definition->steps[step] : NULL;
}

const char *check_name(struct checker *checker, const struct saga *saga)
{
    if (saga->key != NOBODY)
        return checker->keys[saga->key].text;
    return check_hex((struct check_bytes){saga->id, CHECK_ID_SIZE}, checker->about);
}

void checker_life(struct checker *checker, const struct check_life_event *event)
{
    size_t place = check_process(checker, event->process);
    struct process *process = &checker->processes[place];
    switch (event->life) {
    case CHECK_STARTED:
        process->starts++;
        process->loads++;
        break;
    case CHECK_RELOADED:
        process->loads++;
        break;
    case CHECK_RESTORED:
        process->restored = true;
        break;
    case CHECK_ENDED:
    case CHECK_LIFE_COUNT:
        break;
    }
}
