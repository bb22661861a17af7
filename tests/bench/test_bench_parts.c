/* The benchmark's pure parts: percentiles, medians, orders, what /proc says, options, reports. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "demand.h"
#include "figures.h"
#include "monolith.h"
#include "options.h"
#include "report.h"
#include "usage.h"
#include "yardsticks.h"

/* A percentile is the sample at its nearest rank, whatever order they came in. */
static void test_percentile__thousand_samples__is_the_nearest_rank(void **state)
{
    uint32_t samples[1000];
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        samples[i] = 1000 - i;
    figures_sort(samples, 1000);
    assert_true(figures_percentile(samples, 1000, 0.5) == 500);
    assert_true(figures_percentile(samples, 1000, 0.99) == 990);
    assert_true(figures_percentile(samples, 1000, 0.999) == 999);
    assert_true(figures_percentile(samples, 1000, 1) == 1000);
}

/* Of few samples a percentile is one of them; of none it is unknown. */
static void test_percentile__few_samples__is_one_of_them(void **state)
{
    const uint32_t samples[] = {3, 8};
    (void)state;
    assert_true(figures_percentile(samples, 1, 0.5) == 3);
    assert_true(figures_percentile(samples, 2, 0.5) == 3);
    assert_true(figures_percentile(samples, 2, 0.51) == 8);
    assert_true(isnan(figures_percentile(samples, 0, 0.5)));
}

/* A median is the middle of what is known. */
static void test_median__odd_even_unknown__is_the_middle_of_the_known(void **state)
{
    double odd[] = {9, 1, 5};
    double even[] = {4, 1, 2, 100};
    double holed[] = {NAN, 7, NAN, 3, 5};
    double none[] = {NAN, NAN};
    (void)state;
    assert_true(figures_median(odd, 3) == 5);
    assert_true(figures_median(even, 4) == 3);
    assert_true(figures_median(holed, 5) == 5);
    assert_true(isnan(figures_median(none, 2)));
}

static void fill(struct run_figures *run, double per_s, double monolith)
{
    figures_init(run);
    run->level_count = 2;
    run->levels[0].in_flight = 64;
    run->levels[0].values[LEVEL_PER_S] = 17;
    run->levels[1].in_flight = 1024;
    run->levels[1].values[LEVEL_PER_S] = per_s;
    run->levels[0].values[LEVEL_PSS_MB] = 40;
    run->levels[1].values[LEVEL_PSS_MB] = 60;
    run->values[RUN_MONOLITH_PER_S] = monolith;
    run->values[RUN_FLUSH_PER_S] = 5000;
    figures_derive(run);
}

/* The ratio is that of 1024 in flight to the monolith, and unknown without that level. */
static void test_derive__1024_in_flight__is_what_the_ratio_is_of(void **state)
{
    struct run_figures run;
    (void)state;
    fill(&run, 9000, 4500);
    assert_true(run.values[RUN_RATIO] == 2);
    assert_true(run.values[RUN_MONOLITH_TO_FLUSH] == 0.9);
    assert_true(run.values[RUN_PSS_MB] == 60);
    run.levels[1].in_flight = 512;
    run.values[RUN_RATIO] = NAN;
    figures_derive(&run);
    assert_true(isnan(run.values[RUN_RATIO]));
}

/* The median of runs is that of each figure by itself. */
static void test_median_run__three_runs__takes_each_figure_by_itself(void **state)
{
    struct run_figures runs[3];
    struct run_figures median;
    (void)state;
    fill(&runs[0], 9000, 3000);
    fill(&runs[1], 6000, 4000);
    fill(&runs[2], 7000, 5000);
    figures_median_run(runs, 3, &median);
    assert_true(median.levels[1].values[LEVEL_PER_S] == 7000);
    assert_true(median.values[RUN_MONOLITH_PER_S] == 4000);
    assert_true(median.values[RUN_RATIO] == 1.5);
}

/* A monolith slower than its disk explains makes the ratio worth nothing. */
static void test_believable__below_seven_tenths_of_the_flushes__is_not(void **state)
{
    struct run_figures run;
    struct err err = {0};
    (void)state;
    fill(&run, 9000, 3500);
    assert_true(yardsticks_believable(&run, &err));
    fill(&run, 9000, 3499);
    assert_false(yardsticks_believable(&run, &err));
    assert_non_null(strstr(err.text, "0.7"));
    run.values[RUN_MONOLITH_TO_FLUSH] = NAN;
    assert_false(yardsticks_believable(&run, &err));
}

/* One in ten is refused, whatever stretch of orders one looks at, and an order is always itself. */
static void test_demand__any_order__is_repeatable_with_two_items(void **state)
{
    int refused = 0;
    (void)state;
    for (uint64_t serial = 37; serial < 1037; serial++) {
        struct demand_order order;
        struct demand_order again;
        uint64_t read_back;
        demand_order("b1", serial, &order);
        demand_order("b1", serial, &again);
        assert_string_equal(order.items[1].sku, again.items[1].sku);
        assert_string_not_equal(order.items[0].sku, order.items[1].sku);
        assert_true(demand_serial("b1", bytes_text(order.order_id), &read_back));
        assert_int_equal(read_back, serial);
        assert_int_equal(demand_is_refused(serial), strcmp(order.country, "Unspecified") == 0);
        refused += demand_is_refused(serial);
    }
    assert_int_equal(refused, 100);
}

/* A key of another load is not taken for one of this. */
static void test_serial__not_of_this_prefix__is_none(void **state)
{
    static const char *const others[] = {"b11-000000001", "b1-", "b1-00x", "b1", "", "c1-1"};
    uint64_t serial;
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(demand_serial("b1", bytes_text(others[i]), &serial));
}

/* A process may call itself anything: the fields are counted from the last parenthesis. */
static void test_ticks__name_with_parentheses__are_user_and_system(void **state)
{
    (void)state;
    assert_int_equal(usage_read_ticks("7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 120 30 0 0 20 0"),
                     150);
    assert_int_equal(usage_read_ticks("7 (a"), -1);
    assert_int_equal(usage_read_ticks("7 (a) S 1 7"), -1);
}

/* Waiting is not work, neither for nothing nor for the disk. */
static void test_machine__idle_and_waiting__are_not_busy(void **state)
{
    (void)state;
    assert_int_equal(usage_read_machine("cpu  1 2 4 800 900 8 16 32 0 0\ncpu0 7 7 7 7 7 7 7 7"),
                     63);
    assert_int_equal(usage_read_machine("intr 1 2 3"), -1);
}

/* The monolith's books show each order, whole or refused. */
static void test_monolith__hundred_orders__has_books_that_agree(void **state)
{
    char dir[] = "/tmp/zsaga-test-XXXXXX";
    char path[64];
    struct monolith *monolith = NULL;
    struct err err = {0};
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/m.db", dir);
    int rc = monolith_open(path, &monolith, &err);
    for (int i = 0; rc == 0 && i < 100; i++)
        rc = monolith_order(monolith, &err);
    if (rc == 0)
        rc = monolith_audit(monolith, &err);
    uint64_t orders = rc == 0 ? monolith_orders(monolith) : 0;
    monolith_free(monolith);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/m.db-wal", dir);
    (void)unlink(path);
    assert_int_equal(rmdir(dir), 0);
    if (rc < 0)
        fail_msg("%s", err.text);
    assert_int_equal(orders, 100);
}

/* What the machine did and we did not, others did. */
static void test_others_share__of_two_processors__is_what_is_not_ours(void **state)
{
    double tick_s = 1 / (double)sysconf(_SC_CLK_TCK);
    double processors = (double)sysconf(_SC_NPROCESSORS_ONLN);
    (void)state;
    assert_true(
        fabs(usage_others_share(100, 1100, 400 * tick_s, 1000 * tick_s / processors) - 0.6) < 1e-9);
    assert_true(usage_others_share(100, 1100, 2000 * tick_s, 1000 * tick_s) == 0);
    assert_true(isnan(usage_others_share(-1, 1100, 0, 1)));
}

/* A line is found by its whole name. */
static void test_line__of_proc__is_found_by_its_whole_name(void **state)
{
    static const char text[] = "rchar: 5\nwrite_bytes: 4096\ncancelled_write_bytes: 7\nPss: 9 kB\n";
    (void)state;
    assert_int_equal(usage_read_line(text, "write_bytes"), 4096);
    assert_int_equal(usage_read_line(text, "Pss"), 9);
    assert_int_equal(usage_read_line(text, "Pss_Dirty"), -1);
}

/* What cannot be read of one process is unknown of all. */
static void test_usage__process_that_is_gone__is_unknown(void **state)
{
    struct usage_set set = {.pids = {1 << 30}, .count = 1};
    (void)state;
    assert_int_equal(usage_cpu_ticks(&set), -1);
    assert_int_equal(usage_written_bytes(&set), -1);
    assert_int_equal(usage_pss_kib(&set), -1);
}

/* Levels are numbers with commas between them; anything else is refused. */
static void test_levels__list__is_read_or_refused_whole(void **state)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "1,",
                                      ",1",
                                      "1,,2",
                                      "1;2",
                                      "x",
                                      "20001",
                                      "-1",
                                      "1 ",
                                      "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"};
    struct bench_options options;
    struct err err = {0};
    (void)state;
    assert_int_equal(options_read_levels(&options, "1,64,1024", &err), 0);
    assert_int_equal(options.level_count, 3);
    assert_int_equal(options.levels[2], 1024);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(options_read_levels(&options, bad[i], &err), ERR_INVALID);
}

static int read_words(struct bench_options *options, char *a, char *b)
{
    char *argv[] = {a, b};
    struct err err;
    return options_read(options, b == NULL ? 1 : 2, argv, &err);
}

/* A fixed rate takes the place of the levels, unless both are asked for. */
static void test_options__rate__goes_without_levels(void **state)
{
    char rate[] = "--rate=50";
    char levels[] = "--levels=8";
    char observer[] = "--observer=perhaps";
    struct bench_options options;
    (void)state;
    assert_int_equal(read_words(&options, rate, NULL), 0);
    assert_int_equal(options.level_count, 0);
    assert_int_equal(read_words(&options, rate, levels), 0);
    assert_int_equal(options.level_count, 1);
    assert_int_equal(read_words(&options, observer, NULL), ERR_INVALID);
}

static double number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* The document has the names that scripts know, and null for what is not known. */
static void test_json__figures__have_their_names_and_unknown_is_null(void **state)
{
    struct run_figures run;
    (void)state;
    fill(&run, 9000.04, 4500);
    run.audit = VERDICT_OK;
    json_t *json = report_json(&run);
    const json_t *level = json_object_get(json_object_get(json, "inflight"), "1024");
    assert_true(fabs(number(level, "per_s") - 9000) < 1e-9);
    assert_true(json_is_null(json_object_get(level, "p99_ms")));
    assert_true(fabs(number(json, "ratio") - 2) < 1e-9);
    assert_true(fabs(number(json, "monolith_per_s") - 4500) < 1e-9);
    assert_string_equal(json_string_value(json_object_get(json, "audit")), "ok");
    assert_true(json_is_null(json_object_get(json, "fault")));
    assert_null(json_object_get(json, "open"));
    json_decref(json);
}

/* The table fits a terminal of 80 columns. */
static void test_text__widest_figures__fits_eighty_columns(void **state)
{
    struct run_figures run;
    struct buffer text = {0};
    (void)state;
    fill(&run, 123456, 98765);
    for (size_t i = 0; i < run.level_count; i++)
        for (size_t figure = 0; figure < LEVEL_FIGURE_COUNT; figure++)
            run.levels[i].values[figure] = figure % 2 == 0 ? 123456 : NAN;
    run.levels[run.level_count++] = (struct level_figures){.rate = 123456.5};
    run.values[RUN_OTHERS_SHARE] = 0.994;
    report_text(&run, &text);
    buffer_append(&text, "", 1);
    for (const char *line = (const char *)text.data; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        assert_in_range(len, 0, 80);
        line += len + 1;
    }
    assert_non_null(strstr((const char *)text.data, "unknown"));
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentile__thousand_samples__is_the_nearest_rank),
        cmocka_unit_test(test_percentile__few_samples__is_one_of_them),
        cmocka_unit_test(test_median__odd_even_unknown__is_the_middle_of_the_known),
        cmocka_unit_test(test_derive__1024_in_flight__is_what_the_ratio_is_of),
        cmocka_unit_test(test_median_run__three_runs__takes_each_figure_by_itself),
        cmocka_unit_test(test_believable__below_seven_tenths_of_the_flushes__is_not),
        cmocka_unit_test(test_demand__any_order__is_repeatable_with_two_items),
        cmocka_unit_test(test_serial__not_of_this_prefix__is_none),
        cmocka_unit_test(test_ticks__name_with_parentheses__are_user_and_system),
        cmocka_unit_test(test_machine__idle_and_waiting__are_not_busy),
        cmocka_unit_test(test_monolith__hundred_orders__has_books_that_agree),
        cmocka_unit_test(test_others_share__of_two_processors__is_what_is_not_ours),
        cmocka_unit_test(test_line__of_proc__is_found_by_its_whole_name),
        cmocka_unit_test(test_usage__process_that_is_gone__is_unknown),
        cmocka_unit_test(test_levels__list__is_read_or_refused_whole),
        cmocka_unit_test(test_options__rate__goes_without_levels),
        cmocka_unit_test(test_json__figures__have_their_names_and_unknown_is_null),
        cmocka_unit_test(test_text__widest_figures__fits_eighty_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
