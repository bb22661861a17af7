#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "wire/shell_kept.h"

/* A socket whose peers, named by one byte, read or do not; it remembers what it sent. */
struct fake_socket {
    size_t room[256]; /* Messages that a peer still takes. */
    bool gone[256];
    bool broken;
    uint8_t sent[64][2]; /* Peer, first byte. */
    size_t sent_count;
};

static int fake_send(void *context, const struct peer *to, uint8_t **data_p, size_t len,
                     struct err *err)
{
    struct fake_socket *socket = context;
    uint8_t peer = to->id[0];
    if (socket->broken)
        return err_set(err, ERR_SYSTEM, "broken");
    if (socket->gone[peer])
        return SHELL_GONE;
    if (socket->room[peer] == 0)
        return SHELL_FULL;
    socket->room[peer]--;
    assert_true(len > 0);
    if (socket->sent_count < 64) {
        socket->sent[socket->sent_count][0] = peer;
        socket->sent[socket->sent_count++][1] = **data_p;
    }
    freep(data_p);
    return SHELL_SENT;
}

static struct peer named(uint8_t name)
{
    return (struct peer){.port = 1, .id_len = 5, .id = {name, 1, 2, 3, 4}};
}

static size_t keep(struct shell_kept *kept, uint8_t name, uint8_t first, size_t len)
{
    struct peer to = named(name);
    uint8_t *data = xcalloc(1, len);
    data[0] = first;
    size_t dropped = shell_kept_add(kept, &to, &data, len);
    assert_null(data);
    return dropped;
}

static size_t send_all(struct shell_kept *kept, struct fake_socket *socket)
{
    size_t gone;
    struct err err = {0};
    socket->sent_count = 0;
    assert_int_equal(shell_kept_send(kept, fake_send, socket, &gone, &err), 0);
    return gone;
}

/* What a peer could not take is sent to it later, in order, as far as it takes it. */
static void test_send__peer_reads_again__gets_all_in_order(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    struct fake_socket socket = {0};
    for (uint8_t i = 0; i < 5; i++)
        keep(&kept, 'a', i, 10);
    assert_int_equal(kept.bytes, 50);
    socket.room['a'] = 2;
    send_all(&kept, &socket);
    assert_int_equal(socket.sent_count, 2);
    assert_int_equal(kept.count, 3);
    socket.room['a'] = 10;
    send_all(&kept, &socket);
    assert_int_equal(socket.sent_count, 3);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(socket.sent[i][1], 2 + i);
    assert_int_equal(kept.count, 0);
    assert_int_equal(kept.bytes, 0);
}

/* A peer that does not read holds up no other. */
static void test_send__one_peer_stays_full__others_get_theirs(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    struct fake_socket socket = {0};
    for (uint8_t i = 0; i < 6; i++)
        keep(&kept, (uint8_t) "abc"[i % 3], i, 10);
    socket.room['a'] = socket.room['c'] = 10;
    send_all(&kept, &socket);
    assert_int_equal(socket.sent_count, 4);
    assert_int_equal(kept.count, 2);
    struct peer b = named('b');
    struct peer c = named('c');
    assert_true(shell_kept_has(&kept, &b));
    assert_false(shell_kept_has(&kept, &c));
    shell_kept_release(&kept);
    assert_int_equal(kept.count, 0);
}

/* The same routing id at another socket is another peer. */
static void test_has__same_id_on_another_port__is_another_peer(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    keep(&kept, 'a', 0, 1);
    struct peer other = named('a');
    assert_true(shell_kept_has(&kept, &other));
    other.port = 2;
    assert_false(shell_kept_has(&kept, &other));
    shell_kept_release(&kept);
}

/* All that was kept for a peer that is gone is dropped and counted. */
static void test_send__peer_gone__drops_all_of_it(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    struct fake_socket socket = {0};
    for (uint8_t i = 0; i < 4; i++)
        keep(&kept, (uint8_t) "ab"[i % 2], i, 10);
    socket.gone['a'] = true;
    assert_int_equal(send_all(&kept, &socket), 2);
    assert_int_equal(kept.count, 2);
    socket.gone['b'] = true;
    assert_int_equal(send_all(&kept, &socket), 2);
    assert_int_equal(kept.count, 0);
}

/* Beyond 8,192 messages the oldest is dropped, whosever it is. */
static void test_add__too_many__drops_the_oldest(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    struct fake_socket socket = {0};
    assert_int_equal(keep(&kept, 'a', 7, 1), 0);
    for (int i = 1; i < SHELL_KEPT_COUNT_MAX; i++)
        assert_int_equal(keep(&kept, 'b', 8, 1), 0);
    assert_int_equal(keep(&kept, 'c', 9, 1), 1);
    struct peer a = named('a');
    assert_false(shell_kept_has(&kept, &a));
    assert_int_equal(kept.count, SHELL_KEPT_COUNT_MAX);
    socket.room['c'] = 1;
    send_all(&kept, &socket);
    assert_int_equal(socket.sent_count, 1);
    assert_int_equal(socket.sent[0][1], 9);
    shell_kept_release(&kept);
}

/* Beyond 64 MiB as many of the oldest are dropped as make room. */
static void test_add__too_many_bytes__drops_the_oldest(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    const size_t mebibyte = (size_t)1 << 20;
    for (uint8_t i = 0; i < 64; i++)
        assert_int_equal(keep(&kept, i, i, mebibyte), 0);
    assert_int_equal(keep(&kept, 'z', 0, 1), 1);
    assert_int_equal(keep(&kept, 'z', 0, mebibyte), 1);
    assert_int_equal(keep(&kept, 'z', 0, 2 * mebibyte), 2);
    assert_in_range(kept.bytes, 1, SHELL_KEPT_BYTES_MAX);
    shell_kept_release(&kept);
    assert_int_equal(kept.bytes, 0);
}

/* A socket that fails is the process's end: the error is passed up, nothing is lost before. */
static void test_send__socket_fails__passes_the_error_up(void **state)
{
    (void)state;
    struct shell_kept kept = {0};
    struct fake_socket socket = {.broken = true};
    keep(&kept, 'a', 0, 1);
    size_t gone;
    struct err err = {0};
    assert_int_equal(shell_kept_send(&kept, fake_send, &socket, &gone, &err), ERR_SYSTEM);
    assert_int_equal(kept.count, 1);
    shell_kept_release(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send__peer_reads_again__gets_all_in_order),
        cmocka_unit_test(test_send__one_peer_stays_full__others_get_theirs),
        cmocka_unit_test(test_has__same_id_on_another_port__is_another_peer),
        cmocka_unit_test(test_send__peer_gone__drops_all_of_it),
        cmocka_unit_test(test_add__too_many__drops_the_oldest),
        cmocka_unit_test(test_add__too_many_bytes__drops_the_oldest),
        cmocka_unit_test(test_send__socket_fails__passes_the_error_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
