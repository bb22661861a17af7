/* What the files of the outbox share: the log as it is stored, and the rows in the making. */
#ifndef ZSAGA_OUTBOX_INTERNAL_H
#define ZSAGA_OUTBOX_INTERNAL_H

#include "store/outbox.h"

/* Where the log begins and ends. An empty one has head 0 and tail 1: its last row always stays. */
struct outbox_extent {
    uint64_t head;
    uint64_t tail;
    uint64_t last_first; /* Number of the first event of the last row; 0: there is none. */
    uint64_t bytes;      /* Of all rows. */
    int64_t tail_at_ms;  /* When the row at the tail was written; */
    int64_t last_at_ms;  /* the last row; 0: there is none. */
    struct id last_id;   /* Of the event at the head. */
    struct id below_id;  /* Of the last event removed below the tail. */
};

/* A row in the making. */
struct outbox_part {
    size_t start;   /* Of its bytes among those collected. */
    uint32_t first; /* Events collected before it. */
};

struct outbox {
    struct db *db;
    sqlite3_stmt *insert;
    sqlite3_stmt *count_up;
    sqlite3_stmt *find;
    sqlite3_stmt *oldest;
    sqlite3_stmt *remove;
    sqlite3_stmt *set_tail;

    struct outbox_extent stored; /* As of the last commit. */
    struct outbox_extent batch;  /* As the batch's transaction leaves it. */

    struct buffer packed; /* EventBatches in the making, one for each part. */
    struct outbox_part *parts;
    size_t part_count;
    size_t part_capacity;
    struct id *ids; /* Of the events collected. */
    uint32_t count;
    size_t id_capacity;

    struct buffer told; /* Bytes of the fresh rows, one behind the other. */
    struct outbox_row *fresh;
    size_t fresh_count;
    size_t fresh_capacity;

    uint64_t next; /* Number behind the row found last. */
};

/* The id of the event at `index` in a packed EventBatch; false when it is damaged or shorter. */
bool outbox_read_id(struct bytes events, uint64_t index, struct id *ret);

#endif
