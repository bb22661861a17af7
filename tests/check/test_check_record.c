/* Recorded evidence: what is written can be read, and what is damaged is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "check_base.h"
#include "check_record.h"

struct seen {
    char path[64];
    struct check_invoke invoke;
    struct check_answer answer;
    struct check_frame frame;
    struct check_life_event life;
    uint8_t bytes[300];
    char text[3][64];
    int lines;
};

static const char *keep(struct seen *seen, int place, struct check_bytes bytes)
{
    (void)snprintf(seen->text[place], sizeof seen->text[place], "%.*s", (int)bytes.len,
                   (const char *)bytes.data);
    return seen->text[place];
}

static void on_invoke(void *context, const struct check_invoke *invoke)
{
    struct seen *seen = context;
    seen->lines++;
    seen->invoke = *invoke;
    seen->invoke.key = check_text(keep(seen, 0, invoke->key));
    seen->invoke.definition = check_text(keep(seen, 1, invoke->definition));
    memcpy(seen->bytes, invoke->nonce.data, invoke->nonce.len);
}

static void on_answer(void *context, const struct check_answer *answer)
{
    struct seen *seen = context;
    seen->lines++;
    seen->answer = *answer;
    seen->answer.code = check_text(keep(seen, 0, answer->code));
    memcpy(seen->bytes, answer->saga.data, answer->saga.len);
}

static void on_frame(void *context, const struct check_frame *frame)
{
    struct seen *seen = context;
    seen->lines++;
    seen->frame = *frame;
    seen->frame.from = keep(seen, 0, check_text(frame->from));
    seen->frame.to = keep(seen, 1, check_text(frame->to));
    memcpy(seen->bytes, frame->bytes.data, frame->bytes.len);
}

static void on_life(void *context, const struct check_life_event *event)
{
    struct seen *seen = context;
    seen->lines++;
    seen->life = *event;
    seen->life.process = keep(seen, 0, check_text(event->process));
}

static int read_all(struct seen *seen, char *words, size_t size)
{
    const struct check_record_reader reader = {.context = seen,
                                               .invoke = on_invoke,
                                               .answer = on_answer,
                                               .frame = on_frame,
                                               .life = on_life};
    return check_record_read(seen->path, &reader, words, size);
}

static int begin(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    (void)snprintf(seen->path, sizeof seen->path, "/tmp/zsaga-record-XXXXXX");
    int fd = mkstemp(seen->path);
    *state = seen;
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    struct seen *seen = *state;
    (void)unlink(seen->path);
    free(seen);
    return 0;
}

static void put(const struct seen *seen, const char *text)
{
    FILE *file = fopen(seen->path, "ae");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A call comes back as it was recorded, whatever is in its key. */
static void test_record__a_call__comes_back_as_it_was(void **state)
{
    struct seen *seen = *state;
    char words[200];
    struct check_record *record = check_record_open(seen->path);
    const struct check_invoke invoke = {.at_ms = -5,
                                        .op = UINT64_C(1) << 60,
                                        .call = CHECK_SUBMIT,
                                        .key = check_text("a \"key\" \\ \xc3\xa4"),
                                        .definition = check_text("order"),
                                        .nonce = {"\x00\xff", 2},
                                        .body = UINT64_MAX};
    assert_non_null(record);
    assert_int_equal(check_record_invoke(record, &invoke), 0);
    check_record_close(record);
    assert_int_equal(read_all(seen, words, sizeof words), 0);
    assert_int_equal(seen->lines, 1);
    assert_int_equal(seen->invoke.at_ms, -5);
    assert_int_equal(seen->invoke.op, UINT64_C(1) << 60);
    assert_int_equal(seen->invoke.call, CHECK_SUBMIT);
    assert_string_equal(seen->text[0], "a \"key\" \\ \xc3\xa4");
    assert_string_equal(seen->text[1], "order");
    assert_int_equal(seen->invoke.nonce.len, 2);
    assert_memory_equal(seen->bytes, "\x00\xff", 2);
    assert_true(seen->invoke.body == UINT64_MAX);
}

/* An answer comes back as it was recorded. */
static void test_record__an_answer__comes_back_as_it_was(void **state)
{
    struct seen *seen = *state;
    char words[200];
    struct check_record *record = check_record_open(seen->path);
    const struct check_answer answer = {.at_ms = 7,
                                        .op = 3,
                                        .outcome = CHECK_OK,
                                        .verdict = CHECK_CONFLICT,
                                        .state = CHECK_ATTENTION,
                                        .saga = {"0123456789abcdef", CHECK_ID_SIZE},
                                        .code = check_text("busy")};
    assert_int_equal(check_record_answer(record, &answer), 0);
    check_record_close(record);
    assert_int_equal(read_all(seen, words, sizeof words), 0);
    assert_int_equal(seen->answer.op, 3);
    assert_int_equal(seen->answer.outcome, CHECK_OK);
    assert_int_equal(seen->answer.verdict, CHECK_CONFLICT);
    assert_int_equal(seen->answer.state, CHECK_ATTENTION);
    assert_memory_equal(seen->bytes, "0123456789abcdef", CHECK_ID_SIZE);
    assert_string_equal(seen->text[0], "busy");
}

/* The bytes of a frame come back, whatever their number. */
static void test_record__frames_of_all_lengths__come_back(void **state)
{
    struct seen *seen = *state;
    char words[200];
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof bytes; len += len < 8 ? 1 : 31) {
        assert_int_equal(truncate(seen->path, 0), 0);
        struct check_record *record = check_record_open(seen->path);
        const struct check_frame frame = {.at_ms = 1,
                                          .from = "orchestrator",
                                          .to = "payment",
                                          .plane = CHECK_PLANE_REPLAY,
                                          .bytes = {bytes, len}};
        assert_int_equal(check_record_frame(record, &frame), 0);
        check_record_close(record);
        assert_int_equal(read_all(seen, words, sizeof words), 0);
        assert_int_equal(seen->frame.plane, CHECK_PLANE_REPLAY);
        assert_string_equal(seen->text[1], "payment");
        assert_int_equal(seen->frame.bytes.len, len);
        assert_memory_equal(seen->bytes, bytes, len);
    }
}

/* That a process ended comes back, and lines are added to those that are there. */
static void test_record__opened_again__goes_on_at_the_end(void **state)
{
    struct seen *seen = *state;
    char words[200];
    for (int i = 0; i < 2; i++) {
        struct check_record *record = check_record_open(seen->path);
        const struct check_life_event life = {i, "payment", CHECK_ENDED};
        assert_int_equal(check_record_life(record, &life), 0);
        check_record_close(record);
    }
    assert_int_equal(read_all(seen, words, sizeof words), 0);
    assert_int_equal(seen->lines, 2);
    assert_int_equal(seen->life.at_ms, 1);
    assert_int_equal(seen->life.life, CHECK_ENDED);
    assert_string_equal(seen->text[0], "payment");
}

/* A last line that its recorder did not live to end is passed by. */
static void test_read__last_line_cut_short__is_passed_by(void **state)
{
    struct seen *seen = *state;
    char words[200];
    put(seen, "{\"kind\": \"life\", \"at_ms\": 1, \"process\": \"p\", \"life\": \"started\"}\n"
              "{\"kind\": \"life\", \"at_ms\": 1, \"pro");
    assert_int_equal(read_all(seen, words, sizeof words), 0);
    assert_int_equal(seen->lines, 1);
}

/* What is no evidence is refused, with the line and the field at fault. */
static void test_read__damaged_line__is_refused_with_its_number(void **state)
{
    static const struct {
        const char *line;
        const char *words;
    } cases[] = {
        {"hello\n", ":1: is no JSON object"},
        {"{}\n", ":1: \"kind\""},
        {"{\"kind\": \"tale\"}\n", ":1: \"kind\""},
        {"{\"kind\": \"life\", \"at_ms\": \"1\", \"process\": \"p\", \"life\": \"ended\"}\n",
         "\"at_ms\""},
        {"{\"kind\": \"life\", \"at_ms\": 1, \"process\": \"p\", \"life\": \"well\"}\n",
         "\"life\""},
        {"{\"kind\": \"life\", \"at_ms\": 1, \"life\": \"ended\"}\n", "\"process\""},
        {"{\"kind\": \"invoke\", \"at_ms\": 1, \"op\": 0, \"call\": \"find\", \"key\": \"k\"}\n",
         "\"op\""},
        {"{\"kind\": \"invoke\", \"at_ms\": 1, \"op\": 1, \"call\": \"submit\"}\n", "\"body\""},
        {"{\"kind\": \"answer\", \"at_ms\": 1, \"op\": 1, \"outcome\": \"ok\", \"saga\": \"0\"}\n",
         "\"saga\""},
        {"{\"kind\": \"frame\", \"at_ms\": 1, \"from\": \"a\", \"to\": \"b\","
         " \"plane\": \"live\", \"bytes\": \"A\"}\n",
         "\"bytes\""},
    };
    struct seen *seen = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char words[300] = "";
        assert_int_equal(truncate(seen->path, 0), 0);
        put(seen, cases[i].line);
        assert_int_equal(read_all(seen, words, sizeof words), -1);
        if (strstr(words, cases[i].words) == NULL)
            fail_msg("case %zu: %s", i, words);
        assert_int_equal(seen->lines, 0);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_record__a_call__comes_back_as_it_was),
        TEST(test_record__an_answer__comes_back_as_it_was),
        TEST(test_record__frames_of_all_lengths__come_back),
        TEST(test_record__opened_again__goes_on_at_the_end),
        TEST(test_read__last_line_cut_short__is_passed_by),
        TEST(test_read__damaged_line__is_refused_with_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
