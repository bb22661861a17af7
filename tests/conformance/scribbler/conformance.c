#include "conformance.h"

#include "scribbler/scribbler.h"

static void good(unsigned int number, struct buffer *to)
{
    (void)number;
    buffer_append_text(to, "write event output done / write event");
}

/* Refuses after it has written and told: all of that must be taken back. */
static void refused(struct buffer *to)
{
    buffer_append_text(to, "write event output refuse / write event");
}

const struct conformance_fixture conformance_fixture = {
    .service = &scribbler_service,
    .good = good,
    .refused = refused,
    .refused_code = "refused",
    .table = "notes",
};
