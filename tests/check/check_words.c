#include "check_words.h"

#include <string.h>

#include "check_evidence.h"

const char *const check_calls[] = {"submit", "find", "resume", "other"};
const char *const check_outcomes[] = {"ok", "fail", "unknown"};
const char *const check_verdicts[] = {"", "accepted", "duplicate", "conflict"};
const char *const check_states[] = {"unknown",   "running",     "compensating",
                                    "completed", "compensated", "attention"};
const char *const check_planes[] = {"command", "client", "live", "replay"};
const char *const check_lives[] = {"started", "ended", "reloaded", "restored"};

#define HAS(words, count) _Static_assert(sizeof words / sizeof words[0] == (count), #words)
HAS(check_calls, CHECK_CALL_COUNT);
HAS(check_outcomes, CHECK_OUTCOME_COUNT);
HAS(check_verdicts, CHECK_VERDICT_COUNT);
HAS(check_states, CHECK_STATE_COUNT);
HAS(check_planes, CHECK_PLANE_COUNT);
HAS(check_lives, CHECK_LIFE_COUNT);

int check_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}
