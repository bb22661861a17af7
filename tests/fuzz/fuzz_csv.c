/* CSV: however it is cut into reads, the rows are the same; and what was read without a fault is
 * the same when it is written and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "fuzz.h"

const enum fuzz_shape fuzz_shape = FUZZ_TEXT;
const size_t fuzz_shape_skip = 0;

/* A source that gives so many bytes at a time, and sometimes none yet. */
struct drips {
    struct bytes left;
    size_t step;
    unsigned turn;
};

static ssize_t read_drip(void *from, void *to, size_t size)
{
    struct drips *drips = from;
    if (++drips->turn % 3 == 0)
        return CSV_NOT_YET;
    struct bytes some = {drips->left.data, drips->left.len};
    some.len = some.len < drips->step ? some.len : drips->step;
    return csv_read_memory(&drips->left, to, some.len < size ? some.len : size);
}

static uint64_t add_row(uint64_t digest, const struct csv_row *row, struct buffer *written)
{
    static const char end[] = "\n";
    digest = fuzz_digest(digest, bytes_of(&row->line, sizeof row->line));
    digest = fuzz_digest(digest, bytes_of(&row->field_count, sizeof row->field_count));
    digest = fuzz_digest(digest, bytes_text(row->fault == NULL ? "" : row->fault));
    fuzz_require(row->fault == NULL || row->fault[0] != '\0', "a fault without words");
    fuzz_require(row->line >= 1, "a row without a line");
    for (size_t i = 0; i < row->field_count; i++) {
        struct csv_field field = csv_field(row, i);
        digest = fuzz_digest(digest, bytes_of(&field.cut, sizeof field.cut));
        digest = fuzz_digest(digest, field.bytes);
        if (written != NULL && i > 0)
            buffer_append_text(written, ",");
        if (written != NULL)
            csv_write_field(written, field.bytes);
    }
    if (written != NULL)
        buffer_append_text(written, end);
    return digest;
}

/* Whether each row was whole. */
static bool read_all(csv_read read, void *from, uint64_t *digest, struct buffer *written)
{
    struct csv *csv = csv_new(read, from);
    const struct csv_row *row;
    struct err err = {0};
    bool whole = true;
    int rc;
    while ((rc = csv_next(csv, &row, &err)) != CSV_END) {
        fuzz_require(rc == CSV_ROW || rc == CSV_LATER, "reading fails: %s", err.text);
        if (rc == CSV_LATER)
            continue;
        *digest = add_row(*digest, row, written);
        whole = whole && row->fault == NULL && row->field_count <= CSV_FIELDS_MAX;
        /* A single empty field is written as an empty line, which is none. */
        whole = whole && (row->field_count > 1 || csv_field(row, 0).bytes.len > 0);
        for (size_t i = 0; i < row->field_count; i++)
            whole = whole && !csv_field(row, i).cut;
    }
    csv_free(csv);
    return whole;
}

/* The fields alone: lines differ where empty ones were left out. */
static uint64_t fields_of(struct bytes text)
{
    struct csv *csv = csv_new(csv_read_memory, &text);
    const struct csv_row *row;
    uint64_t digest = FUZZ_DIGEST_FIRST;
    while (csv_next(csv, &row, NULL) == CSV_ROW)
        for (size_t i = 0; i <= row->field_count; i++) {
            struct csv_field field = csv_field(row, i);
            digest = fuzz_digest(digest, bytes_of(&field.bytes.len, sizeof field.bytes.len));
            digest = fuzz_digest(digest, field.bytes);
        }
    csv_free(csv);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t at_once = FUZZ_DIGEST_FIRST;
    uint64_t dripped = FUZZ_DIGEST_FIRST;
    struct bytes all = {data, size};
    struct drips drips = {.left = all, .step = 1 + size % 7};
    struct buffer written = {0};
    bool whole = read_all(csv_read_memory, &all, &at_once, &written);
    (void)read_all(read_drip, &drips, &dripped, NULL);
    fuzz_require(at_once == dripped, "cut into other reads it is another file");
    if (whole)
        fuzz_require(fields_of(bytes_of(data, size)) == fields_of(buffer_bytes(&written)),
                     "what is written is not what was read");
    buffer_release(&written);
    return 0;
}
