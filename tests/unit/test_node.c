#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "node.h"

/* A node that does as it is told and remembers what was asked of it. */
struct fake {
    struct node node;
    int commit_rc;
    int reload_rc;
    int64_t deadline;
    int received;
    int ticks;
    int commits;
    int reloads;
    int refused;
    bool sated;
    struct node_outage why; /* Of the last refusal, but its words. */
    char words[64];
};

static struct fake *fake_of(struct node *node)
{
    return (struct fake *)(void *)node;
}

static void fake_receive(struct node *node, const struct peer *from, struct bytes bytes,
                         struct node_time now)
{
    (void)from;
    (void)bytes;
    (void)now;
    fake_of(node)->received++;
}

static void fake_tick(struct node *node, struct node_time now)
{
    (void)now;
    fake_of(node)->ticks++;
    fake_of(node)->deadline = INT64_MAX;
}

/* Leaves a message to send, also when it fails, as a commit that dies half way does. */
static int fake_commit(struct node *node, struct node_time now, struct outbound *out,
                       struct err *err)
{
    (void)now;
    struct peer peer = {.port = 3};
    fake_of(node)->commits++;
    outbound_add(out, &peer, xmemdup("hi", 2), 2);
    int rc = fake_of(node)->commit_rc;
    return rc < 0 ? err_set(err, rc, "commit failed") : 0;
}

static void fake_refuse(struct node *node, struct node_time now, const struct node_outage *why,
                        struct outbound *out)
{
    (void)now;
    struct fake *fake = fake_of(node);
    struct peer peer = {.port = 4};
    fake->refused++;
    fake->why = *why;
    (void)snprintf(fake->words, sizeof fake->words, "%s", why->words);
    outbound_add(out, &peer, xmemdup("no", 2), 2);
}

static bool fake_sated(const struct node *node)
{
    return ((const struct fake *)(const void *)node)->sated;
}

static int fake_reload(struct node *node, struct node_time now, struct err *err)
{
    (void)now;
    fake_of(node)->reloads++;
    int rc = fake_of(node)->reload_rc;
    return rc < 0 ? err_set(err, rc, "reload failed") : 0;
}

static int64_t fake_next_deadline(struct node *node)
{
    return fake_of(node)->deadline;
}

static const struct node_ops fake_ops = {
    .receive = fake_receive,
    .tick = fake_tick,
    .commit = fake_commit,
    .reload = fake_reload,
    .next_deadline = fake_next_deadline,
};

static const struct node_ops refusing_ops = {
    .receive = fake_receive,
    .tick = fake_tick,
    .commit = fake_commit,
    .refuse = fake_refuse,
    .reload = fake_reload,
    .sated = fake_sated,
    .next_deadline = fake_next_deadline,
};

static void fake_new(struct node_turn *turn, struct fake *fake)
{
    *fake = (struct fake){.node = {&fake_ops}, .deadline = INT64_MAX};
    node_turn_init(turn, &fake->node);
}

static void refusing_new(struct node_turn *turn, struct fake *fake)
{
    fake_new(turn, fake);
    fake->node.ops = &refusing_ops;
}

static struct node_time at(int64_t mono_ms)
{
    return (struct node_time){.mono_ms = mono_ms, .wall_ms = 1700000000000};
}

/* Ends a turn and drops what it leaves to send; tells how much that was. */
static size_t end_turn(struct node_turn *turn, int64_t mono_ms, bool drained, int expected_rc)
{
    struct outbound out = {0};
    struct err err = {0};
    assert_int_equal(node_turn_end(turn, at(mono_ms), drained, &out, &err), expected_rc);
    size_t count = out.count;
    outbound_release(&out);
    return count;
}

/* A message keeps its bytes and its addressee; clearing frees what was not taken. */
static void test_outbound__added__keeps_order_and_addressee(void **state)
{
    (void)state;
    struct outbound out = {0};
    for (uint8_t i = 0; i < 100; i++) {
        struct peer peer = {.port = i, .id_len = 2, .id = {1, i}};
        outbound_add(&out, &peer, xmemdup(&i, 1), 1);
    }
    assert_int_equal(out.count, 100);
    for (uint8_t i = 0; i < 100; i++) {
        assert_int_equal(out.messages[i].to.port, i);
        assert_int_equal(out.messages[i].to.id_len, 2);
        assert_int_equal(out.messages[i].to.id[1], i);
        assert_int_equal(out.messages[i].data[0], i);
    }
    free(out.messages[0].data);
    out.messages[0].data = NULL;
    outbound_clear(&out);
    assert_int_equal(out.count, 0);
    outbound_release(&out);
}

/* What a commit leaves to send is handed on. */
static void test_turn__commit_succeeds__hands_on_its_output(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    struct peer peer = {.port = 1};
    node_turn_receive(&turn, &peer, bytes_text("x"), at(5));
    assert_int_equal(end_turn(&turn, 5, true, 0), 1);
    assert_int_equal(fake.received, 1);
    assert_int_equal(fake.commits, 1);
}

/* Timers fire when they are due and everything that had arrived was given, not before either. */
static void test_turn__timer_due__fires_only_when_drained(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    fake.deadline = 100;
    end_turn(&turn, 99, true, 0);
    assert_int_equal(fake.ticks, 0);
    end_turn(&turn, 100, false, 0);
    assert_int_equal(fake.ticks, 0);
    assert_int_equal(node_turn_deadline(&turn), 100);
    end_turn(&turn, 101, true, 0);
    assert_int_equal(fake.ticks, 1);
    assert_int_equal(node_turn_deadline(&turn), INT64_MAX);
}

static void check_failed_commit(int rc)
{
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    fake.commit_rc = rc;
    assert_int_equal(end_turn(&turn, 1000, true, 0), 0);
    assert_true(turn.broken);
    assert_int_equal(turn.disk_full, rc == ERR_FULL);
    assert_string_equal(turn.trouble, "commit failed");
    assert_int_equal(node_turn_deadline(&turn), 1000 + NODE_RETRY_FIRST_MS);
    fake.commit_rc = 0;
    assert_int_equal(end_turn(&turn, 1099, true, 0), 0);
    assert_int_equal(fake.reloads, 0);
    assert_int_equal(fake.commits, 1);
    assert_int_equal(end_turn(&turn, 1100, true, 0), 0);
    assert_int_equal(fake.reloads, 1);
    assert_false(turn.broken);
    assert_int_equal(end_turn(&turn, 1100, true, 0), 1);
}

/* A commit that failed for a full disk sends nothing, and the node is loaded anew after 100 ms. */
static void test_turn__disk_full__drops_output_and_reloads(void **state)
{
    (void)state;
    check_failed_commit(ERR_FULL);
}

/* A transaction that is gone is treated the same. */
static void test_turn__transaction_gone__drops_output_and_reloads(void **state)
{
    (void)state;
    check_failed_commit(ERR_ABORTED);
}

/* The wait for a reload that keeps failing doubles from 100 ms to 5 s. */
static void test_turn__reload_keeps_failing__waits_longer_up_to_5_s(void **state)
{
    (void)state;
    static const int64_t waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    fake.commit_rc = ERR_ABORTED;
    fake.reload_rc = ERR_FULL;
    int64_t now = 0;
    end_turn(&turn, now, true, 0);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        assert_int_equal(node_turn_deadline(&turn), now + waits[i]);
        end_turn(&turn, now + waits[i] - 1, true, 0);
        assert_int_equal(fake.reloads, i);
        now += waits[i];
        end_turn(&turn, now, true, 0);
        assert_int_equal(fake.reloads, i + 1);
    }
    assert_int_equal(fake.commits, 1);
    assert_string_equal(turn.trouble, "reload failed");
}

/* A node that fails again right after each reload is loaded less and less often, too. */
static void test_turn__fails_after_each_reload__waits_longer(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    int64_t now = 0;
    for (int64_t wait = NODE_RETRY_FIRST_MS; wait <= 3200; wait *= 2) {
        fake.commit_rc = ERR_FULL;
        end_turn(&turn, now, true, 0);
        assert_int_equal(node_turn_deadline(&turn), now + wait);
        fake.commit_rc = 0;
        now += wait;
        end_turn(&turn, now, true, 0);
        assert_false(turn.broken);
        now += 10;
    }
}

/* Once it stayed well as long as it would have had to wait, the first wait is short again. */
static void test_turn__stays_well__starts_over_with_100_ms(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    fake.commit_rc = ERR_FULL;
    end_turn(&turn, 0, true, 0);
    fake.commit_rc = 0;
    end_turn(&turn, 100, true, 0);
    end_turn(&turn, 299, true, 0);
    assert_string_equal(turn.trouble, "commit failed");
    end_turn(&turn, 300, true, 0);
    assert_string_equal(turn.trouble, "");
    fake.commit_rc = ERR_FULL;
    end_turn(&turn, 301, true, 0);
    assert_int_equal(node_turn_deadline(&turn), 301 + NODE_RETRY_FIRST_MS);
}

/* No timer fires before the turn after a reload: what has arrived is given to the node first. */
static void test_turn__reloaded__fires_no_timer_yet(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    fake_new(&turn, &fake);
    fake.commit_rc = ERR_ABORTED;
    end_turn(&turn, 0, true, 0);
    fake.commit_rc = 0;
    fake.deadline = 50;
    end_turn(&turn, 100, true, 0);
    assert_int_equal(fake.reloads, 1);
    assert_int_equal(fake.ticks, 0);
    end_turn(&turn, 100, true, 0);
    assert_int_equal(fake.ticks, 1);
}

/* The batch that could not be stored, and what comes during the outage, is refused: why, and when
 * it is tried again. No timer fires. */
static void test_turn__outage__refuses_what_is_given(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    refusing_new(&turn, &fake);
    fake.commit_rc = ERR_FULL;
    fake.reload_rc = ERR_ABORTED;
    fake.deadline = 1050;
    assert_int_equal(end_turn(&turn, 1000, true, 0), 1);
    assert_int_equal(fake.refused, 1);
    assert_true(fake.why.disk_full);
    assert_int_equal(fake.why.retry_ms, 100);
    assert_string_equal(fake.words, "commit failed");
    assert_int_equal(end_turn(&turn, 1060, true, 0), 1);
    assert_int_equal(end_turn(&turn, 1100, true, 0), 1);
    assert_int_equal(fake.reloads, 1);
    assert_int_equal(end_turn(&turn, 1110, true, 0), 1);
    assert_int_equal(fake.refused, 4);
    assert_false(fake.why.disk_full);
    assert_int_equal(fake.why.retry_ms, 190);
    assert_string_equal(fake.words, "reload failed");
    assert_int_equal(fake.commits, 1);
    assert_int_equal(fake.ticks, 0);
}

/* In the turn of the reload what was given is refused before: then the node is as its database. */
static void test_turn__reloaded__has_refused_before(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    refusing_new(&turn, &fake);
    fake.commit_rc = ERR_FULL;
    (void)end_turn(&turn, 0, true, 0);
    fake.commit_rc = 0;
    assert_int_equal(end_turn(&turn, 100, true, 0), 1);
    assert_int_equal(fake.refused, 2);
    assert_int_equal(fake.commits, 1);
    assert_int_equal(end_turn(&turn, 100, true, 0), 1);
    assert_int_equal(fake.refused, 2);
    assert_int_equal(fake.commits, 2);
}

/* A node that cannot refuse is given nothing during an outage, so that nothing piles up in it. */
static void test_turn__outage_of_one_that_cannot_refuse__drops_what_comes(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    struct peer peer = {.port = 1};
    fake_new(&turn, &fake);
    fake.commit_rc = ERR_FULL;
    (void)end_turn(&turn, 0, true, 0);
    node_turn_receive(&turn, &peer, bytes_text("x"), at(1));
    assert_int_equal(fake.received, 0);
    fake.node.ops = &refusing_ops;
    node_turn_receive(&turn, &peer, bytes_text("x"), at(1));
    assert_int_equal(fake.received, 1);
}

/* A node says itself when what it was given is enough for one turn. */
static void test_turn__node_has_enough__is_sated(void **state)
{
    (void)state;
    struct fake fake;
    struct node_turn turn;
    refusing_new(&turn, &fake);
    assert_false(node_turn_is_sated(&turn));
    fake.sated = true;
    assert_true(node_turn_is_sated(&turn));
    fake.node.ops = &fake_ops;
    assert_false(node_turn_is_sated(&turn));
}

/* An I/O error or damage ends the process, with nothing to send. */
static void test_turn__storage_fails__ends_with_no_output(void **state)
{
    (void)state;
    static const int codes[] = {ERR_IO, ERR_CORRUPT, ERR_FENCED, ERR_SYSTEM};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct fake fake;
        struct node_turn turn;
        fake_new(&turn, &fake);
        fake.commit_rc = codes[i];
        assert_int_equal(end_turn(&turn, 0, true, codes[i]), 0);
        fake.commit_rc = ERR_ABORTED;
        fake.reload_rc = codes[i];
        fake.node.ops = &refusing_ops;
        end_turn(&turn, 0, true, 0);
        assert_int_equal(end_turn(&turn, 100, true, codes[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outbound__added__keeps_order_and_addressee),
        cmocka_unit_test(test_turn__commit_succeeds__hands_on_its_output),
        cmocka_unit_test(test_turn__timer_due__fires_only_when_drained),
        cmocka_unit_test(test_turn__disk_full__drops_output_and_reloads),
        cmocka_unit_test(test_turn__transaction_gone__drops_output_and_reloads),
        cmocka_unit_test(test_turn__reload_keeps_failing__waits_longer_up_to_5_s),
        cmocka_unit_test(test_turn__fails_after_each_reload__waits_longer),
        cmocka_unit_test(test_turn__stays_well__starts_over_with_100_ms),
        cmocka_unit_test(test_turn__reloaded__fires_no_timer_yet),
        cmocka_unit_test(test_turn__outage__refuses_what_is_given),
        cmocka_unit_test(test_turn__reloaded__has_refused_before),
        cmocka_unit_test(test_turn__outage_of_one_that_cannot_refuse__drops_what_comes),
        cmocka_unit_test(test_turn__node_has_enough__is_sated),
        cmocka_unit_test(test_turn__storage_fails__ends_with_no_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
