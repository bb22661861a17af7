#include "saga_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "client.pb-c.h"
#include "fields.h"
#include "states.h"

/* Packing. */

static void put_number(struct buffer *to, uint32_t number)
{
    while (number >= 0x80) {
        uint8_t low = (uint8_t)(number | 0x80);
        buffer_append(to, &low, 1);
        number >>= 7;
    }
    uint8_t last = (uint8_t)number;
    buffer_append(to, &last, 1);
}

static void put_steps(struct buffer *to, const struct saga_row *row)
{
    for (size_t i = 0; i < row->shape->step_count; i++) {
        const struct step_row *step = &row->steps[i];
        size_t error_len = step->last_error == NULL ? 0 : strlen(step->last_error);
        put_number(to, step->forward);
        put_number(to, step->undo);
        put_number(to, step->retries);
        put_number(to, step->undo_retries);
        put_number(to, (uint32_t)error_len);
        buffer_append(to, step->last_error, error_len);
    }
}

static struct bytes text_or_empty(const char *text)
{
    return bytes_text(text == NULL ? "" : text);
}

static void bind(const void *record, sqlite3_stmt *stmt, struct buffer *scratch)
{
    const struct saga_row *row = record;
    put_steps(scratch, row);
    db_bind_bytes(stmt, 2, text_or_empty(row->key));
    db_bind_int(stmt, 3, row->state);
    db_bind_int(stmt, 4, row->cursor);
    db_bind_int(stmt, 5, row->troubles);
    db_bind_int(stmt, 6, (int64_t)row->seq);
    db_bind_int(stmt, 7, row->started_ms);
    db_bind_int(stmt, 8, row->changed_ms);
    db_bind_int(stmt, 9, row->finished_ms);
    db_bind_bytes(stmt, 10, text_or_empty(row->reason));
    db_bind_bytes(stmt, 11, text_or_empty(row->last_error));
    db_bind_bytes(stmt, 12, row->shape->packed);
    db_bind_bytes(stmt, 13, scratch->len == 0 ? bytes_text("") : buffer_bytes(scratch));
}

/* Reading. */

static bool get_number(struct bytes *from, uint32_t *ret)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (from->len == 0)
            return false;
        uint8_t byte = from->data[0];
        *from = bytes_of(from->data + 1, from->len - 1);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = (uint32_t)number;
            return number <= UINT32_MAX;
        }
    }
    return false;
}

static char *copy_text(struct bytes text)
{
    if (text.len == 0)
        return NULL;
    char *copy = xmalloc(text.len + 1);
    bytes_copy_text(text, copy, text.len + 1);
    return copy;
}

static bool get_step(struct bytes *from, struct step_row *step)
{
    uint32_t forward;
    uint32_t undo;
    uint32_t error_len;
    if (!get_number(from, &forward) || !get_number(from, &undo) ||
        !get_number(from, &step->retries) || !get_number(from, &step->undo_retries) ||
        !get_number(from, &error_len) || error_len > from->len || forward > STEP_GIVEN_UP ||
        undo > STEP_UNDO_DONE)
        return false;
    step->forward = (uint8_t)forward;
    step->undo = (uint8_t)undo;
    step->last_error = copy_text(bytes_of(from->data, error_len));
    *from = bytes_of(from->data + error_len, from->len - error_len);
    return true;
}

static bool get_steps(struct bytes from, struct saga_row *row)
{
    row->steps = xcalloc(row->shape->step_count, sizeof *row->steps);
    for (size_t i = 0; i < row->shape->step_count; i++)
        if (!get_step(&from, &row->steps[i]))
            return false;
    return from.len == 0;
}

static int read_row(void *context, sqlite3_stmt *stmt, void *record, struct err *err)
{
    struct saga_row *row = record;
    int64_t cursor = db_int(stmt, 3);
    row->key = copy_text(db_bytes(stmt, 1));
    row->state = (uint8_t)db_int(stmt, 2);
    row->cursor = (uint8_t)cursor;
    row->troubles = (uint32_t)db_int(stmt, 4);
    row->seq = (uint64_t)db_int(stmt, 5);
    row->started_ms = db_int(stmt, 6);
    row->changed_ms = db_int(stmt, 7);
    row->finished_ms = db_int(stmt, 8);
    row->reason = copy_text(db_bytes(stmt, 9));
    row->last_error = copy_text(db_bytes(stmt, 10));
    row->shape = shapes_unpack(context, db_bytes(stmt, 11));
    if (row->shape == NULL || !get_steps(db_bytes(stmt, 12), row) || cursor < 0 ||
        cursor > (int64_t)row->shape->step_count)
        return err_set(err, ERR_CORRUPT,
                       "a saga's row is damaged: stop the suite and remove the observer's database,"
                       " it will be built anew");
    return 0;
}

static void release(void *record)
{
    saga_row_release(record);
}

const struct ledger_kind saga_record_kind = {
    .name = "sagas",
    .key = "id",
    .columns = "saga_key, state, cursor, troubles, seq, started_ms, changed_ms, finished_ms,"
               " reason, last_error, shape, steps",
    .column_count = SAGA_RECORD_COLUMN_COUNT,
    .record_size = sizeof(struct saga_row),
    .bind = bind,
    .read = read_row,
    .release = release,
};

/* Showing. */

const char *const saga_record_fields[SAGA_RECORD_FIELD_COUNT] = {
    "id",         "key",    "definition", "state",      "step",       "waiting_on",  "attempts",
    "last_error", "reason", "seq",        "started_at", "changed_at", "finished_at", "steps",
};

/* "create@order compensatable done 1 none 0 busy: words; ..." */
static void show_steps(const struct saga_row *row, struct buffer *to)
{
    for (size_t i = 0; i < row->shape->step_count; i++) {
        const struct step_row *step = &row->steps[i];
        const struct shape_step *name = &row->shape->steps[i];
        AUTO(freep)
        char *state = xprintf(" %s %u %s %u", saga_row_forward_name(step->forward), step->retries,
                              saga_row_undo_name(step->undo), step->undo_retries);
        buffer_append_text(to, i == 0 ? "" : "; ");
        buffer_append(to, name->name.data, name->name.len);
        buffer_append_text(to, "@");
        buffer_append(to, name->participant.data, name->participant.len);
        buffer_append_text(to, " ");
        buffer_append(to, name->kind.data, name->kind.len);
        buffer_append_text(to, state);
        if (step->last_error == NULL)
            continue;
        buffer_append_text(to, " ");
        buffer_append_text(to, step->last_error);
    }
}

void saga_record_show(const void *record, struct export_page *page)
{
    const struct saga_row *row = record;
    const struct shape_step *step = saga_row_step(row);
    bool waits = step != NULL && row->state != ZSAGA__SAGA_STATE__ATTENTION;
    struct fields fields = {0};
    struct buffer steps = {0};
    fields_hex(&fields, row->entry.key);
    fields_text(&fields, row->key);
    fields_add(&fields, row->shape->definition);
    fields_text(&fields, states_name(row->state));
    fields_add(&fields, step == NULL ? bytes_text("") : step->name);
    fields_add(&fields, waits ? step->participant : bytes_text(""));
    fields_number(&fields, saga_row_attempts(row));
    fields_text(&fields, row->last_error);
    fields_text(&fields, row->reason);
    fields_number(&fields, row->seq);
    fields_time(&fields, row->started_ms);
    fields_time(&fields, row->changed_ms);
    fields_time(&fields, row->finished_ms);
    show_steps(row, &steps);
    fields_add(&fields, buffer_bytes(&steps));
    fields_to_page(&fields, page);
    buffer_release(&steps);
}
