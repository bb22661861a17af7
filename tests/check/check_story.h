/* A saga's life as its history tells it: the automaton, written down again. */
#ifndef ZSAGA_CHECK_STORY_H
#define ZSAGA_CHECK_STORY_H

#include "check_internal.h"

/* Kinds of records, as stored. */
enum {
    WHAT_ACCEPTED = 1,
    WHAT_DONE,
    WHAT_REJECTED,
    WHAT_GAVE_UP,
    WHAT_UNDONE,
    WHAT_TROUBLE,
    WHAT_ATTENTION,
    WHAT_RESUMED,
    WHAT_COUNT,
};

enum story_forward { STORY_IDLE, STORY_OUT, STORY_DONE, STORY_REFUSED, STORY_GAVE_UP };
enum story_undo { STORY_NOT, STORY_UNDOING, STORY_UNDONE };

struct story {
    const struct definition *definition;
    bool faithful;
    int state;   /* enum check_state */
    int resumes; /* In attention: the state before it. */
    size_t cursor;
    struct {
        enum story_forward forward;
        enum story_undo undo;
    } steps[STEPS_MAX];
};

void check_story_begin(struct story *story, const struct definition *definition, bool faithful);

/* NULL, or words for why it cannot follow what was before. */
const char *check_story_go_on(struct story *story, int64_t what, int64_t step, bool undo,
                              struct check_bytes code);

#endif
