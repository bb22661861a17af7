#include "base/config_lines.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define INDENT 4

struct reader {
    const char *file;
    int line;
    int depth; /* Of the last node; the top ones have 1. */
    struct config_lines *lines;
    size_t capacity;
};

static int refuse(const struct reader *reader, struct err *err, const char *words)
{
    return err_set(err, ERR_INVALID, "%s:%d: %s", reader->file, reader->line, words);
}

static const char *past_space(const char *at)
{
    return at + strspn(at, " \t");
}

static bool ends_line(const char *at)
{
    at = past_space(at);
    return *at == '\0' || *at == '#';
}

static const char *past_key(const char *at)
{
    while (*at != '\0' && (isalnum((unsigned char)*at) || strchr("$-_@.&+", *at) != NULL))
        at++;
    return at;
}

static int check_value(const struct reader *reader, const char *at, struct err *err)
{
    if (ends_line(at))
        return refuse(reader, err, "a value must follow '='; quote one that begins with '#'");
    if (*at == '"' || *at == '\'') {
        const char *end = strchr(at + 1, *at);
        if (end == NULL)
            return refuse(reader, err, "the quote is not closed on this line");
        if (!ends_line(end + 1))
            return refuse(reader, err, "only a comment may follow the closing quote");
        return 0;
    }
    const char *comment = strchr(at, '#');
    if (comment != NULL && comment[-1] != ' ' && comment[-1] != '\t')
        return refuse(reader, err, "quote a value that has '#', or put a space before a comment");
    return 0;
}

static int check_node(struct reader *reader, const char *line, struct err *err)
{
    size_t indent = strspn(line, " ");
    if (line[indent] == '\t')
        return refuse(reader, err, "indent with spaces, four for each level, not with tabs");
    if (indent % INDENT != 0)
        return refuse(reader, err, "indent with four spaces for each level");
    int depth = (int)(indent / INDENT) + 1;
    if (depth > reader->depth + 1)
        return refuse(reader, err, "is indented deeper than one level below the line above");
    const char *key_end = past_key(line + indent);
    if (key_end == line + indent)
        return refuse(reader, err, "a line begins with a key of letters, digits, '_' or '-'");
    const char *at = past_space(key_end);
    if (*at != '=' && !ends_line(at))
        return refuse(reader, err, "write 'key = value', or a key alone above lines of its own");
    reader->depth = depth;
    return *at == '=' ? check_value(reader, past_space(at + 1), err) : 0;
}

static int check_characters(const struct reader *reader, struct bytes line, struct err *err)
{
    if (!text_is_utf8(line))
        return refuse(reader, err, "is not UTF-8");
    for (size_t i = 0; i < line.len; i++) {
        if (iscntrl(line.data[i]) && line.data[i] != '\t')
            return refuse(reader, err, "has a control character");
    }
    return 0;
}

static int read_line(struct reader *reader, struct bytes line, struct buffer *clean,
                     struct err *err)
{
    struct config_lines *lines = reader->lines;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    int rc = check_characters(reader, line, err);
    if (rc < 0)
        return rc;
    AUTO(freep) char *text = xmalloc(line.len + 1);
    bytes_copy_text(line, text, line.len + 1);
    if (ends_line(text))
        return 0;
    if (line.len > CONFIG_LINE_MAX)
        return refuse(reader, err, "is longer than 1,000 bytes");
    if (lines->count == CONFIG_NODES_MAX)
        return refuse(reader, err, "is one too many: at most 10,000 lines with a key are read");
    rc = check_node(reader, text, err);
    if (rc < 0)
        return rc;
    lines->numbers =
        xgrow(lines->numbers, &reader->capacity, lines->count + 1, sizeof *lines->numbers);
    lines->numbers[lines->count++] = reader->line;
    buffer_append_text(clean, text);
    buffer_append_text(clean, "\n");
    return 0;
}

static struct bytes without_byte_order_mark(struct bytes text)
{
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return bytes_of(text.data + 3, text.len - 3);
    return text;
}

int config_lines_read(const char *file, struct bytes text, struct config_lines *ret,
                      struct err *err)
{
    *ret = (struct config_lines){0};
    if (text.len > CONFIG_SIZE_MAX)
        return err_set(err, ERR_INVALID, "%s: is larger than 256 KiB", file);
    struct reader reader = {.file = file, .lines = ret};
    struct buffer clean = {0};
    text = without_byte_order_mark(text);
    int rc = 0;
    for (size_t at = 0; at < text.len && rc == 0;) {
        const uint8_t *start = text.data + at;
        const uint8_t *end = memchr(start, '\n', text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - start);
        reader.line++;
        rc = read_line(&reader, bytes_of(start, len), &clean, err);
        at += len + 1;
    }
    buffer_append(&clean, "", 1);
    ret->text = (char *)clean.data;
    return rc;
}

void config_lines_release(struct config_lines *lines)
{
    free(lines->text);
    free(lines->numbers);
    *lines = (struct config_lines){0};
}
