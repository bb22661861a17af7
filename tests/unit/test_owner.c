#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "owner.h"
#include "temp_store.h"

#define ROWS 1200 /* Of the table, in pages of 500. */

/* A table of the numbers 1 to ROWS; `after` is the last one printed. */
static int page_numbers(void *self, struct db *db, struct bytes after, struct export_page *page,
                        struct buffer *ret_next, struct err *err)
{
    (void)db;
    const long *fails_at = self;
    char text[16];
    bytes_copy_text(after, text, sizeof text);
    for (long n = strtol(text, NULL, 10) + 1; n <= ROWS; n++) {
        if (n == *fails_at)
            return err_set(err, ERR_SYSTEM, "no number %ld", n);
        (void)snprintf(text, sizeof text, "%ld", n);
        const struct bytes field = bytes_text(text);
        export_add(page, &field);
        if (export_full(page)) {
            buffer_append_text(ret_next, text);
            break;
        }
    }
    return 0;
}

static int import_numbers(void *self, struct db *db, const struct bytes *fields, size_t row_count,
                          struct err *err)
{
    (void)self;
    (void)db;
    (void)fields;
    (void)row_count;
    (void)err;
    return 0;
}

static const char *const columns[] = {"n"};
static const struct participant_table tables[] = {
    {.name = "numbers", .columns = columns, .column_count = 1, .page = page_numbers},
    {.name = "totals",
     .columns = columns,
     .column_count = 1,
     .page = page_numbers,
     .import = import_numbers},
};

struct fixture {
    struct temp_store *store;
    struct owner *owner;
    long fails_at;
    struct arena arena;
};

static int set_up(void **state)
{
    struct fixture *self = xcalloc(1, sizeof *self);
    self->store = temp_store_new();
    const struct owner_host host = {.name = "box",
                                    .db = self->store->db,
                                    .self = &self->fails_at,
                                    .tables = tables,
                                    .table_count = 2};
    self->owner = owner_new(&host);
    arena_init(&self->arena, SIZE_MAX);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *self = *state;
    arena_release(&self->arena);
    owner_free(self->owner);
    temp_store_free(self->store);
    free(self);
    return 0;
}

static void expect_refused(struct fixture *self, struct owner *owner,
                           const Zsaga__OwnerRequest *request, const char *code, const char *words)
{
    struct buffer packed = {0};
    const Zsaga__OwnerAnswer *answer;
    struct err err;
    packed_append(&packed, &request->base);
    assert_int_equal(owner_answer(owner, buffer_bytes(&packed), &self->arena, &answer, &err), 0);
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_REFUSAL);
    assert_true(bytes_equal(packed_view(answer->refusal->code), bytes_text(code)));
    assert_true(bytes_equal(packed_view(answer->refusal->message), bytes_text(words)));
    buffer_release(&packed);
}

/* Who asks for a table that there is not hears which there are: to import, only those that can be.
 */
static void test_owner__unknown_table__names_those_that_there_are(void **state)
{
    struct fixture *self = *state;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Export export = ZSAGA__EXPORT__INIT;
    Zsaga__Import import = ZSAGA__IMPORT__INIT;
    export.table = packed_borrow_text("number");
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
    request.export = &export;
    expect_refused(self, self->owner, &request, "unknown_table",
                   "there is no such table here; there are: numbers, totals");
    const struct owner_host without = {.name = "bag", .db = self->store->db};
    struct owner *bag = owner_new(&without);
    expect_refused(self, bag, &request, "unknown_table",
                   "there is no such table here; it has none");
    owner_free(bag);
    import.table = packed_borrow_text("numbers");
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_IMPORT;
    request.import = &import;
    expect_refused(self, self->owner, &request, "unknown_table",
                   "there is no such table to import here; there are: totals");
}

static size_t two_streams(void *context)
{
    (void)context;
    return 2;
}

static void tell_stream(void *context, size_t i, struct owner_stream *ret)
{
    (void)context;
    const struct owner_stream streams[] = {{"order", "following", 9, 7, ""},
                                           {"payment", "diverged", 4, 3, "another log"}};
    *ret = streams[i];
}

/* Who follows others tells in its health how far. */
static void test_owner__health__tells_each_stream(void **state)
{
    struct fixture *self = *state;
    const struct owner_host host = {.name = "reader",
                                    .db = self->store->db,
                                    .stream_count = two_streams,
                                    .stream = tell_stream};
    struct owner *reader = owner_new(&host);
    const struct node_outage why = {.disk_full = true, .words = "no space"};
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    struct buffer packed = {0};
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    packed_append(&packed, &request.base);
    for (int outage = 0; outage < 2; outage++) {
        const Zsaga__OwnerAnswer *answer = NULL;
        struct err err;
        if (outage)
            answer = owner_answer_outage(reader, buffer_bytes(&packed), &self->arena, &why);
        else
            assert_int_equal(
                owner_answer(reader, buffer_bytes(&packed), &self->arena, &answer, &err), 0);
        assert_int_equal(answer->health->n_streams, 2);
        const Zsaga__StreamHealth *stream = answer->health->streams[1];
        assert_true(bytes_equal(packed_view(stream->publisher), bytes_text("payment")));
        assert_true(bytes_equal(packed_view(stream->state), bytes_text("diverged")));
        assert_true(bytes_equal(packed_view(stream->detail), bytes_text("another log")));
        assert_int_equal(stream->head, 4);
        assert_int_equal(stream->applied, 3);
    }
    buffer_release(&packed);
    owner_free(reader);
}

static char *exported(struct fixture *self, int *ret_rc, struct err *err)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    *ret_rc = owner_export_csv(self->owner, "numbers", fileno(file), err);
    char *text = xcalloc(16 * ROWS, 1);
    rewind(file);
    text[fread(text, 1, 16 * ROWS - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

/* All pages of a table are one file: its header once, each row once, in order. */
static void test_owner_export_csv__many_pages__are_one_file(void **state)
{
    struct err err;
    int rc;
    AUTO(freep) char *text = exported(*state, &rc, &err);
    assert_int_equal(rc, 0);
    const char *at = text;
    assert_int_equal(strncmp(at, "n\n", 2), 0);
    at += 2;
    for (long n = 1; n <= ROWS; n++) {
        char *end;
        assert_int_equal(strtol(at, &end, 10), n);
        assert_int_equal(*end, '\n');
        at = end + 1;
    }
    assert_int_equal(*at, '\0');
}

/* Where a page fails, the export does, with the words of whoever made it. */
static void test_owner_export_csv__page_fails__fails(void **state)
{
    struct fixture *self = *state;
    struct err err;
    int rc;
    self->fails_at = 700;
    AUTO(freep) char *text = exported(self, &rc, &err);
    assert_true(rc < 0);
    assert_string_equal(err.text, "no number 700");
    assert_null(strstr(text, "700"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_owner__unknown_table__names_those_that_there_are,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_owner__health__tells_each_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_owner_export_csv__many_pages__are_one_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_owner_export_csv__page_fails__fails, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
