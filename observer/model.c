#include "model.h"

#include <string.h>

#include "base/mutant.h"
#include "saga_record.h"
#include "suite.h"

const char *const model_schema[MODEL_SCHEMA_COUNT] = {sagas_schema, orders_schema, services_schema};

static int read_settings(struct config_node *settings, int64_t *ret_keep, struct err *err)
{
    *ret_keep = MODEL_KEEP;
    if (settings == NULL)
        return 0;
    int rc = config_int(settings, "keep", MODEL_KEEP, 1, 100 * (int64_t)MODEL_KEEP, ret_keep, err);
    return rc < 0 ? rc : config_check_used(settings, err);
}

int model_open(void *self, struct db *db, struct config_node *settings, struct err *err)
{
    struct model *model = self;
    int64_t keep;
    model->db = db;
    int rc = read_settings(settings, &keep, err);
    if (rc == 0)
        rc = sagas_open(&model->sagas, db, (uint64_t)keep, err);
    if (rc == 0)
        rc = orders_open(&model->orders, db, (uint64_t)keep, err);
    if (rc == 0)
        rc = services_open(&model->services, db, err);
    return rc < 0 ? rc : model_load(model, err);
}

void model_close(void *self)
{
    struct model *model = self;
    sagas_release(&model->sagas);
    orders_release(&model->orders);
    services_release(&model->services);
}

void model_forget(void *self)
{
    struct model *model = self;
    if (MUTANT(MODEL_KEPT))
        return;
    sagas_forget(&model->sagas);
    orders_forget(&model->orders);
    services_forget(&model->services);
    model->loaded = false;
}

int model_load(struct model *model, struct err *err)
{
    if (model->loaded)
        return 0;
    int rc = sagas_load(&model->sagas, err);
    if (rc == 0)
        rc = orders_load(&model->orders, err);
    if (rc == 0)
        rc = services_load(&model->services, err);
    if (rc < 0)
        model_forget(model);
    model->loaded = rc == 0;
    return rc;
}

int model_apply(void *self, const struct consumer_event *event, struct err *err)
{
    struct model *model = self;
    int rc = model_load(model, err);
    if (rc == 0 && strcmp(event->publisher, SUITE_ORCHESTRATOR) == 0)
        rc = sagas_apply(&model->sagas, event, err);
    else if (rc == 0 && strcmp(event->publisher, ORDERS_PUBLISHER) == 0)
        rc = orders_apply(&model->orders, event, err);
    if (rc < 0)
        return rc;
    services_count(&model->services, event);
    if (rc != 0)
        services_count_malformed(&model->services, event);
    return 0;
}

int model_flush(void *self, struct err *err)
{
    struct model *model = self;
    int rc = sagas_flush(&model->sagas, err);
    if (rc == 0)
        rc = orders_flush(&model->orders, err);
    return rc < 0 ? rc : services_flush(&model->services, err);
}

int model_reset(void *self, const char *publisher, struct err *err)
{
    struct model *model = self;
    int rc = model_load(model, err);
    if (rc == 0 && strcmp(publisher, SUITE_ORCHESTRATOR) == 0)
        rc = sagas_reset(&model->sagas, err);
    if (rc == 0 && strcmp(publisher, ORDERS_PUBLISHER) == 0)
        rc = orders_reset(&model->orders, err);
    return rc < 0 ? rc : services_reset(&model->services, publisher, err);
}

/* Tables of the owner plane. */

static int page_sagas(void *self, struct db *db, struct bytes after, struct export_page *page,
                      struct buffer *ret_next, struct err *err)
{
    struct model *model = self;
    (void)db;
    return sagas_page(&model->sagas, after, page, ret_next, err);
}

static int page_orders(void *self, struct db *db, struct bytes after, struct export_page *page,
                       struct buffer *ret_next, struct err *err)
{
    struct model *model = self;
    (void)db;
    return orders_page(&model->orders, after, page, ret_next, err);
}

static int page_services(void *self, struct db *db, struct bytes after, struct export_page *page,
                         struct buffer *ret_next, struct err *err)
{
    struct model *model = self;
    (void)db;
    return services_page(&model->services, after, page, ret_next, err);
}

static int page_totals(void *self, struct db *db, struct bytes after, struct export_page *page,
                       struct buffer *ret_next, struct err *err)
{
    struct model *model = self;
    (void)db;
    (void)after;
    (void)ret_next;
    int rc = model_load(model, err);
    if (rc == 0)
        sagas_show_totals(&model->sagas, page);
    return rc;
}

static const char *const total_fields[] = {"name", "count"};

const struct participant_table model_tables[MODEL_TABLE_COUNT] = {
    {.name = "sagas",
     .columns = saga_record_fields,
     .column_count = SAGA_RECORD_FIELD_COUNT,
     .page = page_sagas},
    {.name = "orders",
     .columns = orders_fields,
     .column_count = ORDERS_FIELD_COUNT,
     .page = page_orders},
    {.name = "services",
     .columns = services_fields,
     .column_count = SERVICES_FIELD_COUNT,
     .page = page_services},
    {.name = "totals", .columns = total_fields, .column_count = 2, .page = page_totals},
};
