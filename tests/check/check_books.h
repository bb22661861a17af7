/* What was read from the database of one process, to be compared with the others at the end. */
#ifndef ZSAGA_CHECK_BOOKS_H
#define ZSAGA_CHECK_BOOKS_H

#include "check_internal.h"
#include "check_services.h"

/* Something that took effect, by a service's own tables. */
struct effect {
    size_t saga;
    int64_t step;       /* -1: the one of `action`. */
    const char *action; /* As the table of services has it. */
    int64_t effects;
    int64_t undos;
    bool undo_first;
};

/* What a service holds for a saga: cents or units of somebody. */
struct charge {
    size_t saga;
    int64_t amount;
    char *of;       /* Whose; NULL: see `lines`. */
    uint8_t *lines; /* Packed: of each sku how many; NULL. */
    size_t line_len;
};

struct account {
    char *name;
    int64_t held; /* As it says; */
    int64_t owed; /* by what is charged; */
    int64_t due;  /* by completed sagas. */
};

struct cursor {
    char *publisher;
    uint8_t store[CHECK_ID_SIZE];
    uint64_t seq;
    uint64_t id; /* Digest; 0: it is not known. */
    bool follows;
    bool resynced; /* An operator has moved it. */
};

/* An event as a consumer wrote it down. */
struct seen {
    size_t publisher; /* Place in cursors; NOBODY. */
    uint64_t seq;
    uint64_t id;   /* Digest; */
    uint64_t says; /* of what it tells; 0: was not written down. */
};

struct event {
    uint64_t id; /* Digests, as in struct seen. */
    uint64_t says;
};

struct books {
    uint8_t store[CHECK_ID_SIZE];
    const struct service *service;
    bool has_inbox;
    bool has_log;
    uint64_t tail;
    uint64_t head;
    uint64_t first; /* Number of events[0]. */
    struct event *events;
    size_t event_count;
    size_t event_capacity;
    struct effect *effects;
    size_t effect_count;
    size_t effect_capacity;
    struct charge *charges;
    size_t charge_count;
    size_t charge_capacity;
    struct account *accounts;
    size_t account_count;
    size_t account_capacity;
    struct check_map account_names;
    struct cursor *cursors;
    size_t cursor_count;
    size_t cursor_capacity;
    struct seen *seen;
    size_t seen_count;
    size_t seen_capacity;
    bool has_seen;
};

void check_books_free(struct books *books);

/* Each reads its part; the place is of the process. */
void check_journal_read(struct checker *checker, size_t place, sqlite3 *db); /* check_journal.c */
void check_inbox_read(struct checker *checker, size_t place, sqlite3 *db);   /* check_inbox.c */
void check_log_read(struct checker *checker, size_t place, sqlite3 *db);     /* check_log.c */
void check_money_read(struct checker *checker, size_t place, sqlite3 *db);   /* check_money.c */
void check_consumer_read(struct checker *checker, size_t place, sqlite3 *db);

/* Of one commit: whether the sums of a service add up, and its file is sound. */
void check_money_now(struct checker *checker, const char *process, sqlite3 *db,
                     const struct service *service);
void check_sound(struct checker *checker, const char *process, sqlite3 *db);

/* At the end, over all that was read. */
void check_steps_finish(struct checker *checker); /* check_inbox.c */
void check_log_finish(struct checker *checker);
void check_money_finish(struct checker *checker, bool open);
void check_consumer_finish(struct checker *checker, bool caught_up);

#endif
