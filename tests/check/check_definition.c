#include "check_definition.h"

#include <czmq.h>
#include <stdlib.h>
#include <string.h>

/* As docs/definitions.md has them. */
#define TIMEOUT "2s"
#define FIRST "100ms"

static const char *value_of(zconfig_t *node, const char *path, const char *otherwise)
{
    return node == NULL ? otherwise : zconfig_get(node, path, otherwise);
}

static int64_t duration_of(zconfig_t *node, const char *path, const char *otherwise)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *unit = NULL;
    long long number = strtoll(value_of(node, path, otherwise), &unit, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].unit) == 0)
            return number * units[i].ms;
    return 0;
}

static void read_step(zconfig_t *node, struct definition_step *ret)
{
    *ret = (struct definition_step){
        .name = check_copy_text(value_of(node, "name", "")),
        .participant = check_copy_text(value_of(node, "participant", "")),
        .action = check_copy_text(value_of(node, "action", "")),
        .compensation = check_copy_text(value_of(node, "compensation", "")),
        .retriable = strcmp(value_of(node, "kind", ""), "retriable") == 0,
        .timeout_ms = duration_of(node, "timeout", TIMEOUT),
        .retry_first_ms = duration_of(node, "retry/first", FIRST),
        .undo_first_ms = duration_of(node, "undo/first", FIRST),
    };
}

bool check_definition_read(struct check_bytes text, struct definition *ret)
{
    size_t capacity = 0;
    char *copy = (char *)check_copy(text);
    zconfig_t *tree = zconfig_str_load(copy);
    zconfig_t *saga = tree == NULL ? NULL : zconfig_locate(tree, "saga");
    *ret = (struct definition){.name = check_copy_text(value_of(saga, "name", ""))};
    for (zconfig_t *node = saga == NULL ? NULL : zconfig_child(saga); node != NULL;
         node = zconfig_next(node)) {
        if (strcmp(zconfig_name(node), "step") != 0)
            continue;
        ret->steps = check_grow(ret->steps, &capacity, ret->step_count + 1, sizeof *ret->steps);
        read_step(node, &ret->steps[ret->step_count++]);
    }
    zconfig_destroy(&tree);
    free(copy);
    return ret->step_count != 0;
}

void check_definition_release(struct definition *definition)
{
    for (size_t i = 0; i < definition->step_count; i++) {
        struct definition_step *step = &definition->steps[i];
        free(step->name);
        free(step->participant);
        free(step->action);
        free(step->compensation);
    }
    free(definition->steps);
    free(definition->name);
    *definition = (struct definition){0};
}
