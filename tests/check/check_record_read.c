/* Recorded evidence, read again. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_base.h"
#include "check_record.h"
#include "check_words.h"

#define NONCE_MAX 64

/* A line that is being read; `wrong` names the field that is not as it must be. */
struct parsed {
    const json_t *object;
    const char *wrong;
    uint8_t ids[2][NONCE_MAX]; /* Room for its hexadecimal fields. */
    uint8_t *bytes;            /* Of its frame. */
};

static const char *text_of(struct parsed *line, const char *name)
{
    const json_t *value = json_object_get(line->object, name);
    if (value != NULL && !json_is_string(value))
        line->wrong = name;
    return json_is_string(value) ? json_string_value(value) : "";
}

static struct check_bytes bytes_of(struct parsed *line, const char *name)
{
    const json_t *value = json_object_get(line->object, name);
    const char *text = text_of(line, name);
    return (struct check_bytes){text, json_is_string(value) ? json_string_length(value) : 0};
}

static int64_t number_of(struct parsed *line, const char *name)
{
    const json_t *value = json_object_get(line->object, name);
    if (!json_is_integer(value))
        line->wrong = name;
    return json_integer_value(value);
}

static unsigned word_of(struct parsed *line, const char *name, const char *const *words,
                        size_t count)
{
    int place = check_word(words, count, text_of(line, name));
    if (place < 0)
        line->wrong = name;
    return place < 0 ? 0 : (unsigned)place;
}

static struct check_bytes hex_of(struct parsed *line, const char *name, int room)
{
    int len = check_unhex(text_of(line, name), line->ids[room], NONCE_MAX);
    if (len < 0)
        line->wrong = name;
    return (struct check_bytes){line->ids[room], len < 0 ? 0 : (size_t)len};
}

static uint64_t body_of(struct parsed *line)
{
    char *end = NULL;
    const char *text = text_of(line, "body");
    errno = 0;
    uint64_t body = strtoull(text, &end, 16);
    if (*text == '\0' || *end != '\0' || errno != 0)
        line->wrong = "body";
    return body;
}

static int digit64(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static struct check_bytes base64_of(struct parsed *line, const char *name)
{
    struct check_bytes text = bytes_of(line, name);
    const char *from = text.data;
    size_t len = text.len;
    size_t made = 0;
    uint32_t group = 0;
    line->bytes = check_zeros(len / 4 * 3 + 3, 1);
    while (len > 0 && from[len - 1] == '=')
        len--;
    if (text.len % 4 != 0 || text.len - len > 2)
        line->wrong = name;
    for (size_t i = 0; i < len; i++) {
        int value = digit64(from[i]);
        if (value < 0) {
            line->wrong = name;
            break;
        }
        group = group << 6 | (uint32_t)value;
        if (i % 4 != 0)
            line->bytes[made++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
    }
    return (struct check_bytes){line->bytes, made};
}

static void read_invoke(struct parsed *line, const struct check_record_reader *reader)
{
    struct check_invoke invoke = {
        .at_ms = number_of(line, "at_ms"),
        .op = (uint64_t)number_of(line, "op"),
        .call = (enum check_call)word_of(line, "call", check_calls, CHECK_CALL_COUNT),
        .key = bytes_of(line, "key"),
        .definition = bytes_of(line, "definition"),
        .nonce = hex_of(line, "nonce", 0),
    };
    if (invoke.call == CHECK_SUBMIT)
        invoke.body = body_of(line);
    if (invoke.op == 0)
        line->wrong = "op";
    if (line->wrong == NULL)
        reader->invoke(reader->context, &invoke);
}

static void read_answer(struct parsed *line, const struct check_record_reader *reader)
{
    struct check_answer answer = {
        .at_ms = number_of(line, "at_ms"),
        .op = (uint64_t)number_of(line, "op"),
        .outcome =
            (enum check_outcome)word_of(line, "outcome", check_outcomes, CHECK_OUTCOME_COUNT),
        .verdict =
            (enum check_verdict)word_of(line, "verdict", check_verdicts, CHECK_VERDICT_COUNT),
        .key = bytes_of(line, "key"),
        .saga = hex_of(line, "saga", 0),
        .code = bytes_of(line, "code"),
    };
    if (json_object_get(line->object, "state") != NULL)
        answer.state = (enum check_state)word_of(line, "state", check_states, CHECK_STATE_COUNT);
    if (answer.saga.len != 0 && answer.saga.len != CHECK_ID_SIZE)
        line->wrong = "saga";
    if (line->wrong == NULL)
        reader->answer(reader->context, &answer);
}

static void read_frame(struct parsed *line, const struct check_record_reader *reader)
{
    struct check_frame frame = {
        .at_ms = number_of(line, "at_ms"),
        .from = text_of(line, "from"),
        .to = text_of(line, "to"),
        .plane = (enum check_plane)word_of(line, "plane", check_planes, CHECK_PLANE_COUNT),
        .bytes = base64_of(line, "bytes"),
    };
    if (*frame.from == '\0')
        line->wrong = "from";
    if (line->wrong == NULL)
        reader->frame(reader->context, &frame);
}

static void read_life(struct parsed *line, const struct check_record_reader *reader)
{
    struct check_life_event event = {
        .at_ms = number_of(line, "at_ms"),
        .process = text_of(line, "process"),
        .life = (enum check_life)word_of(line, "life", check_lives, CHECK_LIFE_COUNT),
    };
    if (*event.process == '\0')
        line->wrong = "process";
    if (line->wrong == NULL)
        reader->life(reader->context, &event);
}

static const struct {
    const char *kind;
    void (*read)(struct parsed *line, const struct check_record_reader *reader);
} kinds[] = {
    {"invoke", read_invoke},
    {"answer", read_answer},
    {"frame", read_frame},
    {"life", read_life},
};

static int read_line(const char *text, size_t len, const struct check_record_reader *reader,
                     char *words, size_t size)
{
    json_error_t error;
    json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    struct parsed line = {.object = object, .wrong = "kind"};
    if (!json_is_object(object)) {
        (void)snprintf(words, size, "is no JSON object: %s", error.text);
        json_decref(object);
        return -1;
    }
    const char *kind = json_string_value(json_object_get(object, "kind"));
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, kind) == 0) {
            line.wrong = NULL;
            kinds[i].read(&line, reader);
        }
    if (line.wrong != NULL)
        (void)snprintf(words, size, "\"%s\" is missing, or is not what it can be", line.wrong);
    free(line.bytes);
    json_decref(object);
    return line.wrong == NULL ? 0 : -1;
}

int check_record_read(const char *path, const struct check_record_reader *reader, char *words,
                      size_t size)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t len;
    int rc = 0;
    unsigned long number = 0;
    char wrong[200];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(words, size, "%s: %s", path, strerror(errno));
        return -1;
    }
    while (rc == 0 && (len = getline(&text, &capacity, file)) > 0) {
        number++;
        if (text[len - 1] != '\n')
            break;
        rc = read_line(text, (size_t)len, reader, wrong, sizeof wrong);
    }
    if (rc < 0) {
        (void)snprintf(words, size, "%s:%lu: %s", path, number, wrong);
    } else if (ferror(file)) {
        (void)snprintf(words, size, "%s: cannot read it", path);
        rc = -1;
    }
    free(text);
    (void)fclose(file);
    return rc;
}
