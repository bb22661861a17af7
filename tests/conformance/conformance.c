#include "conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"

int conformance_setup(void **state)
{
    const struct conformance_fixture *fixture = &conformance_fixture;
    struct conformance *self = xcalloc(1, sizeof *self);
    self->driver = driver_new(fixture->service, fixture->settings);
    if (fixture->prepare != NULL)
        fixture->prepare(self->driver);
    fixture->good(0, &self->good);
    fixture->refused(&self->refused);
    *state = self;
    return 0;
}

int conformance_teardown(void **state)
{
    struct conformance *self = *state;
    char *fault = driver_audit(self->driver);
    if (fault != NULL)
        print_error("the books are wrong: %s\n", fault);
    int failed = fault != NULL;
    free(fault);
    driver_free(self->driver);
    buffer_release(&self->good);
    buffer_release(&self->refused);
    free(self);
    return failed;
}

static struct driver_command command_of(struct conformance *self, const struct buffer *input)
{
    return (struct driver_command){
        .saga = driver_new_saga(self->driver), .step = 1, .input = buffer_bytes(input)};
}

struct driver_command conformance_good(struct conformance *self)
{
    return command_of(self, &self->good);
}

struct driver_command conformance_refused(struct conformance *self)
{
    return command_of(self, &self->refused);
}

struct driver_command conformance_undo(struct driver_command command)
{
    command.compensation = true;
    return command;
}

struct conformance_rows conformance_remember(struct conformance *self)
{
    return (struct conformance_rows){driver_snapshot(self->driver), driver_head(self->driver)};
}

bool conformance_same_rows(struct conformance *self, const char *before)
{
    char *after = driver_snapshot(self->driver);
    bool same = strcmp(before, after) == 0;
    free(after);
    return same;
}

void conformance_unchanged(struct conformance *self, struct conformance_rows before)
{
    char *after = driver_snapshot(self->driver);
    assert_string_equal(before.rows, after);
    assert_int_equal(before.head, driver_head(self->driver));
    free(after);
    free(before.rows);
}

int main(void)
{
    int failed = conformance_page();
    failed += conformance_barrier();
    failed += conformance_refusals();
    failed += conformance_frames();
    failed += conformance_crashes();
    failed += conformance_owner();
    failed += conformance_events();
    failed += conformance_outage();
    return failed == 0 ? 0 : 1;
}
