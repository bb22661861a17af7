#include "sim_scope.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

/* Beyond a step's timeout, and beyond its patience. */
static const int64_t delays_ms[] = {300, 3000};
/* Behind what follows it, and behind all that is known to come. */
static const int64_t copies_ms[] = {12, 3000};
#define PLACES_MAX 100000 /* Of a schedule. */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct digit {
    unsigned value;
    unsigned bound;
};

struct sim_scope {
    unsigned story;
    struct sim_scope_limits limits;
    struct sim_scope_limits left; /* In this run. */
    struct digit *digits;
    size_t count;
    size_t capacity;
    size_t at;
};

struct sim_scope *sim_scope_new(const struct sim_scope_limits *limits, unsigned story)
{
    struct sim_scope *scope = xcalloc(1, sizeof *scope);
    scope->story = story;
    scope->limits = *limits;
    scope->left = *limits;
    return scope;
}

void sim_scope_free(struct sim_scope *scope)
{
    free(scope->digits);
    free(scope);
}

bool sim_scope_next(struct sim_scope *scope)
{
    scope->count = scope->at; /* What the run before did not ask is not there. */
    scope->at = 0;
    scope->left = scope->limits;
    while (scope->count > 0) {
        struct digit *last = &scope->digits[scope->count - 1];
        if (++last->value < last->bound)
            return true;
        scope->count--;
    }
    return false;
}

/* 0 to `options`; only 0 when none of them is left. */
static void add(struct sim_scope *scope, struct digit digit)
{
    scope->digits = xgrow(scope->digits, &scope->capacity, scope->count + 1, sizeof *scope->digits);
    scope->digits[scope->count++] = digit;
}

static unsigned choose(struct sim_scope *scope, unsigned *left, unsigned options)
{
    if (*left == 0 || scope->left.all == 0)
        return 0;
    if (scope->at == scope->count)
        add(scope, (struct digit){.bound = options + 1});
    unsigned value = scope->digits[scope->at++].value;
    if (value != 0) {
        --*left;
        scope->left.all--;
    }
    return value;
}

unsigned sim_scope_crash(struct sim_scope *scope)
{
    return choose(scope, &scope->left.crashes, 2);
}

int64_t sim_scope_delay_ms(struct sim_scope *scope)
{
    unsigned which = choose(scope, &scope->left.delayed, COUNT(delays_ms));
    return which == 0 ? 0 : delays_ms[which - 1];
}

int64_t sim_scope_copy_ms(struct sim_scope *scope)
{
    unsigned which = choose(scope, &scope->left.doubled, COUNT(copies_ms));
    return which == 0 ? -1 : copies_ms[which - 1];
}

void sim_scope_close(struct sim_scope *scope)
{
    scope->left = (struct sim_scope_limits){0};
}

const char *sim_scope_describe(const struct sim_scope *scope, char *to, size_t size)
{
    size_t start = (size_t)snprintf(to, size, "%u/", scope->story);
    size_t len = start;
    for (size_t i = 0; i < scope->at && len < size; i++)
        if (scope->digits[i].value != 0)
            len += (size_t)snprintf(to + len, size - len, "%s%zu:%u", len == start ? "" : ",", i,
                                    scope->digits[i].value);
    return to;
}

bool sim_scope_play(struct sim_scope *scope, const char *schedule)
{
    scope->count = 0;
    while (*schedule != '\0') {
        char *end;
        unsigned long place = strtoul(schedule, &end, 10);
        if (end == schedule || *end != ':' || place < scope->count || place > PLACES_MAX)
            return false;
        schedule = end + 1;
        unsigned long value = strtoul(schedule, &end, 10);
        if (end == schedule || value > 2 || (*end != ',' && *end != '\0'))
            return false;
        while (scope->count < place)
            add(scope, (struct digit){.bound = 1});
        add(scope, (struct digit){.value = (unsigned)value, .bound = (unsigned)value + 1});
        schedule = *end == ',' ? end + 1 : end;
        if (*end == ',' && *schedule == '\0')
            return false;
    }
    return true;
}
