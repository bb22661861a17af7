/* A file of the simulator's disk: what was flushed stays, what was not is lost as disks lose it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim_file.h"

/* Draws that are written down beforehand. */
struct script {
    const uint64_t *values;
    size_t count;
    size_t at;
};

static uint64_t next_of(void *context, uint64_t bound)
{
    struct script *script = context;
    assert_true(script->at < script->count);
    uint64_t value = script->values[script->at++];
    assert_true(value < bound);
    return value;
}

/* A file of 4 sectors of 'a', flushed, and 'b' from the middle of the second to its end. */
static struct sim_file half_flushed(void)
{
    struct sim_file file = {0};
    char bytes[4 * SIM_SECTOR];
    memset(bytes, 'a', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 0);
    sim_file_flush(&file);
    memset(bytes, 'b', sizeof bytes);
    sim_file_write(&file, bytes, 5 * SIM_SECTOR / 2, 3 * SIM_SECTOR / 2);
    return file;
}

/* What stands in the file, a letter for each half of a sector; '?' where it differs within. */
static void expect(struct sim_file *file, const char *halves)
{
    size_t half = SIM_SECTOR / 2;
    char seen[32] = "";
    assert_true(file->bytes.len % half == 0);
    for (size_t i = 0; i < file->bytes.len / half; i++) {
        const uint8_t *at = file->bytes.data + i * half;
        seen[i] = memcmp(at, at + 1, half - 1) == 0 ? (char)*at : '?';
    }
    assert_string_equal(seen, halves);
    sim_file_release(file);
}

static void lose(struct sim_file *file, const uint64_t *draws, size_t count, unsigned lost)
{
    struct script script = {draws, count, 0};
    const struct sim_draw draw = {next_of, &script};
    assert_int_equal(sim_file_lose(file, &draw), lost);
    assert_int_equal(script.at, count);
}

static void test_power__after_a_flush__takes_nothing(void **state)
{
    /* What was flushed stays. */
    (void)state;
    struct sim_file file = half_flushed();
    sim_file_flush(&file);
    assert_int_equal(sim_file_lose(&file, NULL), 0);
    expect(&file, "aaabbbbb");
}

static void test_power__before_a_flush__takes_all_but_what_was_flushed(void **state)
{
    /* What was not flushed goes, and what stood there before is back. */
    (void)state;
    struct sim_file file = half_flushed();
    sim_file_write(&file, "more", 4, 9999);
    assert_int_equal(sim_file_lose(&file, NULL), 2);
    expect(&file, "aaaaaaaa");
}

static void test_power__when_writing__tears_at_a_sector(void **state)
{
    /* A write may have got through up to the end of any of its sectors. */
    (void)state;
    static const uint64_t last[] = {0, 1, 0};
    static const uint64_t two[] = {0, 1, 1};
    static const uint64_t none[] = {0, 1, 2};
    struct sim_file file = half_flushed();
    lose(&file, last, 3, 1);
    expect(&file, "aaabbbaa");
    file = half_flushed();
    lose(&file, two, 3, 1);
    expect(&file, "aaabaaaa");
    file = half_flushed();
    lose(&file, none, 3, 1);
    expect(&file, "aaaaaaaa");
}

static void test_power__when_writing__trashes_the_write_alone(void **state)
{
    /* Sectors that were being written may hold anything; what is beside the write stays, also in
     * its sector. */
    (void)state;
    static const uint64_t first[] = {1, 3, 0, 0, 'x'};
    static const uint64_t rest[] = {1, 3, 1, 1, 'x'};
    struct sim_file file = half_flushed();
    lose(&file, first, 5, 1);
    expect(&file, "aaaxbbbb");
    file = half_flushed();
    lose(&file, rest, 5, 1);
    expect(&file, "aaabxxxx");
}

static void test_power__several_writes__each_on_its_own(void **state)
{
    /* A disk writes in its own order: a later write may be there without an earlier one, also at
     * the same place, and behind what is lost there are zeros. */
    (void)state;
    static const uint64_t second_only[] = {1, 1, 0};
    struct sim_file file = half_flushed();
    char bytes[SIM_SECTOR];
    memset(bytes, 'c', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 2 * SIM_SECTOR);
    lose(&file, second_only, 3, 1);
    expect(&file, "aaaaccaa");
    static const uint64_t third_only[] = {1, 1, 1, 0};
    file = half_flushed();
    memset(bytes, '0', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 4 * SIM_SECTOR);
    sim_file_write(&file, bytes, sizeof bytes / 2, 5 * SIM_SECTOR);
    lose(&file, third_only, 4, 2);
    assert_int_equal(file.bytes.data[4 * SIM_SECTOR], 0);
    memset(file.bytes.data + 4 * SIM_SECTOR, '-', SIM_SECTOR);
    expect(&file, "aaaaaaaa--0");
}

static void test_power__in_order__keeps_what_came_first(void **state)
{
    /* A disk may also write in order: then what is lost is the end. */
    (void)state;
    static const uint64_t one[] = {0, 1, 0};
    struct sim_file file = half_flushed();
    char bytes[SIM_SECTOR];
    memset(bytes, 'c', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 0);
    lose(&file, one, 3, 1);
    expect(&file, "aaabbbbb");
}

static void test_power__file_was_cut__may_be_long_again(void **state)
{
    /* To be cut off is a write like any other. */
    (void)state;
    static const uint64_t kept[] = {1, 0, 0};
    struct sim_file file = half_flushed();
    sim_file_cut(&file, SIM_SECTOR);
    assert_int_equal(sim_file_lose(&file, NULL), 2);
    expect(&file, "aaaaaaaa");
    file = half_flushed();
    sim_file_cut(&file, SIM_SECTOR);
    lose(&file, kept, 3, 0);
    expect(&file, "aa");
}

static void test_power__after_a_failed_flush__takes_what_it_was_to_flush(void **state)
{
    /* A later flush brings only what is written later to the disk: what a failed one was to flush
     * can be read, and is not there. To write it once more helps. */
    (void)state;
    struct sim_file file = half_flushed();
    char bytes[SIM_SECTOR];
    sim_file_fail_to_flush(&file);
    memset(bytes, 'c', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 2 * SIM_SECTOR);
    sim_file_flush(&file);
    assert_int_equal(file.bytes.data[3 * SIM_SECTOR], 'b');
    assert_int_equal(sim_file_lose(&file, NULL), 1);
    expect(&file, "aaaaccaa");
    file = half_flushed();
    sim_file_fail_to_flush(&file);
    memset(bytes, 'b', sizeof bytes);
    for (size_t i = 0; i < 5; i++)
        sim_file_write(&file, bytes, sizeof bytes / 2, (3 + i) * sizeof bytes / 2);
    sim_file_flush(&file);
    assert_int_equal(sim_file_lose(&file, NULL), 0);
    expect(&file, "aaabbbbb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power__after_a_flush__takes_nothing),
        cmocka_unit_test(test_power__before_a_flush__takes_all_but_what_was_flushed),
        cmocka_unit_test(test_power__when_writing__tears_at_a_sector),
        cmocka_unit_test(test_power__when_writing__trashes_the_write_alone),
        cmocka_unit_test(test_power__several_writes__each_on_its_own),
        cmocka_unit_test(test_power__in_order__keeps_what_came_first),
        cmocka_unit_test(test_power__file_was_cut__may_be_long_again),
        cmocka_unit_test(test_power__after_a_failed_flush__takes_what_it_was_to_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
