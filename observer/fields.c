#include "fields.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

void fields_add(struct fields *fields, struct bytes text)
{
    assert(fields->count < FIELDS_MAX);
    buffer_append(&fields->text, text.data, text.len);
    fields->ends[fields->count++] = fields->text.len;
}

void fields_text(struct fields *fields, const char *text)
{
    fields_add(fields, bytes_text(text == NULL ? "" : text));
}

void fields_number(struct fields *fields, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    fields_text(fields, text);
}

void fields_time(struct fields *fields, int64_t wall_ms)
{
    char text[LOG_TIME_SIZE];
    fields_text(fields, wall_ms == 0 ? "" : log_time(wall_ms, text));
}

void fields_hex(struct fields *fields, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        const char pair[] = {digits[bytes.data[i] >> 4], digits[bytes.data[i] & 15]};
        buffer_append(&fields->text, pair, sizeof pair);
    }
    fields->ends[fields->count++] = fields->text.len;
}

void fields_to_page(struct fields *fields, struct export_page *page)
{
    struct bytes row[FIELDS_MAX];
    for (size_t i = 0; i < fields->count; i++) {
        size_t start = i == 0 ? 0 : fields->ends[i - 1];
        row[i] = bytes_of(fields->text.data + start, fields->ends[i] - start);
    }
    export_add(page, row);
    buffer_release(&fields->text);
    *fields = (struct fields){0};
}
