/* What each publisher tells: how many events of which type, and how many a second. */
#ifndef ZSAGA_OBSERVER_SERVICES_H
#define ZSAGA_OBSERVER_SERVICES_H

#include "consumer.h"

#define SERVICES_TYPES_MAX 64  /* Of a publisher; all further ones are counted as one. */
#define SERVICES_TYPE_BYTES 64 /* Of a name; longer ones are cut. */
#define SERVICES_OTHERS "(others)"
#define SERVICES_MALFORMED "(malformed)" /* Could not be read, and changed nothing else. */
#define SERVICES_SLOTS 16                /* Seconds of which the number of events is known. */

struct service_type {
    char name[SERVICES_TYPE_BYTES + 1];
    uint64_t count;
    uint64_t last_seq;
    bool changed; /* Since the last flush. */
};

struct service {
    char *publisher;
    struct service_type types[SERVICES_TYPES_MAX + 2]; /* Beside them, both names above. */
    size_t type_count;
    int64_t seconds[SERVICES_SLOTS]; /* Which each slot is of, by the publisher's stamps. */
    uint32_t counts[SERVICES_SLOTS];
};

struct services {
    struct db *db;
    struct service **all;
    size_t count;
    size_t capacity;
    sqlite3_stmt *put;
    sqlite3_stmt *load;
    sqlite3_stmt *clear;
    sqlite3_stmt *page;
};

extern const char services_schema[];

int services_open(struct services *services, struct db *db, struct err *err);
void services_release(struct services *services); /* Also after a failed open. */
int services_load(struct services *services, struct err *err);
void services_forget(struct services *services);

void services_count(struct services *services, const struct consumer_event *event);
/* The event counted last could not be read. */
void services_count_malformed(struct services *services, const struct consumer_event *event);
int services_flush(struct services *services, struct err *err);
int services_reset(struct services *services, const char *publisher, struct err *err);

/* Each second, over the ten whole ones before. */
double services_rate(const struct services *services, const char *publisher, int64_t as_of_ms);

#define SERVICES_FIELD_COUNT 4
extern const char *const services_fields[SERVICES_FIELD_COUNT];
int services_page(struct services *services, struct bytes after, struct export_page *page,
                  struct buffer *ret_next, struct err *err);

#endif
