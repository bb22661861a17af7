/* Lines to a participant: what the conformance checks need of a transport. */
#ifndef ZSAGA_CLI_CONFORMANCE_LINE_H
#define ZSAGA_CLI_CONFORMANCE_LINE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum line_plane { LINE_COMMAND, LINE_REPLAY, LINE_EVENTS, LINE_PLANE_COUNT };

struct line {
    const struct line_ops *ops;
    bool has[LINE_PLANE_COUNT];
    bool kills; /* kill() and start() work. */
};

struct line_ops {
    /* Gives a message to the plane; false: nobody takes it now. */
    bool (*send)(struct line *line, enum line_plane plane, struct bytes message);
    /* Waits for the next message of the plane and puts it into *to; false: none within `wait_ms`.
     */
    bool (*take)(struct line *line, enum line_plane plane, int wait_ms, struct buffer *to);
    /* Sends a message of so many parts over a command connection of its own, which is given up
     * afterwards. *ret_answered: something came back. NULL: this transport has no such thing. */
    int (*send_apart)(struct line *line, const struct bytes *parts, size_t count,
                      bool *ret_answered, struct err *err);
    /* Ends the participant as kill -9 does, and starts it anew. */
    int (*kill)(struct line *line, struct err *err);
    int (*start)(struct line *line, struct err *err);
    /* All rows of its tables (allocated). NULL: they cannot be seen from here. */
    char *(*rows)(struct line *line);
    void (*free)(struct line *line);
};

#endif
