#include "check_story.h"

static bool is_retriable(const struct story *story, size_t step)
{
    return story->definition->steps[step].retriable;
}

static void send(struct story *story, size_t cursor)
{
    story->cursor = cursor;
    if (story->state == CHECK_COMPENSATING)
        story->steps[cursor].undo = STORY_UNDOING;
    else
        story->steps[cursor].forward = STORY_OUT;
}

void check_story_begin(struct story *story, const struct definition *definition, bool faithful)
{
    *story = (struct story){.definition = definition, .faithful = faithful, .state = CHECK_RUNNING};
    send(story, 0);
}

static bool needs_undo(const struct story *story, size_t step)
{
    enum story_forward forward = story->steps[step].forward;
    enum story_undo undo = story->steps[step].undo;
    return undo == STORY_UNDOING ||
           (undo == STORY_NOT && (forward == STORY_DONE || forward == STORY_GAVE_UP));
}

static void settle_back(struct story *story)
{
    for (size_t left = story->cursor + 1; left > 0; left--) {
        size_t step = left - 1;
        if (!needs_undo(story, step))
            continue;
        if (story->steps[step].undo == STORY_NOT)
            send(story, step);
        return;
    }
    story->state = CHECK_COMPENSATED;
}

static void settle(struct story *story)
{
    enum story_forward forward = story->steps[story->cursor].forward;
    if (story->state == CHECK_COMPENSATING) {
        settle_back(story);
    } else if (story->state == CHECK_RUNNING && forward == STORY_DONE) {
        if (story->cursor + 1 == story->definition->step_count)
            story->state = CHECK_COMPLETED;
        else
            send(story, story->cursor + 1);
    } else if (story->state == CHECK_RUNNING && !is_retriable(story, story->cursor) &&
               (forward == STORY_REFUSED || forward == STORY_GAVE_UP)) {
        story->state = CHECK_COMPENSATING;
        settle_back(story);
    }
}

/* Of the step that is under way, or late word of one that was given up. */
static const char *on_fact(struct story *story, size_t step, bool done)
{
    enum story_forward forward = story->steps[step].forward;
    if (forward != STORY_OUT && forward != STORY_GAVE_UP)
        return "an outcome of an action that is not under way";
    story->steps[step].forward = done ? STORY_DONE : STORY_REFUSED;
    settle(story);
    return NULL;
}

static const char *on_undone(struct story *story, size_t step)
{
    if (story->steps[step].undo != STORY_UNDOING)
        return "undone for no reason, or out of order";
    story->steps[step].undo = STORY_UNDONE;
    settle(story);
    return NULL;
}

static const char *on_gave_up(struct story *story, size_t step)
{
    if (story->state != CHECK_RUNNING || step != story->cursor || is_retriable(story, step))
        return "given up, which it cannot be";
    story->steps[step].forward = STORY_GAVE_UP;
    settle(story);
    return NULL;
}

static const char *on_trouble(const struct story *story, size_t step, bool undo)
{
    bool back = story->state == CHECK_COMPENSATING;
    if (story->state == CHECK_ATTENTION || step != story->cursor || undo != back)
        return "trouble of a command that is not under way";
    return NULL;
}

static const char *on_attention(struct story *story, size_t step, struct check_bytes code)
{
    static const char *const never[] = {"blocked", "expired", "malformed", "output_too_large"};
    bool rare = false;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        rare = rare || check_is(code, never[i]);
    if (story->state == CHECK_ATTENTION || step != story->cursor)
        return "attention to what is not under way";
    if (rare && story->faithful)
        return "attention for what these participants never do";
    if (!rare && story->state == CHECK_RUNNING && !is_retriable(story, step))
        return "attention where it should have turned back";
    story->resumes = story->state;
    story->state = CHECK_ATTENTION;
    return NULL;
}

static const char *on_resumed(struct story *story)
{
    if (story->state != CHECK_ATTENTION)
        return "resumed, and did not rest";
    story->state = story->resumes;
    if (story->state == CHECK_RUNNING && is_retriable(story, story->cursor) &&
        story->steps[story->cursor].forward == STORY_REFUSED)
        story->steps[story->cursor].forward = STORY_OUT;
    settle(story);
    return NULL;
}

const char *check_story_go_on(struct story *story, int64_t what, int64_t step, bool undo,
                              struct check_bytes code)
{
    if (step < 0 || (size_t)step >= story->definition->step_count)
        return "there is no such step";
    if (story->state == CHECK_COMPLETED || story->state == CHECK_COMPENSATED)
        return "something happened after its end";
    size_t at = (size_t)step;
    switch (what) {
    case WHAT_DONE:
    case WHAT_REJECTED:
        return on_fact(story, at, what == WHAT_DONE);
    case WHAT_GAVE_UP:
        return on_gave_up(story, at);
    case WHAT_UNDONE:
        return on_undone(story, at);
    case WHAT_TROUBLE:
        return on_trouble(story, at, undo);
    case WHAT_ATTENTION:
        return on_attention(story, at, code);
    case WHAT_RESUMED:
        return on_resumed(story);
    default:
        return "a record of no known kind";
    }
}
