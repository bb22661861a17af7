/* The screen, compared as text: at each size what matters most is there. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "report_fixture.h"
#include "view.h"
#include "view_json.h"

static int set_up(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") == NULL;
}

struct frame_of {
    size_t columns;
    size_t rows;
    bool ascii;
    int64_t silent_ms;
};

static struct view_state state_of(const struct frame_of *frame)
{
    return (struct view_state){
        .suite = "/srv/shop/zsaga-data",
        .wall_ms = REPORT_FIXTURE_NOW_MS + frame->silent_ms,
        .age_ms = frame->silent_ms,
        .silent_ms = frame->silent_ms,
        .live = true,
    };
}

/* The rows of it, up to `rows`. */
static char *draw(const Zsaga__ViewReport *report, const struct frame_of *frame)
{
    const struct view_state state = state_of(frame);
    struct screen *screen = screen_new(frame->columns, frame->rows, frame->ascii);
    struct buffer text = {0};
    view_render(report, &state, screen);
    screen_text(screen, &text);
    buffer_append(&text, "", 1);
    screen_free(screen);
    return (char *)text.data;
}

static void expect(const struct frame_of *frame, const char *text)
{
    struct report_fixture fixture;
    report_fixture_fill(&fixture);
    char *got = draw(&fixture.report, frame);
    assert_string_equal(got, text);
    free(got);
}

/* At the common size all parts are there; columns that matter least are left out. */
static void test_render__80x24__shows_all_of_it(void **state)
{
    (void)state;
    const struct frame_of frame = {80, 24, false, 0};
    expect(&frame,
           "zsaga top  /srv/shop/zsaga-data                            q quits  12:34:56 UTC\n"
           "● live  data as of 12:34:56, lag 0.0 s\n"
           "sagas   ▸ running 12  ◂ compensating 3  ● completed 1,234,567\n"
           "        ○ compensated 56,789  × attention 1\n"
           "rates   started 812.4/s  completed 700.0/s  compensated 80.5/s  over 10 s\n"
           "time    p50 12 ms  p99 1.3 s  from start to end, last minute\n"
           "minute        ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅ peak 800/s\n"
           "\n"
           "   log of        state            head     applied    lag  lag_s  detail\n"
           "●  orchestrator  following  14,000,123  14,000,123      0    0.0\n"
           "▲  order         behind          4,000       3,900    100    3.2\n"
           "○  inventory     silent          2,200       2,200      0    5.1\n"
           "×  payment       diverged           20          20      0      ?  it is another…\n"
           "◌  shipping      syncing         1,800           0  1,800      ?\n"
           "\n"
           "unfinished 16  stuck 2  in attention 1\n"
           "   saga          why        state         step    waitin…  att    age  last_err…\n"
           "×  A-17          attention  attention     reser…             7    2 h  blocked:…\n"
           "▲  536370        stuck      running       charge  payment    3   42 s  busy: th…\n"
           "▲  �[31mevil�[…  stuck      compensating  ship    shippi…    2   31 s  ���rm -rf\n"
           "▸  a-key-that-…  oldest     running       confi…  order      1  2.1 s\n"
           "▸  漢字          oldest     running       reser…  invent…    1  0.9 s\n"
           "▸                oldest     running                          0      ?\n"
           "\n");
}

/* With room enough no column is left out. */
static void test_render__120x40__shows_all_columns(void **state)
{
    (void)state;
    const struct frame_of frame = {120, 40, false, 0};
    expect(&frame,
           "zsaga top  /srv/shop/zsaga-data                                                        "
           "            q quits  12:34:56 UTC\n"
           "● live  data as of 12:34:56, lag 0.0 s\n"
           "sagas   ▸ running 12  ◂ compensating 3  ● completed 1,234,567  ○ compensated 56,789  × "
           "attention 1\n"
           "rates   started 812.4/s  completed 700.0/s  compensated 80.5/s  over 10 s\n"
           "time    p50 12 ms  p99 1.3 s  from start to end, last minute\n"
           "minute            ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅▆▇█ ▁▂▃▄▅ peak 800/s\n"
           "\n"
           "   log of        state            head     applied    lag  lag_s  events/s  gaps  "
           "fetches  detail\n"
           "●  orchestrator  following  14,000,123  14,000,123      0    0.0       0.0     0       "
           " 0\n"
           "▲  order         behind          4,000       3,900    100    3.2     140.2     1       "
           "10\n"
           "○  inventory     silent          2,200       2,200      0    5.1     280.5     2       "
           "20\n"
           "×  payment       diverged           20          20      0      ?     420.8     3       "
           "30  it is another log: a restore…\n"
           "◌  shipping      syncing         1,800           0  1,800      ?     561.0     4       "
           "40\n"
           "\n"
           "unfinished 16  stuck 2  in attention 1\n"
           "   saga                          why        state         step     waiting_on  att    "
           "age  last_error\n"
           "×  A-17                          attention  attention     reserve                7    "
           "2 h  blocked: a tombstone\n"
           "▲  536370                        stuck      running       charge   payment       3   "
           "42 s  busy: the bank is shut, and …\n"
           "▲  �[31mevil�[0m�                stuck      compensating  ship     shipping      2   "
           "31 s  ���rm -rf\n"
           "▸  a-key-that-is-as-long-as-a-…  oldest     running       confirm  order         1  "
           "2.1 s\n"
           "▸  漢字                          oldest     running       reserve  inventory     1  "
           "0.9 s\n"
           "▸                                oldest     running                              0     "
           " ?\n"
           "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
}

/* With few rows the logs become a line that names those that are not well. */
static void test_render__60x15__streams_become_a_line(void **state)
{
    (void)state;
    const struct frame_of frame = {60, 15, false, 0};
    expect(&frame, "zsaga top  /srv/shop/zsaga-data        q quits  12:34:56 UTC\n"
                   "● live  data as of 12:34:56, lag 0.0 s\n"
                   "sagas   ▸ running 12  ◂ compensating 3\n"
                   "        ● completed 1,234,567  ○ compensated 56,789\n"
                   "        × attention 1\n"
                   "rates   started 812.4/s  completed 700.0/s\n"
                   "        compensated 80.5/s  over 10 s\n"
                   "time    p50 12 ms  p99 1.3 s  from start to end, last minute\n"
                   "logs    ● 1 of 5 followed  ▲ order behind\n"
                   "        ○ inventory silent  × payment diverged\n"
                   "        ◌ shipping syncing\n"
                   "unfinished 16  stuck 2  in attention 1\n"
                   "   saga                why        step     waiting_on    age\n"
                   "×  A-17                attention  reserve                2 h\n"
                   "▲  536370              stuck      charge   payment      42 s\n");
}

/* At the smallest size: the counts, the freshness, and who needs somebody. */
static void test_render__40x10__keeps_what_needs_somebody(void **state)
{
    (void)state;
    const struct frame_of frame = {40, 10, false, 0};
    expect(&frame, "zsaga top  /srv/s… q quits  12:34:56 UTC\n"
                   "● live  data as of 12:34:56, lag 0.0 s\n"
                   "sagas ▸ running 12  ◂ compensating 3\n"
                   "      ● completed 1,234,567\n"
                   "      ○ compensated 56,789\n"
                   "      × attention 1\n"
                   "logs ● 1 of 5 followed  ▲ order behind\n"
                   "unfinished 16  stuck 2  in attention 1\n"
                   "   saga          step     waitin…    age\n"
                   "×  A-17          reserve             2 h\n");
}

/* Without Unicode each glyph has a plain one, and the words are the same. */
static void test_render__ascii__same_words_other_glyphs(void **state)
{
    (void)state;
    const struct frame_of frame = {80, 24, true, 0};
    expect(&frame,
           "zsaga top  /srv/shop/zsaga-data                            q quits  12:34:56 UTC\n"
           "* live  data as of 12:34:56, lag 0.0 s\n"
           "sagas   > running 12  < compensating 3  * completed 1,234,567\n"
           "        o compensated 56,789  x attention 1\n"
           "rates   started 812.4/s  completed 700.0/s  compensated 80.5/s  over 10 s\n"
           "time    p50 12 ms  p99 1.3 s  from start to end, last minute\n"
           "minute        .:-=+*#@ .:-=+*#@ .:-=+*#@ .:-=+*#@ .:-=+*#@ .:-=+ peak 800/s\n"
           "\n"
           "   log of        state            head     applied    lag  lag_s  detail\n"
           "*  orchestrator  following  14,000,123  14,000,123      0    0.0\n"
           "!  order         behind          4,000       3,900    100    3.2\n"
           "o  inventory     silent          2,200       2,200      0    5.1\n"
           "x  payment       diverged           20          20      0      ?  it is another~\n"
           "~  shipping      syncing         1,800           0  1,800      ?\n"
           "\n"
           "unfinished 16  stuck 2  in attention 1\n"
           "   saga          why        state         step    waitin~  att    age  last_err~\n"
           "x  A-17          attention  attention     reser~             7    2 h  blocked:~\n"
           "!  536370        stuck      running       charge  payment    3   42 s  busy: th~\n"
           "!  ?[31mevil?[~  stuck      compensating  ship    shippi~    2   31 s  ???rm -rf\n"
           ">  a-key-that-~  oldest     running       confi~  order      1  2.1 s\n"
           ">  ??            oldest     running       reser~  invent~    1  0.9 s\n"
           ">                oldest     running                          0      ?\n"
           "\n");
}

/* An observer that does not answer is said to be silent; what it said last is shown with its age.
 */
static void test_render__observer_silent__says_since_when(void **state)
{
    (void)state;
    const struct frame_of frame = {80, 6, false, 7000};
    expect(&frame,
           "zsaga top  /srv/shop/zsaga-data                            q quits  12:35:03 UTC\n"
           "○ silent  data as of 12:34:56, lag 7.0 s: no answer for 7.0 s\n"
           "sagas   ▸ running 12  ◂ compensating 3  ● completed 1,234,567\n"
           "        ○ compensated 56,789  × attention 1\n"
           "logs    ● 1 of 5 followed  ▲ order behind  ○ inventory silent\n"
           "unfinished 16  stuck 2  in attention 1\n");
}

static char *draw_part(struct report_fixture *fixture, size_t columns, size_t rows)
{
    const struct frame_of frame = {.columns = columns, .rows = rows};
    return draw(&fixture->report, &frame);
}

/* At no size is anything drawn beyond the screen, and the title is always there. */
static void test_render__any_size__stays_within(void **state)
{
    (void)state;
    struct report_fixture fixture;
    report_fixture_fill(&fixture);
    for (size_t columns = 1; columns < 140; columns += 3)
        for (size_t rows = 1; rows < 45; rows += 2) {
            char *text = draw_part(&fixture, columns, rows);
            assert_true(strncmp(text, "zsaga top", columns < 9 ? columns - 1 : 9) == 0);
            free(text);
        }
}

/* Before the first answer it says that it waits, and shows no zeroes. */
static void test_render__no_answer_yet__says_so(void **state)
{
    (void)state;
    const struct frame_of frame = {.columns = 60, .rows = 4};
    char *text = draw(NULL, &frame);
    assert_string_equal(text, "zsaga top  /srv/shop/zsaga-data        q quits  12:34:56 UTC\n"
                              "\xe2\x97\x8b waiting  for the observer's first answer\n\n\n");
    free(text);
}

/* An observer that is behind is said to be stale, with the time its data is of. */
static void test_render__behind__says_stale(void **state)
{
    (void)state;
    struct report_fixture fixture;
    report_fixture_fill(&fixture);
    fixture.report.as_of_ms -= 65000;
    char *text = draw_part(&fixture, 80, 24);
    assert_non_null(strstr(text, "\xe2\x96\xb2 stale  data as of 12:33:51, lag 65 s\n"));
    free(text);
    fixture.report.as_of_ms = 0;
    text = draw_part(&fixture, 80, 24);
    assert_non_null(strstr(text, "waiting  nothing is known of the orchestrator yet\n"));
    free(text);
}

/* An observer that says what hinders it is not called silent; what it said before is still shown.
 */
static void test_render__observer_hindered__says_what_by(void **state)
{
    (void)state;
    struct report_fixture fixture;
    report_fixture_fill(&fixture);
    const struct frame_of frame = {70, 6, false, 7000};
    struct view_state view = state_of(&frame);
    view.trouble = bytes_text("disk full\033[2J: make room");
    struct screen *screen = screen_new(frame.columns, frame.rows, frame.ascii);
    struct buffer text = {0};
    view_render(&fixture.report, &view, screen);
    screen_text(screen, &text);
    buffer_append(&text, "", 1);
    assert_non_null(strstr((const char *)text.data,
                           "× hindered  lag 7.0 s: disk full\xef\xbf\xbd[2J: make room\n"));
    assert_non_null(strstr((const char *)text.data, "running 12"));
    buffer_release(&text);
    screen_free(screen);
}

/* The document has each field of the tables, and null for what is not known. */
static void test_json__has_the_fields_of_the_tables(void **state)
{
    (void)state;
    struct report_fixture fixture;
    report_fixture_fill(&fixture);
    const struct frame_of frame = {.silent_ms = 0};
    const struct view_state view = state_of(&frame);
    json_t *json = view_json(&fixture.report, &view);
    static const char *const stream_fields[] = {"publisher", "state",       "head", "applied",
                                                "lag",       "lag_s",       "gaps", "fetches",
                                                "detail",    "events_per_s"};
    static const char *const saga_fields[] = {"key",        "why",      "state", "step",
                                              "waiting_on", "attempts", "age_s", "last_error"};
    const json_t *streams = json_object_get(json, "streams");
    const json_t *sagas = json_object_get(json, "look_at");
    assert_int_equal(json_array_size(streams), REPORT_FIXTURE_STREAMS);
    assert_int_equal(json_array_size(sagas), REPORT_FIXTURE_SAGAS);
    for (size_t i = 0; i < sizeof stream_fields / sizeof stream_fields[0]; i++)
        assert_non_null(json_object_get(json_array_get(streams, 0), stream_fields[i]));
    for (size_t i = 0; i < sizeof saga_fields / sizeof saga_fields[0]; i++)
        assert_non_null(json_object_get(json_array_get(sagas, 0), saga_fields[i]));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "sagas"), "completed")), 1234567);
    assert_true(json_is_null(json_object_get(json_array_get(streams, 3), "lag_s")));
    assert_true(json_is_null(json_object_get(json_array_get(sagas, 5), "age_s")));
    assert_string_equal(json_string_value(json_object_get(json, "as_of")),
                        "2026-11-21T12:34:56.000Z");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render__80x24__shows_all_of_it),
        cmocka_unit_test(test_render__120x40__shows_all_columns),
        cmocka_unit_test(test_render__60x15__streams_become_a_line),
        cmocka_unit_test(test_render__40x10__keeps_what_needs_somebody),
        cmocka_unit_test(test_render__ascii__same_words_other_glyphs),
        cmocka_unit_test(test_render__observer_silent__says_since_when),
        cmocka_unit_test(test_render__any_size__stays_within),
        cmocka_unit_test(test_render__no_answer_yet__says_so),
        cmocka_unit_test(test_render__behind__says_stale),
        cmocka_unit_test(test_render__observer_hindered__says_what_by),
        cmocka_unit_test(test_json__has_the_fields_of_the_tables),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
