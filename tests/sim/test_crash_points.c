/* One saga, and one fault, at every point where it can be: for n = 1, 2, 3 ... until a run sees
 * none. However it goes, the saga ends as it must, and the books of all processes agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client.pb-c.h"
#include "sim.h"
#include "sim_disk.h"

static const char three[] = "saga\n"
                            "    name = three\n"
                            "    step\n"
                            "        name = s0\n"
                            "        participant = p0\n"
                            "        action = do0\n"
                            "        compensation = undo0\n"
                            "    step\n"
                            "        name = s1\n"
                            "        participant = p1\n"
                            "        action = do1\n"
                            "        compensation = undo1\n"
                            "    step\n"
                            "        name = s2\n"
                            "        participant = p2\n"
                            "        action = do2\n"
                            "        compensation = undo2\n";

#define HOSTS 4 /* The orchestrator and three toys. */
#define ONE_TOY 2

/* What the toys answer, and how the saga must end. */
struct story {
    void (*script)(struct toy_script *script);
    int ends;
};

static void all_well(struct toy_script *script)
{
    (void)script;
}

static void third_refuses(struct toy_script *script)
{
    script->action[2].refuses = true;
}

static void third_is_given_up(struct toy_script *script)
{
    script->action[2] = (struct toy_line){.trouble = TOY_RETRY, .times = 100};
    script->undo[1] = (struct toy_line){.trouble = TOY_ERROR, .times = 1};
}

static void second_waits(struct toy_script *script)
{
    script->action[1] = (struct toy_line){.trouble = TOY_PENDING, .times = 2, .output = true};
}

static void second_ends_the_batch(struct toy_script *script)
{
    script->action[1] = (struct toy_line){.trouble = TOY_POISON, .times = 1};
    script->action[2] = (struct toy_line){.trouble = TOY_LATE_POISON, .times = 100};
}

static const struct story well = {all_well, ZSAGA__SAGA_STATE__COMPLETED};
static const struct story refused = {third_refuses, ZSAGA__SAGA_STATE__COMPENSATED};
static const struct story given_up = {third_is_given_up, ZSAGA__SAGA_STATE__COMPENSATED};
static const struct story waiting = {second_waits, ZSAGA__SAGA_STATE__COMPLETED};
static const struct story poisoned = {second_ends_the_batch, ZSAGA__SAGA_STATE__COMPENSATED};

static struct sim *begin(const struct story *story)
{
    static struct sim_counts counts;
    struct sim *sim = sim_new_plain(three, NULL, &counts);
    story->script(sim_script(sim));
    return sim;
}

/* True when somebody died. */
static bool end(struct sim *sim, const struct story *story)
{
    sim_run_plain(sim); /* Checks everything but how it must end. */
    bool crashed = sim->crashed;
    if (sim->sagas[0].state != story->ends)
        sim_fail(sim, "I7", "it ended as %d, not %d", sim->sagas[0].state, story->ends);
    sim_free(sim);
    return crashed;
}

/* True when the process passed so many points, and died at the last of them. */
static bool crash(const struct story *story, uint8_t place, uint64_t nth)
{
    struct sim *sim = begin(story);
    sim->crash_place = place;
    sim->crash_nth = nth;
    return end(sim, story);
}

static void crash_everywhere(const struct story *story)
{
    for (uint8_t place = 0; place < HOSTS; place++) {
        uint64_t nth = 1;
        while (crash(story, place, nth))
            nth++;
        assert_true(nth > 6); /* It took part. */
    }
}

/* A fault of a disk, and for how often in a row it is felt, if it lasts. */
struct trouble {
    enum sim_disk_fault fault;
    int64_t times;
    int64_t least; /* So often there must be an occasion for it. */
    bool power;    /* Who dies of it loses what was not flushed. */
};

static const struct trouble broken = {SIM_DISK_BROKEN, 1, 7, false};
static const struct trouble unpowered = {SIM_DISK_BROKEN, 1, 7, true};
static const struct trouble full = {SIM_DISK_FULL_ONCE, 1, 7, false};
static const struct trouble dead_for_long = {SIM_DISK_DEAD, 9, 7, false};
static const struct trouble full_for_long = {SIM_DISK_FULL, 9, 7, false};
static const struct trouble unreadable = {SIM_DISK_UNREADABLE, 1, 2, false};
static const struct trouble unopenable = {SIM_DISK_UNOPENABLE, 1, 2, false};

/* True when it was felt. */
static bool fail_disk(const struct story *story, uint8_t place, const struct trouble *trouble,
                      int64_t nth)
{
    struct sim *sim = begin(story);
    const char *path = sim->hosts[place].path;
    sim->power = trouble->power;
    uint64_t felt = sim_disk_felt(trouble->fault);
    sim_disk_fail(path, trouble->fault, nth);
    sim_disk_heal_after(path, trouble->times);
    (void)end(sim, story);
    return sim_disk_felt(trouble->fault) != felt;
}

static void fail_everywhere(const struct story *story, uint8_t hosts, const struct trouble *trouble)
{
    for (uint8_t place = 0; place < hosts; place++) {
        int64_t nth = 1;
        while (fail_disk(story, place, trouble, nth))
            nth++;
        assert_true(nth >= trouble->least);
    }
}

static void test_crash__anywhere_in_a_completed_saga__changes_nothing(void **state)
{
    /* Whoever dies, wherever: the saga completes, and each effect happened once. */
    (void)state;
    crash_everywhere(&well);
}

static void test_crash__anywhere_in_a_refused_saga__changes_nothing(void **state)
{
    /* Whoever dies, wherever: what was done before the refusal is undone, once. */
    (void)state;
    crash_everywhere(&refused);
}

static void test_crash__anywhere_in_a_saga_given_up__changes_nothing(void **state)
{
    /* Whoever dies, wherever: a step without an answer is undone as well. */
    (void)state;
    crash_everywhere(&given_up);
}

static void test_crash__anywhere_while_it_waits__changes_nothing(void **state)
{
    /* Whoever dies, wherever: what is pending is asked for until it is known. */
    (void)state;
    crash_everywhere(&waiting);
}

static void test_crash__anywhere_in_a_poisoned_batch__changes_nothing(void **state)
{
    /* Whoever dies, wherever: an entry that ends its batch's transaction leaves nothing. */
    (void)state;
    crash_everywhere(&poisoned);
}

static void test_disk__failing_at_any_write__loses_nothing(void **state)
{
    /* A failed write or flush ends the process; its next start goes on from what is on the disk,
     * be the last commit there or not. */
    (void)state;
    fail_everywhere(&well, HOSTS, &broken);
    fail_everywhere(&refused, HOSTS, &broken);
}

static void test_power__lost_at_any_write__loses_nothing_that_was_told(void **state)
{
    /* What was told is on the disk: power that fails at any write or flush takes away only what
     * nobody was told. */
    (void)state;
    fail_everywhere(&well, HOSTS, &unpowered);
    fail_everywhere(&refused, HOSTS, &unpowered);
}

static void test_disk__full_at_any_write__loses_nothing(void **state)
{
    /* A batch that finds the disk full leaves nothing: it is dropped, loaded anew, asked again. */
    (void)state;
    fail_everywhere(&well, HOSTS, &full);
    fail_everywhere(&refused, HOSTS, &full);
}

static void test_disk__dead_for_long_from_any_write__loses_nothing(void **state)
{
    /* A disk that goes on failing, starts included, until somebody mends it. */
    (void)state;
    fail_everywhere(&refused, ONE_TOY, &dead_for_long);
}

static void test_disk__full_for_long_from_any_write__loses_nothing(void **state)
{
    /* A disk without room from any write on, until somebody makes some: loads anew find it full. */
    (void)state;
    fail_everywhere(&refused, ONE_TOY, &full_for_long);
}

static void test_disk__unreadable_or_not_to_be_opened__loses_nothing(void **state)
{
    /* A read that fails ends the process as a write does; a file that does not open, its start. */
    (void)state;
    fail_everywhere(&refused, HOSTS, &unreadable);
    fail_everywhere(&refused, HOSTS, &unopenable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash__anywhere_in_a_completed_saga__changes_nothing),
        cmocka_unit_test(test_crash__anywhere_in_a_refused_saga__changes_nothing),
        cmocka_unit_test(test_crash__anywhere_in_a_saga_given_up__changes_nothing),
        cmocka_unit_test(test_crash__anywhere_while_it_waits__changes_nothing),
        cmocka_unit_test(test_crash__anywhere_in_a_poisoned_batch__changes_nothing),
        cmocka_unit_test(test_disk__failing_at_any_write__loses_nothing),
        cmocka_unit_test(test_power__lost_at_any_write__loses_nothing_that_was_told),
        cmocka_unit_test(test_disk__full_at_any_write__loses_nothing),
        cmocka_unit_test(test_disk__dead_for_long_from_any_write__loses_nothing),
        cmocka_unit_test(test_disk__full_for_long_from_any_write__loses_nothing),
        cmocka_unit_test(test_disk__unreadable_or_not_to_be_opened__loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
