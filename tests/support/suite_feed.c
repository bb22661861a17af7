#include "suite_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/xalloc.h"
#include "suite_files.h"

#define PIPE_BYTES 4096 /* Few orders are under way when the feed ends. */
#define END_MS 20000

struct suite_feed {
    int fd;
    const char *text; /* The file, behind its header. */
    const char *next; /* The row after those in `rows`. */
    const char *prefix;
    unsigned int pass;
    struct buffer rows; /* An order, to be written. */
    size_t written;     /* Of it. */
};

static void free_feed(void *feed_p)
{
    struct suite_feed *feed = feed_p;
    if (feed->fd >= 0)
        (void)close(feed->fd);
    buffer_release(&feed->rows);
    free(feed);
}

struct suite_feed *suite_feed_new(struct suite_process *suite, const char *path, const char *prefix,
                                  int *ret_fd)
{
    int ends[2];
    struct suite_feed *feed = xcalloc(1, sizeof *feed);
    const char *text = suite_files_read(suite, path);
    feed->text = strchr(text, '\n');
    assert_non_null(feed->text);
    feed->text++;
    assert_true(*feed->text != '\0');
    feed->next = feed->text;
    feed->prefix = prefix;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    feed->fd = ends[1];
    buffer_append(&feed->rows, text, (size_t)(feed->text - text));
    *ret_fd = ends[0];
    return suite_process_keep(suite, feed, free_feed);
}

static bool same_order(const char *a, const char *b)
{
    size_t len = strcspn(a, ",");
    return strncmp(a, b, len + 1) == 0;
}

/* The next order's rows, each with the prefix before its order id. */
static void take_order(struct suite_feed *feed)
{
    const char *first = feed->next;
    AUTO(freep) char *prefix = xprintf("%s%u-", feed->prefix, feed->pass);
    buffer_clear(&feed->rows);
    feed->written = 0;
    while (*feed->next != '\0' && same_order(first, feed->next)) {
        size_t len = strcspn(feed->next, "\n");
        buffer_append_text(&feed->rows, prefix);
        buffer_append(&feed->rows, feed->next, len);
        buffer_append_text(&feed->rows, "\n");
        feed->next += len + (feed->next[len] == '\n');
    }
    if (*feed->next != '\0')
        return;
    feed->next = feed->text;
    feed->pass++;
}

/* True when all rows are written. */
static bool write_rows(struct suite_feed *feed)
{
    while (feed->written < feed->rows.len) {
        ssize_t len =
            write(feed->fd, feed->rows.data + feed->written, feed->rows.len - feed->written);
        if (len < 0 && errno == EAGAIN)
            return false;
        if (len < 0)
            fail_msg("nobody reads the orders any more: %s", strerror(errno));
        feed->written += (size_t)len;
    }
    return true;
}

void suite_feed_turn(struct suite_feed *feed, int wait_ms)
{
    struct pollfd room = {.fd = feed->fd, .events = POLLOUT};
    if (poll(&room, 1, wait_ms) <= 0)
        return;
    if (write_rows(feed))
        take_order(feed);
}

void suite_feed_end(struct suite_feed *feed)
{
    SUITE_AWAIT(write_rows(feed), END_MS);
    (void)close(feed->fd);
    feed->fd = -1;
}
