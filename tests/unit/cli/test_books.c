#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "books.h"

/* A world in which one order completed (C), one was compensated (K) and one goes on (R). */
struct world {
    struct books books;
    struct buffer failures; /* "name: detail\n" of each check that does not hold. */
    size_t checks;
};

static void add(struct rowset *rows, size_t count, const char *const *fields)
{
    for (size_t i = 0; i < count; i++)
        rowset_add(rows, bytes_text(fields[i]));
}

#define ADD(rows, ...)                                                                             \
    add(rows, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                         \
        (const char *const[]){__VA_ARGS__})

static void world_init(struct world *world)
{
    *world = (struct world){.checks = 0};
    struct books *books = &world->books;
    rowset_init(&books->before, BOOKS_LISTING_COLUMNS);
    rowset_init(&books->after, BOOKS_LISTING_COLUMNS);
    rowset_init(&books->orders, 4);
    rowset_init(&books->payments, 3);
    rowset_init(&books->shipments, 2);
    rowset_init(&books->reservations, 4);
    ADD(&books->before, "C", "completed", "order", "");
    ADD(&books->before, "K", "compensated", "order", "oversize");
    ADD(&books->before, "R", "running", "order", "");
    ADD(&books->after, "C", "completed", "order", "");
    ADD(&books->after, "K", "compensated", "order", "oversize");
    ADD(&books->after, "N", "running", "order", "");
    ADD(&books->after, "R", "completed", "order", "");
    ADD(&books->orders, "C", "alice", "500", "confirmed");
    ADD(&books->orders, "K", "alice", "900", "cancelled");
    ADD(&books->orders, "N", "bob", "100", "pending");
    ADD(&books->orders, "R", "bob", "100", "pending");
    ADD(&books->payments, "C", "500", "charged");
    ADD(&books->payments, "K", "900", "refunded");
    ADD(&books->shipments, "C", "scheduled");
    ADD(&books->reservations, "s1", "C", "5", "reserved");
    ADD(&books->reservations, "s2", "K", "9", "released");
    ADD(&books->reservations, "s3", "R", "1", "reserved");
}

static void take(void *self, const char *name, bool ok, const char *detail)
{
    struct world *world = self;
    world->checks++;
    if (ok)
        return;
    buffer_append_text(&world->failures, name);
    buffer_append_text(&world->failures, ": ");
    buffer_append_text(&world->failures, detail);
    buffer_append_text(&world->failures, "\n");
}

static void expect(struct world *world, const char *expected)
{
    struct books *books = &world->books;
    rowset_sort(&books->before, BOOKS_KEY);
    rowset_sort(&books->after, BOOKS_KEY);
    rowset_sort(&books->orders, 0);
    rowset_sort(&books->payments, 0);
    rowset_sort(&books->shipments, 0);
    rowset_sort(&books->reservations, 1);
    books_audit(books, take, world);
    buffer_append(&world->failures, "", 1);
    assert_string_equal((char *)world->failures.data, expected);
    assert_int_equal(world->checks, 13);
    struct rowset *all[] = {&books->before,   &books->after,     &books->orders,
                            &books->payments, &books->shipments, &books->reservations};
    for (size_t i = 0; i < 6; i++)
        rowset_release(all[i]);
    buffer_release(&world->failures);
}

/* What goes on while the services are read is no fault. */
static void test_books_audit__sound__holds(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    expect(&world, "");
}

/* Of a completed saga each effect must be there. */
static void test_books_audit__completed_without_effects__fails(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.before, "D", "completed", "order", "");
    ADD(&world.books.after, "D", "completed", "order", "");
    ADD(&world.books.orders, "D", "alice", "5", "pending");
    ADD(&world.books.shipments, "D", "cancelled");
    expect(&world,
           "completed.orders: 1 of 2 completed sagas: confirmed, not so, first: D\n"
           "completed.payments: 1 of 2 completed sagas: charged, not so (the order's total), "
           "first: D\n"
           "completed.shipments: 1 of 2 completed sagas: scheduled, not so, first: D\n"
           "completed.reservations: 1 of 2 completed sagas: reserved, not so, first: D\n");
}

/* Money charged is the order's total, not another sum. */
static void test_books_audit__wrong_amount__fails(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.before, "D", "completed", "order", "");
    ADD(&world.books.after, "D", "completed", "order", "");
    ADD(&world.books.orders, "D", "alice", "5", "confirmed");
    ADD(&world.books.payments, "D", "6", "charged");
    ADD(&world.books.shipments, "D", "scheduled");
    ADD(&world.books.reservations, "s4", "D", "1", "reserved");
    expect(&world, "completed.payments: 1 of 2 completed sagas: charged, not so (the order's "
                   "total), first: D\n");
}

/* Of a compensated saga nothing may be left. */
static void test_books_audit__compensated_with_effects__fails(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.before, "L", "compensated", "order", "oversize");
    ADD(&world.books.after, "L", "compensated", "order", "oversize");
    ADD(&world.books.orders, "L", "alice", "5", "pending");
    ADD(&world.books.payments, "L", "5", "charged");
    ADD(&world.books.shipments, "L", "scheduled");
    ADD(&world.books.reservations, "s4", "L", "1", "reserved");
    expect(&world, "compensated.orders: 1 of 2 compensated sagas: cancelled or absent, not so, "
                   "first: L\n"
                   "compensated.payments: 1 of 2 compensated sagas: refunded or absent, not so, "
                   "first: L\n"
                   "compensated.shipments: 1 of 2 compensated sagas: cancelled or absent, not so, "
                   "first: L\n"
                   "compensated.reservations: 1 of 2 compensated sagas: released or absent, not "
                   "so, first: L\n");
}

/* An order that existed already belongs to the saga that made it. */
static void test_books_audit__order_exists__is_not_judged(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.before, "X", "compensated", "order", "order_exists");
    ADD(&world.books.after, "X", "compensated", "order", "order_exists");
    ADD(&world.books.orders, "X", "alice", "5", "confirmed");
    expect(&world, "");
}

/* Sagas of other definitions have other books. */
static void test_books_audit__other_definition__is_not_judged(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.before, "T", "completed", "transfer", "");
    ADD(&world.books.after, "T", "completed", "transfer", "");
    expect(&world, "");
}

/* What no saga made should not be there. */
static void test_books_audit__without_saga__fails(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.orders, "ghost", "alice", "5", "cancelled");
    ADD(&world.books.reservations, "s9", "phantom", "1", "released");
    expect(&world, "origin.orders: 1 of 5 orders of no saga, first: ghost\n"
                   "origin.reservations: 1 of 4 reservations of no saga, first: phantom\n");
}

/* A saga that waits for an operator is no clean book. */
static void test_books_audit__attention__fails(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    ADD(&world.books.before, "Z", "attention", "order", "");
    ADD(&world.books.after, "Z", "attention", "order", "");
    expect(&world, "sagas.attention: 1 of 4 sagas in attention, first: Z\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_books_audit__sound__holds),
        cmocka_unit_test(test_books_audit__completed_without_effects__fails),
        cmocka_unit_test(test_books_audit__wrong_amount__fails),
        cmocka_unit_test(test_books_audit__compensated_with_effects__fails),
        cmocka_unit_test(test_books_audit__order_exists__is_not_judged),
        cmocka_unit_test(test_books_audit__other_definition__is_not_judged),
        cmocka_unit_test(test_books_audit__without_saga__fails),
        cmocka_unit_test(test_books_audit__attention__fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
