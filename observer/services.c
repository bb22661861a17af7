#include "services.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define RATE_SECONDS 10

const char services_schema[] = "CREATE TABLE services(publisher TEXT NOT NULL, type TEXT NOT NULL,"
                               " count INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
                               " PRIMARY KEY(publisher, type)) STRICT, WITHOUT ROWID;";

int services_open(struct services *services, struct db *db, struct err *err)
{
    const struct {
        const char *sql;
        sqlite3_stmt **stmt;
    } all[] = {
        {"INSERT OR REPLACE INTO services(publisher, type, count, last_seq)"
         " VALUES (?1, ?2, ?3, ?4)",
         &services->put},
        {"SELECT publisher, type, count, last_seq FROM services", &services->load},
        {"DELETE FROM services WHERE publisher = ?1", &services->clear},
        /* Of each page's last row: publisher, NUL, type. */
        {"SELECT CAST(publisher || char(0) || type AS BLOB), publisher, type, count, last_seq"
         " FROM services WHERE CAST(publisher || char(0) || type AS BLOB) > ?1"
         " ORDER BY publisher, type",
         &services->page},
    };
    services->db = db;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof all[0]; i++)
        rc = db_prepare(db, all[i].sql, all[i].stmt, err);
    return rc;
}

static void drop(struct service *service)
{
    free(service->publisher);
    free(service);
}

void services_forget(struct services *services)
{
    for (size_t i = 0; i < services->count; i++)
        drop(services->all[i]);
    services->count = 0;
}

void services_release(struct services *services)
{
    services_forget(services);
    free(services->all);
    sqlite3_finalize(services->put);
    sqlite3_finalize(services->load);
    sqlite3_finalize(services->clear);
    sqlite3_finalize(services->page);
}

static struct service *look(const struct services *services, const char *publisher)
{
    for (size_t i = 0; i < services->count; i++)
        if (strcmp(services->all[i]->publisher, publisher) == 0)
            return services->all[i];
    return NULL;
}

static struct service *service_of(struct services *services, const char *publisher)
{
    struct service *service = look(services, publisher);
    if (service != NULL)
        return service;
    service = xcalloc(1, sizeof *service);
    service->publisher = xstrdup(publisher);
    for (size_t i = 0; i < SERVICES_SLOTS; i++)
        service->seconds[i] = -1;
    services->all =
        xgrow(services->all, &services->capacity, services->count + 1, sizeof(struct service *));
    services->all[services->count++] = service;
    return service;
}

/* Adds it when there is room; NULL when there is none. */
static struct service_type *type_of(struct service *service, const char *name, size_t most)
{
    for (size_t i = 0; i < service->type_count; i++)
        if (strcmp(service->types[i].name, name) == 0)
            return &service->types[i];
    if (service->type_count >= most)
        return NULL;
    struct service_type *type = &service->types[service->type_count++];
    *type = (struct service_type){0};
    memcpy(type->name, name, strlen(name));
    return type;
}

static void tick(struct service *service, int64_t wall_ms)
{
    int64_t second = wall_ms < 0 ? 0 : wall_ms / 1000;
    size_t slot = (size_t)(second % SERVICES_SLOTS);
    if (service->seconds[slot] != second) {
        service->seconds[slot] = second;
        service->counts[slot] = 0;
    }
    service->counts[slot]++;
}

static void count_as(struct service *service, const char *name, size_t most, uint64_t seq)
{
    struct service_type *type = type_of(service, name, most);
    if (type == NULL)
        type = type_of(service, SERVICES_OTHERS, SERVICES_TYPES_MAX + 2);
    if (type == NULL)
        return;
    type->count++;
    type->last_seq = seq;
    type->changed = true;
}

void services_count(struct services *services, const struct consumer_event *event)
{
    char name[SERVICES_TYPE_BYTES + 1];
    struct service *service = service_of(services, event->publisher);
    text_to_utf8(event->type, name, sizeof name);
    count_as(service, name, SERVICES_TYPES_MAX, event->seq);
    tick(service, event->wall_ms);
}

void services_count_malformed(struct services *services, const struct consumer_event *event)
{
    struct service *service = service_of(services, event->publisher);
    count_as(service, SERVICES_MALFORMED, SERVICES_TYPES_MAX + 1, event->seq);
}

static int put(struct services *services, const struct service *service,
               const struct service_type *type, struct err *err)
{
    db_bind_text(services->put, 1, bytes_text(service->publisher));
    db_bind_text(services->put, 2, bytes_text(type->name));
    db_bind_int(services->put, 3, (int64_t)type->count);
    db_bind_int(services->put, 4, (int64_t)type->last_seq);
    return db_run(services->db, services->put, err);
}

int services_flush(struct services *services, struct err *err)
{
    for (size_t i = 0; i < services->count; i++) {
        struct service *service = services->all[i];
        for (size_t j = 0; j < service->type_count; j++) {
            if (!service->types[j].changed)
                continue;
            int rc = put(services, service, &service->types[j], err);
            if (rc < 0)
                return rc;
            service->types[j].changed = false;
        }
    }
    return 0;
}

int services_load(struct services *services, struct err *err)
{
    int rc;
    while ((rc = db_step(services->db, services->load, err)) == DB_ROW) {
        char publisher[TEXT_NAME_MAX + 1];
        char name[SERVICES_TYPE_BYTES + 1];
        bytes_copy_text(db_bytes(services->load, 0), publisher, sizeof publisher);
        bytes_copy_text(db_bytes(services->load, 1), name, sizeof name);
        struct service_type *type =
            type_of(service_of(services, publisher), name, SERVICES_TYPES_MAX + 2);
        if (type == NULL)
            continue;
        type->count = (uint64_t)db_int(services->load, 2);
        type->last_seq = (uint64_t)db_int(services->load, 3);
    }
    db_reset(services->load);
    return rc;
}

int services_reset(struct services *services, const char *publisher, struct err *err)
{
    struct service *service = look(services, publisher);
    if (service != NULL)
        service->type_count = 0;
    db_bind_text(services->clear, 1, bytes_text(publisher));
    return db_run(services->db, services->clear, err);
}

double services_rate(const struct services *services, const char *publisher, int64_t as_of_ms)
{
    const struct service *service = look(services, publisher);
    int64_t end = as_of_ms / 1000;
    uint64_t sum = 0;
    for (size_t i = 0; service != NULL && i < SERVICES_SLOTS; i++)
        if (service->seconds[i] < end && service->seconds[i] >= end - RATE_SECONDS)
            sum += service->counts[i];
    return (double)sum / RATE_SECONDS;
}

const char *const services_fields[SERVICES_FIELD_COUNT] = {
    "publisher",
    "type",
    "count",
    "last_seq",
};

int services_page(struct services *services, struct bytes after, struct export_page *page,
                  struct buffer *ret_next, struct err *err)
{
    int rc;
    db_bind_bytes(services->page, 1, after);
    while ((rc = db_step(services->db, services->page, err)) == DB_ROW) {
        struct bytes fields[SERVICES_FIELD_COUNT];
        for (int i = 0; i < SERVICES_FIELD_COUNT; i++)
            fields[i] = db_bytes(services->page, i + 1);
        export_add(page, fields);
        if (!export_full(page))
            continue;
        struct bytes last = db_bytes(services->page, 0);
        buffer_append(ret_next, last.data, last.len);
        break;
    }
    db_reset(services->page);
    return rc < 0 ? rc : 0;
}
