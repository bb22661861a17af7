/* The terminal: the only part of `zsaga top` that touches it.
 *
 * Whatever ends the process, a signal or a mistake of ours, the terminal is as it was before: the
 * handlers put here restore it first. While the process is stopped it is restored, too. SIGSTOP
 * alone cannot be told: the terminal is taken again when the process goes on. */
#ifndef ZSAGA_OBSERVER_TERM_H
#define ZSAGA_OBSERVER_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "screen.h"

enum term_color { TERM_COLOR_AUTO, TERM_COLOR_ALWAYS, TERM_COLOR_NEVER };

/* Whether standard output may be coloured: a terminal that is not dumb, and no NO_COLOR. */
bool term_wants_color(enum term_color color);

bool term_is_dumb(void); /* It knows no cursor: TERM=dumb, or none is named. */

/* Columns and rows of the terminal at standard output; false when there is none. */
bool term_size(size_t *ret_columns, size_t *ret_rows);

/* Whether the locale's characters are UTF-8. Sets LC_CTYPE so that widths are known either way. */
bool term_is_utf8(void);

/* Prints the rows up to the last that is not blank, line by line. False, with errno: it could not
 * be written. */
bool term_print(const struct screen *screen, bool color);

/* One live screen at a time. Taken when in front: in the background it waits for that, stopped. */
int term_open(bool color, struct err *err);
void term_close(void); /* Restores; also when it is not open. */

/* Shows what differs from what was shown last; nothing where the terminal could not be taken. */
void term_show(const struct screen *screen);
void term_forget(void); /* What was shown last is gone: the next one is drawn whole. */

/* What happened since the last call. */
enum term_event {
    TERM_NOTHING,
    TERM_QUIT,   /* Key or signal. */
    TERM_REDRAW, /* Another size, back from being stopped, or asked for. */
};
enum term_event term_take(void);

/* Readable when there is something to take. */
int term_fd(void);        /* Keys. */
int term_signal_fd(void); /* Signals. */

#endif
