/* News: what the log should tell of the orchestrator's doings, held until it is committed. */
#ifndef ZSAGA_NEWS_H
#define ZSAGA_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "node.h"

#define NEWS_MAX 64 /* Lines held; what comes on top is counted and told in one. */

struct news {
    struct node_news lines[NEWS_MAX];
    uint32_t count;
    uint32_t told;
    uint32_t lost;
};

void news_add(struct news *news, bool warning, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const struct node_news *news_take(struct news *news);
void news_forget(struct news *news); /* The batch was taken back. */

#endif
