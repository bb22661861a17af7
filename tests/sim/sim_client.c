/* The simulator's client: submits until it is told, asks until all rests, mends what needs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client.pb-c.h"
#include "sim_parts.h"

#define AGAIN_MS 400
#define ASK_MS 1000
#define ASK_SELDOM_MS 15000

/* What a request's id says of it. */
enum request { SUBMIT, TWIN, OTHER_INPUT, FIND, RESUME, STATUS, LIST, SHOW, WRONG };

static uint64_t make_id(struct sim *sim, enum request request, size_t saga)
{
    return ++sim->request << 16 | (uint64_t)request << 8 | saga;
}

static void send(struct sim *sim, Zsaga__ClientRequest *request)
{
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sim->client, .out = &out};
    struct peer peer = {.port = ORCHESTRATOR_PORT_CLIENT, .id_len = 1, .id = "c"};
    if ((request->id >> 16) % 3 == 2)
        peer.id[0] = 'd'; /* Another client, with the same questions. */
    sim_check_asked(sim, request);
    frame_writer_add(&writer, &request->base, NULL);
    frame_writer_flush(&writer);
    for (size_t i = 0; i < out.count; i++) {
        sim_net_send(sim, SIM_CLIENT, SIM_ORCHESTRATOR, 0, &peer, out.messages[i].data,
                     out.messages[i].len);
        out.messages[i].data = NULL;
    }
    outbound_release(&out);
}

static void submit(struct sim *sim, size_t index, enum request how)
{
    struct sim_saga *saga = &sim->sagas[index];
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Submit body = ZSAGA__SUBMIT__INIT;
    char *input = xprintf("%s%s", saga->input, how == OTHER_INPUT ? "!" : "");
    body.definition = packed_borrow_text(sim->shapes[saga->shape].name);
    body.key = packed_borrow_text(saga->key);
    body.nonce = packed_borrow_text(how == SUBMIT ? saga->key : "another");
    body.input = packed_borrow_text(input);
    body.watch = !sim->plain && index % 2 == 0;
    request.id = make_id(sim, how, index);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &body;
    send(sim, &request);
    free(input);
}

static void find(struct sim *sim, size_t index)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Find body = ZSAGA__FIND__INIT;
    ProtobufCBinaryData key = packed_borrow_text(sim->sagas[index].key);
    body.n_keys = 1;
    body.keys = &key;
    body.watch = index % 3 == 0;
    request.id = make_id(sim, FIND, index);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_FIND;
    request.find = &body;
    send(sim, &request);
}

static void resume(struct sim *sim, size_t index, bool mended)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Resume body = ZSAGA__RESUME__INIT;
    if (mended)
        sim_script_mend(sim, index);
    sim->sagas[index].resumed++;
    body.key = packed_borrow_text(sim->sagas[index].key);
    body.who = packed_borrow_text("sim");
    body.reason = packed_borrow_text("mended");
    request.id = make_id(sim, RESUME, index);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_RESUME;
    request.resume = &body;
    send(sim, &request);
}

void sim_client_ask_status(struct sim *sim)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Status body = ZSAGA__STATUS__INIT;
    request.id = make_id(sim, STATUS, 0);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &body;
    send(sim, &request);
}

/* What cannot be: it is refused, with words, and changes nothing. */
static void ask_wrongly(struct sim *sim)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Submit body = ZSAGA__SUBMIT__INIT;
    Zsaga__Resume word = ZSAGA__RESUME__INIT;
    Zsaga__Trust trust = ZSAGA__TRUST__INIT;
    request.id = make_id(sim, WRONG, 0);
    uint64_t kind = sim_choice_below(sim->workload, 5);
    body.key = packed_borrow_text(kind == 0 ? "" : "unheard of");
    body.definition = packed_borrow_text(kind == 1 ? "unheard of" : sim->shapes[0].name);
    word.key = trust.participant = packed_borrow_text("unheard of");
    word.who = trust.who = packed_borrow_text("sim");
    word.reason = trust.reason = packed_borrow_text("why not");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &body;
    if (kind == 2) {
        request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_RESUME;
        request.resume = &word;
    } else if (kind >= 3) {
        /* A toy of which no backup was put back. */
        bool forgetful = sim->profile.mischief == SIM_MISCHIEF_BACKUP;
        trust.participant =
            packed_borrow_text(forgetful || kind == 3 ? "unheard of" : sim_toys[0].name);
        request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_TRUST;
        request.trust = &trust;
    }
    send(sim, &request);
}

void sim_client_trust(struct sim *sim, const char *participant)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Trust trust = ZSAGA__TRUST__INIT;
    trust.participant = packed_borrow_text(participant);
    trust.who = packed_borrow_text("sim");
    trust.reason = packed_borrow_text("it is meant");
    request.id = make_id(sim, RESUME, 0); /* Refused where it is trusted already. */
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_TRUST;
    request.trust = &trust;
    send(sim, &request);
}

void sim_client_open(struct sim *sim)
{
    sim->client = (struct frame_header){.name = "zsaga", .incarnation = 1};
}

static bool is_final(int state)
{
    return state == ZSAGA__SAGA_STATE__COMPLETED || state == ZSAGA__SAGA_STATE__COMPENSATED;
}

bool sim_client_is_done(const struct sim *sim)
{
    for (size_t i = 0; i < sim->saga_count; i++)
        if (!sim->sagas[i].known || !is_final(sim->sagas[i].state))
            return false;
    return true;
}

int64_t sim_client_next(const struct sim *sim)
{
    int64_t at = SIM_NEVER;
    for (size_t i = 0; i < sim->saga_count; i++) {
        const struct sim_saga *saga = &sim->sagas[i];
        if (!saga->known && saga->submit_at_ms < at)
            at = saga->submit_at_ms;
        if (saga->known && !is_final(sim->sagas[i].state) && saga->ask_at_ms < at)
            at = saga->ask_at_ms;
    }
    return at < sim->now_ms ? sim->now_ms : at;
}

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return sim_choice_below(sim->workload, bound);
}

static bool is_nosy(struct sim *sim)
{
    return !sim->healed && sim_choice_rarely(sim->workload, sim->profile.nosy, 1000);
}

static void list(struct sim *sim)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__List body = ZSAGA__LIST__INIT;
    body.limit = (uint32_t)below(sim, 5);
    request.id = make_id(sim, LIST, 0);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_LIST;
    request.list = &body;
    send(sim, &request);
}

static void show(struct sim *sim, size_t index)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Show body = ZSAGA__SHOW__INIT;
    body.key = packed_borrow_text(sim->sagas[index].key);
    request.id = make_id(sim, SHOW, index);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
    request.show = &body;
    send(sim, &request);
}

void sim_client_be_nosy(struct sim *sim, size_t index)
{
    if (!sim->sagas[index].known)
        return;
    switch (below(sim, 8)) {
    case 0:
        submit(sim, index, TWIN);
        return;
    case 1:
        submit(sim, index, OTHER_INPUT);
        return;
    case 2:
        sim_client_ask_status(sim);
        return;
    case 3:
        list(sim);
        return;
    case 4:
        show(sim, index);
        return;
    case 5: /* Whether it is mended or not. */
        resume(sim, index, below(sim, 2) == 0);
        return;
    default:
        ask_wrongly(sim);
    }
}

static void go_on(struct sim *sim, size_t index)
{
    struct sim_saga *saga = &sim->sagas[index];
    saga->ask_at_ms = sim->now_ms + (sim->profile.asks_seldom ? ASK_SELDOM_MS : ASK_MS);
    if (sim->healed && saga->state == ZSAGA__SAGA_STATE__ATTENTION)
        resume(sim, index, true);
    find(sim, index);
    if (sim->plain)
        return;
    while (is_nosy(sim))
        sim_client_be_nosy(sim, index);
}

void sim_client_run(struct sim *sim)
{
    for (size_t i = 0; i < sim->saga_count; i++) {
        struct sim_saga *saga = &sim->sagas[i];
        if (!saga->known && saga->submit_at_ms <= sim->now_ms) {
            saga->submit_at_ms = sim->now_ms + AGAIN_MS;
            submit(sim, i, SUBMIT);
        } else if (saga->known && !is_final(sim->sagas[i].state) &&
                   saga->ask_at_ms <= sim->now_ms) {
            go_on(sim, i);
        }
    }
}

/* What was final stays what it was; asked twice, answers may come in any order. */
static void learn(struct sim *sim, struct sim_saga *saga, int state)
{
    if (is_final(saga->state)) {
        if (is_final(state) && state != saga->state)
            sim_fail(sim, "I4", "%s was final and is another: %d, %d", saga->key, saga->state,
                     state);
        return;
    }
    saga->state = state;
}

static void on_submitted(struct sim *sim, struct sim_saga *saga, enum request how,
                         const Zsaga__Submitted *answer)
{
    struct id id;
    if (how == WRONG && answer->verdict != ZSAGA__VERDICT__BUSY)
        sim_fail(sim, "client", "a submit that cannot be has verdict %d", answer->verdict);
    if (answer->verdict == ZSAGA__VERDICT__BUSY) {
        sim->counts->busy += answer->code.len == 0;
        sim->counts->outage += answer->code.len != 0;
        if (how != WRONG)
            saga->submit_at_ms = sim->now_ms + (int64_t)answer->retry_after_ms;
        return;
    }
    bool conflict = answer->verdict == ZSAGA__VERDICT__CONFLICT;
    if (conflict != (how == OTHER_INPUT))
        sim_fail(sim, "I3", "%s: verdict %d for a submit of kind %d", saga->key, answer->verdict,
                 how);
    if (how == SUBMIT && answer->verdict != ZSAGA__VERDICT__ACCEPTED)
        sim_fail(sim, "I3", "%s: the same submit again is no duplicate", saga->key);
    if (how == TWIN && answer->verdict != ZSAGA__VERDICT__DUPLICATE)
        sim_fail(sim, "I3", "%s: another submit of the same is a duplicate", saga->key);
    if (!id_from_bytes(packed_view(answer->saga), &id) ||
        (saga->known && id_compare(&id, &saga->id) != 0))
        sim_fail(sim, "I3", "%s: the same key is another saga", saga->key);
    sim->counts->conflict += conflict;
    sim->counts->duplicate += how == TWIN;
    sim->counts->accepted += how == SUBMIT && !saga->known;
    sim->counts->accepted_again += how == SUBMIT && saga->known;
    saga->id = id;
    saga->known = true;
    learn(sim, saga, (int)answer->state);
}

static void on_found(struct sim *sim, const Zsaga__Found *found, bool pushed)
{
    for (size_t i = 0; i < found->n_sagas; i++)
        for (size_t j = 0; j < sim->saga_count; j++) {
            struct sim_saga *saga = &sim->sagas[j];
            if (!bytes_equal(packed_view(found->sagas[i]->key), bytes_text(saga->key)))
                continue;
            if (found->sagas[i]->state == ZSAGA__SAGA_STATE__STATE_UNKNOWN)
                sim_fail(sim, "I1", "%s was accepted and is unknown", saga->key);
            sim->counts->pushed += pushed;
            learn(sim, saga, (int)found->sagas[i]->state);
        }
}

static void on_status(struct sim *sim, const Zsaga__StatusReport *status)
{
    if (status->stalled != 0)
        sim_fail(sim, "stall", "%u sagas that nothing would wake", status->stalled);
    for (size_t i = 0; i < status->n_channels; i++)
        if (bytes_equal(packed_view(status->channels[i]->state), bytes_text("suspended")))
            sim_mischief_told(sim, i);
}

/* The orchestrator could not store anything just then: it is asked again. */
static bool is_outage(const Zsaga__Refusal *refusal)
{
    return bytes_equal(packed_view(refusal->code), bytes_text("disk_full")) ||
           bytes_equal(packed_view(refusal->code), bytes_text("busy"));
}

/* A start of the orchestrator that was given fewer definitions. */
static bool is_left_out(const struct sim *sim, const Zsaga__Refusal *refusal)
{
    return sim->profile.reconfigures &&
           bytes_equal(packed_view(refusal->code), bytes_text("unknown_definition"));
}

static void on_answer(struct sim *sim, const Zsaga__ClientAnswer *answer)
{
    enum request how = (enum request)(answer->id >> 8 & 0xff);
    struct sim_saga *saga = &sim->sagas[answer->id & 0xff];
    sim_check_answered(sim, answer);
    switch (answer->kind_case) {
    case ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED:
        on_submitted(sim, saga, how, answer->submitted);
        return;
    case ZSAGA__CLIENT_ANSWER__KIND_FOUND:
        on_found(sim, answer->found, answer->id == 0);
        return;
    case ZSAGA__CLIENT_ANSWER__KIND_STATUS:
        on_status(sim, answer->status);
        return;
    case ZSAGA__CLIENT_ANSWER__KIND_DONE:
        if (how == WRONG)
            break;
        return;
    case ZSAGA__CLIENT_ANSWER__KIND_LISTED:
    case ZSAGA__CLIENT_ANSWER__KIND_SHOWN:
        return;
    case ZSAGA__CLIENT_ANSWER__KIND_REFUSAL:
        if (how == WRONG) {
            sim->counts->wrong++;
            return;
        }
        if (how == RESUME) /* It went on in the meantime. */
            return;
        if (answer->id == 0 && sim->profile.garbage > 0) /* What could not be read. */
            return;
        if (is_left_out(sim, answer->refusal)) {
            sim->counts->unheard_of++;
            return;
        }
        if (is_outage(answer->refusal)) {
            sim->counts->outage++;
            return;
        }
        break;
    default:
        break;
    }
    sim_fail(sim, "client", "%s: an answer of kind %d to a request of kind %d", saga->key,
             answer->kind_case, how);
}

void sim_client_arrive(struct sim *sim, const struct sim_packet *packet)
{
    struct frame frame;
    struct err err = {0};
    arena_reset(&sim->arena);
    if (frame_read(bytes_of(packet->data, packet->len), &sim->arena, &frame, &err) < 0)
        sim_fail(sim, "client", "%s", err.text);
    for (size_t i = 0; i < frame.entry_count; i++) {
        const Zsaga__ClientAnswer *answer = zsaga__client_answer__unpack(
            &sim->arena.allocator, frame.entries[i].len, frame.entries[i].data);
        if (answer == NULL)
            sim_fail(sim, "client", "an answer does not decode");
        on_answer(sim, answer);
    }
}
