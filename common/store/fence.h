/* The fence: which start of which orchestrator may speak, and below which saga all is final.
 *
 * Per orchestrator id a participant holds the highest (epoch, nonce) it has seen, the last saga id
 * that came with it, and the newest floor. Judged in memory, written in the batch's transaction
 * before anything is answered. */
#ifndef ZSAGA_FENCE_H
#define ZSAGA_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "store/db.h"

#define FENCE_DRIVERS_MAX 64 /* Orchestrators one participant serves. */
#define FENCE_OPEN_MAX 2000  /* Sagas in a floor's open list. */

struct fence;

extern const struct db_part fence_part; /* Its part of the schema. */

/* What a frame's header claims. */
struct fence_claim {
    struct bytes id;
    uint64_t epoch;
    uint64_t nonce;
    struct id last_saga;
};

/* What the participant holds of one orchestrator. */
struct fence_driver {
    int64_t number; /* Short name of it in other tables. */
    char id[65];
    uint64_t epoch;
    uint64_t nonce;
    struct id last_saga;
    uint64_t floor_epoch; /* 0: no floor yet. */
    uint64_t floor_version;
    struct id floor;
    uint8_t *open; /* ID_SIZE bytes each, ascending; the sagas below `floor` that are not final. */
    size_t open_count;
    bool pair_changed; /* In memory ahead of the database. */
    bool floor_changed;
};

enum fence_verdict {
    FENCE_PASS,
    FENCE_STALE,    /* A lower epoch, or the same one with another nonce. */
    FENCE_OLD_COPY, /* A higher epoch that does not know the last saga: an old copy or backup. */
    FENCE_TOO_MANY, /* A new orchestrator, and FENCE_DRIVERS_MAX are known. */
};

int fence_open(struct db *db, struct fence **ret, struct err *err); /* Loads what is stored. */
void fence_close(struct fence *fence);

/* Judges a claim and takes a passing one over. *ret is what is held afterwards (NULL for
 * FENCE_TOO_MANY); valid until fence_forget(). */
enum fence_verdict fence_judge(struct fence *fence, const struct fence_claim *claim,
                               struct fence_driver **ret);

/* Takes over a floor that is newer by (epoch, version). `open`: a whole number of ids, ascending,
 * at most FENCE_OPEN_MAX. */
void fence_raise_floor(struct fence_driver *driver, uint64_t epoch, uint64_t version,
                       const struct id *floor, struct bytes open);

/* Whether the held floor says that this saga is final. */
bool fence_is_below_floor(const struct fence_driver *driver, const struct id *saga);

int fence_save(struct fence *fence, struct err *err);   /* Within the batch's transaction. */
int fence_forget(struct fence *fence, struct err *err); /* It was taken back: load again. */

#endif
