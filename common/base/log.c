#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LOG_LINE_MAX 4096 /* Below the size up to which a write to a pipe stays in one piece. */
#define QUOTED_MAX 600
#define QUOTED_COUNT 4

static struct {
    const char *name;
    enum log_level level;
    bool torn; /* The last line could not be written to its end. */
} process = {.name = "-", .level = LOG_LEVEL_INFO};

void log_open(const char *name, enum log_level level)
{
    process.name = name;
    process.level = level;
}

static const char *level_text(enum log_level level)
{
    static const char *const texts[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARN] = "warn",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };
    return texts[level];
}

/* Where the next piece goes in a buffer that is cut, and must keep room for a last byte. */
static size_t advance(size_t used, int written, size_t size)
{
    size_t wanted = used + (written < 0 ? 0 : (size_t)written);
    return wanted < size - 1 ? wanted : size - 2;
}

bool log_line(enum log_level level, const char *event, const char *pairs, ...)
{
    if (level > process.level)
        return true;
    char at[LOG_TIME_SIZE];
    char line[LOG_LINE_MAX];
    size_t used = advance(0,
                          snprintf(line, sizeof line, "%sat=%s level=%s name=%s event=%s ",
                                   process.torn ? "\n" : "", log_time(clock_wall_ms(), at),
                                   level_text(level), log_quote(process.name), log_quote(event)),
                          sizeof line);
    va_list args;
    va_start(args, pairs);
    used = advance(used, vsnprintf(line + used, sizeof line - used, pairs, args), sizeof line);
    va_end(args);
    while (used > 0 && line[used - 1] == ' ')
        used--;
    line[used++] = '\n';
    /* One write, past stdio, so that lines of several processes on one file do not mix. */
    ssize_t written = write(STDERR_FILENO, line, used);
    if (written > 0)
        process.torn = (size_t)written < used;
    return written == (ssize_t)used;
}

static bool is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte <= ' ' || byte == 0x7f || byte == '"' || byte == '=' || byte == '\\')
            return false;
    }
    return true;
}

/* Writes the next character of `*from` (UTF-8) as it stands in quotes, at most four bytes, and goes
 * behind it. */
static size_t next_quoted(const char **from, char to[5])
{
    char first = *(*from)++;
    if (first == '"' || first == '\\')
        return (size_t)snprintf(to, 5, "\\%c", first);
    if (first == '\n')
        return (size_t)snprintf(to, 5, "\\n");
    if ((unsigned char)first < ' ' || first == 0x7f)
        return (size_t)snprintf(to, 5, "\\x%02x", (unsigned)first);
    size_t len = 0;
    to[len++] = first;
    while (((unsigned char)**from & 0xc0) == 0x80)
        to[len++] = *(*from)++;
    return len;
}

const char *log_quote(const char *text)
{
    static char ring[QUOTED_COUNT][QUOTED_MAX];
    static unsigned next;
    char *to = ring[next++ % QUOTED_COUNT];
    char clean[QUOTED_MAX];
    text_to_utf8(bytes_text(text), clean, sizeof clean);
    if (is_plain(clean)) {
        (void)snprintf(to, QUOTED_MAX, "%s", clean);
        return to;
    }
    size_t used = 0;
    to[used++] = '"';
    for (const char *from = clean; *from != '\0';) {
        char piece[5];
        size_t len = next_quoted(&from, piece);
        if (used + len + 2 > QUOTED_MAX)
            break;
        memcpy(to + used, piece, len);
        used += len;
    }
    to[used++] = '"';
    to[used] = '\0';
    return to;
}

const char *log_time(int64_t wall_ms, char text[LOG_TIME_SIZE])
{
    const int64_t first_ms = -62167219200000; /* 0000-01-01 */
    const int64_t last_ms = 253402300799999;  /* 9999-12-31 */
    wall_ms = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t ms = (wall_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)snprintf(text, LOG_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                   utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)ms);
    return text;
}
