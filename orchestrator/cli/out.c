#include "out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static char *next_text(void)
{
    static char texts[8][40];
    static unsigned turn;
    return texts[turn++ % 8];
}

void out_json(json_t *document)
{
    (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    (void)fputc('\n', stdout);
    json_decref(document);
}

/* A level deeper than it would stand alone. JSON has no line ends but those of its layout. */
void out_rows_add(struct out_rows *rows, json_t *row)
{
    char *text = json_dumps(row, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    (void)fputs(rows->begun ? ",\n  " : "[\n  ", stdout);
    rows->begun = true;
    for (const char *at = text; at != NULL;) {
        const char *end = strchr(at, '\n');
        (void)fwrite(at, 1, end == NULL ? strlen(at) : (size_t)(end - at), stdout);
        if (end != NULL)
            (void)fputs("\n  ", stdout);
        at = end == NULL ? NULL : end + 1;
    }
    free(text);
    json_decref(row);
}

void out_rows_end(struct out_rows *rows)
{
    (void)fputs(rows->begun ? "\n]\n" : "[]\n", stdout);
    rows->begun = false;
}

void out_bytes(struct bytes bytes)
{
    (void)fwrite(bytes.data, 1, bytes.len, stdout);
}

json_t *out_json_time(uint64_t wall_ms)
{
    char text[LOG_TIME_SIZE];
    return wall_ms == 0 ? json_null() : json_string(log_time((int64_t)wall_ms, text));
}

const char *out_number(uint64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *text = next_text();
    char *to = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *out_duration(int64_t ms)
{
    char *text = next_text();
    double s = (double)ms / 1000;
    if (s < 10)
        (void)snprintf(text, 40, "%.1f s", s);
    else if (s < 120)
        (void)snprintf(text, 40, "%.0f s", s);
    else if (s < 7200)
        (void)snprintf(text, 40, "%.0f min", s / 60);
    else if (s < 172800)
        (void)snprintf(text, 40, "%.0f h", s / 3600);
    else
        (void)snprintf(text, 40, "%.0f d", s / 86400);
    return text;
}
