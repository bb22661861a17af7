#include "sim_check.h"

#include <string.h>

#include "base/packed.h"
#include "check.h"
#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_rows.h"

static struct check_bytes view(struct bytes bytes)
{
    return (struct check_bytes){bytes.data, bytes.len};
}

static struct check_bytes packed(ProtobufCBinaryData data)
{
    return view(packed_view(data));
}

static void on_found(void *context, const struct checker_finding *finding)
{
    struct sim *sim = context;
    sim_disk_spare(false);
    sim_fail(sim, finding->invariant, "%s%s%s", finding->about, *finding->about == '\0' ? "" : ": ",
             finding->words);
}

static sqlite3 *look_into(void *context, const char *process)
{
    const struct sim *sim = context;
    for (size_t i = 0; i < sim->host_count; i++)
        if (strcmp(sim->hosts[i].name, process) == 0)
            return sim->hosts[i].node == NULL ? NULL : sim_disk_handle(sim->hosts[i].path);
    return NULL;
}

static void on_seen(void *context, const struct check_frame *frame, const ProtobufCMessage *entry)
{
    sim_wire_seen(context, frame->from, frame->to, entry);
}

void sim_check_open(struct sim *sim)
{
    const struct checker_options options = {.context = sim,
                                            .found = on_found,
                                            .peek = look_into,
                                            .seen = on_seen,
                                            .exact = true,
                                            .faithful = true,
                                            .noise = sim->profile.garbage > 0};
    if (sim->checker == NULL)
        sim->checker = checker_new(&options);
}

void sim_check_close(struct sim *sim)
{
    for (size_t i = 0; sim->checker != NULL && i < CHECKER_INVARIANTS; i++)
        sim->counts->checked[i] += checker_evaluated(sim->checker, i);
    checker_free(sim->checker);
    sim->checker = NULL;
}

void sim_check_closes(struct sim *sim, const struct sim_host *host)
{
    if (sim->checker != NULL)
        checker_drop(sim->checker, host->name);
}

void sim_check_asked(struct sim *sim, const Zsaga__ClientRequest *request)
{
    struct check_invoke invoke = {.at_ms = sim->now_ms, .op = request->id, .call = CHECK_OTHER};
    sim_check_open(sim);
    if (request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_SUBMIT) {
        const Zsaga__Submit *submit = request->submit;
        invoke.call = CHECK_SUBMIT;
        invoke.key = packed(submit->key);
        invoke.definition = packed(submit->definition);
        invoke.nonce = packed(submit->nonce);
        invoke.body = check_body(invoke.definition, packed(submit->input));
    } else if (request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_FIND) {
        invoke.call = CHECK_FIND;
        invoke.key = packed(request->find->keys[0]);
    } else if (request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_RESUME) {
        invoke.call = CHECK_RESUME;
        invoke.key = packed(request->resume->key);
    }
    checker_invoke(sim->checker, &invoke);
}

/* The verdict of an answer; CHECK_VERDICT_NONE with CHECK_FAIL when nothing was done. */
static void set_verdict(const Zsaga__Submitted *submitted, struct check_answer *answer)
{
    static const enum check_verdict verdicts[] = {
        [ZSAGA__VERDICT__ACCEPTED] = CHECK_ACCEPTED,
        [ZSAGA__VERDICT__DUPLICATE] = CHECK_DUPLICATE,
        [ZSAGA__VERDICT__CONFLICT] = CHECK_CONFLICT,
        [ZSAGA__VERDICT__BUSY] = CHECK_VERDICT_NONE,
    };
    answer->verdict = verdicts[submitted->verdict];
    answer->outcome = answer->verdict == CHECK_VERDICT_NONE ? CHECK_FAIL : CHECK_OK;
    answer->state = (enum check_state)submitted->state;
    answer->saga = packed(submitted->saga);
}

void sim_check_answered(struct sim *sim, const Zsaga__ClientAnswer *from)
{
    struct check_answer answer = {.at_ms = sim->now_ms, .op = from->id, .outcome = CHECK_OK};
    if (from->kind_case == ZSAGA__CLIENT_ANSWER__KIND_FOUND) {
        for (size_t i = 0; i < from->found->n_sagas; i++) {
            answer.key = packed(from->found->sagas[i]->key);
            answer.state = (enum check_state)from->found->sagas[i]->state;
            checker_answer(sim->checker, &answer);
        }
        return;
    }
    if (from->kind_case == ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED)
        set_verdict(from->submitted, &answer);
    else if (from->kind_case == ZSAGA__CLIENT_ANSWER__KIND_REFUSAL)
        answer.outcome = CHECK_FAIL;
    if (answer.op != 0)
        checker_answer(sim->checker, &answer);
}

/* What has happened to the processes since it was last looked: told before anything of theirs. */
static void tell_lives(struct sim *sim)
{
    for (size_t i = 0; i < sim->host_count; i++) {
        struct sim_host *host = &sim->hosts[i];
        if (host->told_loads == host->loads)
            continue;
        const struct check_life_event start = {sim->now_ms, host->name, CHECK_STARTED};
        const struct check_life_event reload = {sim->now_ms, host->name, CHECK_RELOADED};
        sqlite3 *db = host->node == NULL ? NULL : sim_disk_handle(host->path);
        if (host->told_starts < host->starts && host->told_starts != 0 && db != NULL)
            checker_crash(sim->checker, host->name, db, host->lost_power);
        host->lost_power = host->lost_power && db == NULL;
        for (; host->told_starts < host->starts; host->told_starts++, host->told_loads++)
            checker_life(sim->checker, &start);
        for (; host->told_loads < host->loads; host->told_loads++)
            checker_life(sim->checker, &reload);
    }
}

void sim_check_started(struct sim *sim)
{
    if (sim->checker == NULL || sim->mischief.done)
        return;
    sim_disk_spare(true);
    tell_lives(sim);
    sim_disk_spare(false);
}

static const char *name_of(const struct sim *sim, uint8_t place)
{
    return place == SIM_CLIENT ? "client" : sim->hosts[place].name;
}

void sim_check_frame(struct sim *sim, uint8_t from, uint8_t to, bool live, struct bytes message)
{
    struct check_frame frame = {.at_ms = sim->now_ms,
                                .from = name_of(sim, from),
                                .to = live ? "" : name_of(sim, to),
                                .plane = CHECK_PLANE_COMMAND,
                                .bytes = view(message)};
    if (to == SIM_CLIENT)
        frame.plane = CHECK_PLANE_CLIENT;
    else if (live)
        frame.plane = CHECK_PLANE_LIVE;
    else if (sim_is_reader(sim, from) || sim_is_reader(sim, to))
        frame.plane = CHECK_PLANE_REPLAY;
    sim_check_open(sim);
    sim_disk_spare(true);
    tell_lives(sim);
    checker_frame(sim->checker, &frame);
    sim_disk_spare(false);
}

/* A saga runs by what was given to the orchestrator. */
static void check_definitions(struct sim *sim)
{
    struct sim_rows rows =
        sim_rows(sim, SIM_ORCHESTRATOR, "SELECT CAST(text AS BLOB) FROM zsaga_definition");
    while (sim_rows_next(&rows)) {
        bool given = false;
        for (size_t i = 0; i < sim->shape_count; i++)
            given = given || bytes_equal(bytes_text(sim->shapes[i].definition->text),
                                         sim_rows_bytes(&rows, 0));
        if (!given)
            sim_fail(sim, "definition", "there is a definition that nobody gave");
    }
    sim_rows_end(&rows);
}

static void count(struct sim *sim)
{
    const struct {
        uint64_t *count;
        const char *sql;
    } all[] = {
        {&sim->counts->completed, "SELECT count(*) FROM zsaga_saga WHERE state = 3"},
        {&sim->counts->compensated, "SELECT count(*) FROM zsaga_saga WHERE state = 4"},
        {&sim->counts->gave_up, "SELECT count(*) FROM zsaga_history WHERE what = 4"},
        {&sim->counts->attention, "SELECT count(*) FROM zsaga_history WHERE what = 7"},
        {&sim->counts->resumed, "SELECT count(*) FROM zsaga_history WHERE what = 8"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        *all[i].count += (uint64_t)sim_rows_one(sim, SIM_ORCHESTRATOR, all[i].sql);
}

void sim_check_all(struct sim *sim)
{
    size_t host_count = sim->ghost == 0 ? sim->host_count : sim->ghost; /* It never started. */
    for (size_t i = 0; i < host_count; i++)
        if (sim->hosts[i].node == NULL || sim->hosts[i].turn.broken)
            sim_fail(sim, "L1", "%s did not come back: %s", sim->hosts[i].name,
                     sim->hosts[i].node == NULL ? "down" : sim->hosts[i].turn.trouble);
    check_definitions(sim);
    count(sim);
    sim_disk_spare(true);
    tell_lives(sim);
    for (size_t i = 0; i < host_count; i++)
        if (!checker_database(sim->checker, sim->hosts[i].name,
                              sim_disk_handle(sim->hosts[i].path)))
            sim_fail(sim, "check", "the database of %s is none", sim->hosts[i].name);
    checker_finish(sim->checker, CHECKER_SETTLED | CHECKER_CAUGHT_UP);
    sim_disk_spare(false);
}

void sim_check_toys(struct sim *sim)
{
    const struct checker_options options = {.context = sim, .found = on_found};
    struct checker *checker = checker_new(&options);
    sim_disk_spare(true);
    for (uint8_t place = SIM_FIRST_TOY; place < sim->readers; place++)
        if (sim->hosts[place].node != NULL)
            (void)checker_database(checker, sim->hosts[place].name,
                                   sim_disk_handle(sim->hosts[place].path));
    checker_finish(checker, CHECKER_OPEN);
    sim_disk_spare(false);
    checker_free(checker);
}
