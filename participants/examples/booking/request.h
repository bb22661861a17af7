/* What a booking asks for: the saga's input, the same text for all participants:
 *
 *   GUEST SEATS CENTS      anna 2 4000
 *
 * The engine never looks into it. Use JSON, protobuf or whatever your services speak. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdio.h>
#include <zsaga/base/bytes.h>

struct request {
    char guest[33];
    int seats;
    int cents;
};

/* False when it is no booking: anybody may submit anything. */
static inline bool request_read(struct bytes input, struct request *ret)
{
    char text[64];
    char more;
    if (input.len >= sizeof text)
        return false;
    bytes_copy_text(input, text, sizeof text);
    return sscanf(text, "%32s %6d %9d %c", ret->guest, &ret->seats, &ret->cents, &more) == 3 &&
           ret->seats > 0 && ret->cents > 0;
}

#endif
