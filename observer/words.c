#include "words.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

const char *words_number(uint64_t number, char text[WORDS_SIZE])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *to = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *words_rate(double per_s, char text[WORDS_SIZE])
{
    (void)snprintf(text, WORDS_SIZE, per_s < 10000 ? "%.1f/s" : "%.0f/s", per_s);
    return text;
}

const char *words_duration(int64_t ms, char text[WORDS_SIZE])
{
    double s = (double)ms / 1000;
    if (ms < 0)
        (void)snprintf(text, WORDS_SIZE, "?");
    else if (s < 9.95)
        (void)snprintf(text, WORDS_SIZE, "%.1f s", s);
    else if (s < 120)
        (void)snprintf(text, WORDS_SIZE, "%.0f s", s);
    else if (s < 7200)
        (void)snprintf(text, WORDS_SIZE, "%.0f min", s / 60);
    else if (s < 172800)
        (void)snprintf(text, WORDS_SIZE, "%.0f h", s / 3600);
    else
        (void)snprintf(text, WORDS_SIZE, "%.0f d", s / 86400);
    return text;
}

const char *words_milliseconds(uint64_t ms, char text[WORDS_SIZE])
{
    if (ms >= 1000)
        return words_duration(ms > INT64_MAX ? INT64_MAX : (int64_t)ms, text);
    (void)snprintf(text, WORDS_SIZE, "%" PRIu64 " ms", ms);
    return text;
}

const char *words_clock(int64_t wall_ms, char text[WORDS_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (wall_ms <= 0 || gmtime_r(&seconds, &tm) == NULL)
        (void)snprintf(text, WORDS_SIZE, "?");
    else
        (void)strftime(text, WORDS_SIZE, "%H:%M:%S", &tm);
    return text;
}
