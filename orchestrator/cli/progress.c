#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "out.h"
#include "printable.h"

#define BAR 20 /* Columns. */

void progress_init(struct progress *progress, bool ends)
{
    *progress = (struct progress){.shown = isatty(STDERR_FILENO) == 1, .ends = ends};
}

static void put_bar(double done, struct buffer *to)
{
    char text[BAR + 16];
    int full = (int)(done * BAR);
    (void)snprintf(text, sizeof text, "[%.*s%.*s] %3.0f%%  ", full, "####################",
                   BAR - full, "....................", done * 100);
    buffer_append_text(to, text);
}

void progress_render(const struct submission_counts *counts, size_t under_way, bool ends,
                     double done, size_t width, struct buffer *to)
{
    struct buffer line = {0};
    char text[200];
    if (done >= 0)
        put_bar(done > 1 ? 1 : done, &line);
    (void)snprintf(text, sizeof text, "%s orders, %s under way",
                   out_number(counts->orders + under_way), out_number(under_way));
    buffer_append_text(&line, text);
    if (ends) {
        (void)snprintf(text, sizeof text, ", %s completed, %s compensated",
                       out_number(counts->completed), out_number(counts->compensated));
        buffer_append_text(&line, text);
    }
    uint64_t trouble = counts->invalid + counts->conflict + counts->failed + counts->attention +
                       counts->unfinished;
    if (trouble != 0) {
        (void)snprintf(text, sizeof text, ", %s in trouble", out_number(trouble));
        buffer_append_text(&line, text);
    }
    buffer_append(&line, "", 1);
    const char *whole = (const char *)line.data;
    buffer_append(to, whole, printable_fit(whole, width));
    buffer_release(&line);
}

void progress_update(struct progress *progress, const struct submission_counts *counts,
                     size_t under_way, double done, int64_t now_us)
{
    if (!progress->shown || now_us < progress->next_us)
        return;
    struct winsize size;
    size_t width = 79;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        width = size.ws_col - 1U;
    struct buffer line = {0};
    progress_render(counts, under_way, progress->ends, done, width, &line);
    (void)fprintf(stderr, "\r\033[K%.*s", (int)line.len, (const char *)line.data);
    buffer_release(&line);
    progress->drawn = true;
    progress->next_us = now_us + INT64_C(1000) * PROGRESS_EVERY_MS;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        (void)fputs("\r\033[K", stderr);
    progress->drawn = false;
    progress->next_us = 0;
}
