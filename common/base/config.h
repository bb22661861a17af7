/* Configuration: a ZPL file read with zconfig, each line asked for or refused.
 *
 * Reading marks what was read; config_check_all_used() then names file, line and key of whatever
 * nobody asked for, so a misspelt key never starts a process. */
#ifndef ZSAGA_CONFIG_H
#define ZSAGA_CONFIG_H

#include <stdint.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct config;      /* A file. */
struct config_node; /* A line of it with what is indented below. Lives as long as its file. */

/* ERR_NOT_FOUND when there is no such file; ERR_INVALID, with the line, for a syntax error. */
int config_load(const char *path, struct config **ret, struct err *err);
/* The same from memory; `name` is used in messages. */
int config_parse(const char *name, const char *text, struct config **ret, struct err *err);
void config_free(struct config *config);
void config_freep(struct config **config_p);

struct config_node *config_root(struct config *config);
const char *config_file(const struct config *config);
/* NULL when there is none. Marks it as read. A key that stands twice: ERR through check_all_used.
 */
struct config_node *config_child(struct config_node *node, const char *key);
/* Children of any name, in file order; marks each as read. */
struct config_node *config_first(struct config_node *node);
struct config_node *config_next(struct config_node *node);
/* The next child named `key` behind another child (NULL: the first); NULL at the end. Marks it as
 * read; it may stand many times. */
struct config_node *config_each(struct config_node *node, const char *key,
                                const struct config_node *behind);
const char *config_key(const struct config_node *node);
const char *config_value(const struct config_node *node); /* Marks it as read; "": has none. */
int config_line(const struct config_node *node);

/* The value of a child, or the default. Each fails with file, line, key and what is allowed; a
 * child without a value is refused. */
int config_text(struct config_node *node, const char *key, const char *otherwise, const char **ret,
                struct err *err);
int config_int(struct config_node *node, const char *key, int64_t otherwise, int64_t min,
               int64_t max, int64_t *ret, struct err *err);
/* "250ms", "2s", "5m", "24h", "7d", at most ten years; in milliseconds. */
#define CONFIG_DURATION_MAX_MS ((int64_t)3650 * 86400000)
int config_duration(struct config_node *node, const char *key, int64_t otherwise_ms,
                    int64_t *ret_ms, struct err *err);

/* Marks a line and all below it as read: a part that another process reads and checks. */
void config_skip(struct config_node *node);

/* ERR_INVALID naming the first line that no reader asked for, that stands twice where once is asked
 * for, or that has a value where only its children were asked for. */
int config_check_all_used(struct config *config, struct err *err);
/* The same for what is below one line, even if that was skipped: for the process that reads it. */
int config_check_used(const struct config_node *node, struct err *err);

/* Fills *err with "FILE:LINE: KEY: words" and returns ERR_INVALID: for a reader's own rules. */
int config_refuse(const struct config_node *node, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
