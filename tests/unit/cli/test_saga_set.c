#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "saga_set.h"

/* Each id is new once, however many there are and however alike. */
static void test_saga_set_add__many_alike__each_once(void **state)
{
    (void)state;
    struct saga_set set = {.used = 0};
    struct id_source source;
    id_source_init(&source, 42);
    struct id first = id_next(&source, 1000);
    assert_true(saga_set_add(&set, &first));
    for (int i = 1; i < 20000; i++) {
        struct id id = id_next(&source, 1000 + i / 100);
        assert_true(saga_set_add(&set, &id));
        assert_false(saga_set_add(&set, &id));
    }
    assert_false(saga_set_add(&set, &first));
    assert_int_equal(set.used, 20000);
    saga_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saga_set_add__many_alike__each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
