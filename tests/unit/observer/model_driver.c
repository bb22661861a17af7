#include "model_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client.pb-c.h"
#include "order.pb-c.h"
#include "owner.h"
#include "saga.pb-c.h"
#include "suite.h"

static const char *const steps[TOLD_STEPS][3] = {
    {"create", "order", "compensatable"},
    {"reserve", "stock", "compensatable"},
    {"charge", "bank", "compensatable"},
    {"confirm", "order", "retriable"},
};

static void open_model(struct model_driver *driver)
{
    struct err err = {0};
    driver->model = xcalloc(1, sizeof *driver->model);
    if (db_migrate(driver->store->db, "observer", model_schema, MODEL_SCHEMA_COUNT, &err) < 0 ||
        model_open(driver->model, driver->store->db, config_root(driver->config), &err) < 0)
        fail_msg("%s", err.text);
}

static void close_model(struct model_driver *driver)
{
    model_close(driver->model);
    free(driver->model);
}

struct model_driver *model_driver_new(int keep)
{
    struct model_driver *driver = xcalloc(1, sizeof *driver);
    struct err err = {0};
    AUTO(freep) char *text = xprintf("keep = %d\n", keep);
    if (config_parse("settings", text, &driver->config, &err) < 0)
        fail_msg("%s", err.text);
    driver->store = temp_store_new();
    open_model(driver);
    return driver;
}

void model_driver_free(struct model_driver *driver)
{
    close_model(driver);
    temp_store_free(driver->store);
    config_free(driver->config);
    buffer_release(&driver->payload);
    free(driver);
}

void model_driver_restart(struct model_driver *driver)
{
    close_model(driver);
    temp_store_close(driver->store);
    temp_store_open(driver->store);
    open_model(driver);
}

void model_driver_begin(struct model_driver *driver)
{
    temp_store_begin(driver->store);
}

void model_driver_commit(struct model_driver *driver)
{
    struct err err = {0};
    if (model_flush(driver->model, &err) < 0)
        fail_msg("%s", err.text);
    temp_store_commit(driver->store);
}

void model_driver_take_back(struct model_driver *driver)
{
    db_rollback(driver->store->db);
    model_forget(driver->model);
}

static void apply(struct model_driver *driver, const struct consumer_event *event)
{
    struct err err = {0};
    if (model_apply(driver->model, event, &err) < 0)
        fail_msg("%s", err.text);
}

static ProtobufCBinaryData text_of(const char *text)
{
    return packed_borrow_text(text == NULL ? "" : text);
}

static const char *participant_of(const char *step)
{
    for (size_t i = 0; step != NULL && i < TOLD_STEPS; i++)
        if (strcmp(steps[i][0], step) == 0)
            return steps[i][1];
    return "";
}

void told_pack(const struct told *told, struct buffer *to)
{
    Zsaga__SagaEvent event = ZSAGA__SAGA_EVENT__INIT;
    Zsaga__SagaEventStep all[TOLD_STEPS];
    Zsaga__SagaEventStep *pointers[TOLD_STEPS];
    AUTO(freep) char *key = told->key == NULL ? xprintf("K%u", told->saga) : xstrdup(told->key);
    event.key = text_of(key);
    event.definition = text_of("order");
    event.state = told->state;
    event.step = text_of(told->step);
    event.participant = text_of(participant_of(told->step));
    event.undo = told->undo;
    event.attempts = told->attempts;
    event.code = text_of(told->code);
    event.words = text_of(told->words);
    event.reason = text_of(told->reason);
    for (size_t i = 0; i < TOLD_STEPS; i++) {
        zsaga__saga_event_step__init(&all[i]);
        all[i].name = text_of(steps[i][0]);
        all[i].participant = text_of(steps[i][1]);
        all[i].kind = text_of(steps[i][2]);
        pointers[i] = &all[i];
    }
    if (strcmp(told->type, "SagaAccepted") == 0) {
        event.n_steps = TOLD_STEPS;
        event.steps = pointers;
    }
    packed_append(to, &event.base);
}

void model_driver_tell(struct model_driver *driver, const struct told *told)
{
    struct id saga = temp_store_id(told->saga);
    buffer_clear(&driver->payload);
    told_pack(told, &driver->payload);
    const struct consumer_event event = {
        .publisher = SUITE_ORCHESTRATOR,
        .seq = ++driver->saga_seq,
        .saga = id_view(&saga),
        .type = bytes_text(told->type),
        .wall_ms = told->wall_ms,
        .payload = buffer_bytes(&driver->payload),
    };
    apply(driver, &event);
}

void model_driver_tell_order(struct model_driver *driver, const char *type, const char *order_id,
                             int64_t cents)
{
    Zsaga__OrderEvent order = ZSAGA__ORDER_EVENT__INIT;
    order.order_id = text_of(order_id);
    order.customer_id = text_of("anna");
    order.amount_cents = (uint64_t)cents;
    buffer_clear(&driver->payload);
    packed_append(&driver->payload, &order.base);
    const struct consumer_event event = {
        .publisher = ORDERS_PUBLISHER,
        .seq = ++driver->order_seq,
        .type = bytes_text(type),
        .wall_ms = 1000 * (int64_t)driver->order_seq,
        .payload = buffer_bytes(&driver->payload),
    };
    apply(driver, &event);
}

void model_driver_tell_raw(struct model_driver *driver, const char *publisher, const char *type,
                           struct bytes payload)
{
    static const uint8_t saga[ID_SIZE] = {0};
    const struct consumer_event event = {
        .publisher = publisher,
        .seq = ++driver->saga_seq,
        .saga = bytes_of(saga, sizeof saga),
        .type = bytes_text(type),
        .wall_ms = 1000,
        .payload = payload,
    };
    apply(driver, &event);
}

char *model_driver_export(struct model_driver *driver, const char *table)
{
    struct err err = {0};
    const struct owner_host host = {
        .name = "observer",
        .db = driver->store->db,
        .self = driver->model,
        .tables = model_tables,
        .table_count = MODEL_TABLE_COUNT,
    };
    int fd = memfd_create("export", MFD_CLOEXEC);
    struct owner *owner = owner_new(&host);
    assert_true(fd >= 0);
    if (owner_export_csv(owner, table, fd, &err) < 0)
        fail_msg("%s: %s", table, err.text);
    owner_free(owner);
    off_t len = lseek(fd, 0, SEEK_END);
    char *text = xcalloc((size_t)len + 1, 1);
    assert_int_equal(pread(fd, text, (size_t)len, 0), len);
    (void)close(fd);
    return text;
}

char *model_driver_dump(struct model_driver *driver)
{
    char *all = xstrdup("");
    for (size_t i = 0; i < MODEL_TABLE_COUNT; i++) {
        AUTO(freep) char *before = all;
        AUTO(freep) char *table = model_driver_export(driver, model_tables[i].name);
        all = xprintf("%s%s", before, table);
    }
    return all;
}

const struct saga_row *model_driver_saga(struct model_driver *driver, uint32_t saga)
{
    struct id id = temp_store_id(saga);
    const struct saga_row *row = ledger_first(&driver->model->sagas.ledger);
    while (row != NULL && !bytes_equal(row->entry.key, id_view(&id)))
        row = ledger_next(row);
    assert_non_null(row);
    return row;
}

size_t told_life(uint32_t saga, const char *code, int64_t wall_ms, struct told *to, size_t room)
{
    static const struct told good[] = {
        {.type = "SagaAccepted", .state = ZSAGA__SAGA_STATE__RUNNING},
        {.type = "StepDone", .state = ZSAGA__SAGA_STATE__RUNNING, .step = "create"},
        {.type = "StepDone", .state = ZSAGA__SAGA_STATE__RUNNING, .step = "reserve"},
        {.type = "StepDone", .state = ZSAGA__SAGA_STATE__RUNNING, .step = "charge"},
        {.type = "StepDone", .state = ZSAGA__SAGA_STATE__COMPLETED, .step = "confirm"},
        {.type = "SagaCompleted", .state = ZSAGA__SAGA_STATE__COMPLETED},
    };
    static const struct told bad[] = {
        {.type = "SagaAccepted", .state = ZSAGA__SAGA_STATE__RUNNING},
        {.type = "StepDone", .state = ZSAGA__SAGA_STATE__RUNNING, .step = "create"},
        {.type = "StepDone", .state = ZSAGA__SAGA_STATE__RUNNING, .step = "reserve"},
        {.type = "StepRejected", .state = ZSAGA__SAGA_STATE__COMPENSATING, .step = "charge"},
        {.type = "StepUndone",
         .state = ZSAGA__SAGA_STATE__COMPENSATING,
         .step = "reserve",
         .undo = true},
        {.type = "StepUndone",
         .state = ZSAGA__SAGA_STATE__COMPENSATED,
         .step = "create",
         .undo = true},
        {.type = "SagaCompensated", .state = ZSAGA__SAGA_STATE__COMPENSATED},
    };
    const struct told *from = code == NULL ? good : bad;
    size_t count = code == NULL ? sizeof good / sizeof good[0] : sizeof bad / sizeof bad[0];
    assert_true(count <= room);
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].saga = saga;
        to[i].wall_ms = wall_ms + 10 * (int64_t)i;
        if (i >= 3 && code != NULL)
            to[i].reason = code;
        if (i == 3 && code != NULL)
            to[i].code = code;
    }
    return count;
}
