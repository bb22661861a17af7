#include "conformance_run.h"

#include <string.h>

#include "base/packed.h"
#include "conformance_ask.h"
#include "conformance_words.h"

const struct conformance_case *const case_groups[] = {
    case_first, case_frames, case_entries, case_barrier, case_refusals,
    case_fence, case_floor,  case_events,  case_crash,   case_last,
};
const size_t case_group_count = sizeof case_groups / sizeof case_groups[0];

struct run {
    struct talk *talk;
    const struct run_options *options;
    run_take take;
    void *self;
    bool good; /* Its input is done. */
    bool refused;
    bool gone; /* It does not answer any more. */
};

/* A backup of the participant, or a clock that was set back, leaves a higher pair than ours. */
static void go_above(struct talk *talk, const Zsaga__StaleEpoch *stale)
{
    struct id held;
    talk->own.epoch = stale->held_epoch + 1;
    if (id_from_bytes(packed_view(stale->held_last_saga), &held))
        id_source_raise(&talk->ids, &held);
    (void)talk_new_saga(talk);
}

int run_open(struct talk *talk, struct err *err)
{
    for (int i = 0; i < 2; i++) {
        talk_begin(talk);
        (void)talk_new_saga(talk);
        talk->sender.driver = talk->own;
        (void)talk_add_hello(talk, NULL);
        talk_exchange(talk);
        if (talk->silent)
            return err_set(err, ERR_TIMEOUT, "nobody answers: %s", words_text(&talk->why));
        if (talk->failed)
            return err_set(err, ERR_INVALID, "%s", words_text(&talk->why));
        const Zsaga__Answer *whole = talk->frame_answer;
        if (whole == NULL || whole->kind_case != ZSAGA__ANSWER__KIND_STALE_EPOCH)
            break;
        go_above(talk, whole->stale_epoch);
    }
    talk->repeats = true; /* Until the first check has ended: it may have been asked twice. */
    const Zsaga__Answer *answer = talk_answer(talk, 0);
    if (answer != NULL && answer->kind_case == ZSAGA__ANSWER__KIND_WELCOME)
        return 0;
    return err_set(err, ERR_INVALID, "a hello is not answered by a welcome, but by: %s",
                   words_text(&talk->came));
}

/* NULL: nothing is missing. */
static const char *missing(const struct run *run, unsigned int needs)
{
    const struct talk *talk = run->talk;
    const struct line *line = talk->line;
    const struct need {
        unsigned int flag;
        bool there;
        const char *words;
    } all[] = {
        {CASE_GOOD, run->options->has_good, "give an input that is done: --input"},
        {CASE_GOOD, run->good, "it needs an action that is done, see action/done"},
        {CASE_UNDO, talk->options.compensation != NULL,
         "give the action's compensation: --compensation"},
        {CASE_REFUSED, run->options->has_refused, "give an input that is refused: --refused-input"},
        {CASE_REFUSED, run->refused, "it needs an action that is refused, see action/refused"},
        {CASE_REPLAY, line->has[LINE_REPLAY], "give its replay endpoint: --replay"},
        {CASE_EVENTS, line->has[LINE_EVENTS], "give its events endpoint: --events"},
        {CASE_RESTART, line->kills, "give the command that starts it: --restart"},
        {CASE_APART, line->ops->send_apart != NULL, "it needs a connection of its own"},
    };
    if (run->gone)
        return "it does not answer any more";
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if ((needs & all[i].flag) != 0 && !all[i].there)
            return all[i].words;
    return NULL;
}

static void learn(struct run *run, const struct conformance_case *check, bool passed)
{
    if (passed)
        return;
    if (strcmp(check->name, "action/done") == 0)
        run->good = false;
    if (strcmp(check->name, "action/refused") == 0)
        run->refused = false;
    if (run->talk->silent) {
        talk_begin(run->talk);
        run->talk->repeats = true;
        (void)ask_hello(run->talk, NULL);
        run->gone = run->talk->silent;
    }
}

static void run_check(struct run *run, const struct conformance_case *check)
{
    struct talk *talk = run->talk;
    struct run_result result = {.check = check, .verdict = RUN_SKIPPED, .sent = "", .came = ""};
    result.why = missing(run, check->needs);
    if (result.why == NULL) {
        talk_begin(talk);
        check->run(talk);
        talk_end(talk);
        result.verdict = talk->failed ? RUN_FAILED : RUN_PASSED;
        result.why = words_text(&talk->why);
        result.sent = words_text(&talk->sent);
        result.came = words_text(&talk->came);
    }
    run->take(run->self, &result);
    learn(run, check, result.verdict != RUN_FAILED);
}

/* What was watched all the time is told of whatever was watched, also of one that is gone. */
static void run_group(struct run *run, const struct conformance_case *group)
{
    const char *only = run->options->only;
    run->gone = run->gone && group != case_last;
    for (const struct conformance_case *check = group; check->name != NULL; check++)
        if (only == NULL || group == case_first || strncmp(check->name, only, strlen(only)) == 0)
            run_check(run, check);
}

void run_checks(struct talk *talk, const struct run_options *options, run_take take, void *self)
{
    struct run run = {.talk = talk,
                      .options = options,
                      .take = take,
                      .self = self,
                      .good = true,
                      .refused = true};
    for (size_t i = 0; i < case_group_count; i++)
        run_group(&run, case_groups[i]);
}
