#include "args.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define WORD_MAX 32 /* Longer words are compared up to here. */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Letters to insert, drop or change to make one word of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t a_len = strnlen(a, WORD_MAX);
    size_t b_len = strnlen(b, WORD_MAX);
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *args_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t best = 3; /* Further away is no misspelling any more. */
    for (size_t i = 0; i < count; i++) {
        size_t away = distance(word, candidates[i]);
        if (away < best && away < strlen(candidates[i])) {
            best = away;
            nearest = candidates[i];
        }
    }
    return nearest;
}

static int refuse_unknown(const struct args *args, const char *name, struct err *err)
{
    const char *names[64];
    size_t count = 0;
    for (; count < args->option_count && count < 64; count++)
        names[count] = args->options[count].name;
    const char *nearest = args_nearest(name, names, count);
    if (nearest != NULL)
        return err_set(err, ERR_INVALID, "unknown option --%s; did you mean --%s?", name, nearest);
    return err_set(err, ERR_INVALID, "unknown option --%s", name);
}

static const struct args_option *find(const struct args *args, const char *name, size_t len)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const char *known = args->options[i].name;
        if (strncmp(known, name, len) == 0 && known[len] == '\0')
            return &args->options[i];
    }
    return NULL;
}

/* Takes the option at argv[i]; *ret_used tells how many arguments it took. */
static int take_option(struct args *args, int argc, char **argv, int i, int *ret_used,
                       struct err *err)
{
    const char *name = argv[i] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const struct args_option *option = find(args, name, len);
    *ret_used = 1;
    if (option == NULL)
        return refuse_unknown(args, name, err);
    const char *value = equals == NULL ? NULL : equals + 1;
    if (option->value == NULL && value != NULL)
        return err_set(err, ERR_INVALID, "--%s takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        if (i + 1 == argc)
            return err_set(err, ERR_INVALID, "--%s needs a value: --%s %s", option->name,
                           option->name, option->value);
        value = argv[i + 1];
        *ret_used = 2;
    }
    args->found[args->found_count++] = (struct args_found){option, value};
    return 0;
}

int args_parse(struct args *args, const struct args_option *options, size_t option_count, int argc,
               char **argv, struct err *err)
{
    *args = (struct args){.options = options, .option_count = option_count};
    args->found = xcalloc((size_t)argc, sizeof *args->found);
    args->words = xcalloc((size_t)argc, sizeof *args->words);
    bool words_only = false;
    for (int i = 0; i < argc;) {
        int used = 1;
        if (words_only || argv[i][0] != '-' || argv[i][1] == '\0') {
            args->words[args->word_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (argv[i][1] != '-') {
            return err_set(err, ERR_INVALID, "unknown option %s; options begin with --", argv[i]);
        } else {
            int rc = take_option(args, argc, argv, i, &used, err);
            if (rc < 0)
                return rc;
        }
        i += used;
    }
    return 0;
}

void args_release(struct args *args)
{
    free(args->found);
    free((void *)args->words);
    *args = (struct args){0};
}

const char *args_each(const struct args *args, const char *name, size_t *place)
{
    while (*place < args->found_count) {
        const struct args_found *found = &args->found[(*place)++];
        if (strcmp(found->option->name, name) == 0)
            return found->value == NULL ? "" : found->value;
    }
    return NULL;
}

const char *args_value(const struct args *args, const char *name)
{
    const char *last = NULL;
    size_t place = 0;
    for (const char *value; (value = args_each(args, name, &place)) != NULL;)
        last = value;
    return last;
}

bool args_has(const struct args *args, const char *name)
{
    return args_value(args, name) != NULL;
}

int args_int(const struct args *args, const char *name, int64_t otherwise, int64_t min, int64_t max,
             int64_t *ret, struct err *err)
{
    const char *text = args_value(args, name);
    *ret = otherwise;
    if (text == NULL)
        return 0;
    char *end;
    errno = 0;
    intmax_t number = strtoimax(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max)
        return err_set(err, ERR_INVALID,
                       "--%s %s: a whole number from %" PRId64 " to %" PRId64 " is wanted", name,
                       text, min, max);
    *ret = (int64_t)number;
    return 0;
}

int args_positive(const struct args *args, const char *name, double otherwise, double max,
                  double *ret, struct err *err)
{
    const char *text = args_value(args, name);
    *ret = otherwise;
    if (text == NULL)
        return 0;
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number <= 0 || number > max)
        return err_set(err, ERR_INVALID, "--%s %s: a number above 0, up to %.0f, is wanted", name,
                       text, max);
    *ret = number;
    return 0;
}
