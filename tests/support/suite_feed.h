/* Orders without end in a test: a file again and again, each pass with keys of its own. */
#ifndef ZSAGA_SUITE_FEED_H
#define ZSAGA_SUITE_FEED_H

#include "suite_process.h"

struct suite_feed;

/* *ret_fd is where the orders come out, for the tool's standard input; the caller closes it. The
 * feed is the suite's. */
struct suite_feed *suite_feed_new(struct suite_process *suite, const char *path, const char *prefix,
                                  int *ret_fd);
/* Writes what the reader has room for; waits for room so many milliseconds at most. */
void suite_feed_turn(struct suite_feed *feed, int wait_ms);
/* Writes the order under way to its end, and no more. */
void suite_feed_end(struct suite_feed *feed);

#endif
