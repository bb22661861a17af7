#include "outbox_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "driver_files.h"

static void open_outbox(struct outbox_fixture *fixture)
{
    struct err err = {0};
    if (outbox_open(fixture->store->db, &fixture->outbox, &err) != 0)
        fail_msg("%s", err.text);
}

int outbox_fixture_set_up(void **state)
{
    struct outbox_fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    fixture->wall_ms = 1700000000000;
    open_outbox(fixture);
    *state = fixture;
    return 0;
}

int outbox_fixture_tear_down(void **state)
{
    struct outbox_fixture *fixture = *state;
    outbox_close(fixture->outbox);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void close_all(struct outbox_fixture *fixture)
{
    outbox_close(fixture->outbox);
    fixture->outbox = NULL;
    temp_store_close(fixture->store);
}

void outbox_fixture_reopen(struct outbox_fixture *fixture)
{
    close_all(fixture);
    temp_store_open(fixture->store);
    open_outbox(fixture);
}

int outbox_fixture_tamper(struct outbox_fixture *fixture, const char *sql, struct err *err)
{
    close_all(fixture);
    driver_files_run(fixture->store->path, sql);
    temp_store_open(fixture->store);
    return outbox_open(fixture->store->db, &fixture->outbox, err);
}

void outbox_fixture_add(struct outbox_fixture *fixture, const char *type, size_t payload)
{
    AUTO(freep) uint8_t *bytes = xcalloc(1, payload + 1);
    const struct outbox_event event = {.id = temp_store_id(++fixture->last_id),
                                       .type = bytes_text(type),
                                       .wall_ms = fixture->wall_ms,
                                       .payload = bytes_of(bytes, payload)};
    outbox_add(fixture->outbox, &event);
}

void outbox_fixture_write(struct outbox_fixture *fixture)
{
    struct err err = {0};
    if (outbox_write(fixture->outbox, fixture->wall_ms, &err) != 0)
        fail_msg("%s", err.text);
}

void outbox_fixture_commit(struct outbox_fixture *fixture)
{
    temp_store_begin(fixture->store);
    outbox_fixture_write(fixture);
    temp_store_commit(fixture->store);
    outbox_committed(fixture->outbox);
}

void outbox_fixture_trim(struct outbox_fixture *fixture, uint64_t keep_bytes, int64_t keep_from_ms)
{
    struct err err = {0};
    temp_store_begin(fixture->store);
    if (outbox_trim(fixture->outbox, keep_bytes, keep_from_ms, &err) != 0)
        fail_msg("%s", err.text);
    outbox_fixture_write(fixture);
    temp_store_commit(fixture->store);
    outbox_committed(fixture->outbox);
}

void outbox_fixture_fill(struct outbox_fixture *fixture, int count, size_t payload)
{
    for (int i = 0; i < count; i++) {
        outbox_fixture_add(fixture, "filled", payload);
        outbox_fixture_commit(fixture);
    }
}
