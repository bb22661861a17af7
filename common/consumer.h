/* Consumers: react to what others tell, each event once.
 *
 * A consumer follows the logs of publishers (participants, the orchestrator). The library owns its
 * database, its sockets and its cursors: a handler's writes and the cursor's move are one
 * transaction, so that an event takes effect exactly once, in its publisher's order, whatever is
 * killed, lost or repeated. What was missed is fetched; gaps are never skipped. Events of different
 * publishers come in any order.
 *
 *   static int on_event(void *self, const struct consumer_event *event, struct err *err) { ... }
 *
 *   static const struct consumer_service mailer = {
 *       .name = "mailer", .about = "Writes to customers.",
 *       .schema = schema, .schema_count = 1, .self_size = sizeof(struct mailer),
 *       .open = mailer_open, .close = mailer_close, .event = on_event,
 *   };
 *   int main(int argc, char **argv) { return consumer_main(&mailer, argc, argv); }
 */
#ifndef ZSAGA_CONSUMER_H
#define ZSAGA_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/err.h"
#include "base/id.h"
#include "participant.h" /* Tables and books are the owner plane's, the same for all services. */
#include "store/db.h"

#ifdef __cplusplus
extern "C" {
#endif

struct consumer_event {
    const char *publisher; /* Its name in the suite. */
    uint64_t seq;          /* In the publisher's log, from 1. */
    struct id id;
    struct bytes saga;        /* 16 bytes, or empty; all bytes are valid during the call only. */
    struct bytes type;        /* 1 to 64 bytes of UTF-8 without control characters. */
    int64_t wall_ms;          /* The publisher's. */
    struct bytes causation;   /* 18 bytes, or empty. */
    struct bytes traceparent; /* At most 64 bytes. */
    struct bytes payload;     /* At most 256 KiB; what it holds is the publisher's word. */
};

/* What happens when a publisher's log no longer reaches down to the cursor, or is another log than
 * the one that was read (a restored backup, a lost database). */
enum consumer_break {
    /* For effects of its own: that publisher's events stop, and the process says so in its health,
     * until an operator has decided (`zsaga resync`). */
    CONSUMER_STOPS,
    /* For what can be built anew: reset() forgets what came from that publisher, and it is read
     * again from as far as its log reaches. After a truncation it goes on from the tail, forgetting
     * nothing. */
    CONSUMER_REBUILDS,
};

struct consumer_service {
    const char *name;
    const char *about;         /* For --help: one line. */
    const char *const *schema; /* SQL of versions 1, 2, ...: append only. */
    int schema_count;
    size_t self_size; /* Memory given zeroed to open(). */
    /* Reads `settings` (NULL: none), prepares statements. */
    int (*open)(void *self, struct db *db, struct config_node *settings, struct err *err);
    void (*close)(void *self); /* Finalizes statements; also called after a failed open. */
    /* Applies one event, within a transaction of the library's. A negative error takes it back: it
     * is tried again, later and later, that publisher waits meanwhile, and the process says so in
     * its health. To pass an event by, do nothing and return 0. */
    int (*event)(void *self, const struct consumer_event *event, struct err *err);
    /* Before each commit: writes what event() has only remembered. NULL: it remembers nothing. */
    int (*flush)(void *self, struct err *err);
    /* A batch was taken back: forgets what it remembers of it. NULL: it remembers nothing. */
    void (*forget)(void *self);
    enum consumer_break on_break;
    /* CONSUMER_REBUILDS: forgets what came from `publisher`. */
    int (*reset)(void *self, const char *publisher, struct err *err);
    /* Waits so long for more before it commits (ms); 0: not at all. */
    int64_t pace_ms;
    const struct participant_table *tables;
    size_t table_count;
    int (*audit)(void *self, struct db *db, struct audit *audit, struct err *err); /* Or NULL. */
};

/* The whole program: arguments, suite file, database, sockets, signals. Returns the exit code. It
 * follows the publishers that the suite file names for it, or all there are. */
int consumer_main(const struct consumer_service *service, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
