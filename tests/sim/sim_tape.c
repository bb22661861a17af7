#include "sim_tape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MAX 10000000 /* Of a choice in its stream: more is a damaged file. */

static void write_list(FILE *file, size_t stream, const struct sim_choice_list *list)
{
    char name[24];
    bool any = false;
    for (size_t i = 0; i < list->count; i++) {
        if (list->values[i] == 0)
            continue;
        if (!any)
            (void)fprintf(file, "%s", sim_choice_name(stream, name, sizeof name));
        any = true;
        (void)fprintf(file, " %zu=%" PRIu64, i, list->values[i]);
    }
    if (any)
        (void)fprintf(file, "\n");
}

int sim_tape_write(const struct sim_tape *tape, const char *path, struct err *err)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    (void)fprintf(file, "# %s\nfound %s\nseed %" PRIu64 "\nprofile %s\n", tape->about,
                  tape->found[0] == '\0' ? "nothing" : tape->found, tape->seed,
                  sim_profile_name(tape->profile));
    for (size_t i = 0; i < SIM_CHOICE_STREAMS; i++)
        write_list(file, i, &tape->choices.lists[i]);
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    return 0;
}

static struct sim_choice_list *find_list(struct sim_choice_tape *choices, const char *word)
{
    char name[24];
    for (size_t i = 0; i < SIM_CHOICE_STREAMS; i++)
        if (strcmp(sim_choice_name(i, name, sizeof name), word) == 0)
            return &choices->lists[i];
    return NULL;
}

static bool read_number(const char *text, char stop, uint64_t *ret, const char **ret_end)
{
    char *end = NULL;
    errno = 0;
    *ret = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != stop || errno != 0)
        return false;
    *ret_end = end + 1;
    return true;
}

/* INDEX=VALUE */
static bool read_choice(struct sim_choice_list *list, const char *word)
{
    uint64_t index;
    uint64_t value;
    if (!read_number(word, '=', &index, &word) || !read_number(word, '\0', &value, &word))
        return false;
    if (index < list->count || index > INDEX_MAX)
        return false;
    while (list->count < index)
        sim_choice_list_add(list, 0);
    sim_choice_list_add(list, value);
    return true;
}

static bool read_choices(struct sim_tape *tape, const char *word, char **rest)
{
    struct sim_choice_list *list = find_list(&tape->choices, word);
    if (list == NULL || list->count != 0)
        return false;
    for (char *next = strtok_r(NULL, " \n", rest); next != NULL; next = strtok_r(NULL, " \n", rest))
        if (!read_choice(list, next))
            return false;
    return true;
}

static bool read_line(struct sim_tape *tape, char *line)
{
    char *rest = NULL;
    if (line[0] == '#') {
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(tape->about, sizeof tape->about, "%s", line + 1 + strspn(line + 1, " "));
        return true;
    }
    const char *word = strtok_r(line, " \n", &rest);
    if (word == NULL)
        return true;
    if (strcmp(word, "seed") != 0 && strcmp(word, "profile") != 0 && strcmp(word, "found") != 0)
        return read_choices(tape, word, &rest);
    const char *value = strtok_r(NULL, " \n", &rest);
    if (value == NULL)
        return false;
    if (strcmp(word, "seed") == 0)
        return read_number(value, '\0', &tape->seed, &value);
    if (strcmp(word, "profile") == 0)
        return (tape->profile = sim_profile_find(value)) >= 0;
    if (strcmp(value, "nothing") != 0)
        (void)snprintf(tape->found, sizeof tape->found, "%s", value);
    return true;
}

int sim_tape_read(const char *path, struct sim_tape *ret, struct err *err)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    *ret = (struct sim_tape){0};
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    for (int number = 1; rc == 0 && getline(&line, &size, file) >= 0; number++)
        if (!read_line(ret, line))
            rc = err_set(err, ERR_INVALID, "%s: line %d is none of a tape", path, number);
    free(line);
    (void)fclose(file);
    return rc;
}

void sim_tape_release(struct sim_tape *tape)
{
    sim_choice_tape_release(&tape->choices);
}

size_t sim_tape_size(const struct sim_tape *tape)
{
    size_t size = 0;
    for (size_t i = 0; i < SIM_CHOICE_STREAMS; i++)
        for (size_t j = 0; j < tape->choices.lists[i].count; j++)
            size += tape->choices.lists[i].values[j] != 0;
    return size;
}
