/* Definitions: what is read, with which defaults, and what is refused with which words. */
#include "definition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite_files.h"

#define HEAD "saga\n    name = s\n"
#define STEP(n)                                                                                    \
    "    step\n"                                                                                   \
    "        name = " n "\n"                                                                       \
    "        participant = p\n"                                                                    \
    "        action = do\n"
#define UNDO "        compensation = undo\n"

static struct definition *parse(const char *text)
{
    struct definition *definition = NULL;
    struct err err = {0};
    if (definition_parse("f.zpl", text, &definition, &err) < 0)
        fail_msg("%s", err.text);
    return definition;
}

static void refuse(const char *text, const char *words)
{
    struct definition *definition = NULL;
    struct err err = {0};
    assert_int_equal(definition_parse("f.zpl", text, &definition, &err), ERR_INVALID);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void test_definition__without_times__has_the_defaults(void **state)
{
    /* What is not said has a default. */
    (void)state;
    struct definition *definition = parse(HEAD STEP("a") UNDO);
    const struct definition_step *step = &definition->steps[0];
    assert_string_equal(definition->name, "s");
    assert_int_equal(definition->step_count, 1);
    assert_string_equal(step->name, "a");
    assert_string_equal(step->participant, "p");
    assert_string_equal(step->action, "do");
    assert_string_equal(step->compensation, "undo");
    assert_int_equal(step->kind, STEP_COMPENSATABLE);
    assert_int_equal(step->timeout_ms, 2000);
    assert_int_equal(step->retry_attempts, 5);
    assert_int_equal(step->retry_first_ms, 100);
    assert_int_equal(step->retry_factor, 2);
    assert_int_equal(step->retry_max_ms, 5000);
    assert_int_equal(step->patience_ms, 60000);
    assert_int_equal(step->undo_first_ms, 100);
    assert_int_equal(step->undo_max_ms, 30000);
    assert_int_equal(step->undo_patience_ms, 24 * 3600 * 1000);
    definition_free(definition);
}

static void test_definition__with_all_said__has_what_is_said(void **state)
{
    /* Each key is read. */
    (void)state;
    struct definition *definition = parse(HEAD STEP("a") UNDO "        kind = compensatable\n"
                                                              "        timeout = 1s\n"
                                                              "        retry\n"
                                                              "            attempts = 7\n"
                                                              "            first = 1ms\n"
                                                              "            factor = 3\n"
                                                              "            max = 4s\n"
                                                              "        patience = 5m\n"
                                                              "        undo\n"
                                                              "            first = 6ms\n"
                                                              "            max = 7s\n"
                                                              "            patience = 8h\n");
    const struct definition_step *step = &definition->steps[0];
    assert_int_equal(step->timeout_ms, 1000);
    assert_int_equal(step->retry_attempts, 7);
    assert_int_equal(step->retry_first_ms, 1);
    assert_int_equal(step->retry_factor, 3);
    assert_int_equal(step->retry_max_ms, 4000);
    assert_int_equal(step->patience_ms, 300000);
    assert_int_equal(step->undo_first_ms, 6);
    assert_int_equal(step->undo_max_ms, 7000);
    assert_int_equal(step->undo_patience_ms, 8 * 3600 * 1000);
    definition_free(definition);
}

static void test_pivot__in_a_definition__is_refused_when_it_is_loaded(void **state)
{
    /* A kind that is not built yet is refused when it is loaded, and told what to do instead. */
    (void)state;
    refuse(HEAD STEP("a") UNDO STEP("b") "        kind = pivot\n", "pivot is not supported");
    refuse(HEAD STEP("a") UNDO STEP("b") "        kind = sideways\n",
           "use compensatable or retriable");
}

static void test_kinds__against_the_rules__are_refused(void **state)
{
    /* Sending a retriable is the point of no return: nothing behind it could be taken back. */
    (void)state;
    refuse(HEAD STEP("a") "        kind = retriable\n" STEP("b") UNDO, "point of no return");
    refuse(HEAD STEP("a") "        kind = retriable\n" UNDO, "never compensated");
    refuse(HEAD STEP("a"), "needs `compensation = ...`");
    definition_free(parse(HEAD STEP("a") UNDO STEP("b") "        kind = retriable\n" STEP(
        "c") "        kind = retriable\n"));
}

static void test_unknown_key__anywhere__is_refused_with_file_and_line(void **state)
{
    /* Unknown keys are refused with file and line. */
    (void)state;
    refuse(HEAD "    color = blue\n" STEP("a") UNDO, "f.zpl:3: color");
    refuse(HEAD STEP("a") UNDO "        patients = 1s\n", "f.zpl:8: patients");
    refuse(HEAD STEP("a") UNDO "        retry\n            often = 3\n", "f.zpl:9: often");
    refuse(HEAD STEP("a") UNDO "        undo\n            attempts = 3\n", "f.zpl:9: attempts");
    refuse(HEAD STEP("a") UNDO "other = 1\n", "f.zpl:8: other");
}

static void test_values__that_make_no_sense__are_refused(void **state)
{
    /* Zero would mean a hot loop, or to give up at once. */
    (void)state;
    refuse(HEAD STEP("a") UNDO "        timeout = 0ms\n", "timeout must be at least 1ms");
    refuse(HEAD STEP("a") UNDO "        patience = 0s\n", "patience must be at least 1ms");
    refuse(HEAD STEP("a") UNDO "        retry\n            attempts = 0\n", "attempts");
    refuse(HEAD STEP("a") UNDO "        retry\n            first = 0ms\n", "retry.first");
    refuse(HEAD STEP("a") UNDO "        undo\n            max = 0ms\n", "undo.max");
    refuse(HEAD STEP("a") UNDO "        timeout = soon\n", "f.zpl:8: timeout");
    refuse(HEAD STEP("a b") UNDO, "name \"a b\"");
}

static void test_saga__without_steps_or_name__is_refused(void **state)
{
    /* A definition says what it is called and what is to be done. */
    (void)state;
    refuse(HEAD, "at least one step");
    refuse("saga\n" STEP("a") UNDO, "needs `name = ...`");
    refuse("other = 1\n", "needs `saga`");
    refuse(HEAD STEP("a") UNDO STEP("a") UNDO, "stands above already");
    refuse(HEAD "    step\n        name = a\n", "needs `participant = ...`");
}

static char *many_steps(int count)
{
    struct buffer text = {0};
    buffer_append_text(&text, HEAD);
    for (int i = 0; i < count; i++) {
        char *step = xprintf("    step\n        name = s%d\n        participant = p\n"
                             "        action = do\n        compensation = undo\n",
                             i);
        buffer_append_text(&text, step);
        free(step);
    }
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static void test_steps__beyond_32__are_refused(void **state)
{
    /* At most 32 steps, so that the largest command fits a frame. */
    (void)state;
    AUTO(freep) char *most = many_steps(32);
    AUTO(freep) char *more = many_steps(33);
    struct definition *definition = parse(most);
    assert_int_equal(definition->step_count, 32);
    definition_free(definition);
    refuse(more, "at most 32 steps");
}

static void test_hash__of_another_text__is_another(void **state)
{
    /* A version of a definition is known by its text. */
    (void)state;
    struct definition *one = parse(HEAD STEP("a") UNDO);
    struct definition *same = parse(HEAD STEP("a") UNDO);
    struct definition *other = parse(HEAD STEP("a") UNDO "        timeout = 2s\n");
    assert_memory_equal(one->hash, same->hash, sizeof one->hash);
    assert_memory_not_equal(one->hash, other->hash, sizeof one->hash);
    assert_string_equal(one->text, HEAD STEP("a") UNDO);
    definition_free(one);
    definition_free(same);
    definition_free(other);
}

/* Loads a file with this content; the error's code. */
static int load(const char *content, size_t len, struct err *err)
{
    char dir[200];
    struct definition *definition = NULL;
    suite_files_begin(dir, sizeof dir);
    AUTO(freep) char *path = xprintf("%s/d.zpl", dir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    int rc = definition_load(path, &definition, err);
    definition_free(definition);
    suite_files_end(dir);
    return rc;
}

static void test_file__too_large_or_with_a_nul__is_refused(void **state)
{
    /* A file is at most 64 KiB of text. */
    (void)state;
    struct err err = {0};
    static const char good[] = HEAD STEP("a") UNDO;
    assert_int_equal(load(good, sizeof good - 1, &err), 0);
    assert_int_equal(load(good, sizeof good, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "NUL"));
    AUTO(freep) char *large = xmalloc(DEFINITION_TEXT_MAX + 1);
    memset(large, '#', DEFINITION_TEXT_MAX + 1);
    assert_int_equal(load(large, DEFINITION_TEXT_MAX + 1, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "at most 64 KiB"));
    struct definition *definition = NULL;
    assert_int_equal(definition_load("/nowhere/at/all", &definition, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition__without_times__has_the_defaults),
        cmocka_unit_test(test_definition__with_all_said__has_what_is_said),
        cmocka_unit_test(test_pivot__in_a_definition__is_refused_when_it_is_loaded),
        cmocka_unit_test(test_kinds__against_the_rules__are_refused),
        cmocka_unit_test(test_unknown_key__anywhere__is_refused_with_file_and_line),
        cmocka_unit_test(test_values__that_make_no_sense__are_refused),
        cmocka_unit_test(test_saga__without_steps_or_name__is_refused),
        cmocka_unit_test(test_steps__beyond_32__are_refused),
        cmocka_unit_test(test_hash__of_another_text__is_another),
        cmocka_unit_test(test_file__too_large_or_with_a_nul__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
