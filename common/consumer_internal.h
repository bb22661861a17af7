/* What the files of a consumer's node share: the node, its streams, the batch. */
#ifndef ZSAGA_CONSUMER_INTERNAL_H
#define ZSAGA_CONSUMER_INTERNAL_H

#include "consumer_node.h"
#include "consumer_rows.h"
#include "event.pb-c.h"
#include "owner.h"
#include "replay.pb-c.h"
#include "store/cursor.h"
#include "store/outbox.h"
#include "wire/arena.h"
#include "wire/frame.h"

#define CONSUMER_QUEUE_BYTES ((size_t)4 << 20) /* Of each queue of a stream. */
#define CONSUMER_BATCH_BYTES ((size_t)4 << 20) /* Of one transaction. */
#define CONSUMER_BATCH_ROWS 4096
#define CONSUMER_FETCH_FIRST_MS 100 /* Silence before a first fetch is sent again, doubling. */
#define CONSUMER_FETCH_MS 1000      /* The same for one that follows another. */
#define CONSUMER_FETCH_MAX_MS 5000
#define CONSUMER_RETRY_FIRST_MS 100 /* After an error of the handler, doubling. */
#define CONSUMER_RETRY_MAX_MS 30000
#define CONSUMER_READY_MS 2000 /* An absent publisher does not keep it from being ready. */
#define CONSUMER_TELL_MS 60000 /* Between two lines of the log about what is malformed. */
#define CONSUMER_OWNER_BYTES ((size_t)16 << 20)         /* What decoding one frame may take. */
#define CONSUMER_NEWS_MAX (3 * CONSUMER_PUBLISHERS_MAX) /* A turn has at most so many. */

/* Why reading cannot go on from the cursor: dealt with in the next batch. */
struct consumer_breach {
    enum cursor_state kind; /* CURSOR_FOLLOWS: none. */
    struct id store;        /* Of the log that is there. */
    uint64_t tail;
    char words[CURSOR_DETAIL_MAX + 1];
};

/* What the open transaction makes of a stream besides applying its rows. */
enum consumer_turn {
    CONSUMER_GOES_ON,
    CONSUMER_STOPPED,  /* At a breach, until an operator's word. */
    CONSUMER_SKIPPED,  /* What is gone: it goes on from the tail. */
    CONSUMER_REBUILT,  /* Reset; read from the start. */
    CONSUMER_RESYNCED, /* By an operator's word. */
};

/* The one question to a publisher that is open. */
struct consumer_fetch {
    bool out;
    uint64_t id;
    uint64_t after;
    struct id after_id;
    int64_t due_ms; /* When it is sent again. */
    int64_t wait_ms;
};

/* One publisher's log. A row waits in `fetched`, contiguous from the cursor on, or in `live`, where
 * gaps are allowed. Both hold rows of `incarnation` only. */
struct stream {
    struct consumer_stream *shown;
    uint8_t index;
    struct cursor cursor; /* As committed. */
    struct cursor next;   /* As the open transaction will leave it. */
    bool moved;           /* `next` is to be saved. */
    enum consumer_turn turn;
    bool known; /* Heard since the start: */
    uint64_t incarnation;
    struct id store;
    bool told;     /* This incarnation has told its range: */
    uint64_t tail; /* Else an earlier one's; 0: none was told. */
    uint64_t head;
    bool syncing;  /* Nothing is applied before a fetch from the cursor was answered. */
    bool answered; /* Since the start. */
    bool doubted;  /* Something does not fit: ask. */
    bool gap;      /* The gap before the first live row was counted. */
    struct consumer_rows fetched;
    struct consumer_rows live;
    struct id fetched_id; /* Of the last event fetched. */
    struct consumer_fetch fetch;
    int64_t hold_until_ms;              /* No new fetch before. */
    int64_t hold_ms;                    /* Of the next answer that brings nothing new. */
    char unread[CURSOR_DETAIL_MAX + 1]; /* Why its newest answer could not be read; "": it could. */
    struct consumer_breach breach;
    bool spoiled;        /* A row that waits is malformed: drop all and fetch. */
    bool failing;        /* The handler fails ... */
    uint64_t failing_at; /* ... at this event; 0: at resetting. */
    int64_t retry_at_ms;
    int64_t retry_wait_ms;
    char failure[CURSOR_DETAIL_MAX + 1];
};

struct consumer_owner_work {
    struct peer from;
    struct bytes request;
    bool refused; /* What it wrote ended the transaction. */
    const Zsaga__OwnerAnswer *answer;
};

/* Who made the transaction fail. */
struct consumer_culprit {
    struct stream *stream;
    uint64_t seq; /* 0: the reset. */
    struct consumer_owner_work *owner;
    char words[CURSOR_DETAIL_MAX + 1];
};

struct consumer_node {
    struct node node;
    const struct consumer_service *service;
    struct db *db;
    struct cursor_store *cursors;
    struct owner *owner;
    void *self;
    struct frame_header sender;
    struct arena arena; /* Of one frame, or one row. */
    struct arena batch; /* Of the owner's requests and their answers. */
    struct stream *streams;
    struct consumer_stream *shown;
    size_t stream_count;
    size_t first_stream; /* Goes first in the next batch. */
    struct consumer_owner_work *works;
    size_t work_count;
    size_t work_capacity;
    uint64_t last_fetch;
    int64_t started_ms;
    int64_t now_ms; /* Of the last call. */
    int64_t wall_ms;
    int64_t ticked_ms; /* When all that had arrived was last given: for silences. */
    size_t received;   /* Bytes since the last commit. */
    int64_t queued_ms; /* When the first row that waits came; -1: none waits. */
    size_t rows_left;  /* Of the open transaction. */
    size_t bytes_left;
    bool dirty;   /* The service has been called in the open transaction ... */
    bool probing; /* ... which tries once more what has failed. */
    struct consumer_culprit culprit;
    int64_t told_malformed_ms; /* -1: never. */
    uint64_t untold_malformed;
    struct consumer_counters counters;
    char words[320]; /* Of an answer to the owner. */
    struct node_news news[CONSUMER_NEWS_MAX];
    size_t news_count;
    size_t news_told;
};

/* consumer_receive.c: what arrives. */
void consumer_receive(struct consumer_node *node, const struct peer *from, struct bytes bytes,
                      struct node_time now);
/* A row's events, all valid, in node->arena; NULL: it is malformed. */
const Zsaga__EventBatch *consumer_decode(struct consumer_node *node, uint32_t count,
                                         struct bytes events);
void consumer_malformed(struct consumer_node *node, const struct stream *stream, const char *words);
void consumer_say(struct consumer_node *node, bool warning, const char *event, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* consumer_stream.c: where one stream stands. */
void stream_hear(struct stream *stream, const struct frame_header *header, struct node_time now);
void stream_tell_range(struct stream *stream, uint64_t tail, uint64_t head);
void stream_sync(struct stream *stream); /* Forgets what waits; asks from the cursor on. */
void stream_hold(struct stream *stream, int64_t now_ms); /* No fetch for a while, each longer. */
void stream_break(struct stream *stream, enum cursor_state kind, uint64_t tail, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
bool stream_matches(const struct stream *stream, const struct id *at_cursor);
bool stream_stopped(const struct stream *stream);
bool stream_has_work(const struct stream *stream, int64_t now_ms);
/* Where the next row to apply behind `seq` waits, or NULL. */
struct consumer_rows *stream_source(const struct stream *stream, uint64_t seq);
/* Adds a fetch if one is due. */
void stream_ask(struct consumer_node *node, struct stream *stream, struct outbound *out);
int64_t stream_deadline(const struct stream *stream, int64_t now_ms);
void stream_show(struct stream *stream);

/* consumer_apply.c: one stream's part of the open transaction. CONSUMER_GUILTY: node->culprit has
 * made it fail. Negative for a failing database. */
enum { CONSUMER_GUILTY = 1 };
int consumer_apply(struct consumer_node *node, struct stream *stream, uint64_t events_max,
                   struct err *err);

/* consumer_batch.c: does all that waits. */
int consumer_batch(struct consumer_node *node, struct node_time now, struct err *err);
void consumer_take_back(struct consumer_node *node);
bool consumer_batch_due(const struct consumer_node *node, int64_t now_ms);
int consumer_failed(int rc); /* As the class in which a node's commit fails. */

/* consumer_owner.c: what the owner plane asks of a consumer; `context` is the node. */
void consumer_health(void *context, const char **ret_state, const char **ret_detail);
size_t consumer_stream_count(void *context);
void consumer_stream_health(void *context, size_t i, struct owner_stream *ret);
void consumer_refuse(struct consumer_node *node, const struct node_outage *why);
int consumer_resync(void *context, const Zsaga__Resync *request, const char **ret_words,
                    struct err *err);

#endif
