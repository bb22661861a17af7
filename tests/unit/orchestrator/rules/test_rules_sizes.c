/* Sizes: what is refused where, so that whatever is accepted can travel. */
#include "base/xalloc.h"
#include "rules_driver.h"

#define INPUT_MAX ((size_t)256 << 10)
#define OUTPUT_MAX ((size_t)16 << 10)

static void test_input__over_256_KiB__is_refused_at_intake(void **state)
{
    /* An input of 256 KiB is accepted; a byte more is refused with words, and nothing is stored. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    uint8_t *input = xcalloc(1, INPUT_MAX + 1);
    const Zsaga__ClientAnswer *answer = rules_submit(
        driver, &(struct rules_submit){.key = "a", .input = bytes_of(input, INPUT_MAX + 1)});
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    assert_true(bytes_equal(packed_view(answer->refusal->code), bytes_text("too_large")));
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_saga"), 0);
    answer = rules_submit(driver,
                          &(struct rules_submit){.key = "a", .input = bytes_of(input, INPUT_MAX)});
    assert_int_equal(answer->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
    free(input);
    assert_int_equal(sim_driver_sent(driver, "do0", 1).command->input.len, INPUT_MAX);
}

static void answer_with(struct sim_driver *driver, const struct sim_driver_command *sent,
                        const uint8_t *output, size_t len)
{
    Zsaga__Reply reply = sim_driver_reply(sent, ZSAGA__OUTCOME__DONE, "");
    reply.output = packed_borrow(bytes_of(output, len));
    sim_driver_say(driver, sent->participant, &reply);
}

static void test_output__over_16_KiB__is_attention(void **state)
{
    /* An output of 16 KiB is handed on; with a byte more the saga rests, for its effect is real and
     * its output cannot travel. */
    static const uint8_t output[OUTPUT_MAX + 1];
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "a", "do0");
    answer_with(driver, &sent, output, OUTPUT_MAX);
    sent = sim_driver_sent(driver, "do1", 1);
    assert_int_equal(sent.command->n_outputs, 1);
    assert_int_equal(sent.command->outputs[0]->output.len, OUTPUT_MAX);
    sent = sim_driver_reach(driver, "b", "do0");
    answer_with(driver, &sent, output, OUTPUT_MAX + 1);
    sim_driver_sent_nothing(driver);
    assert_int_equal(sim_driver_state(driver, "b"), ZSAGA__SAGA_STATE__ATTENTION);
    rules_expect_words(driver, "b", "output_too_large", "output_too_large");
}

/* A definition of so many steps, all of p0. */
static void describe(struct buffer *text, int steps)
{
    buffer_append_text(text, RULES_SAGA);
    for (int i = 0; i < steps; i++) {
        char step[400];
        (void)snprintf(step, sizeof step,
                       "    step\n        name = step-%059d\n        participant = p0\n"
                       "        action = do%d\n        compensation = undo%d\n",
                       i, i, i);
        buffer_append_text(text, step);
    }
    buffer_append(text, "", 1);
}

static void test_command__largest_of_all__fits_a_frame(void **state)
{
    /* With the largest input, and the largest output of each of 31 steps, the command of the 32nd
     * still travels, in one frame. */
    static const uint8_t output[OUTPUT_MAX];
    struct buffer text = {0};
    describe(&text, 32);
    struct sim_driver *driver = rules_begin(state, (const char *)text.data);
    buffer_release(&text);
    uint8_t *input = xcalloc(1, INPUT_MAX);
    (void)rules_submit(driver,
                       &(struct rules_submit){.key = "k", .input = bytes_of(input, INPUT_MAX)});
    free(input);
    for (uint32_t step = 0; step < 31; step++) {
        assert_int_equal(driver->command_count, 1);
        struct sim_driver_command sent = driver->commands[0];
        assert_int_equal(sent.command->step, step);
        rules_forget_commands(driver);
        answer_with(driver, &sent, output, OUTPUT_MAX);
    }
    struct sim_driver_command last = rules_command(driver, 0, "do31");
    assert_int_equal(last.command->n_outputs, 31);
    assert_int_equal(last.command->input.len, INPUT_MAX);
    assert_true(zsaga__command__get_packed_size(last.command) < FRAME_ENTRY_MAX);
    rules_all_done(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
}

static void test_definition__of_33_steps__is_refused(void **state)
{
    /* A saga has at most 32 steps: more are refused when the definition is loaded. */
    (void)state;
    struct buffer text = {0};
    struct definition *definition = NULL;
    struct err err = {0};
    describe(&text, 33);
    assert_int_equal(definition_parse("test", (const char *)text.data, &definition, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "32"));
    buffer_release(&text);
}

/* What is out, seen as frames: their entries' number and bytes. */
static void expect_small_frames(const struct sim_driver *driver)
{
    uint64_t number = 0;
    size_t entries = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < driver->command_count; i++) {
        const struct sim_driver_command *sent = &driver->commands[i];
        if (sent->header.number != number)
            entries = bytes = 0;
        number = sent->header.number;
        entries++;
        bytes += zsaga__command__get_packed_size(sent->command);
        assert_in_range(entries, 1, FRAME_ENTRIES_MAX);
        assert_true(entries == 1 || bytes < FRAME_BYTES_MAX);
    }
}

static void test_frames__of_one_commit__are_small(void **state)
{
    /* All that one commit has for a participant goes in frames of at most 32 entries and 64 KiB; a
     * larger entry travels alone. */
    static const size_t sizes[] = {0, 3000, 70000};
    struct sim_driver *driver = rules_begin(state, rules_one);
    rules_submit_many(driver, 0, 100);
    rules_all_done(driver); /* The window is open. */
    for (size_t size = 0; size < 3; size++) {
        uint8_t *input = xcalloc(1, sizes[size] + 1);
        for (int i = 0; i < 80; i++) {
            char key[32];
            (void)snprintf(key, sizeof key, "s%zu-%d", size, i);
            Zsaga__Submit submit;
            Zsaga__ClientRequest request = rules_submit_request(
                driver, &(struct rules_submit){.key = key, .input = bytes_of(input, sizes[size])},
                &submit);
            const Zsaga__ClientRequest *requests[] = {&request};
            request.id = 1;
            sim_driver_give_requests(driver, requests, 1);
        }
        free(input);
        sim_driver_turn(driver);
        assert_int_equal(driver->command_count, 64);
        expect_small_frames(driver);
        rules_all_done(driver);
        sim_driver_clear(driver);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_input__over_256_KiB__is_refused_at_intake),
        rules_test(test_output__over_16_KiB__is_attention),
        rules_test(test_command__largest_of_all__fits_a_frame),
        rules_test(test_definition__of_33_steps__is_refused),
        rules_test(test_frames__of_one_commit__are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
