/* A small suite made by hand, for tests of the checker: two sagas that have ended, their
 * participants, and a reader. All is right with it until a test damages it. */
#ifndef ZSAGA_CHECK_WORLD_H
#define ZSAGA_CHECK_WORLD_H

#include "check.h"

enum { WORLD_ORCHESTRATOR, WORLD_P0, WORLD_P1, WORLD_READER, WORLD_COUNT };

#define WORLD_FOUND_MAX 64

struct world {
    sqlite3 *db[WORLD_COUNT];
    uint64_t next_event;
    struct checker *checker;
    char found[WORLD_FOUND_MAX][200]; /* "I6 key: words" */
    size_t found_count;
    bool peeks;
    int64_t now_ms;
    uint64_t numbers[WORLD_COUNT]; /* Of frames. */
    uint64_t starts[WORLD_COUNT];
};

extern const char *const world_names[WORLD_COUNT];
extern const char world_definition[];

struct world *world_new(void); /* With the saga "one", completed, and "two", compensated. */
struct world *world_new_empty(void);
void world_free(struct world *world);

void world_sql(struct world *world, int place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const uint8_t *world_id(unsigned saga); /* 16 bytes, of that number. */

/* An event at the end of a log, in a row of its own. */
struct world_event {
    unsigned saga;
    const char *type;
    int step; /* -1: of the saga as a whole, or the orchestrator's. */
    bool undo;
    uint32_t number; /* Orchestrator's: record; */
    uint32_t state;  /* saga's state after it. */
};
void world_tell(struct world *world, int place, const struct world_event *event);

/* A checker that collects in `found`. */
void world_begin(struct world *world, bool exact, bool peeks);
/* Gives it all databases, and finishes. */
void world_check(struct world *world, unsigned end);
bool world_has(const struct world *world, const char *invariant);
/* Fails the test when it was not found, and when something was found and nothing is expected
 * (NULL). */
void world_expect(struct world *world, const char *invariant);

#endif
