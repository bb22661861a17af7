/* zconfig parses the text; its tree is mirrored here, in an array in pre-order, to add to each node
 * its line and what has been asked for. */
#include "base/config.h"

#include <ctype.h>
#include <czmq.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/config_lines.h"
#include "base/xalloc.h"

struct config_node {
    struct config *config;
    struct config_node *parent;
    struct config_node *child;
    struct config_node *next;
    const char *key; /* This and the value are zconfig's. */
    const char *value;
    int line;
    int depth;       /* The root has 0. */
    bool used;       /* Somebody asked for the line, */
    bool value_used; /* for its value, */
    bool once;       /* or for it as the only one of its key. */
    bool skipped;    /* Another process reads it, with all below. */
};

struct config {
    char *file;
    zconfig_t *tree;
    struct config_node *nodes; /* In pre-order; the first is the root. */
    size_t count;
};

/* Loading. */

struct mirror {
    struct config *config;
    const struct config_lines *lines;
};

static void hang(struct config_node *node)
{
    struct config_node *before = node - 1;
    while (before->depth > node->depth)
        before = before->parent;
    if (before->depth == node->depth) {
        node->parent = before->parent;
        before->next = node;
    } else {
        node->parent = before;
        before->child = node;
    }
}

static int mirror_node(zconfig_t *item, void *self, int depth)
{
    struct mirror *mirror = self;
    struct config *config = mirror->config;
    if (config->count > mirror->lines->count)
        return -1;
    struct config_node *node = &config->nodes[config->count++];
    const char *value = zconfig_value(item);
    *node = (struct config_node){
        .config = config,
        .key = zconfig_name(item),
        .value = value == NULL ? "" : value,
        .line = depth == 0 ? 0 : mirror->lines->numbers[node - config->nodes - 1],
        .depth = depth,
        .used = depth == 0,
    };
    if (depth > 0)
        hang(node);
    return 0;
}

static int build(struct config *config, const struct config_lines *lines, struct err *err)
{
    config->tree = zconfig_str_load(lines->text);
    config->nodes = xcalloc(lines->count + 1, sizeof *config->nodes);
    struct mirror mirror = {config, lines};
    if (config->tree == NULL || zconfig_execute(config->tree, mirror_node, &mirror) != 0 ||
        config->count != lines->count + 1)
        return err_set(err, ERR_INVALID, "%s: is not ZPL", config->file);
    return 0;
}

static int parse(const char *file, struct bytes text, struct config **ret, struct err *err)
{
    *ret = NULL;
    struct config_lines lines;
    struct config *config = xcalloc(1, sizeof *config);
    config->file = xstrdup(file);
    int rc = config_lines_read(file, text, &lines, err);
    if (rc == 0)
        rc = build(config, &lines, err);
    config_lines_release(&lines);
    if (rc < 0) {
        config_free(config);
        return rc;
    }
    *ret = config;
    return 0;
}

int config_parse(const char *name, const char *text, struct config **ret, struct err *err)
{
    return parse(name, bytes_text(text), ret, err);
}

/* Reads one byte more than a file may have, so that a larger one is noticed. */
static int read_file(const char *path, struct buffer *text, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_errno(err, errno, "cannot read %s", path);
    size_t size = CONFIG_SIZE_MAX + 1;
    text->len = fread(buffer_extend(text, size), 1, size, file);
    int rc = ferror(file) ? err_errno(err, errno, "cannot read %s", path) : 0;
    (void)fclose(file);
    return rc;
}

int config_load(const char *path, struct config **ret, struct err *err)
{
    *ret = NULL;
    struct buffer text = {0};
    int rc = read_file(path, &text, err);
    if (rc == 0)
        rc = parse(path, buffer_bytes(&text), ret, err);
    buffer_release(&text);
    return rc;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    zconfig_destroy(&config->tree);
    free(config->nodes);
    free(config->file);
    free(config);
}

void config_freep(struct config **config_p)
{
    config_free(*config_p);
    *config_p = NULL;
}

/* The tree. */

struct config_node *config_root(struct config *config)
{
    return &config->nodes[0];
}

const char *config_file(const struct config *config)
{
    return config->file;
}

static struct config_node *first_below(const struct config_node *node)
{
    return node == NULL ? NULL : node->child;
}

static struct config_node *find(struct config_node *from, const char *key)
{
    while (from != NULL && strcmp(from->key, key) != 0)
        from = from->next;
    return from;
}

static struct config_node *mark(struct config_node *node)
{
    if (node != NULL)
        node->used = true;
    return node;
}

struct config_node *config_child(struct config_node *node, const char *key)
{
    struct config_node *child = mark(find(first_below(node), key));
    if (child != NULL)
        child->once = true;
    return child;
}

struct config_node *config_first(struct config_node *node)
{
    return mark(first_below(node));
}

struct config_node *config_next(struct config_node *node)
{
    return mark(node->next);
}

struct config_node *config_each(struct config_node *node, const char *key,
                                const struct config_node *behind)
{
    return mark(find(behind == NULL ? first_below(node) : behind->next, key));
}

const char *config_key(const struct config_node *node)
{
    return node->key;
}

const char *config_value(const struct config_node *node)
{
    struct config_node *nodes = node->config->nodes;
    nodes[node - nodes].value_used = true;
    return node->value;
}

int config_line(const struct config_node *node)
{
    return node->line;
}

/* Values. */

int config_refuse(const struct config_node *node, struct err *err, const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (node->depth == 0)
        return err_set(err, ERR_INVALID, "%s: %s", node->config->file, words);
    return err_set(err, ERR_INVALID, "%s:%d: %s: %s", node->config->file, node->line, node->key,
                   words);
}

int config_text(struct config_node *node, const char *key, const char *otherwise, const char **ret,
                struct err *err)
{
    struct config_node *child = config_child(node, key);
    *ret = child == NULL ? otherwise : config_value(child);
    if (child != NULL && **ret == '\0')
        return config_refuse(child, err, "needs a value");
    return 0;
}

/* Decimal digits and nothing else, to the first byte that is none; NULL when it does not fit. */
static const char *read_digits(const char *text, int64_t *ret)
{
    int64_t value = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return NULL;
    }
    *ret = value;
    return at == text ? NULL : at;
}

int config_int(struct config_node *node, const char *key, int64_t otherwise, int64_t min,
               int64_t max, int64_t *ret, struct err *err)
{
    struct config_node *child = config_child(node, key);
    *ret = otherwise;
    if (child == NULL)
        return 0;
    const char *text = config_value(child);
    bool negative = *text == '-';
    const char *end = read_digits(text + negative, ret);
    if (end != NULL && negative)
        *ret = -*ret;
    if (end == NULL || *end != '\0' || *ret < min || *ret > max)
        return config_refuse(child, err, "'%s' is not a whole number from %" PRId64 " to %" PRId64,
                             text, min, max);
    return 0;
}

static bool read_duration(const char *text, int64_t *ret_ms)
{
    static const struct unit {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t count;
    const char *end = read_digits(text, &count);
    if (end == NULL)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0)
            return !__builtin_mul_overflow(count, units[i].ms, ret_ms) &&
                   *ret_ms <= CONFIG_DURATION_MAX_MS;
    }
    return false;
}

int config_duration(struct config_node *node, const char *key, int64_t otherwise_ms,
                    int64_t *ret_ms, struct err *err)
{
    struct config_node *child = config_child(node, key);
    *ret_ms = otherwise_ms;
    if (child == NULL || read_duration(config_value(child), ret_ms))
        return 0;
    return config_refuse(child, err,
                         "'%s' is not a duration such as 250ms, 2s, 5m, 24h or 7d, up to 3650d",
                         child->value);
}

/* What nobody asked for. */

void config_skip(struct config_node *node)
{
    node->used = true;
    node->skipped = true;
}

static int check_node(const struct config_node *node, struct err *err)
{
    const struct config_node *first =
        node->depth == 0 ? node : find(node->parent->child, node->key);
    if (first != node && first->once)
        return config_refuse(node, err, "stands twice, first on line %d", first->line);
    if (!node->used)
        return config_refuse(node, err, "is not known here; is it misspelt or in a wrong place?");
    if (node->value[0] != '\0' && !node->value_used && !node->skipped)
        return config_refuse(node, err, "takes no value, only lines below it");
    return 0;
}

/* Nodes below a node are those behind it, in pre-order, that are deeper. */
static const struct config_node *past_all_below(const struct config_node *node)
{
    const struct config_node *end = node->config->nodes + node->config->count;
    const struct config_node *at = node + 1;
    while (at < end && at->depth > node->depth)
        at++;
    return at;
}

static int check_below(const struct config_node *top, struct err *err)
{
    const struct config_node *end = past_all_below(top);
    for (const struct config_node *node = top + 1; node < end;) {
        int rc = check_node(node, err);
        if (rc < 0)
            return rc;
        node = node->skipped ? past_all_below(node) : node + 1;
    }
    return 0;
}

int config_check_all_used(struct config *config, struct err *err)
{
    return check_below(config_root(config), err);
}

int config_check_used(const struct config_node *node, struct err *err)
{
    return check_below(node, err);
}
