#include "check_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_base.h"
#include "check_words.h"

struct check_record {
    int fd;
};

/* A line as it grows. */
struct line {
    char *text;
    size_t len;
    size_t capacity;
};

struct check_record *check_record_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return NULL;
    struct check_record *record = check_zeros(1, sizeof *record);
    record->fd = fd;
    return record;
}

void check_record_close(struct check_record *record)
{
    if (record == NULL)
        return;
    (void)close(record->fd);
    free(record);
}

static char *room(struct line *line, size_t wanted)
{
    line->text = check_grow(line->text, &line->capacity, line->len + wanted, 1);
    return line->text + line->len;
}

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t fits = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    memcpy(room(line, fits), text, fits);
    line->len += fits;
}

static void add_escaped(struct line *line, uint8_t c)
{
    if (c == '"' || c == '\\')
        add(line, "\\%c", c);
    else if (c < 0x20)
        add(line, "\\u%04x", c);
    else
        *room(line, 1) = (char)c, line->len++;
}

static void add_text(struct line *line, const char *name, struct check_bytes value)
{
    if (value.len == 0)
        return;
    const uint8_t *bytes = value.data;
    add(line, ", \"%s\": \"", name);
    for (size_t i = 0; i < value.len; i++)
        add_escaped(line, bytes[i]);
    add(line, "\"");
}

static void add_hex(struct line *line, const char *name, struct check_bytes value)
{
    if (value.len == 0)
        return;
    add(line, ", \"%s\": \"", name);
    (void)check_hex(value, room(line, 2 * value.len + 1));
    line->len += 2 * value.len;
    add(line, "\"");
}

static void add_base64(struct line *line, const char *name, struct check_bytes value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = value.data;
    add(line, ", \"%s\": \"", name);
    char *to = room(line, (value.len + 2) / 3 * 4);
    for (size_t i = 0; i < value.len; i += 3) {
        size_t left = value.len - i;
        uint32_t group = (uint32_t)from[i] << 16;
        group |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)from[i + 2] : 0;
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[group & 63] : '=';
    }
    line->len += (value.len + 2) / 3 * 4;
    add(line, "\"");
}

static int finish(struct check_record *record, struct line *line)
{
    int rc = 0;
    add(line, "}\n");
    for (size_t at = 0; rc == 0 && at < line->len;) {
        ssize_t written = write(record->fd, line->text + at, line->len - at);
        if (written < 0 && errno != EINTR)
            rc = -1;
        at += written < 0 ? 0 : (size_t)written;
    }
    free(line->text);
    return rc;
}

int check_record_invoke(struct check_record *record, const struct check_invoke *invoke)
{
    struct line line = {0};
    add(&line,
        "{\"kind\": \"invoke\", \"at_ms\": %" PRId64 ", \"op\": %" PRIu64 ", \"call\": \"%s\"",
        invoke->at_ms, invoke->op, check_calls[invoke->call]);
    add_text(&line, "key", invoke->key);
    add_text(&line, "definition", invoke->definition);
    add_hex(&line, "nonce", invoke->nonce);
    if (invoke->call == CHECK_SUBMIT)
        add(&line, ", \"body\": \"%016" PRIx64 "\"", invoke->body);
    return finish(record, &line);
}

int check_record_answer(struct check_record *record, const struct check_answer *answer)
{
    struct line line = {0};
    add(&line,
        "{\"kind\": \"answer\", \"at_ms\": %" PRId64 ", \"op\": %" PRIu64 ", \"outcome\": \"%s\"",
        answer->at_ms, answer->op, check_outcomes[answer->outcome]);
    add_text(&line, "verdict", check_text(check_verdicts[answer->verdict]));
    if (answer->outcome == CHECK_OK)
        add_text(&line, "state", check_text(check_states[answer->state]));
    add_text(&line, "key", answer->key);
    add_hex(&line, "saga", answer->saga);
    add_text(&line, "code", answer->code);
    return finish(record, &line);
}

int check_record_frame(struct check_record *record, const struct check_frame *frame)
{
    struct line line = {0};
    add(&line, "{\"kind\": \"frame\", \"at_ms\": %" PRId64, frame->at_ms);
    add_text(&line, "from", check_text(frame->from));
    add_text(&line, "to", check_text(frame->to));
    add_text(&line, "plane", check_text(check_planes[frame->plane]));
    add_base64(&line, "bytes", frame->bytes);
    return finish(record, &line);
}

int check_record_life(struct check_record *record, const struct check_life_event *event)
{
    struct line line = {0};
    add(&line, "{\"kind\": \"life\", \"at_ms\": %" PRId64, event->at_ms);
    add_text(&line, "process", check_text(event->process));
    add_text(&line, "life", check_text(check_lives[event->life]));
    return finish(record, &line);
}
