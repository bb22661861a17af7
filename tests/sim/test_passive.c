/* Whoever only reads changes nothing: orchestrator and participants write the same, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"
#include "sim_reader.h"

static const char two[] = "saga\n"
                          "    name = two\n"
                          "    step\n"
                          "        name = s0\n"
                          "        participant = p0\n"
                          "        action = do0\n"
                          "        compensation = undo0\n"
                          "    step\n"
                          "        name = s1\n"
                          "        participant = p1\n"
                          "        action = do1\n"
                          "        compensation = undo1\n";
#define WRITERS 3 /* The orchestrator and two toys. */

enum reading { ABSENT, THERE, STOPPED, DIES };

static void all_well(struct toy_script *script)
{
    script->action[0].output = true;
}

static void second_refuses(struct toy_script *script)
{
    script->action[1].refuses = true;
}

static void all_is_hard(struct toy_script *script)
{
    script->action[0] = (struct toy_line){.trouble = TOY_PENDING, .times = 2};
    script->action[1] = (struct toy_line){.trouble = TOY_RETRY, .times = 100};
    script->undo[0] = (struct toy_line){.trouble = TOY_POISON, .times = 1};
}

typedef void (*tell)(struct toy_script *script);

/* Runs, and tells what everybody who writes has written. True: a reader died at its nth point. */
static bool run(tell story, enum reading reading, uint8_t reader, uint64_t nth,
                uint64_t digests[WRITERS])
{
    static struct sim_counts counts;
    struct sim *sim =
        reading == ABSENT ? sim_new_plain(two, NULL, &counts) : sim_new_watched(two, &counts);
    story(sim_script(sim));
    if (reading == STOPPED)
        sim->hosts[sim->reader].paused_until_ms = sim->hosts[sim->observer].paused_until_ms = 5000;
    sim->crash_place = reader == 0 ? 0 : (uint8_t)(sim->readers + reader - 1);
    sim->crash_nth = nth;
    sim_run_plain(sim);
    for (uint8_t place = 0; place < WRITERS; place++)
        digests[place] = sim_reader_digest(sim, place, true);
    bool crashed = sim->crashed;
    sim_free(sim);
    return crashed;
}

static void expect_same(tell story)
{
    uint64_t wanted[WRITERS];
    uint64_t found[WRITERS];
    assert_false(run(story, ABSENT, 0, 0, wanted));
    assert_false(run(story, THERE, 0, 0, found));
    assert_memory_equal(found, wanted, sizeof found);
    assert_false(run(story, STOPPED, 0, 0, found));
    assert_memory_equal(found, wanted, sizeof found);
    for (uint8_t reader = 1; reader <= 2; reader++) {
        uint64_t nth = 0;
        while (run(story, DIES, reader, ++nth, found))
            assert_memory_equal(found, wanted, sizeof found);
        assert_true(nth > 10); /* It took part. */
    }
}

/* Of a saga that is completed, all databases are the same whoever reads, stands still or dies. */
static void test_readers__of_a_completed_saga__change_nothing(void **state)
{
    (void)state;
    expect_same(all_well);
}

/* The same of one that is compensated after a refusal. */
static void test_readers__of_a_refused_saga__change_nothing(void **state)
{
    (void)state;
    expect_same(second_refuses);
}

/* The same of one that waits, is given up, and is hard to undo. */
static void test_readers__of_a_troubled_saga__change_nothing(void **state)
{
    (void)state;
    expect_same(all_is_hard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers__of_a_completed_saga__change_nothing),
        cmocka_unit_test(test_readers__of_a_refused_saga__change_nothing),
        cmocka_unit_test(test_readers__of_a_troubled_saga__change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
