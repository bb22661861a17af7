/* Conformance: noise harms nothing. What is malformed, and is told so, is in the checks of the
 * page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/rng.h"
#include "conformance.h"

static void test_frames__of_noise__change_nothing(void **state)
{
    /* Random bytes never end the process and never change a row. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 2000; i++) {
        uint8_t noise[64];
        size_t len = rng_below(&rng, sizeof noise);
        for (size_t j = 0; j < len; j++)
            noise[j] = (uint8_t)(rng_below(&rng, 4) == 0 ? rng_next(&rng) : rng_below(&rng, 32));
        driver_deliver_bytes(self->driver, bytes_of(noise, len));
        if (i % 50 == 0)
            driver_commit(self->driver);
    }
    driver_commit(self->driver);
    conformance_unchanged(self, before);
}

int conformance_frames(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_frames__of_noise__change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
