/* Bad input at every socket of a running suite: nothing falls, nothing grows, nobody else notices.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "garbage.h"
#include "garbage_frames.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_scan.h"
#include "suite_tool.h"
#include "suite_wire.h"

#define GROWTH_MAX_KIB (100L << 10) /* Of one process at its peak: a turn of the worst input. */
#define CONNECTIONS 200
#define FLOOD 20000
#define LARGE_AT_ONCE 16

enum { TRUE = 0 };

/* The suite as it was before, to be found again. */
struct before {
    struct suite_process *suite;
    struct garbage *garbage;
    struct suite_scan processes[SUITE_SCAN_MAX];
    size_t count;
    long peak_kib[SUITE_SCAN_MAX]; /* Of resident memory. */
    int orders;
};

static long peak_kib(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    char *text = suite_files_take(path);
    const char *line = strstr(text, "VmHWM:");
    long peak = line == NULL ? 0 : strtol(line + strlen("VmHWM:"), NULL, 10);
    free(text);
    return peak;
}

static void do_orders(struct before *before, int count)
{
    const char *prefix = suite_process_text(before->suite, "good%d", before->orders++);
    const char *orders = suite_data_good_orders(before->suite, prefix, count);
    (void)suite_tool_expect(before->suite, TRUE, "submit", "order", orders, "--wait", NULL);
}

static struct before begin(struct suite_process *suite)
{
    struct before before = {.suite = suite};
    suite_data_up_plenty(suite);
    before.garbage = garbage_new(suite);
    do_orders(&before, 50);
    before.count = suite_scan(suite->data, before.processes);
    for (size_t i = 0; i < before.count; i++)
        before.peak_kib[i] = peak_kib(before.processes[i].pid);
    return before;
}

/* A sanitizer keeps what was freed for a while. */
static long growth_max_kib(void)
{
    return getenv("ZSAGA_SLOW") == NULL ? GROWTH_MAX_KIB : 8 * GROWTH_MAX_KIB;
}

/* The same processes, all well, with an order that completes; none was ever much larger. */
static void expect_well(struct before *before)
{
    do_orders(before, 1);
    for (size_t i = 0; i < before->count; i++) {
        const struct suite_scan *process = &before->processes[i];
        if (!suite_scan_lives(process->pid))
            fail_msg("%s fell", process->name);
        long grown = peak_kib(process->pid) - before->peak_kib[i];
        if (grown > growth_max_kib())
            fail_msg("%s has grown by %ld KiB", process->name, grown);
    }
    assert_int_equal(suite_process_alive(before->suite), before->count);
    (void)suite_tool_expect(before->suite, TRUE, "status", NULL);
    suite_expect_clean(before->suite);
}

static void send_frame(void *socket, const char *what, struct bytes frame)
{
    if (!garbage_send(socket, frame, 0))
        fail_msg("%s: nobody takes it", what);
    while (garbage_hear(socket, 0))
        continue;
}

static void send_to_all(struct before *before, void (*frames)(garbage_taker take, void *self))
{
    for (size_t i = 0; i < before->garbage->target_count; i++) {
        const struct garbage_target *target = &before->garbage->targets[i];
        if (!target->publishes)
            frames(send_frame, garbage_connect(before->garbage, target, ZMQ_DEALER, 0));
    }
}

/* What is no frame, or has a header that breaks a rule, harms nothing at any socket. */
static void test_frames__that_are_broken__harm_nothing(void **state)
{
    struct before before = begin(*state);
    send_to_all(&before, garbage_frames_broken);
    expect_well(&before);
}

/* Entries that do not decode, of unknown kinds, or with senseless fields harm nothing. */
static void test_entries__of_nonsense__harm_nothing(void **state)
{
    struct before before = begin(*state);
    send_to_all(&before, garbage_frames_entries);
    expect_well(&before);
}

/* Frames that grow fiftyfold when they are decoded take a bounded memory. */
static void test_frames__that_grow__take_bounded_memory(void **state)
{
    struct before before = begin(*state);
    const char *done = "";
    for (size_t i = 0; i < before.garbage->target_count; i++) {
        const struct garbage_target *target = &before.garbage->targets[i];
        if (target->publishes || strcmp(target->socket, done) == 0)
            continue; /* One of a kind will do: they come kind by kind. */
        done = target->socket;
        garbage_frames_large(send_frame, garbage_connect(before.garbage, target, ZMQ_DEALER, 0));
    }
    expect_well(&before);
}

/* Those that have come at once, while the process did not run, are worked off in several turns. */
static void test_frames__that_grow_and_come_at_once__take_bounded_memory(void **state)
{
    static const struct worst {
        const char *process;
        const char *socket;
        unsigned kind;
        unsigned field;
    } worst[] = {
        {"orchestrator", "client", 3, 1}, /* The keys of a find. */
        {"orchestrator", "owner", 4, 5},  /* The rows of an import. */
        {"payment", "command", 1, 9},     /* The outputs of a command. */
        {"shipping", "owner", 4, 5},
    };
    struct before before = begin(*state);
    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i++) {
        const struct garbage_target *target =
            garbage_target(before.garbage, worst[i].process, worst[i].socket);
        void *socket = garbage_connect(before.garbage, target, ZMQ_DEALER, 0);
        pid_t pid = suite_process_pid(before.suite, worst[i].process);
        assert_true(garbage_send(socket, bytes_text("so that it is connected"), 0));
        assert_int_equal(kill(pid, SIGSTOP), 0);
        for (int j = 0; j < LARGE_AT_ONCE; j++)
            garbage_frames_repeated(send_frame, socket, worst[i].kind, worst[i].field);
        assert_int_equal(kill(pid, SIGCONT), 0);
    }
    expect_well(&before);
}

static void send_parts(void *socket, int count)
{
    for (int i = 0; i < count; i++)
        (void)garbage_send(socket, bytes_text(i % 2 == 0 ? "" : "part"),
                           i + 1 < count ? ZMQ_SNDMORE : 0);
}

/* Messages of more parts, from REQ sockets, from sockets that do not fit, and larger ones than any
 * may be: they are dropped, or their connection is. */
static void test_messages__of_another_shape__are_dropped(void **state)
{
    static const int types[] = {ZMQ_REQ, ZMQ_ROUTER, ZMQ_PUB, ZMQ_SUB, ZMQ_PULL, ZMQ_PAIR};
    struct before before = begin(*state);
    AUTO(freep) uint8_t *large = xcalloc(1, (size_t)5 << 20);
    for (size_t i = 0; i < before.garbage->target_count; i++) {
        const struct garbage_target *target = &before.garbage->targets[i];
        if (target->publishes)
            continue;
        void *dealer = garbage_connect(before.garbage, target, ZMQ_DEALER, 0);
        for (int parts = 2; parts <= 20; parts++)
            send_parts(dealer, parts);
        for (size_t j = 0; j < sizeof types / sizeof types[0]; j++)
            (void)garbage_connect(before.garbage, target, types[j], 10);
        void *request = garbage_connect(before.garbage, target, ZMQ_REQ, 10);
        (void)garbage_send(request, bytes_text("hello?"), 0);
        (void)garbage_send(dealer, bytes_of(large, ((size_t)1 << 20) + 1), 0);
        void *another = garbage_connect(before.garbage, target, ZMQ_DEALER, 0);
        (void)garbage_send(another, bytes_of(large, (size_t)5 << 20), 0);
    }
    expect_well(&before);
}

/* Who listens to events and says something all the same is not heard; thousands of subscriptions,
 * long ones too, and a reader that never reads hold up nobody. */
static void test_listeners__that_speak__are_not_heard(void **state)
{
    struct before before = begin(*state);
    char topic[300];
    for (size_t i = 0; i < before.garbage->target_count; i++) {
        const struct garbage_target *target = &before.garbage->targets[i];
        if (!target->publishes)
            continue;
        void *sub = garbage_connect(before.garbage, target, ZMQ_SUB, 1);
        assert_int_equal(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0), 0);
        void *speaker = garbage_connect(before.garbage, target, ZMQ_XSUB, 0);
        for (int j = 0; j < 2000; j++) {
            int len = snprintf(topic, sizeof topic, "%c%0*d", j % 3, 240 + j % 20, j);
            (void)garbage_send(speaker, bytes_of(topic, (size_t)len), 0);
        }
        send_parts(garbage_connect(before.garbage, target, ZMQ_XSUB, 10), 5);
        (void)garbage_connect(before.garbage, target, ZMQ_DEALER, 10);
    }
    do_orders(&before, 100);
    expect_well(&before);
}

/* Connections that never say who they are, stop half way, or speak another protocol are borne, as
 * many as there are. */
static void test_connections__half_open__are_borne(void **state)
{
    static const char greeting[] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    static const char ready[] = "\4\x19\5READY\x0bSocket-Type\0\0\0\6DEALER";
    static const char endless[] = "\2\0\0\1\0\0\0\0\0";
    struct before before = begin(*state);
    for (int i = 0; i < CONNECTIONS; i++) {
        size_t turn = (size_t)i % before.garbage->target_count;
        int fd = garbage_raw(before.garbage, &before.garbage->targets[turn]);
        size_t len = (size_t)i % 65; /* A whole greeting has 64. */
        char bytes[64] = "";
        memcpy(bytes, greeting, sizeof greeting - 1);
        garbage_raw_send(fd, bytes_of(bytes, len < 64 ? len : 64));
        if (i % 5 == 0)
            garbage_raw_send(fd, bytes_text("GET / HTTP/1.1\r\n\r\n"));
        if (len < 64)
            continue;
        garbage_raw_send(fd, bytes_of(ready, sizeof ready - 1));
        garbage_raw_send(fd, bytes_of(endless, sizeof endless - 1));
    }
    expect_well(&before);
    garbage_hang_up(before.garbage);
    expect_well(&before);
}

/* Somebody who asks without end and never reads what he is told holds up nobody, and what is kept
 * for him is bounded. */
static void test_floods__of_who_never_reads__are_bounded(void **state)
{
    struct before before = begin(*state);
    struct buffer frame = {0};
    const struct bytes status = bytes_of("\x08\x01\x3a\x00", 4); /* A ClientRequest, id 1. */
    garbage_frames_pack(&frame, false, &status, 1);
    for (size_t i = 0; i < before.garbage->target_count; i++) {
        const struct garbage_target *target = &before.garbage->targets[i];
        if (target->publishes)
            continue;
        void *socket = garbage_connect(before.garbage, target, ZMQ_DEALER, 1);
        int count = suite_process_scale(strcmp(target->socket, "client") == 0 ? FLOOD : FLOOD / 10);
        while (count-- > 0)
            if (!garbage_send(socket, buffer_bytes(&frame), 0))
                fail_msg("%s %s takes no more", target->process, target->socket);
    }
    buffer_release(&frame);
    expect_well(&before);
}

/* In one frame, the good request between two bad ones is answered, and they are refused. */
static void test_request__between_bad_ones__is_answered(void **state)
{
    struct before before = begin(*state);
    struct buffer frame = {0};
    const struct bytes entries[] = {bytes_text("\xff\xff"), bytes_of("\x08\x09\x3a\x00", 4),
                                    bytes_text("\xff\xff")};
    garbage_frames_pack(&frame, false, entries, 3);
    const struct garbage_target *target = garbage_target(before.garbage, "orchestrator", "client");
    void *socket = garbage_connect(before.garbage, target, ZMQ_DEALER, 0);
    assert_true(garbage_send(socket, buffer_bytes(&frame), 0));
    buffer_release(&frame);
    assert_true(garbage_hear(socket, 5000)); /* One frame: all of one commit. */
    assert_false(garbage_hear(socket, 50));
    expect_well(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_frames__that_are_broken__harm_nothing),
        SUITE_TEST(test_entries__of_nonsense__harm_nothing),
        SUITE_TEST(test_frames__that_grow__take_bounded_memory),
        SUITE_TEST(test_frames__that_grow_and_come_at_once__take_bounded_memory),
        SUITE_TEST(test_messages__of_another_shape__are_dropped),
        SUITE_TEST(test_listeners__that_speak__are_not_heard),
        SUITE_TEST(test_connections__half_open__are_borne),
        SUITE_TEST(test_floods__of_who_never_reads__are_bounded),
        SUITE_TEST(test_request__between_bad_ones__is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
