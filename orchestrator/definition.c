#include "definition.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/xalloc.h"

#define SECOND_MS INT64_C(1000)
#define HOUR_MS (3600 * SECOND_MS)

static int read_token(struct config_node *node, const char *key, char *to, struct err *err)
{
    const char *value = NULL;
    int rc = config_text(node, key, "", &value, err);
    if (rc < 0)
        return rc;
    if (*value == '\0')
        return config_refuse(node, err, "needs `%s = ...`", key);
    if (!text_is_token(bytes_text(value)))
        return config_refuse(node, err, "%s \"%s\": use 1 to 64 of a-z A-Z 0-9 _ - .", key, value);
    (void)snprintf(to, TEXT_NAME_MAX + 1, "%s", value);
    return 0;
}

static int read_kind(struct config_node *node, struct definition_step *step, struct err *err)
{
    const char *value = NULL;
    int rc = config_text(node, "kind", "compensatable", &value, err);
    if (rc < 0)
        return rc;
    if (strcmp(value, "compensatable") == 0)
        step->kind = STEP_COMPENSATABLE;
    else if (strcmp(value, "retriable") == 0)
        step->kind = STEP_RETRIABLE;
    else if (strcmp(value, "pivot") == 0)
        return config_refuse(node, err,
                             "kind = pivot is not supported by this version: make it the first"
                             " retriable step, or compensatable");
    else
        return config_refuse(node, err, "kind = %s: use compensatable or retriable", value);
    return 0;
}

static int read_names(struct config_node *node, struct definition_step *step, struct err *err)
{
    int rc = read_token(node, "name", step->name, err);
    if (rc == 0)
        rc = read_token(node, "participant", step->participant, err);
    if (rc == 0)
        rc = read_token(node, "action", step->action, err);
    if (rc == 0)
        rc = read_kind(node, step, err);
    if (rc < 0)
        return rc;
    if (step->kind == STEP_COMPENSATABLE)
        return read_token(node, "compensation", step->compensation, err);
    struct config_node *compensation = config_child(node, "compensation");
    if (compensation != NULL)
        return config_refuse(compensation, err, "a %s step is never compensated",
                             definition_kind_name(step->kind));
    return 0;
}

static int read_retry(struct config_node *node, struct definition_step *step, struct err *err)
{
    struct config_node *retry = config_child(node, "retry");
    int rc = config_int(retry, "attempts", 5, 1, 1000000, &step->retry_attempts, err);
    if (rc == 0)
        rc = config_duration(retry, "first", 100, &step->retry_first_ms, err);
    if (rc == 0)
        rc = config_int(retry, "factor", 2, 1, 100, &step->retry_factor, err);
    if (rc == 0)
        rc = config_duration(retry, "max", 5 * SECOND_MS, &step->retry_max_ms, err);
    return rc;
}

static int read_undo(struct config_node *node, struct definition_step *step, struct err *err)
{
    struct config_node *undo = config_child(node, "undo");
    int rc = config_duration(undo, "first", 100, &step->undo_first_ms, err);
    if (rc == 0)
        rc = config_duration(undo, "max", 30 * SECOND_MS, &step->undo_max_ms, err);
    if (rc == 0)
        rc = config_duration(undo, "patience", 24 * HOUR_MS, &step->undo_patience_ms, err);
    return rc;
}

/* Zero would mean a hot loop, or to give up at once. */
static int check_times(struct config_node *node, const struct definition_step *step,
                       struct err *err)
{
    const struct {
        const char *key;
        int64_t value;
    } all[] = {
        {"timeout", step->timeout_ms},
        {"patience", step->patience_ms},
        {"retry.first", step->retry_first_ms},
        {"retry.max", step->retry_max_ms},
        {"undo.first", step->undo_first_ms},
        {"undo.max", step->undo_max_ms},
        {"undo.patience", step->undo_patience_ms},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].value < 1)
            return config_refuse(node, err, "%s must be at least 1ms", all[i].key);
    return 0;
}

static int read_step(struct config_node *node, struct definition_step *step, struct err *err)
{
    int rc = read_names(node, step, err);
    if (rc == 0)
        rc = config_duration(node, "timeout", 2 * SECOND_MS, &step->timeout_ms, err);
    if (rc == 0)
        rc = config_duration(node, "patience", 60 * SECOND_MS, &step->patience_ms, err);
    if (rc == 0)
        rc = read_retry(node, step, err);
    if (rc == 0)
        rc = read_undo(node, step, err);
    return rc < 0 ? rc : check_times(node, step, err);
}

static int check_place(struct config_node *node, const struct definition *definition,
                       struct err *err)
{
    const struct definition_step *step = &definition->steps[definition->step_count];
    for (size_t i = 0; i < definition->step_count; i++)
        if (strcmp(definition->steps[i].name, step->name) == 0)
            return config_refuse(node, err, "a step \"%s\" stands above already", step->name);
    if (definition->step_count > 0 &&
        definition->steps[definition->step_count - 1].kind == STEP_RETRIABLE &&
        step->kind == STEP_COMPENSATABLE)
        return config_refuse(node, err,
                             "a compensatable step cannot follow a retriable one: sending that is"
                             " the point of no return");
    return 0;
}

static int read_steps(struct config_node *saga, struct definition *definition, struct err *err)
{
    int rc = 0;
    for (struct config_node *node = config_first(saga); rc == 0 && node != NULL;
         node = config_next(node)) {
        const char *key = config_key(node);
        if (strcmp(key, "name") == 0)
            continue;
        if (strcmp(key, "step") != 0)
            return config_refuse(node, err, "unknown key: a saga has a name and steps");
        if (definition->step_count == DEFINITION_STEPS_MAX)
            return config_refuse(node, err, "a saga has at most %d steps", DEFINITION_STEPS_MAX);
        rc = read_step(node, &definition->steps[definition->step_count], err);
        if (rc == 0)
            rc = check_place(node, definition, err);
        definition->step_count++;
    }
    if (rc == 0 && definition->step_count == 0)
        return config_refuse(saga, err, "a saga needs at least one step");
    return rc;
}

static int read_saga(struct config *config, struct definition *definition, struct err *err)
{
    struct config_node *saga = config_child(config_root(config), "saga");
    if (saga == NULL)
        return err_set(err, ERR_INVALID, "%s: needs `saga` with a name and steps",
                       config_file(config));
    int rc = read_token(saga, "name", definition->name, err);
    if (rc == 0)
        rc = read_steps(saga, definition, err);
    return rc < 0 ? rc : config_check_all_used(config, err);
}

int definition_parse(const char *file, const char *text, struct definition **ret, struct err *err)
{
    AUTO(config_freep) struct config *config = NULL;
    int rc = config_parse(file, text, &config, err);
    if (rc < 0)
        return rc;
    struct definition *definition = xcalloc(1, sizeof *definition);
    definition->text = xstrdup(text);
    (void)crypto_generichash(definition->hash, sizeof definition->hash, (const uint8_t *)text,
                             strlen(text), NULL, 0);
    rc = read_saga(config, definition, err);
    if (rc < 0) {
        definition_free(definition);
        return rc;
    }
    *ret = definition;
    return 0;
}

int definition_load(const char *path, struct definition **ret, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_errno(err, errno, "%s", path);
    AUTO(freep) char *text = xmalloc(DEFINITION_TEXT_MAX + 2);
    size_t len = fread(text, 1, DEFINITION_TEXT_MAX + 1, file);
    int failed = ferror(file);
    (void)fclose(file);
    if (failed != 0)
        return err_set(err, ERR_IO, "%s: cannot read it", path);
    if (len > DEFINITION_TEXT_MAX)
        return err_set(err, ERR_INVALID, "%s: a definition is at most 64 KiB", path);
    text[len] = '\0';
    if (strlen(text) != len)
        return err_set(err, ERR_INVALID, "%s: has a NUL byte", path);
    return definition_parse(path, text, ret, err);
}

void definition_free(struct definition *definition)
{
    if (definition == NULL)
        return;
    free(definition->text);
    free(definition);
}

const char *definition_kind_name(enum step_kind kind)
{
    return kind == STEP_RETRIABLE ? "retriable" : "compensatable";
}
