/* Questions: find, list, show, status. Answers become plain structs, their texts beside them. */
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "client_internal.h"
#include "wire/arena.h"

#define FIND_KEYS_MAX 1000
#define PAGE_ROWS 500

/* A text of an answer, kept in `arena`, whose budget has no end. */
static const char *keep_text(struct arena *arena, ProtobufCBinaryData from)
{
    size_t size = 3 * from.len + 1; /* A byte that is no UTF-8 becomes three. */
    char *text = arena_alloc(arena, size);
    client_text(from, text, size);
    return text;
}

static void *keep_array(struct arena *arena, size_t count, size_t size)
{
    return arena_alloc(arena, count == 0 ? 1 : count * size);
}

/* Find. */

static int take_found(const Zsaga__Found *found, const char *const *keys, size_t count,
                      struct client_outcome *rets, struct err *err)
{
    if (found->n_sagas != count)
        return client_strange(err);
    for (size_t i = 0; i < count; i++) {
        const Zsaga__Brief *brief = found->sagas[i];
        if (!bytes_equal(packed_view(brief->key), bytes_text(keys[i])))
            return client_strange(err);
        rets[i] = (struct client_outcome){.state = client_state_of(brief->state)};
        client_text(brief->reason, rets[i].reason, sizeof rets[i].reason);
    }
    return 0;
}

static int find_some(struct client *client, const char *const *keys, size_t count,
                     int64_t timeout_ms, struct client_outcome *rets, struct err *err)
{
    ProtobufCBinaryData packed[FIND_KEYS_MAX];
    Zsaga__Find find = ZSAGA__FIND__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    for (size_t i = 0; i < count; i++)
        packed[i] = packed_borrow_text(keys[i]);
    find.n_keys = count;
    find.keys = packed;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_FIND;
    request.find = &find;
    const Zsaga__ClientAnswer *answer;
    int rc =
        client_ask(client, &request, ZSAGA__CLIENT_ANSWER__KIND_FOUND, timeout_ms, &answer, err);
    return rc == 0 ? take_found(answer->found, keys, count, rets, err) : rc;
}

int client_find(struct client *client, const char *const *keys, size_t count, int64_t timeout_ms,
                struct client_outcome *rets, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = client_check_key(keys[i], err);
    for (size_t done = 0; done < count && rc == 0; done += FIND_KEYS_MAX) {
        size_t some = count - done < FIND_KEYS_MAX ? count - done : FIND_KEYS_MAX;
        rc = find_some(client, keys + done, some, timeout_ms, rets + done, err);
    }
    return rc;
}

/* List. */

static struct client_row row_of(const Zsaga__SagaRow *from, struct arena *arena)
{
    struct client_row row = {
        .key = keep_text(arena, from->key),
        .definition = keep_text(arena, from->definition),
        .state = client_state_of(from->state),
        .step = keep_text(arena, from->step),
        .waiting_on = keep_text(arena, from->waiting_on),
        .attempts = from->attempts,
        .last_error = keep_text(arena, from->last_error),
        .reason = keep_text(arena, from->reason),
        .created_ms = (int64_t)from->created_ms,
        .finished_ms = (int64_t)from->finished_ms,
        .next_wake_ms = (int64_t)from->next_wake_ms,
    };
    (void)id_from_bytes(packed_view(from->id), &row.saga);
    return row;
}

/* A listing under way. */
struct listing {
    uint64_t left;
    struct id before; /* Continue below it. */
    bool more;
    client_take_row take;
    void *self;
    struct arena arena; /* Of one row. */
};

static int take_page(struct listing *listing, const Zsaga__Listed *page, struct err *err)
{
    struct id next = {{0}};
    listing->more = page->next.len != 0;
    /* Each page goes on below the last one: else there would be no end. */
    if (listing->more &&
        (!id_from_bytes(packed_view(page->next), &next) || id_is_zero(&next) ||
         (!id_is_zero(&listing->before) && id_compare(&next, &listing->before) >= 0)))
        return client_strange(err);
    listing->before = next;
    for (size_t i = 0; i < page->n_rows && listing->left > 0; i++, listing->left--) {
        arena_reset(&listing->arena);
        struct client_row row = row_of(page->rows[i], &listing->arena);
        if (!listing->take(listing->self, &row))
            listing->left = 1; /* This one was the last. */
    }
    return 0;
}

static int list_pages(struct client *client, Zsaga__List *list, struct listing *listing,
                      int64_t timeout_ms, struct err *err)
{
    int rc = 0;
    while (rc == 0 && listing->more && listing->left > 0) {
        Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
        list->limit = listing->left < PAGE_ROWS ? (uint32_t)listing->left : PAGE_ROWS;
        if (!id_is_zero(&listing->before))
            list->before = packed_borrow(id_view(&listing->before));
        request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_LIST;
        request.list = list;
        const Zsaga__ClientAnswer *answer;
        rc = client_ask(client, &request, ZSAGA__CLIENT_ANSWER__KIND_LISTED, timeout_ms, &answer,
                        err);
        if (rc == 0)
            rc = take_page(listing, answer->listed, err);
    }
    return rc;
}

int client_list(struct client *client, const struct client_filter *filter, int64_t timeout_ms,
                client_take_row take, void *self, struct err *err)
{
    _Static_assert(CLIENT_ATTENTION == (int)ZSAGA__SAGA_STATE__ATTENTION, "the same numbers");
    static const struct client_filter all = {.limit = 0};
    Zsaga__SagaState states[CLIENT_STATE_COUNT];
    if (filter == NULL)
        filter = &all;
    Zsaga__List list = ZSAGA__LIST__INIT;
    list.states = states;
    for (int state = CLIENT_RUNNING; state < CLIENT_STATE_COUNT; state++)
        for (size_t i = 0; i < filter->state_count; i++)
            if (filter->states[i] == (enum client_state)state) {
                states[list.n_states++] = (Zsaga__SagaState)state;
                break;
            }
    if (filter->state_count != 0 && list.n_states == 0)
        return err_set(err, ERR_INVALID, "a list of sagas in no state that there is");
    struct listing listing = {.left = filter->limit == 0 ? UINT64_MAX : filter->limit,
                              .more = true,
                              .take = take,
                              .self = self};
    arena_init(&listing.arena, SIZE_MAX);
    int rc = list_pages(client, &list, &listing, timeout_ms, err);
    arena_release(&listing.arena);
    return rc;
}

/* Show. */

/* A result with the memory of its texts. */
struct shown {
    struct client_shown shown; /* First, so that it is found from there. */
    struct arena arena;
};

static void fill_steps(struct shown *to, const Zsaga__Shown *from)
{
    to->shown.step_count = from->n_steps;
    to->shown.steps = keep_array(&to->arena, from->n_steps, sizeof *to->shown.steps);
    for (size_t i = 0; i < from->n_steps; i++) {
        const Zsaga__StepRow *step = from->steps[i];
        to->shown.steps[i] = (struct client_step){
            .name = keep_text(&to->arena, step->name),
            .participant = keep_text(&to->arena, step->participant),
            .kind = keep_text(&to->arena, step->kind),
            .state = keep_text(&to->arena, step->state),
            .attempts = step->attempts,
            .last_error = keep_text(&to->arena, step->last_error),
            .reason = keep_text(&to->arena, step->reason),
            .undo_state = keep_text(&to->arena, step->undo_state),
            .undo_attempts = step->undo_attempts,
        };
    }
}

static void fill_history(struct shown *to, const Zsaga__Shown *from)
{
    to->shown.history_count = from->n_history;
    to->shown.history = keep_array(&to->arena, from->n_history, sizeof *to->shown.history);
    for (size_t i = 0; i < from->n_history; i++) {
        const Zsaga__HistoryRow *row = from->history[i];
        to->shown.history[i] = (struct client_history){
            .at_ms = (int64_t)row->at_ms,
            .what = keep_text(&to->arena, row->what),
            .step = keep_text(&to->arena, row->step),
            .detail = keep_text(&to->arena, row->detail),
        };
    }
}

int client_show(struct client *client, const char *key, int64_t timeout_ms,
                struct client_shown **ret, struct err *err)
{
    if (!text_is_name(bytes_text(key)))
        return client_missing(key, err);
    Zsaga__Show show = ZSAGA__SHOW__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    show.key = packed_borrow_text(key);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
    request.show = &show;
    const Zsaga__ClientAnswer *answer;
    int rc =
        client_ask(client, &request, ZSAGA__CLIENT_ANSWER__KIND_SHOWN, timeout_ms, &answer, err);
    if (rc == ERR_NOT_FOUND)
        return client_missing(key, err);
    if (rc != 0)
        return rc;
    if (answer->shown->row == NULL)
        return client_strange(err);
    struct shown *shown = xcalloc(1, sizeof *shown);
    arena_init(&shown->arena, SIZE_MAX);
    shown->shown.row = row_of(answer->shown->row, &shown->arena);
    fill_steps(shown, answer->shown);
    fill_history(shown, answer->shown);
    *ret = &shown->shown;
    return 0;
}

void client_shown_free(struct client_shown *shown)
{
    if (shown == NULL)
        return;
    struct shown *whole = (struct shown *)(void *)shown;
    arena_release(&whole->arena);
    free(whole);
}

void client_shown_freep(struct client_shown **shown_p)
{
    client_shown_free(*shown_p);
    *shown_p = NULL;
}

/* Status. */

struct status {
    struct client_status status; /* First. */
    struct arena arena;
};

static void fill_channels(struct status *to, const Zsaga__StatusReport *from)
{
    to->status.channel_count = from->n_channels;
    to->status.channels = keep_array(&to->arena, from->n_channels, sizeof *to->status.channels);
    for (size_t i = 0; i < from->n_channels; i++) {
        const Zsaga__Channel *channel = from->channels[i];
        to->status.channels[i] = (struct client_channel){
            .participant = keep_text(&to->arena, channel->participant),
            .state = keep_text(&to->arena, channel->state),
            .window = channel->window,
            .in_flight = channel->in_flight,
            .waiting = channel->waiting,
            .detail = keep_text(&to->arena, channel->detail),
        };
    }
}

static struct client_status *status_of(const Zsaga__StatusReport *report)
{
    struct status *to = xcalloc(1, sizeof *to);
    arena_init(&to->arena, SIZE_MAX);
    to->status.ready = report->ready;
    for (size_t i = 0; i < report->n_sagas; i++)
        to->status.sagas[client_state_of(report->sagas[i]->state)] = report->sagas[i]->count;
    to->status.oldest_key = keep_text(&to->arena, report->oldest_key);
    to->status.oldest_created_ms = (int64_t)report->oldest_created_ms;
    to->status.stalled = report->stalled;
    fill_channels(to, report);
    return &to->status;
}

int client_status(struct client *client, int64_t timeout_ms, struct client_status **ret,
                  struct err *err)
{
    Zsaga__Status status = ZSAGA__STATUS__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &status;
    const Zsaga__ClientAnswer *answer;
    int rc =
        client_ask(client, &request, ZSAGA__CLIENT_ANSWER__KIND_STATUS, timeout_ms, &answer, err);
    if (rc == 0)
        *ret = status_of(answer->status);
    return rc;
}

void client_status_free(struct client_status *status)
{
    if (status == NULL)
        return;
    struct status *whole = (struct status *)(void *)status;
    arena_release(&whole->arena);
    free(whole);
}

void client_status_freep(struct client_status **status_p)
{
    client_status_free(*status_p);
    *status_p = NULL;
}
