/* The log: one line of key=value pairs on standard error for each thing worth telling.
 *
 *   at=2026-01-31T10:00:00.123Z level=info name=payment event=started epoch=7
 *
 * Values with spaces, quotes or '=' are quoted. Only loops and mains log (style 4). */
#ifndef ZSAGA_LOG_H
#define ZSAGA_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Whose lines these are; `name` is borrowed. Default level: info. */
void log_open(const char *name, enum log_level level);

/* `pairs` is printf-formatted text of key=value pairs; wrap free text with log_quote(). False: it
 * could not be written, as on a full disk. */
bool log_line(enum log_level level, const char *event, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

/* Quotes `text` if it needs it, into a static ring of four buffers of 600 bytes. */
const char *log_quote(const char *text);

/* RFC 3339 UTC with milliseconds, "2026-01-31T10:00:00.123Z", into `text`; returns it. */
#define LOG_TIME_SIZE 32
const char *log_time(int64_t wall_ms, char text[LOG_TIME_SIZE]);

#endif
