#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mutant.h"
#include "base/text.h"

static const struct {
    const char *name;
    const char *words;
    const char *breaks;
} listed[MUTANT_COUNT] = {
#define X(name_, words_, breaks_) [MUTANT_##name_] = {#name_, (words_), (breaks_)},
    MUTANTS(X)
#undef X
};

/* A name stands for one mutant. */
static void test_names__all__differ(void **state)
{
    (void)state;
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
        for (int j = MUTANT_NONE + 1; j < i; j++)
            assert_string_not_equal(listed[i].name, listed[j].name);
}

/* Who reads that one survived is told in a line what is wrong and what it breaks; a tool may take
 * the words as they are. */
static void test_words__all__fit_a_line_and_need_no_escaping(void **state)
{
    (void)state;
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++) {
        assert_in_range(strlen(listed[i].words), 10, 80);
        assert_in_range(strlen(listed[i].breaks), 2, 20);
        assert_null(strpbrk(listed[i].words, "\"\\\n"));
        assert_true(text_is_token(bytes_text(listed[i].name)));
    }
}

/* Nobody gets a mutant who does not ask for one. */
static void test_mutant__none_chosen__all_are_off(void **state)
{
    (void)state;
#define X(name_, words_, breaks_) assert_false(MUTANT(name_));
    MUTANTS(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names__all__differ),
        cmocka_unit_test(test_words__all__fit_a_line_and_need_no_escaping),
        cmocka_unit_test(test_mutant__none_chosen__all_are_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
