/* The suite: one data directory with its suite file, and where everything in it lies.
 *
 *   DIR/suite.zpl  DIR/lock  DIR/db/NAME.db  DIR/run/NAME-SOCKET.sock  DIR/log/NAME.log
 *
 * suite.zpl is written with its defaults and comments by the first `zsaga up`, then it is the
 * user's. Reading it checks every line; a participant's own `settings` are checked by itself. */
#ifndef ZSAGA_SUITE_H
#define ZSAGA_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"

#define SUITE_ORCHESTRATOR "orchestrator"
#define SUITE_OBSERVER "observer"
#define SUITE_PARTICIPANTS_MAX 64
#define SUITE_CONSUMERS_MAX 32 /* The observer is one of them. */

struct suite_participant {
    const char *name;
    const char *program;          /* "zsaga-NAME" unless the file says otherwise. */
    struct config_node *settings; /* NULL when there are none. Check with config_check_used(). */
    const char *command;          /* Endpoint from the file, or NULL: the default. */
    const char *owner;
    const char *events;
    const char *replay;
};

/* A process that only follows the logs of others. */
struct suite_consumer {
    const char *name;
    const char *program;
    struct config_node *settings;
    const char *owner;
    const char *view;    /* The observer's: for `zsaga top`. NULL: the default, or none. */
    const char **follow; /* Names of publishers; NULL: the orchestrator and all participants. */
    size_t follow_count;
};

/* How much of its log each publisher keeps for those who read it later. */
struct suite_keep {
    int64_t bytes; /* Default 256 MiB. */
    int64_t days;  /* Default 7. */
};

struct suite_limits {
    int64_t active_sagas_max; /* Beyond it submit answers busy. Default 20,000. */
    int64_t active_bytes_max; /* Of inputs and outputs held in memory. Default 256 MiB. */
    int64_t window_max;       /* Commands in flight per participant. Default 1,024. */
    int64_t window_bytes_max; /* Default 8 MiB. */
};

struct suite {
    char *dir; /* As given, made absolute. */
    char *id;  /* Names this suite's orchestrator to the participants: header.driver.id. */
    struct config *config;
    const char *client; /* The orchestrator's endpoints from the file, or NULL. */
    const char *owner;
    const char *events;
    const char *replay;
    struct suite_limits limits;
    struct suite_keep keep;
    struct suite_participant *participants; /* In the file's order. */
    size_t participant_count;
    struct suite_consumer *consumers; /* The observer first, unless the file says `run = no`. */
    size_t consumer_count;
    int run_fd;   /* Of DIR/run when socket paths go through /proc/self/fd, else -1. */
    char **owned; /* Texts that are not the file's. */
    size_t owned_count;
};

/* --data, else $ZSAGA_DATA, else ./zsaga-data. Allocated. */
char *suite_dir(const char *data_option);

/* Makes the directories (run is 0700) and writes suite.zpl if there is none. */
int suite_create(const char *dir, struct err *err);
/* The same without participants: for services of one's own. */
int suite_create_empty(const char *dir, struct err *err);

/* ERR_NOT_FOUND when there is no suite.zpl; ERR_INVALID with file, line and key. */
int suite_load(const char *dir, struct suite **ret, struct err *err);
void suite_free(struct suite *suite);
void suite_freep(struct suite **suite_p);

const struct suite_participant *suite_find(const struct suite *suite, const char *name);
const struct suite_consumer *suite_find_consumer(const struct suite *suite, const char *name);

/* Who publishes events: the orchestrator, then the participants in the file's order; with
 * `consumer`, those that it follows. Returns how many; `names` has room for
 * SUITE_PARTICIPANTS_MAX + 1. */
size_t suite_publishers(const struct suite *suite, const struct suite_consumer *consumer,
                        const char **names);

/* Allocated paths. */
char *suite_db_path(const struct suite *suite, const char *name);
char *suite_log_path(const struct suite *suite, const char *name);
char *suite_path(const char *dir, const char *below); /* DIR/below */

/* Endpoint of a socket: `name` a participant, consumer or "orchestrator", `socket` what it has of
 * "command", "client", "owner", "events", "replay" and "view". From the file, else
 * ipc://DIR/run/NAME-SOCKET.sock; a path over 107 bytes goes through /proc/self/fd/N. Allocated. */
int suite_endpoint(struct suite *suite, const char *name, const char *socket, char **ret,
                   struct err *err);

/* Takes DIR/lock (flock), waiting at most `wait_ms`, but 20 at least: suite_is_locked() may hold it
 * for an instant. *ret_fd keeps it. ERR_HELD with the holder's pid where known. */
int suite_lock(const char *dir, int64_t wait_ms, int *ret_fd, struct err *err);
bool suite_is_locked(const char *dir);
long suite_lock_holder(const char *dir); /* The pid of who took it last; 0: not known. */

#endif
