/* Conformance: the owner plane shows all rows, page after page, and lets no harm in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "conformance.h"

#define SAGAS 1100 /* More than two pages. */
#define PAGE_ROWS_MAX 1000

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void run_many(struct conformance *self)
{
    for (unsigned int i = 0; i < SAGAS; i++) {
        struct buffer input = {0};
        conformance_fixture.good(i, &input);
        struct driver_command command = conformance_good(self);
        command.input = buffer_bytes(&input);
        (void)driver_add(self->driver, &command);
        buffer_release(&input);
        if (i % 20 == 19)
            (void)driver_deliver(self->driver);
    }
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, SAGAS);
    for (unsigned int i = 0; i < SAGAS; i++)
        assert_int_equal(self->driver->answers[i]->reply->outcome, ZSAGA__OUTCOME__DONE);
}

static const Zsaga__OwnerAnswer *ask_page(struct conformance *self, const char *table,
                                          struct bytes after)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Export export = ZSAGA__EXPORT__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
    request.export = &export;
    export.table = packed_borrow_text(table);
    export.after = packed_borrow(after);
    return driver_ask_owner(self->driver, &request);
}

static void test_export__of_more_rows_than_a_page__has_each_once(void **state)
{
    /* Pages are bounded, and together hold every row once. */
    struct conformance *self = *state;
    char *before = driver_export(self->driver, conformance_fixture.table);
    run_many(self);
    const Zsaga__OwnerAnswer *first = ask_page(self, conformance_fixture.table, bytes_of(NULL, 0));
    assert_in_range(first->page->n_rows, 1, PAGE_ROWS_MAX);
    assert_int_not_equal(first->page->next.len, 0);
    assert_int_not_equal(first->page->n_columns, 0);
    assert_int_equal(first->page->rows[0]->n_fields, first->page->n_columns);
    char *after = driver_export(self->driver, conformance_fixture.table);
    assert_int_equal(count_lines(after), count_lines(before) + SAGAS);
    free(before);
    free(after);
}

static void test_export__behind_any_bytes__is_a_page(void **state)
{
    /* What continues a page is opaque to its bearer, so nonsense is harmless. */
    static const char *const anything[] = {"x", "\xff\xfe\x00", "'; DROP TABLE stock; --"};
    struct conformance *self = *state;
    for (size_t i = 0; i < sizeof anything / sizeof anything[0]; i++) {
        const Zsaga__OwnerAnswer *answer =
            ask_page(self, conformance_fixture.table, bytes_text(anything[i]));
        assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_PAGE);
    }
}

static void test_export__of_an_unknown_table__is_refused(void **state)
{
    /* A table that is not this participant's is told so. */
    struct conformance *self = *state;
    const Zsaga__OwnerAnswer *answer = ask_page(self, "zsaga_inbox", bytes_of(NULL, 0));
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_REFUSAL);
    assert_int_equal(answer->refusal->code.len, strlen("unknown_table"));
}

static void test_import__of_what_is_no_input_of_the_world__is_refused(void **state)
{
    /* Rows that commands make cannot be brought in from outside. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    assert_non_null(driver_import(self->driver, conformance_fixture.table, "a,1\n"));
    conformance_unchanged(self, before);
}

static void test_audit__of_done_refused_and_undone_sagas__finds_nothing_wrong(void **state)
{
    /* A participant's books add up at every commit. */
    struct conformance *self = *state;
    for (unsigned int i = 0; i < 12; i++) {
        struct buffer input = {0};
        conformance_fixture.good(i, &input);
        struct driver_command command =
            i % 3 == 2 ? conformance_refused(self) : conformance_good(self);
        if (i % 3 != 2)
            command.input = buffer_bytes(&input);
        struct driver_command undo = conformance_undo(command);
        driver_expect(self->driver, &command,
                      i % 3 == 2 ? ZSAGA__OUTCOME__REJECTED : ZSAGA__OUTCOME__DONE, NULL);
        char *fault = driver_audit(self->driver);
        assert_null(fault);
        if (i % 2 == 0)
            driver_expect(self->driver, &undo, ZSAGA__OUTCOME__DONE, NULL);
        fault = driver_audit(self->driver);
        assert_null(fault);
        buffer_release(&input);
    }
}

int conformance_owner(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_export__of_more_rows_than_a_page__has_each_once),
        CONFORMANCE_TEST(test_export__behind_any_bytes__is_a_page),
        CONFORMANCE_TEST(test_export__of_an_unknown_table__is_refused),
        CONFORMANCE_TEST(test_import__of_what_is_no_input_of_the_world__is_refused),
        CONFORMANCE_TEST(test_audit__of_done_refused_and_undone_sagas__finds_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
