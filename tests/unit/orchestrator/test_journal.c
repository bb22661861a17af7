/* The journal: what is stored comes back as it was, and only once. */
#include "journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "sim_disk.h"

static const char text[] = "saga\n    name = s\n    step\n        name = a\n"
                           "        participant = p\n        action = do\n"
                           "        compensation = undo\n";

struct fixture {
    char dir[200];
    char path[256];
    struct db *db;
    struct journal *journal;
    struct definition *definition;
    int64_t number; /* Of the definition. */
    struct err err;
};

static void open_all(struct fixture *fixture)
{
    assert_int_equal(db_open(fixture->path, &fixture->db, &fixture->err), 0);
    assert_int_equal(journal_open(fixture->db, &fixture->journal, &fixture->err), 0);
    assert_int_equal(db_begin(fixture->db, &fixture->err), 0);
}

static int begin(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    sim_disk_begin(fixture->dir, sizeof fixture->dir);
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/o.db", fixture->dir);
    open_all(fixture);
    assert_int_equal(definition_parse("t", text, &fixture->definition, &fixture->err), 0);
    assert_int_equal(journal_put_definition(fixture->journal, fixture->definition, &fixture->number,
                                            &fixture->err),
                     0);
    *state = fixture;
    return 0;
}

static void close_all(struct fixture *fixture)
{
    journal_rest(fixture->journal);
    assert_int_equal(db_commit(fixture->db, &fixture->err), 0);
    journal_close(fixture->journal);
    db_close(fixture->db);
}

/* Commits, and goes on with what is on the disk. */
static void reopen(struct fixture *fixture)
{
    close_all(fixture);
    open_all(fixture);
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    close_all(fixture);
    definition_free(fixture->definition);
    sim_disk_end(fixture->dir);
    free(fixture);
    return 0;
}

static struct id id_of(uint8_t number)
{
    struct id id = {{1}};
    id.bytes[ID_SIZE - 1] = number;
    return id;
}

/* Accepts saga `number` with the key "key-NUMBER". */
static struct id accept(struct fixture *fixture, uint8_t number)
{
    char key[16];
    struct id id = id_of(number);
    (void)snprintf(key, sizeof key, "key-%d", number);
    const struct journal_saga saga = {.id = id,
                                      .key = bytes_text(key),
                                      .definition = fixture->number,
                                      .digest = bytes_text("0123456789abcdef"),
                                      .nonce = bytes_text("nonce"),
                                      .created_ms = 1000 + number};
    assert_int_equal(
        journal_accept(fixture->journal, &saga, bytes_text("the input"), &fixture->err), 0);
    return id;
}

static void finish(struct fixture *fixture, const struct id *id, enum saga_state state)
{
    struct saga saga;
    saga_init(&saga, id);
    saga.state = state;
    (void)snprintf(saga.reason, sizeof saga.reason, "no_money");
    assert_int_equal(journal_finish(fixture->journal, &saga, 2000, &fixture->err), 0);
}

static void test_saga__accepted__is_found_by_its_key(void **state)
{
    /* A saga's row and input are what was accepted. */
    struct fixture *fixture = *state;
    struct id id = accept(fixture, 7);
    reopen(fixture);
    struct journal_saga saga;
    bool found = false;
    assert_int_equal(
        journal_find(fixture->journal, bytes_text("key-7"), &saga, &found, &fixture->err), 0);
    assert_true(found);
    assert_int_equal(id_compare(&saga.id, &id), 0);
    assert_int_equal(saga.definition, fixture->number);
    assert_true(bytes_equal(saga.digest, bytes_text("0123456789abcdef")));
    assert_true(bytes_equal(saga.nonce, bytes_text("nonce")));
    assert_int_equal(saga.created_ms, 1007);
    assert_false(saga.final);
    struct bytes input;
    assert_int_equal(journal_input(fixture->journal, &id, &input, &fixture->err), 0);
    assert_true(bytes_equal(input, bytes_text("the input")));
    assert_int_equal(
        journal_find(fixture->journal, bytes_text("key"), &saga, &found, &fixture->err), 0);
    assert_false(found);
}

static void test_key__stored_twice__is_refused(void **state)
{
    /* A key is one saga: the database itself holds to it. */
    struct fixture *fixture = *state;
    (void)accept(fixture, 1);
    struct journal_saga saga = {
        .id = id_of(2), .key = bytes_text("key-1"), .definition = fixture->number};
    assert_true(journal_accept(fixture->journal, &saga, bytes_of("", 0), &fixture->err) < 0);
}

static int count_up(void *context, const struct journal_saga *saga, struct err *err)
{
    (void)err;
    char *keys = context;
    size_t len = strlen(keys);
    (void)snprintf(keys + len, 64 - len, "%.*s ", (int)saga->key.len, (const char *)saga->key.data);
    return 0;
}

static void test_sagas__by_id__open_ones_and_pages(void **state)
{
    /* Open ones come by id, all come newest first in pages, and final ones are counted. */
    struct fixture *fixture = *state;
    for (uint8_t i = 1; i <= 5; i++)
        (void)accept(fixture, i);
    struct id second = id_of(2);
    struct id fourth = id_of(4);
    finish(fixture, &second, SAGA_COMPLETED);
    finish(fixture, &fourth, SAGA_COMPENSATED);
    reopen(fixture);
    char keys[64] = "";
    assert_int_equal(journal_each_open(fixture->journal, count_up, keys, &fixture->err), 0);
    assert_string_equal(keys, "key-1 key-3 key-5 ");
    keys[0] = '\0';
    struct id newest = {{0}};
    assert_int_equal(
        journal_each_before(fixture->journal, &newest, 3, count_up, keys, &fixture->err), 0);
    assert_string_equal(keys, "key-5 key-4 key-3 ");
    keys[0] = '\0';
    struct id third = id_of(3);
    assert_int_equal(
        journal_each_before(fixture->journal, &third, 3, count_up, keys, &fixture->err), 0);
    assert_string_equal(keys, "key-2 key-1 ");
    uint64_t counts[SAGA_STATE_COUNT];
    assert_int_equal(journal_count(fixture->journal, counts, &fixture->err), 0);
    assert_int_equal(counts[SAGA_COMPLETED], 1);
    assert_int_equal(counts[SAGA_COMPENSATED], 1);
    assert_int_equal(counts[SAGA_RUNNING], 0);
}

static void test_saga__finished__keeps_its_outcome(void **state)
{
    /* A saga key, its digest and outcome outlive the saga's details. */
    struct fixture *fixture = *state;
    struct id id = accept(fixture, 1);
    finish(fixture, &id, SAGA_COMPENSATED);
    reopen(fixture);
    struct journal_saga saga;
    bool found = false;
    assert_int_equal(
        journal_find(fixture->journal, bytes_text("key-1"), &saga, &found, &fixture->err), 0);
    assert_true(saga.final);
    assert_int_equal(saga.state, SAGA_COMPENSATED);
    assert_int_equal(saga.finished_ms, 2000);
    assert_true(bytes_equal(saga.reason, bytes_text("no_money")));
}

static int same_record(void *context, int64_t at_ms, const struct saga_record *record,
                       struct err *err)
{
    const struct saga_record **next = context;
    const struct saga_record *wanted = (*next)++;
    (void)err;
    assert_int_equal(at_ms, 500);
    assert_int_equal(record->number, wanted->number);
    assert_int_equal(record->what, wanted->what);
    assert_int_equal(record->step, wanted->step);
    assert_int_equal(record->undo, wanted->undo);
    assert_int_equal(record->pending, wanted->pending);
    assert_int_equal(record->backoff, wanted->backoff);
    assert_int_equal(record->attempt, wanted->attempt);
    assert_int_equal(record->retries, wanted->retries);
    assert_int_equal(record->repeats, wanted->repeats);
    assert_int_equal(record->used_ms, wanted->used_ms);
    assert_int_equal(record->retry_after_ms, wanted->retry_after_ms);
    assert_true(bytes_equal(record->code, wanted->code));
    assert_true(bytes_equal(record->words, wanted->words));
    assert_true(bytes_equal(record->output, wanted->output));
    return 0;
}

static void test_records__stored__come_back_in_order_and_whole(void **state)
{
    /* A running saga is the fold of its records: all of each, and a repeated trouble only once. */
    struct fixture *fixture = *state;
    struct id id = accept(fixture, 1);
    const struct saga_record records[] = {
        {.number = 2, .what = WHAT_TROUBLE, .attempt = 9, .code = bytes_text("old")},
        {.number = 2,
         .what = WHAT_TROUBLE,
         .step = 3,
         .undo = true,
         .pending = true,
         .backoff = true,
         .attempt = 4,
         .retries = 5,
         .repeats = 6,
         .used_ms = 7,
         .retry_after_ms = 8,
         .code = bytes_text("busy"),
         .words = bytes_text("not now")},
        {.number = 3, .what = WHAT_DONE, .step = 3, .output = bytes_text("out")},
        {.number = 4, .what = WHAT_RESUMED, .code = bytes_text("ann")},
    };
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        assert_int_equal(journal_record(fixture->journal, &id, 500, &records[i], &fixture->err), 0);
    reopen(fixture);
    const struct saga_record *next = &records[1];
    assert_int_equal(journal_each_record(fixture->journal, &id, same_record, &next, &fixture->err),
                     0);
    assert_ptr_equal(next, records + 4);
}

static void test_records__damaged__are_told_so(void **state)
{
    /* A history that cannot be is corruption, and no ground for guesses. */
    struct fixture *fixture = *state;
    struct id id = accept(fixture, 1);
    struct saga_record record = {.number = 2, .what = WHAT_DONE, .step = 40};
    assert_int_equal(journal_record(fixture->journal, &id, 1, &record, &fixture->err), 0);
    const struct saga_record *next = &record;
    assert_int_equal(journal_each_record(fixture->journal, &id, same_record, &next, &fixture->err),
                     ERR_CORRUPT);
}

static void test_definition__put_twice__has_one_number(void **state)
{
    /* Definitions are stored by the hash of their text. */
    struct fixture *fixture = *state;
    int64_t again = 0;
    assert_int_equal(
        journal_put_definition(fixture->journal, fixture->definition, &again, &fixture->err), 0);
    assert_int_equal(again, fixture->number);
}

static void test_self__stored__knows_the_last_saga_of_all(void **state)
{
    /* The last saga's id is the highest stored, whether it is of ours or was told by a fence. */
    struct fixture *fixture = *state;
    struct journal_self self = {.epoch = 5, .last_saga = id_of(3), .old_copy = true};
    assert_int_equal(journal_save_self(fixture->journal, &self, &fixture->err), 0);
    (void)accept(fixture, 2);
    reopen(fixture);
    struct journal_self loaded;
    assert_int_equal(journal_load_self(fixture->journal, &loaded, &fixture->err), 0);
    assert_int_equal(loaded.epoch, 5);
    assert_true(loaded.old_copy);
    assert_int_equal(id_compare(&loaded.last_saga, &self.last_saga), 0);
    struct id ninth = accept(fixture, 9);
    assert_int_equal(journal_load_self(fixture->journal, &loaded, &fixture->err), 0);
    assert_int_equal(id_compare(&loaded.last_saga, &ninth), 0);
}

static void test_participant__stored__is_known_again(void **state)
{
    /* What is known of a participant's log outlives a start. */
    struct fixture *fixture = *state;
    struct journal_participant known = {
        .store = id_of(8), .head = 77, .records = 5, .suspended = "it went backwards"};
    struct journal_participant loaded;
    assert_int_equal(journal_load_participant(fixture->journal, "p", &loaded, &fixture->err), 0);
    assert_true(id_is_zero(&loaded.store));
    assert_int_equal(journal_save_participant(fixture->journal, "p", &known, &fixture->err), 0);
    reopen(fixture);
    assert_int_equal(journal_load_participant(fixture->journal, "p", &loaded, &fixture->err), 0);
    assert_int_equal(id_compare(&loaded.store, &known.store), 0);
    assert_int_equal(loaded.head, 77);
    assert_int_equal(loaded.records, 5);
    assert_string_equal(loaded.suspended, "it went backwards");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_saga__accepted__is_found_by_its_key),
        TEST(test_key__stored_twice__is_refused),
        TEST(test_sagas__by_id__open_ones_and_pages),
        TEST(test_saga__finished__keeps_its_outcome),
        TEST(test_records__stored__come_back_in_order_and_whole),
        TEST(test_records__damaged__are_told_so),
        TEST(test_definition__put_twice__has_one_number),
        TEST(test_self__stored__knows_the_last_saga_of_all),
        TEST(test_participant__stored__is_known_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
