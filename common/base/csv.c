#include "base/csv.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"

enum place {
    AT_START, /* Of a field. */
    IN_PLAIN,
    IN_QUOTES,
    AFTER_QUOTE, /* In quotes, right behind a quote: its end, or half of a doubled one. */
};

struct csv {
    csv_read read;
    void *from;
    uint8_t chunk[32768];
    size_t chunk_at;
    size_t chunk_len;
    bool at_end;
    bool begun; /* The byte order mark, if any, is behind us. */
    uint64_t bytes_read;

    enum place place;
    bool open;       /* A row has begun. */
    bool return_due; /* A carriage return outside quotes, not yet known to end a line. */
    bool quoted;     /* The row has a quoted field, so it is no empty line. */
    bool cut;        /* Of the current field. */
    size_t line;
    size_t field_start; /* In `text`. */
    struct buffer text; /* Of the row's kept fields, one after another. */
    size_t ends[CSV_FIELDS_MAX];
    struct csv_field fields[CSV_FIELDS_MAX];
    struct csv_row row;
};

struct csv *csv_new(csv_read read, void *from)
{
    struct csv *csv = xcalloc(1, sizeof *csv);
    csv->read = read;
    csv->from = from;
    csv->line = 1;
    /* Room from the start, so that empty fields have an address too. */
    (void)buffer_extend(&csv->text, CSV_FIELD_MAX);
    buffer_clear(&csv->text);
    return csv;
}

void csv_free(struct csv *csv)
{
    if (csv == NULL)
        return;
    buffer_release(&csv->text);
    free(csv);
}

void csv_freep(struct csv **csv_p)
{
    csv_free(*csv_p);
}

uint64_t csv_bytes_read(const struct csv *csv)
{
    return csv->bytes_read;
}

static void row_begin(struct csv *csv)
{
    buffer_clear(&csv->text);
    csv->field_start = 0;
    csv->place = AT_START;
    csv->quoted = false;
    csv->cut = false;
    csv->open = true;
    csv->row = (struct csv_row){.line = csv->line, .fields = csv->fields};
}

static void put(struct csv *csv, uint8_t byte)
{
    if (csv->row.field_count >= CSV_FIELDS_MAX)
        return;
    if (csv->text.len - csv->field_start >= CSV_FIELD_MAX)
        csv->cut = true;
    else
        buffer_append(&csv->text, &byte, 1);
}

static void field_end(struct csv *csv)
{
    if (csv->row.field_count < CSV_FIELDS_MAX) {
        csv->ends[csv->row.field_count] = csv->text.len;
        csv->fields[csv->row.field_count].cut = csv->cut;
    }
    csv->row.field_count++;
    csv->field_start = csv->text.len;
    csv->place = AT_START;
    csv->cut = false;
}

/* Ends the row; false when it was an empty line. */
static bool row_end(struct csv *csv)
{
    bool empty = csv->row.field_count == 0 && csv->text.len == 0 && !csv->quoted;
    if (csv->place == IN_QUOTES)
        csv->row.fault = "a quoted field is not closed";
    field_end(csv);
    csv->open = false;
    csv->return_due = false;
    if (empty)
        return false;
    size_t start = 0;
    for (size_t i = 0; i < csv->row.field_count && i < CSV_FIELDS_MAX; i++) {
        csv->fields[i].bytes = bytes_of(csv->text.data + start, csv->ends[i] - start);
        start = csv->ends[i];
    }
    return true;
}

static void take_quote(struct csv *csv)
{
    switch (csv->place) {
    case AT_START:
        csv->place = IN_QUOTES;
        csv->quoted = true;
        break;
    case IN_QUOTES:
        csv->place = AFTER_QUOTE;
        break;
    case AFTER_QUOTE:
        put(csv, '"');
        csv->place = IN_QUOTES;
        break;
    case IN_PLAIN:
        put(csv, '"');
        break;
    }
}

static void take_data(struct csv *csv, uint8_t byte)
{
    if (csv->place == AFTER_QUOTE)
        csv->row.fault = "text follows a closing quote";
    if (csv->place != IN_QUOTES)
        csv->place = IN_PLAIN;
    put(csv, byte);
}

/* Takes one byte; true when it ended a row that is not an empty line. */
static bool take(struct csv *csv, uint8_t byte)
{
    if (!csv->open)
        row_begin(csv);
    csv->line += byte == '\n';
    if (csv->return_due && byte != '\n') {
        csv->return_due = false;
        take_data(csv, '\r');
    }
    if (byte == '"') {
        take_quote(csv);
    } else if (csv->place == IN_QUOTES) {
        put(csv, byte);
    } else if (byte == ',') {
        field_end(csv);
    } else if (byte == '\n') {
        return row_end(csv);
    } else if (byte == '\r') {
        csv->return_due = true;
    } else {
        take_data(csv, byte);
    }
    return false;
}

/* Reads more behind what is there. CSV_ROW: there is more. */
static int fill(struct csv *csv, struct err *err)
{
    ssize_t got =
        csv->read(csv->from, csv->chunk + csv->chunk_len, sizeof csv->chunk - csv->chunk_len);
    if (got == CSV_NOT_YET)
        return CSV_LATER;
    if (got < 0)
        return err_errno(err, errno, "read");
    if (got == 0) {
        csv->at_end = true;
        return CSV_END;
    }
    csv->chunk_len += (size_t)got;
    csv->bytes_read += (uint64_t)got;
    return CSV_ROW;
}

static int skip_mark(struct csv *csv, struct err *err)
{
    while (csv->chunk_len < 3 && !csv->at_end) {
        int rc = fill(csv, err);
        if (rc < 0 || rc == CSV_LATER)
            return rc;
    }
    if (csv->chunk_len >= 3 && memcmp(csv->chunk, "\xEF\xBB\xBF", 3) == 0)
        csv->chunk_at = 3;
    csv->begun = true;
    return CSV_ROW;
}

int csv_next(struct csv *csv, const struct csv_row **ret, struct err *err)
{
    *ret = &csv->row;
    if (!csv->begun) {
        int rc = skip_mark(csv, err);
        if (rc != CSV_ROW)
            return rc;
    }
    for (;;) {
        while (csv->chunk_at < csv->chunk_len)
            if (take(csv, csv->chunk[csv->chunk_at++]))
                return CSV_ROW;
        if (csv->at_end)
            return csv->open && row_end(csv) ? CSV_ROW : CSV_END;
        csv->chunk_at = csv->chunk_len = 0;
        int rc = fill(csv, err);
        if (rc < 0 || rc == CSV_LATER)
            return rc;
    }
}

struct csv_field csv_field(const struct csv_row *row, size_t place)
{
    if (place >= row->field_count || place >= CSV_FIELDS_MAX)
        return (struct csv_field){.bytes = bytes_of("", 0)};
    return row->fields[place];
}

int csv_columns(const struct csv_row *header, const char *const *wanted, size_t count,
                size_t *ret_places, struct err *err)
{
    if (header->fault != NULL)
        return err_set(err, ERR_INVALID, "the header cannot be read: %s", header->fault);
    size_t kept = header->field_count < CSV_FIELDS_MAX ? header->field_count : CSV_FIELDS_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t found = 0;
        for (size_t place = 0; place < kept; place++) {
            if (!bytes_equal(header->fields[place].bytes, bytes_text(wanted[i])))
                continue;
            ret_places[i] = place;
            found++;
        }
        if (found == 0)
            return err_set(err, ERR_INVALID, "the header has no column %s", wanted[i]);
        if (found > 1)
            return err_set(err, ERR_INVALID, "the header has the column %s twice", wanted[i]);
    }
    return 0;
}

bool csv_number(struct csv_field field, uint64_t min, uint64_t max, uint64_t *ret)
{
    if (field.cut || field.bytes.len == 0)
        return false;
    assert(max >= 9);
    uint64_t number = 0;
    for (size_t i = 0; i < field.bytes.len; i++) {
        uint8_t byte = field.bytes.data[i];
        if (byte < '0' || byte > '9')
            return false;
        uint64_t digit = (uint64_t)(byte - '0');
        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret = number;
    return number >= min && number <= max;
}

bool csv_name(struct csv_field field)
{
    return !field.cut && text_is_name(field.bytes);
}

void csv_write_field(struct buffer *to, struct bytes field)
{
    /* At the start of a file it would be taken for the file's byte order mark. */
    bool quote = field.len >= 3 && memcmp(field.data, "\xEF\xBB\xBF", 3) == 0;
    for (size_t i = 0; i < field.len; i++)
        quote = quote || memchr(",\"\r\n", field.data[i], 4) != NULL;
    if (!quote) {
        buffer_append(to, field.data, field.len);
        return;
    }
    buffer_append_text(to, "\"");
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] == '"')
            buffer_append_text(to, "\"");
        buffer_append(to, field.data + i, 1);
    }
    buffer_append_text(to, "\"");
}

ssize_t csv_read_fd(void *from, void *to, size_t size)
{
    int fd = *(int *)from;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, 0) == 0)
        return CSV_NOT_YET;
    ssize_t got;
    do
        got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t csv_read_memory(void *from, void *to, size_t size)
{
    struct bytes *rest = from;
    size_t len = rest->len < size ? rest->len : size;
    if (len == 0)
        return 0;
    memcpy(to, rest->data, len);
    rest->data += len;
    rest->len -= len;
    return (ssize_t)len;
}
