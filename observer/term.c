#include "term.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/xalloc.h"

/* The other screen, cleared, without a cursor and without wrapping; and back. */
#define ENTER "\033[?1049h\033[2J\033[?25l\033[?7l"
#define AGAIN "\033[?25l\033[?7l"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"
#define SIDE_MAX 1000 /* Columns, or rows: whoever claims more gets a part of it drawn. */

/* Handlers must reach it. */
static struct {
    volatile sig_atomic_t open;
    volatile sig_atomic_t taken; /* Open, and not given to the shell for the while. */
    struct termios before;
    int pipe[2]; /* Signals become bytes in it. */
    bool color;
    struct screen *shown; /* NULL: nothing that is known. */
    struct sigaction old[64];
} term = {.pipe = {-1, -1}};

/* What the handlers put into the pipe. */
enum { TOLD_END = 'e', TOLD_RESIZED = 'r', TOLD_CONTINUED = 'c' };

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int crashing[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};

bool term_wants_color(enum term_color color)
{
    const char *no_color = getenv("NO_COLOR");
    if (color != TERM_COLOR_AUTO)
        return color == TERM_COLOR_ALWAYS;
    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') && !term_is_dumb();
}

bool term_is_dumb(void)
{
    const char *kind = getenv("TERM");
    return kind == NULL || kind[0] == '\0' || strcmp(kind, "dumb") == 0;
}

bool term_size(size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return false;
    *ret_columns = size.ws_col == 0 ? 80 : size.ws_col < SIDE_MAX ? size.ws_col : SIDE_MAX;
    *ret_rows = size.ws_row == 0 ? 24 : size.ws_row < SIDE_MAX ? size.ws_row : SIDE_MAX;
    return true;
}

bool term_is_utf8(void)
{
    (void)setlocale(LC_CTYPE, "");
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return utf8;
}

/* Drawing. */

static const char *style_code(uint8_t style)
{
    static const char *const codes[STYLE_COUNT] = {
        [STYLE_PLAIN] = "\033[0m",   [STYLE_TITLE] = "\033[0;1m", [STYLE_HEAD] = "\033[0;1m",
        [STYLE_GOOD] = "\033[0;32m", [STYLE_BUSY] = "\033[0;33m", [STYLE_BAD] = "\033[0;1;31m",
        [STYLE_FAINT] = "\033[0;2m",
    };
    return codes[style];
}

/* The row without the blanks at its end; returns the columns it takes. */
static size_t put_row(struct buffer *to, const struct screen *screen, size_t row, bool color)
{
    const struct cell *cells = screen_row(screen, row);
    size_t end = screen->columns;
    uint8_t style = STYLE_PLAIN;
    while (end > 0 && strcmp(cells[end - 1].text, " ") == 0)
        end--;
    for (size_t i = 0; i < end; i++) {
        if (color && cells[i].style != style)
            buffer_append_text(to, style_code(cells[i].style));
        style = cells[i].style;
        buffer_append_text(to, cells[i].text);
    }
    if (color && style != STYLE_PLAIN)
        buffer_append_text(to, style_code(STYLE_PLAIN));
    return end;
}

/* Somebody else who has the terminal open may have made it not wait. */
static bool wait_for_room(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 1000) > 0 && (out.revents & POLLOUT) != 0;
}

static bool write_all(struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(STDOUT_FILENO, bytes.data, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN && wait_for_room())
            continue;
        if (put < 0)
            return false;
        bytes = bytes_of(bytes.data + put, bytes.len - (size_t)put);
    }
    return true;
}

bool term_print(const struct screen *screen, bool color)
{
    struct buffer text = {0};
    size_t end = screen->rows;
    while (end > 0 && screen_row_is_blank(screen, end - 1))
        end--;
    for (size_t row = 0; row < end; row++) {
        (void)put_row(&text, screen, row, color);
        buffer_append_text(&text, "\n");
    }
    bool written = write_all(buffer_bytes(&text));
    buffer_release(&text);
    return written;
}

static bool row_differs(const struct screen *screen, size_t row)
{
    const struct screen *shown = term.shown;
    if (shown == NULL)
        return !screen_row_is_blank(screen, row);
    return memcmp(screen_row(screen, row), screen_row(shown, row),
                  screen->columns * sizeof(struct cell)) != 0;
}

static struct screen *copy_of(const struct screen *screen)
{
    struct screen *copy = screen_new(screen->columns, screen->rows, screen->ascii);
    memcpy(copy->cells, screen->cells, screen->columns * screen->rows * sizeof *screen->cells);
    return copy;
}

void term_forget(void)
{
    screen_free(term.shown);
    term.shown = NULL;
}

void term_show(const struct screen *screen)
{
    struct buffer text = {0};
    if (!term.taken)
        return;
    if (term.shown != NULL &&
        (term.shown->columns != screen->columns || term.shown->rows != screen->rows))
        term_forget();
    if (term.shown == NULL)
        buffer_append_text(&text, "\033[0m\033[2J");
    for (size_t row = 0; row < screen->rows; row++) {
        char place[32];
        if (!row_differs(screen, row))
            continue;
        (void)snprintf(place, sizeof place, "\033[%zu;1H", row + 1);
        buffer_append_text(&text, place);
        /* Behind the last column there is nothing to clear: the cursor still stands on it. */
        if (put_row(&text, screen, row, term.color) < screen->columns)
            buffer_append_text(&text, "\033[K");
    }
    term_forget();
    term.shown = copy_of(screen);
    (void)write_all(buffer_bytes(&text)); /* A terminal that is gone: SIGHUP ends us. */
    buffer_release(&text);
}

/* Taking and giving back the terminal. What handlers call is safe there. */

static void put_sequence(const char *sequence)
{
    (void)!write(STDOUT_FILENO, sequence, strlen(sequence));
}

/* Whoever does this in the background is stopped by SIGTTOU, unless that is blocked. */
static bool set_modes(const struct termios *modes)
{
    return tcsetattr(STDIN_FILENO, TCSANOW, modes) == 0;
}

/* Also in the background: where SIGSTOP left the terminal to the shell, it must end for a signal
 * without being asked to the front first. */
static void leave(void)
{
    sigset_t block;
    sigset_t before;
    if (!term.taken)
        return;
    term.taken = 0;
    (void)sigemptyset(&block);
    (void)sigaddset(&block, SIGTTOU);
    (void)sigprocmask(SIG_BLOCK, &block, &before);
    put_sequence(LEAVE);
    (void)set_modes(&term.before);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* In the background this waits, stopped, until it is in front. False: a signal came that ends us,
 * or there is no terminal to take. */
static bool set_raw(void)
{
    struct termios raw = term.before;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    return set_modes(&raw);
}

static bool enter(void)
{
    term.taken = 1;
    if (set_raw())
        put_sequence(ENTER);
    else
        term.taken = 0;
    return term.taken;
}

static void tell(char what)
{
    int saved = errno;
    (void)!write(term.pipe[1], &what, 1);
    errno = saved;
}

static void on_end(int signal_number)
{
    (void)signal_number;
    tell(TOLD_END);
}

static void on_resize(int signal_number)
{
    (void)signal_number;
    tell(TOLD_RESIZED);
}

/* After SIGSTOP, which tells nobody: the shell has had the terminal meanwhile. */
static void on_continue(int signal_number)
{
    (void)signal_number;
    if (term.taken)
        tell(TOLD_CONTINUED);
}

/* A mistake of ours, or SIGABRT: the terminal first, then the signal's own way. */
static void on_crash(int signal_number)
{
    if (term.open) {
        term.open = 0;
        leave();
    }
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* Stopped at the prompt, the terminal is the shell's. */
static void on_stop(int signal_number)
{
    int saved = errno;
    leave();
    (void)signal(signal_number, SIG_DFL);
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, signal_number);
    (void)raise(signal_number);
    (void)sigprocmask(SIG_UNBLOCK, &stop, NULL); /* Stops here. */
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    struct sigaction again = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    (void)sigaction(signal_number, &again, NULL);
    (void)enter();
    tell(TOLD_RESIZED);
    errno = saved;
}

static void handle(int signal_number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    (void)sigemptyset(&action.sa_mask);
    assert(signal_number < (int)(sizeof term.old / sizeof term.old[0]));
    (void)sigaction(signal_number, &action, &term.old[signal_number]);
}

static void handle_all(void)
{
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
        handle(ending[i], on_end, 0); /* Ends a wait for the terminal too. */
    for (size_t i = 0; i < sizeof crashing / sizeof crashing[0]; i++)
        handle(crashing[i], on_crash, SA_RESTART);
    handle(SIGTSTP, on_stop, SA_RESTART);
    handle(SIGCONT, on_continue, SA_RESTART);
    handle(SIGWINCH, on_resize, SA_RESTART);
}

static void restore_handlers(void)
{
    static const int others[] = {SIGTSTP, SIGCONT, SIGWINCH};
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
        (void)sigaction(ending[i], &term.old[ending[i]], NULL);
    for (size_t i = 0; i < sizeof crashing / sizeof crashing[0]; i++)
        (void)sigaction(crashing[i], &term.old[crashing[i]], NULL);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        (void)sigaction(others[i], &term.old[others[i]], NULL);
}

int term_open(bool color, struct err *err)
{
    assert(!term.open);
    if (tcgetattr(STDIN_FILENO, &term.before) != 0)
        return err_errno(err, errno, "standard input is no terminal; try --once");
    if (pipe2(term.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_errno(err, errno, "cannot make a pipe");
    static bool registered;
    if (!registered)
        (void)atexit(term_close);
    registered = true;
    term.color = color;
    handle_all();
    term.open = 1;
    if (enter() || errno == EINTR) /* What came instead is taken first. */
        return 0;
    int failed = errno;
    term_close();
    return err_errno(err, failed, "cannot take the terminal; try --once");
}

void term_close(void)
{
    if (!term.open)
        return;
    term.open = 0;
    leave();
    restore_handlers();
    (void)close(term.pipe[0]);
    (void)close(term.pipe[1]);
    term_forget();
}

int term_fd(void)
{
    return STDIN_FILENO;
}

int term_signal_fd(void)
{
    return term.pipe[0];
}

static enum term_event take_signals(void)
{
    char told[64];
    ssize_t got = read(term.pipe[0], told, sizeof told);
    bool continued = false;
    for (ssize_t i = 0; i < got; i++) {
        if (told[i] == TOLD_END)
            return TERM_QUIT;
        continued = continued || told[i] == TOLD_CONTINUED;
    }
    if (continued && set_raw())
        put_sequence(AGAIN);
    return got > 0 ? TERM_REDRAW : TERM_NOTHING;
}

static enum term_event event_of_key(char key)
{
    switch (key) {
    case 'q':
    case 'Q':
    case 3: /* Ctrl-C where it makes no signal. */
        return TERM_QUIT;
    case 'r':
    case 12: /* Ctrl-L. */
        return TERM_REDRAW;
    default:
        return TERM_NOTHING;
    }
}

static enum term_event take_keys(void)
{
    char keys[64];
    enum term_event event = TERM_NOTHING;
    ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        return TERM_QUIT;
    for (ssize_t i = 0; i < got && event != TERM_QUIT; i++) {
        enum term_event next = event_of_key(keys[i]);
        event = next == TERM_NOTHING ? event : next;
    }
    return event;
}

/* Keys are read only where no signal ends us: in the background that would stop us. */
enum term_event term_take(void)
{
    enum term_event event = take_signals();
    if (event == TERM_QUIT)
        return event;
    enum term_event key = take_keys();
    event = key == TERM_NOTHING ? event : key;
    if (event == TERM_REDRAW)
        term_forget();
    return event;
}
