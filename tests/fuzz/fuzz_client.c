/* What a client makes of answers: whatever they say, it comes to an end, with texts that are UTF-8
 * and states that there are. The first byte says what is asked; each step is an answer, the last of
 * which comes again and again. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "client_internal.h"
#include "fuzz.h"
#include "wire/arena.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 1;

#define BUDGET ((size_t)64 << 20)
#define ASKS_MAX 1000 /* Of one question, pages and all. */

/* The linker puts this in the place of client_ask(): no socket, no clock. */
int __wrap_client_ask(struct client *client, Zsaga__ClientRequest *request,
                      Zsaga__ClientAnswer__KindCase wanted, int64_t timeout_ms,
                      const Zsaga__ClientAnswer **ret, struct err *err);

static struct {
    struct fuzz_input input;
    struct fuzz_step last;
    struct arena arena;
    unsigned asks;
} peer;

int __wrap_client_ask(struct client *client, Zsaga__ClientRequest *request,
                      Zsaga__ClientAnswer__KindCase wanted, int64_t timeout_ms,
                      const Zsaga__ClientAnswer **ret, struct err *err)
{
    (void)client;
    (void)request;
    (void)timeout_ms;
    fuzz_require(++peer.asks < ASKS_MAX, "it asks without end");
    (void)fuzz_next_step(&peer.input, &peer.last);
    arena_reset(&peer.arena);
    *ret = zsaga__client_answer__unpack(&peer.arena.allocator, peer.last.payload.len,
                                        peer.last.payload.data);
    if (*ret == NULL)
        return err_set(err, ERR_TIMEOUT, "no answer");
    if ((*ret)->kind_case == ZSAGA__CLIENT_ANSWER__KIND_REFUSAL)
        return client_refused((*ret)->refusal, err);
    return (*ret)->kind_case == wanted ? 0 : client_strange(err);
}

static void check_text(const char *text)
{
    fuzz_require(text_is_utf8(bytes_text(text)), "a text that is no UTF-8");
}

static void check_row(const struct client_row *row)
{
    check_text(row->key);
    check_text(row->definition);
    check_text(row->step);
    check_text(row->waiting_on);
    check_text(row->last_error);
    check_text(row->reason);
    fuzz_require(row->state <= CLIENT_ATTENTION, "a state that there is not");
}

static bool take_row(void *self, const struct client_row *row)
{
    (void)self;
    check_row(row);
    return true;
}

static int ask_find(struct err *err)
{
    static const char *const keys[] = {"k0", "k1"};
    struct client_outcome outcomes[2];
    int rc = client_find(NULL, keys, 2, 1000, outcomes, err);
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        check_text(outcomes[i].reason);
        fuzz_require(outcomes[i].state <= CLIENT_ATTENTION, "a state that there is not");
    }
    return rc;
}

static int ask_show(struct err *err)
{
    struct client_shown *shown = NULL;
    int rc = client_show(NULL, "k0", 1000, &shown, err);
    if (rc != 0)
        return rc;
    check_row(&shown->row);
    for (size_t i = 0; i < shown->step_count; i++) {
        check_text(shown->steps[i].name);
        check_text(shown->steps[i].last_error);
    }
    for (size_t i = 0; i < shown->history_count; i++)
        check_text(shown->history[i].detail);
    client_shown_free(shown);
    return 0;
}

static int ask_status(struct err *err)
{
    struct client_status *status = NULL;
    int rc = client_status(NULL, 1000, &status, err);
    if (rc != 0)
        return rc;
    check_text(status->oldest_key);
    for (size_t i = 0; i < status->channel_count; i++)
        check_text(status->channels[i].detail);
    client_status_free(status);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    int rc;
    peer.input = (struct fuzz_input){data, size};
    peer.last = (struct fuzz_step){0};
    peer.asks = 0;
    arena_init(&peer.arena, BUDGET);
    switch (fuzz_u8(&peer.input) % 4) {
    case 0:
        rc = client_list(NULL, NULL, 1000, take_row, NULL, &err);
        break;
    case 1:
        rc = ask_find(&err);
        break;
    case 2:
        rc = ask_show(&err);
        break;
    default:
        rc = ask_status(&err);
        break;
    }
    fuzz_require(rc == 0 || err.text[0] != '\0', "it fails without words");
    arena_release(&peer.arena);
    return 0;
}
