#include "wire/shell_report.h"

#include <inttypes.h>

#include "base/log.h"

#define LINE_WAIT_FIRST_MS 1000
#define LINE_WAIT_MAX_MS 60000

static bool any(const struct shell_drops *drops)
{
    return (drops->malformed | drops->gone | drops->overflow | drops->unsent) != 0;
}

void shell_report_drops(struct shell_report *report, int64_t mono_ms)
{
    struct shell_drops *drops = &report->drops;
    if (!any(drops) || mono_ms < report->next_line_ms)
        return;
    if (mono_ms - report->next_line_ms > LINE_WAIT_MAX_MS || report->line_wait_ms == 0)
        report->line_wait_ms = LINE_WAIT_FIRST_MS;
    report->next_line_ms = mono_ms + report->line_wait_ms;
    report->line_wait_ms *= 2;
    if (report->line_wait_ms > LINE_WAIT_MAX_MS)
        report->line_wait_ms = LINE_WAIT_MAX_MS;
    bool theirs = drops->malformed != 0 || drops->overflow != 0;
    log_line(theirs ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "messages_dropped",
             "malformed=%" PRIu64 " gone=%" PRIu64 " overflow=%" PRIu64 " unsent=%" PRIu64,
             drops->malformed, drops->gone, drops->overflow, drops->unsent);
    *drops = (struct shell_drops){0};
}

void shell_report_trouble(struct shell_report *report, const struct node_turn *turn)
{
    bool now = turn->broken || turn->trouble[0] != '\0';
    bool same = now == report->in_trouble && turn->disk_full == report->disk_full;
    if (same && !report->unwritten)
        return;
    bool written;
    if (now)
        written = log_line(LOG_LEVEL_WARN, turn->disk_full ? "disk_full" : "trouble", "error=%s",
                           log_quote(turn->trouble));
    else
        written = log_line(LOG_LEVEL_INFO, report->disk_full ? "disk_has_room" : "trouble_over",
                           "%s", "");
    report->unwritten = !written;
    report->in_trouble = now;
    report->disk_full = turn->disk_full;
}

void shell_report_news(struct node *node)
{
    if (node->ops->news == NULL)
        return;
    const struct node_news *news;
    while ((news = node->ops->news(node)) != NULL)
        log_line(news->warning ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, news->event, "%s", news->pairs);
}
