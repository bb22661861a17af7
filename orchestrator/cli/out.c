#include "out.h"

#include <inttypes.h>
#include <stdio.h>
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
