#include "news.h"

#include <stdarg.h>
#include <stdio.h>

void news_add(struct news *news, bool warning, const char *event, const char *format, ...)
{
    if (news->count == NEWS_MAX) {
        news->lost++;
        return;
    }
    struct node_news *line = &news->lines[news->count++];
    line->warning = warning;
    (void)snprintf(line->event, sizeof line->event, "%s", event);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line->pairs, sizeof line->pairs, format, args);
    va_end(args);
}

const struct node_news *news_take(struct news *news)
{
    if (news->told < news->count)
        return &news->lines[news->told++];
    uint32_t lost = news->lost;
    news_forget(news);
    if (lost == 0)
        return NULL;
    news_add(news, true, "news_lost", "lines=%u", lost);
    return &news->lines[news->told++];
}

void news_forget(struct news *news)
{
    news->count = 0;
    news->told = 0;
    news->lost = 0;
}
