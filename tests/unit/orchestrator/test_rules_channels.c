/* Rules of frames, hellos and logs, against participants and clients made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "sim_disk.h"
#include "sim_driver.h"

static const char two[] = "saga\n"
                          "    name = two\n"
                          "    step\n"
                          "        name = a\n"
                          "        participant = p0\n"
                          "        action = do0\n"
                          "        compensation = undo0\n"
                          "    step\n"
                          "        name = b\n"
                          "        participant = p1\n"
                          "        action = do1\n"
                          "        compensation = undo1\n";

static int begin(void **state)
{
    *state = sim_driver_new(two);
    return 0;
}

static int end(void **state)
{
    sim_driver_free(*state);
    return 0;
}

static void assert_channel(struct sim_driver *driver, size_t participant, const char *expected)
{
    char text[32];
    bytes_copy_text(packed_view(sim_driver_channel(driver, participant)->state), text, sizeof text);
    assert_string_equal(text, expected);
}

/* A frame of raw entries. */
static void give_raw(struct sim_driver *driver, uint8_t port, struct frame_header *sender,
                     const struct bytes *entries, size_t count)
{
    struct buffer packed = {0};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = sender, .out = &out};
    Zsaga__Answer empty = ZSAGA__ANSWER__INIT;
    frame_writer_add(&writer, &empty.base, NULL);
    frame_writer_flush(&writer);
    buffer_append(&packed, out.messages[0].data, out.messages[0].len - 2); /* Without it. */
    for (size_t i = 0; i < count; i++) {
        uint8_t head[] = {0x12, (uint8_t)entries[i].len};
        buffer_append(&packed, head, sizeof head);
        buffer_append(&packed, entries[i].data, entries[i].len);
    }
    sim_driver_give(driver, port, buffer_bytes(&packed));
    outbound_release(&out);
    buffer_release(&packed);
}

static struct bytes pack(struct buffer *buffer, const ProtobufCMessage *message)
{
    buffer_clear(buffer);
    packed_append(buffer, message);
    return buffer_bytes(buffer);
}

static void test_client_entry__that_does_not_decode__harms_no_other(void **state)
{
    /* Each entry is decoded on its own: a bad one is refused, and the others go on. */
    struct sim_driver *driver = *state;
    struct buffer first = {0};
    struct buffer last = {0};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Status status = ZSAGA__STATUS__INIT;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &status;
    request.id = 1;
    struct bytes entries[3] = {pack(&first, &request.base), bytes_text("\x0a\xff")};
    request.id = 3;
    entries[2] = pack(&last, &request.base);
    give_raw(driver, ORCHESTRATOR_PORT_CLIENT, &driver->client, entries, 3);
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, 3);
    assert_int_equal(driver->answers[0]->id, 1);
    assert_int_equal(driver->answers[0]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_STATUS);
    assert_int_equal(driver->answers[1]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    assert_int_equal(driver->answers[2]->id, 3);
    assert_int_equal(driver->answers[2]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_STATUS);
    buffer_release(&first);
    buffer_release(&last);
}

static void test_answer__that_does_not_decode__harms_no_other(void **state)
{
    /* A participant's bad entry is counted, and its other answers are taken. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    struct buffer packed = {0};
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    answer.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    answer.reply = &reply;
    struct bytes entries[] = {bytes_text("\x0a\xff"), pack(&packed, &answer.base)};
    give_raw(driver, ORCHESTRATOR_PORT_FIRST_PARTICIPANT, &driver->participants[0].sender, entries,
             2);
    sim_driver_turn(driver);
    (void)sim_driver_sent(driver, "do1", 1);
    assert_int_equal(orchestrator_counters(driver->node)->malformed, 1);
    buffer_release(&packed);
}

static void test_frame__that_is_none__is_counted(void **state)
{
    /* What is no frame is refused to a client, counted of a participant, and ends nothing. */
    struct sim_driver *driver = *state;
    sim_driver_give(driver, ORCHESTRATOR_PORT_CLIENT, bytes_text("\xff\xff nothing"));
    sim_driver_give(driver, ORCHESTRATOR_PORT_FIRST_PARTICIPANT, bytes_text("\xff\xff nothing"));
    sim_driver_give(driver, ORCHESTRATOR_PORT_OWNER, bytes_text("\xff\xff nothing"));
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, 1);
    assert_int_equal(driver->answers[0]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    assert_int_equal(orchestrator_counters(driver->node)->malformed, 3);
}

static void test_frame__of_another_name__is_not_heard(void **state)
{
    /* An endpoint that leads to the wrong service is told so, and what it says counts for nothing.
     */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    driver->participants[0].sender.name[1] = '9';
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_sent_nothing(driver);
    assert_int_equal(orchestrator_counters(driver->node)->foreign, 1);
    assert_int_not_equal(sim_driver_channel(driver, 0)->detail.len, 0);
}

static void test_incarnation__another_in_a_header__is_asked_at_once(void **state)
{
    /* Another incarnation seen in a header causes a hello at once; only its answer changes it, and
     * what was in flight is then sent again. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply stale = sim_driver_reply(&sent, ZSAGA__OUTCOME__RETRY, "busy");
    stale.attempt = 77;
    driver->participants[0].silent = true;
    sim_driver_reborn(driver, 0);
    sim_driver_clear(driver);
    sim_driver_say(driver, 0, &stale);
    assert_int_equal(driver->hello_count, 1);
    sim_driver_say(driver, 0, &stale); /* Noticed already: once is enough. */
    assert_int_equal(driver->hello_count, 1);
    sim_driver_sent_nothing(driver);
    sim_driver_welcome(driver, 0, driver->participants[0].hello);
    sim_driver_turn(driver);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void test_welcome__of_an_older_hello__changes_nothing(void **state)
{
    /* Only the answer to the newest hello changes what is known of a participant. */
    struct sim_driver *driver = *state;
    struct sim_driver_participant *p0 = &driver->participants[0];
    (void)sim_driver_reach(driver, "k", "do0");
    p0->silent = true;
    sim_driver_wait(driver, 1000);
    uint64_t older = p0->hello;
    sim_driver_wait(driver, 1000);
    sim_driver_clear(driver);
    uint64_t incarnation = p0->sender.incarnation;
    p0->sender.incarnation = 4711;
    p0->head = 0;
    sim_driver_welcome(driver, 0, older);
    sim_driver_turn(driver);
    sim_driver_sent_nothing(driver); /* Nothing is sent again. */
    p0->sender.incarnation = incarnation;
    assert_channel(driver, 0, "up");
}

static void test_welcome__told_twice__counts_once(void **state)
{
    /* A hello that came twice is answered twice, and the answers may come in any order: the second
     * is no news, or an old head would pass for a restored backup. */
    struct sim_driver *driver = *state;
    struct sim_driver_participant *p0 = &driver->participants[0];
    p0->silent = true;
    sim_driver_wait(driver, 1000);
    p0->head = 9;
    sim_driver_welcome(driver, 0, p0->hello);
    sim_driver_turn(driver);
    p0->head = 5;
    sim_driver_welcome(driver, 0, p0->hello);
    sim_driver_turn(driver);
    assert_channel(driver, 0, "up");
}

static void test_welcome__to_an_earlier_start__is_not_taken(void **state)
{
    /* Hellos of two starts have different numbers: a late answer to the one is none to the other.
     */
    struct sim_driver *driver = *state;
    struct sim_driver_participant *p0 = &driver->participants[0];
    p0->silent = true;
    sim_driver_wait(driver, 1000);
    uint64_t earlier = p0->hello;
    sim_driver_restart(driver, 10);
    for (int i = 0; i < 20; i++) {
        assert_int_not_equal(p0->hello, earlier);
        sim_driver_wait(driver, 500);
    }
    sim_driver_welcome(driver, 0, earlier);
    sim_driver_turn(driver);
    assert_channel(driver, 0, "down");
}

static void test_head__below_the_known_one__suspends(void **state)
{
    /* A head below the known one under the same store uuid is a restored backup: send nothing more
     * there and alarm, until an operator speaks, whatever its log says by then. */
    struct sim_driver *driver = *state;
    struct sim_driver_participant *p0 = &driver->participants[0];
    p0->head = 9;
    sim_driver_wait(driver, 1000);
    p0->head = 8;
    sim_driver_wait(driver, 1000);
    assert_channel(driver, 0, "suspended");
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_sent_nothing(driver);
    p0->head = 10;
    sim_driver_wait(driver, 5000);
    assert_channel(driver, 0, "suspended");
    sim_driver_sent_nothing(driver);
}

static void test_head__known_before_a_restart__is_known_after_it(void **state)
{
    /* What is known of a log outlives a start of the orchestrator. */
    struct sim_driver *driver = *state;
    driver->participants[0].head = 9;
    sim_driver_wait(driver, 1000);
    driver->participants[0].head = 8;
    sim_driver_restart(driver, 10);
    assert_channel(driver, 0, "suspended");
}

static void test_store__another_one__suspends(void **state)
{
    /* A database that was made anew has forgotten what it did: an operator decides. */
    struct sim_driver *driver = *state;
    driver->participants[0].sender.store.bytes[5] = 5;
    driver->participants[0].head = 100;
    sim_driver_wait(driver, 1000);
    assert_channel(driver, 0, "suspended");
}

static Zsaga__ClientAnswer__KindCase trust(struct sim_driver *driver)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Trust trust = ZSAGA__TRUST__INIT;
    const Zsaga__ClientRequest *requests[] = {&request};
    request.id = 5;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_TRUST;
    request.trust = &trust;
    trust.participant = packed_borrow_text("p0");
    trust.who = packed_borrow_text("ann");
    trust.reason = packed_borrow_text("it is the right one");
    driver->answer_count = 0;
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, 1);
    return driver->answers[0]->kind_case;
}

static void test_suspended__trusted__goes_on(void **state)
{
    /* An operator's word believes the database as it is now: what waited is sent, and the word is
     * remembered. */
    struct sim_driver *driver = *state;
    assert_int_equal(trust(driver), ZSAGA__CLIENT_ANSWER__KIND_REFUSAL); /* Nothing to trust. */
    driver->participants[0].head = 9;
    sim_driver_wait(driver, 1000);
    driver->participants[0].head = 3;
    sim_driver_wait(driver, 1000);
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_sent_nothing(driver);
    assert_int_equal(trust(driver), ZSAGA__CLIENT_ANSWER__KIND_DONE);
    (void)sim_driver_sent(driver, "do0", 1);
    assert_channel(driver, 0, "up");
    sim_driver_restart(driver, 10);
    assert_channel(driver, 0, "up");
}

static void test_participant__silent_for_three_seconds__is_down(void **state)
{
    /* A participant whose application answers no hello is down; what is for it waits. */
    struct sim_driver *driver = *state;
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 2900);
    assert_channel(driver, 0, "up");
    sim_driver_wait(driver, 200);
    assert_channel(driver, 0, "down");
    assert_channel(driver, 1, "up");
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_sent_nothing(driver);
    driver->participants[0].silent = false;
    sim_driver_wait(driver, 2100);
    (void)sim_driver_sent(driver, "do0", 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_client_entry__that_does_not_decode__harms_no_other),
        TEST(test_answer__that_does_not_decode__harms_no_other),
        TEST(test_frame__that_is_none__is_counted),
        TEST(test_frame__of_another_name__is_not_heard),
        TEST(test_incarnation__another_in_a_header__is_asked_at_once),
        TEST(test_welcome__of_an_older_hello__changes_nothing),
        TEST(test_welcome__told_twice__counts_once),
        TEST(test_welcome__to_an_earlier_start__is_not_taken),
        TEST(test_head__below_the_known_one__suspends),
        TEST(test_head__known_before_a_restart__is_known_after_it),
        TEST(test_store__another_one__suspends),
        TEST(test_suspended__trusted__goes_on),
        TEST(test_participant__silent_for_three_seconds__is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
