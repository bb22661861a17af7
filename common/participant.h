/* Participants: write your service's rules, get a durable, idempotent server.
 *
 * A participant is a table of actions, each with its compensation. The library does the rest: it
 * owns the process's database, its sockets and its inbox, calls a handler at most once with effect
 * per (saga, step, direction), records what it answered in the same transaction as what it wrote,
 * and answers repetitions, late actions and compensations of what never happened by itself.
 *
 *   static int reserve(struct call *call, struct err *err) { ... return CALL_DONE; }
 *   static int release(struct call *call, struct err *err) { ... return CALL_DONE; }
 *
 *   static const struct participant_action actions[] = {
 *       {"reserve", reserve, "release", release},
 *   };
 *   static const struct participant_service seats = {
 *       .name = "seats", .schema = schema, .schema_count = 1,
 *       .actions = actions, .action_count = 1, .self_size = sizeof(struct seats),
 *       .open = seats_open, .close = seats_close,
 *   };
 *   int main(int argc, char **argv) { return participant_main(&seats, argc, argv); }
 */
#ifndef ZSAGA_PARTICIPANT_H
#define ZSAGA_PARTICIPANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/err.h"
#include "base/id.h"
#include "store/db.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PARTICIPANT_OUTPUT_MAX ((size_t)16 << 10) /* Bytes an action may hand to later steps. */
#define PARTICIPANT_MESSAGE_MAX 256               /* Bytes of words in an answer; longer is cut. */

/* One command being handled. Valid during the handler's call only. */
struct call;

/* What a handler returns; a negative error code means "could not say": everything it wrote is
 * taken back and the command is answered `retry`. */
enum call_outcome {
    CALL_DONE = 0,    /* The effect is written. */
    CALL_REFUSED = 1, /* A business "no", from call_refuse(): what it wrote is taken back. An action
                       * only: a compensation cannot refuse, nor can an action that the saga calls
                       * retriable. Theirs is answered `retry` and recorded nowhere. */
    CALL_RETRY = 2,   /* Not now, from call_retry(): taken back, nothing recorded. */
    CALL_PENDING = 3, /* Accepted, the result comes later: the handler is called again, with
                       * call_again() true, each time somebody asks, until it says another outcome.
                       * An action only. */
};

typedef int (*participant_handler)(struct call *call, struct err *err);

struct bytes call_input(const struct call *call); /* Of the saga, as it was submitted. */
const struct id *call_saga(const struct call *call);
bool call_again(const struct call *call);
int64_t call_remaining_ms(const struct call *call); /* Of the step's patience: a hint. */
int64_t call_wall_ms(const struct call *call);      /* For stamps; the same in a whole batch. */
struct bytes call_traceparent(const struct call *call);
struct db *call_db(struct call *call);
void *call_self(struct call *call); /* The service's own memory (`self_size` bytes). */

/* Output of an earlier step by its name; empty when there is none. */
struct bytes call_earlier(const struct call *call, const char *step);

/* Hands `output` (copied) to later steps. Beyond PARTICIPANT_OUTPUT_MAX the handler's outcome
 * becomes an error. */
void call_output(struct call *call, struct bytes output);

/* Adds an event (copied) to the participant's log, if the outcome is CALL_DONE or CALL_PENDING.
 * `type` is 1 to 64 of a-z A-Z 0-9 _ - . and the payload at most 256 KiB, or the handler's outcome
 * becomes an error. */
void call_event(struct call *call, const char *type, struct bytes payload);

/* For `return call_refuse(...)`: `code` short and stable ("out_of_stock"), words for people. */
int call_refuse(struct call *call, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The event (copied) that tells of a refusal: written if the outcome is CALL_REFUSED. */
void call_refusal_event(struct call *call, const char *type, struct bytes payload);
/* For `return call_retry(...)`: ask again, not before `after_ms` (0: as the definition says). */
int call_retry(struct call *call, int64_t after_ms, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct participant_action {
    const char *name;
    participant_handler run;
    const char *compensation; /* NULL: has none. */
    participant_handler undo;
};

/* A page of rows being filled for `zsaga export`. */
struct export_page;
void export_add(struct export_page *page, const struct bytes *fields); /* One row, copied. */
bool export_full(const struct export_page *page);

/* A table the owner plane can export: rows in any order that `after` can continue. */
struct participant_table {
    const char *name;           /* "stock" */
    const char *const *columns; /* Names. */
    size_t column_count;
    const char *const *import_columns; /* Of an imported row; NULL: as `columns`. */
    size_t import_column_count;
    /* Adds rows behind `after` (empty: from the start) until the page is full or the end; then
     * copies into *ret_next what continues it, left empty at the end. */
    int (*page)(void *self, struct db *db, struct bytes after, struct export_page *page,
                struct buffer *ret_next, struct err *err);
    /* NULL: cannot be imported. Replaces the imported totals by these rows, in one transaction that
     * the library opens; ERR_INVALID refuses all of them with words for a person. */
    int (*import)(void *self, struct db *db, const struct bytes *fields, size_t row_count,
                  struct err *err); /* row_count * import_column_count fields, row after row. */
};

/* The books: each check adds its line. */
struct audit;
void audit_check(struct audit *audit, const char *name, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct participant_service {
    const char *name;
    const char *about;         /* For --help: one line. */
    const char *const *schema; /* SQL of versions 1, 2, ...: append only. */
    int schema_count;
    const struct participant_action *actions;
    size_t action_count;
    const struct participant_table *tables;
    size_t table_count;
    size_t self_size; /* Memory given zeroed to open(). */
    /* Reads `settings` (NULL: none), prepares statements. */
    int (*open)(void *self, struct db *db, struct config_node *settings, struct err *err);
    void (*close)(void *self); /* Finalizes statements; also called after a failed open. */
    /* Forgets what it remembers of rows: a batch was taken back. NULL: it remembers nothing. */
    void (*forget)(void *self);
    int (*audit)(void *self, struct db *db, struct audit *audit, struct err *err); /* Or NULL. */
};

/* The whole program: arguments, suite file, database, sockets, signals. Returns the exit code. */
int participant_main(const struct participant_service *service, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
