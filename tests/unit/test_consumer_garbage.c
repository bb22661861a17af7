#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "consumer_rig.h"

enum { ORCHESTRATOR, ORDER, PAYMENT };

static int set_up(void **state)
{
    *state = rig_new(CONSUMER_STOPS, 0, RIG_PUBLISHERS);
    rig_settle(*state);
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

static uint64_t malformed(struct rig *rig)
{
    return consumer_node_counters(rig->node)->malformed;
}

/* What was just delivered is counted and changes nothing; what is right afterwards is applied. */
static void expect_dropped(struct rig *rig, uint64_t before)
{
    uint64_t applied = rig_stream(rig, ORDER)->applied;
    assert_int_equal(rig_turn(rig), 0);
    assert_true(malformed(rig) > before);
    assert_int_equal(rig_stream(rig, ORDER)->applied, applied);
    rig_wait(rig, 10000);
    rig_settle(rig);
    rig_go_on(rig, ORDER, 2);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, rig->fakes[ORDER]->head);
}

static struct buffer text_frame(const char *text)
{
    struct buffer frame = {0};
    buffer_append_text(&frame, text);
    return frame;
}

/* Bytes that are no frame. */
static void test_frame__no_frame__is_dropped(void **state)
{
    struct rig *rig = *state;
    uint64_t before = malformed(rig);
    rig_publish(rig, ORDER, text_frame("what is this?"));
    rig_publish(rig, ORDER, text_frame(""));
    rig_reply(rig, ORDER, text_frame("what is this?"));
    expect_dropped(rig, before);
}

/* A frame of somebody else on this publisher's socket. */
static void test_frame__other_name__is_dropped(void **state)
{
    struct rig *rig = *state;
    uint64_t before = malformed(rig);
    fake_publisher_add(rig->fakes[PAYMENT], 2);
    rig_publish(rig, ORDER, fake_publisher_tell(rig->fakes[PAYMENT], 1));
    expect_dropped(rig, before);
}

/* A publisher has a database: a frame without its uuid is nobody's. */
static void test_frame__no_store__is_dropped(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = rig->fakes[ORDER];
    uint64_t before = malformed(rig);
    struct id store = fake->header.store;
    fake_publisher_add(fake, 1);
    fake->header.store = (struct id){{0}};
    rig_tell(rig, ORDER, 1);
    fake->header.store = store;
    expect_dropped(rig, before);
}

static void pack_event(struct buffer *to, Zsaga__Event event)
{
    packed_append_field(to, 1, &event.base);
}

static Zsaga__Event good_event(const struct rig *rig, uint64_t seq)
{
    static struct id id;
    Zsaga__Event event = ZSAGA__EVENT__INIT;
    id = fake_publisher_id(rig->fakes[ORDER], seq);
    event.id = packed_borrow(id_view(&id));
    event.type = packed_borrow_text("Something");
    return event;
}

static void publish_row(struct rig *rig, uint64_t first, uint32_t count, struct bytes events)
{
    Zsaga__LogRow row = ZSAGA__LOG_ROW__INIT;
    row.first = first;
    row.count = count;
    row.events = packed_borrow(events);
    rig_publish(rig, ORDER, fake_publisher_publish(rig->fakes[ORDER], &row));
}

/* Each way in which an event can be wrong beside its ids: a service need not look at them again. */
static void test_event__beyond_its_limits__is_dropped(void **state)
{
    struct rig *rig = *state;
    AUTO(freep) char *large = xcalloc(1, ((size_t)256 << 10) + 1);
    for (int i = 0; i < 5; i++) {
        struct buffer events = {0};
        uint64_t before = malformed(rig);
        uint64_t seq = rig->fakes[ORDER]->head + 1;
        Zsaga__Event event = good_event(rig, seq);
        if (i == 0)
            event.type.len = 0;
        else if (i == 1)
            event.type = packed_borrow_text("\x1b[31mred");
        else if (i == 2)
            event.causation = packed_borrow(bytes_of(large, ID_SIZE));
        else if (i == 3)
            event.traceparent = packed_borrow(bytes_of(large, TEXT_NAME_MAX + 1));
        else
            event.payload = packed_borrow(bytes_of(large, ((size_t)256 << 10) + 1));
        pack_event(&events, event);
        publish_row(rig, seq, 1, buffer_bytes(&events));
        expect_dropped(rig, before);
        buffer_release(&events);
    }
}

/* Each way in which a live row can be wrong, told at the cursor. */
static void test_row__malformed__is_dropped(void **state)
{
    struct rig *rig = *state;
    struct buffer one = {0};
    struct buffer short_id = {0};
    struct buffer short_saga = {0};
    Zsaga__Event event = good_event(rig, 1);
    pack_event(&one, event);
    event.saga = packed_borrow_text("saga");
    pack_event(&short_saga, event);
    event = good_event(rig, 1);
    event.id.len = 15;
    pack_event(&short_id, event);
    const struct {
        uint64_t first;
        uint32_t count;
        struct bytes events;
    } rows[] = {
        {0, 1, buffer_bytes(&one)},          {1, 0, buffer_bytes(&one)},
        {1, 2, buffer_bytes(&one)},          {1, 1, bytes_text("these are no events")},
        {1, 1, buffer_bytes(&short_id)},     {1, 1, buffer_bytes(&short_saga)},
        {UINT64_MAX, 1, buffer_bytes(&one)}, {INT64_MAX, 4000000000, buffer_bytes(&one)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = malformed(rig);
        uint64_t first = rows[i].first == 1 ? rig->fakes[ORDER]->head + 1 : rows[i].first;
        publish_row(rig, first, rows[i].count, rows[i].events);
        expect_dropped(rig, before);
    }
    buffer_release(&one);
    buffer_release(&short_id);
    buffer_release(&short_saga);
}

/* A row far ahead that nobody has committed keeps nothing from being applied, and is asked about
 * seldom. */
static void test_row__from_nowhere__does_not_spin(void **state)
{
    struct rig *rig = *state;
    struct buffer one = {0};
    pack_event(&one, good_event(rig, 1));
    publish_row(rig, 1000000, 1, buffer_bytes(&one));
    assert_int_equal(rig_turn(rig), 0);
    for (int i = 0; i < 600; i++) {
        rig_settle(rig);
        rig_wait(rig, 100);
    }
    assert_true(rig->asked_count[ORDER] < 30);
    rig_go_on(rig, ORDER, 2);
    rig_expect_applied(rig, ORDER, 1, 2);
    buffer_release(&one);
}

/* An entry that is no publication, and a range that is none. */
static void test_entry__malformed__is_dropped(void **state)
{
    struct rig *rig = *state;
    Zsaga__Publication empty = ZSAGA__PUBLICATION__INIT;
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    uint64_t before = malformed(rig);
    rig_publish(rig, ORDER, fake_publisher_frame(rig->fakes[ORDER], &empty.base));
    empty.kind_case = ZSAGA__PUBLICATION__KIND_RANGE;
    empty.range = &range;
    rig_publish(rig, ORDER, fake_publisher_frame(rig->fakes[ORDER], &empty.base));
    range.tail = 9;
    range.head = 3;
    rig_publish(rig, ORDER, fake_publisher_frame(rig->fakes[ORDER], &empty.base));
    range.tail = 1;
    range.head = UINT64_MAX;
    rig_publish(rig, ORDER, fake_publisher_frame(rig->fakes[ORDER], &empty.base));
    assert_int_equal(malformed(rig), before + 4);
    expect_dropped(rig, before);
}

/* Lets order ask for what is behind event 2; its log has 6. */
static const Zsaga__ReplayRequest *make_it_ask(struct rig *rig)
{
    rig_go_on(rig, ORDER, 2);
    fake_publisher_add(rig->fakes[ORDER], 2);
    fake_publisher_add(rig->fakes[ORDER], 2);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    assert_non_null(rig->asked[ORDER]);
    return rig->asked[ORDER];
}

static Zsaga__LogRow fake_row(const struct rig *rig, size_t index)
{
    const struct fake_row *from = &rig->fakes[ORDER]->rows[index];
    Zsaga__LogRow row = ZSAGA__LOG_ROW__INIT;
    row.first = from->first;
    row.count = from->count;
    row.events = packed_borrow(buffer_bytes(&from->events));
    return row;
}

static void answer_rows(struct rig *rig, Zsaga__LogRow **rows, size_t count, uint64_t head)
{
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Fetched fetched = ZSAGA__FETCHED__INIT;
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    range.tail = 1;
    range.head = head;
    fetched.rows = rows;
    fetched.n_rows = count;
    fetched.range = head == 0 ? NULL : &range;
    answer.id = rig->asked[ORDER]->id;
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_FETCHED;
    answer.fetched = &fetched;
    rig_reply(rig, ORDER, fake_publisher_reply(rig->fakes[ORDER], &answer));
}

/* Fetched rows that leave something out, or come from elsewhere, are not applied: asked again. */
static void test_answer__rows_do_not_follow__is_dropped(void **state)
{
    struct rig *rig = *state;
    (void)make_it_ask(rig);
    Zsaga__LogRow first = fake_row(rig, 0);
    Zsaga__LogRow second = fake_row(rig, 1);
    Zsaga__LogRow third = fake_row(rig, 2);
    Zsaga__LogRow bad = second;
    bad.count = 3;
    Zsaga__LogRow *wrong[][2] = {
        {&third, &third}, {&second, &second}, {&third, &second}, {&first, &second}, {&bad, &third}};
    uint64_t before = malformed(rig);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        answer_rows(rig, wrong[i], 2, 6);
    Zsaga__LogRow *right[] = {&second, &third};
    answer_rows(rig, right, 0, 6);
    answer_rows(rig, right, 2, 0);
    assert_int_equal(malformed(rig), before + 7);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 2);
    answer_rows(rig, right, 2, 6);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 6);
}

/* What is behind the cursor and cannot be read is told in the health, as long as it cannot. */
static void test_answer__cannot_be_read__is_told_in_the_health(void **state)
{
    struct rig *rig = *state;
    (void)make_it_ask(rig);
    Zsaga__LogRow rows[] = {fake_row(rig, 1), fake_row(rig, 2)};
    Zsaga__LogRow *pointers[] = {&rows[0], &rows[1]};
    rows[1].events = packed_borrow_text("no events");
    answer_rows(rig, pointers, 2, 6);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 2);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    const Zsaga__HealthReport *health = rig_health(rig);
    assert_true(bytes_equal(packed_view(health->state), bytes_text("failing")));
    assert_true(bytes_equal(packed_view(health->detail),
                            bytes_text("order: behind event 2: a fetched row does not decode")));
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 6);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_string_equal(rig_stream(rig, ORDER)->detail, "");
}

/* Answers that make no sense stop nothing. */
static void test_answer__nonsense__stops_nothing(void **state)
{
    struct rig *rig = *state;
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Truncated truncated = ZSAGA__TRUNCATED__INIT;
    Zsaga__ReplayRefusal refusal = ZSAGA__REPLAY_REFUSAL__INIT;
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    uint64_t before = malformed(rig);
    answer.id = make_it_ask(rig)->id;
    rig_reply(rig, ORDER, fake_publisher_reply(rig->fakes[ORDER], &answer));
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED;
    answer.truncated = &truncated;
    rig_reply(rig, ORDER, fake_publisher_reply(rig->fakes[ORDER], &answer));
    truncated.range = &range;
    range.tail = 3; /* Nothing is missing. */
    range.head = 6;
    rig_reply(rig, ORDER, fake_publisher_reply(rig->fakes[ORDER], &answer));
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_REFUSAL;
    answer.refusal = &refusal;
    refusal.message = packed_borrow_text("\x1b[31mno\xff");
    rig_reply(rig, ORDER, fake_publisher_reply(rig->fakes[ORDER], &answer));
    assert_int_equal(malformed(rig), before + 4);
    expect_dropped(rig, before);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
}

/* A log that was never read cannot have diverged. */
static void test_answer__diverged_from_nothing__stops_nothing(void **state)
{
    struct rig *rig = *state;
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Diverged diverged = ZSAGA__DIVERGED__INIT;
    fake_publisher_restart(rig->fakes[ORDER]);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    answer.id = rig->asked[ORDER]->id;
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_DIVERGED;
    answer.diverged = &diverged;
    rig_reply(rig, ORDER, fake_publisher_reply(rig->fakes[ORDER], &answer));
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
}

/* Wherever whatever frame is cut: no crash, and in the end exactly the log. */
static void test_frame__cut_short__never_applied(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = rig->fakes[ORDER];
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 3000; i++) {
        if (i % 10 == 0)
            fake_publisher_add(fake, 1 + (uint32_t)rng_below(&rng, 3));
        struct buffer frame = i % 3 == 0
                                  ? fake_publisher_range(fake)
                                  : fake_publisher_tell(fake, 1 + rng_below(&rng, fake->head));
        if (i % 3 == 2 && rig->asked[ORDER] != NULL) {
            buffer_release(&frame);
            frame = fake_publisher_answer(fake, rig->asked[ORDER]);
        }
        /* Behind the header: what is in it decides whom the frame is from. */
        size_t at = 60 + rng_below(&rng, frame.len);
        if (at < frame.len)
            frame.len = at; /* Cut. */
        if (i % 3 == 2)
            rig_reply(rig, ORDER, frame);
        else
            rig_publish(rig, ORDER, frame);
        rig_wait(rig, 20);
    }
    assert_true(malformed(rig) > 500);
    rig_wait(rig, 10000);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_wait(rig, 10000);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, fake->head);
}

int main(void)
{
#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_frame__no_frame__is_dropped),
        RIG_TEST(test_frame__other_name__is_dropped),
        RIG_TEST(test_frame__no_store__is_dropped),
        RIG_TEST(test_event__beyond_its_limits__is_dropped),
        RIG_TEST(test_row__malformed__is_dropped),
        RIG_TEST(test_answer__cannot_be_read__is_told_in_the_health),
        RIG_TEST(test_row__from_nowhere__does_not_spin),
        RIG_TEST(test_entry__malformed__is_dropped),
        RIG_TEST(test_answer__rows_do_not_follow__is_dropped),
        RIG_TEST(test_answer__nonsense__stops_nothing),
        RIG_TEST(test_answer__diverged_from_nothing__stops_nothing),
        RIG_TEST(test_frame__cut_short__never_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
