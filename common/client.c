#include "client.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "client_internal.h"

#define BUSY_MS 100 /* One that has trouble is asked again after. */

/* Opening. */

static int open_link(struct client *client, struct client **ret, struct err *err)
{
    int rc = client_link_new(client->endpoint, &client->link, err);
    if (rc < 0) {
        client_free(client);
        return rc;
    }
    *ret = client;
    return 0;
}

int client_open(const char *data, struct client **ret, struct err *err)
{
    AUTO(freep) char *dir = suite_dir(data);
    struct suite *suite = NULL;
    int rc = suite_load(dir, &suite, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "there is no suite in %s; make and start one: zsaga up --data %s",
                       dir, dir);
    if (rc < 0)
        return rc;
    struct client *client = xcalloc(1, sizeof *client);
    client->suite = suite;
    rc = suite_endpoint(suite, SUITE_ORCHESTRATOR, "client", &client->endpoint, err);
    if (rc < 0) {
        client_free(client);
        return rc;
    }
    return open_link(client, ret, err);
}

int client_open_endpoint(const char *endpoint, struct client **ret, struct err *err)
{
    struct client *client = xcalloc(1, sizeof *client);
    client->endpoint = xstrdup(endpoint);
    return open_link(client, ret, err);
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    client_link_free(client->link);
    suite_free(client->suite);
    free(client->endpoint);
    free(client);
}

void client_freep(struct client **client_p)
{
    client_free(*client_p);
    *client_p = NULL;
}

/* Asking. */

int64_t client_timeout(int64_t timeout_ms)
{
    if (timeout_ms > CLIENT_TIMEOUT_MAX_MS)
        return CLIENT_TIMEOUT_MAX_MS;
    return timeout_ms < 0 ? 0 : timeout_ms;
}

int client_unanswered(const struct client *client, int64_t timeout_ms, struct err *err)
{
    const char *dir = client->suite == NULL ? NULL : client->suite->dir;
    if (dir != NULL && !suite_is_locked(dir))
        return err_set(err, ERR_TIMEOUT,
                       "the suite in %s is not running; start it: zsaga up --data %s", dir, dir);
    if (client_link_ignored(client->link) != 0)
        return err_set(err, ERR_TIMEOUT,
                       "%s did not answer within %" PRId64 " ms with anything understood here (%s)",
                       client->endpoint, timeout_ms, client_link_why_ignored(client->link));
    if (dir != NULL)
        return err_set(err, ERR_TIMEOUT,
                       "the orchestrator did not answer within %" PRId64
                       " ms; see: zsaga ps --data %s",
                       timeout_ms, dir);
    return err_set(err, ERR_TIMEOUT,
                   "%s did not answer within %" PRId64 " ms: is its suite running?",
                   client->endpoint, timeout_ms);
}

int client_strange(struct err *err)
{
    return err_set(err, ERR_SYSTEM,
                   "the orchestrator answers something else than this program knows: use one of "
                   "the same version");
}

int client_refused(const Zsaga__Refusal *refusal, struct err *err)
{
    static const struct refusal_class {
        const char *code;
        int rc;
    } classes[] = {
        {"malformed", ERR_INVALID},
        {"too_large", ERR_INVALID},
        {"unknown_definition", ERR_NOT_FOUND},
        {"not_found", ERR_NOT_FOUND},
        {"disk_full", ERR_FULL},
        {"busy", ERR_TIMEOUT},
        {"not_in_attention", CLIENT_REFUSED},
        {"not_suspended", CLIENT_REFUSED},
    };
    struct bytes code = packed_view(refusal->code);
    int rc = ERR_SYSTEM;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (bytes_equal(code, bytes_text(classes[i].code)))
            rc = classes[i].rc;
    char words[sizeof err->text];
    client_text(refusal->message.len != 0 ? refusal->message : refusal->code, words, sizeof words);
    return err_set(err, rc, "%s", words[0] == '\0' ? "refused without a word" : words);
}

int client_ask(struct client *client, Zsaga__ClientRequest *request,
               Zsaga__ClientAnswer__KindCase wanted, int64_t timeout_ms,
               const Zsaga__ClientAnswer **ret, struct err *err)
{
    int64_t until_ms = clock_mono_ms() + client_timeout(timeout_ms);
    int rc;
    for (;;) {
        rc = client_link_ask(client->link, request, until_ms - clock_mono_ms(), ret, err);
        if (rc == ERR_TIMEOUT)
            return client_unanswered(client, client_timeout(timeout_ms), err);
        if (rc < 0)
            return rc;
        if ((*ret)->kind_case != ZSAGA__CLIENT_ANSWER__KIND_REFUSAL)
            return (*ret)->kind_case == wanted ? 0 : client_strange(err);
        rc = client_refused((*ret)->refusal, err);
        if (rc != ERR_TIMEOUT || clock_mono_ms() + BUSY_MS >= until_ms)
            return rc;
        (void)poll(NULL, 0, BUSY_MS);
    }
}

/* What is given. */

int client_check_key(const char *key, struct err *err)
{
    if (key != NULL && text_is_name(bytes_text(key)))
        return 0;
    return err_set(err, ERR_INVALID,
                   "a saga's key is 1 to %d bytes of UTF-8 without control characters",
                   CLIENT_KEY_MAX);
}

int client_check_saga(const struct client_saga *saga, struct err *err)
{
    int rc = client_check_key(saga->key, err);
    if (rc < 0)
        return rc;
    if (saga->definition == NULL || !text_is_token(bytes_text(saga->definition)))
        return err_set(err, ERR_INVALID,
                       "a definition's name is 1 to %d of a-z, A-Z, 0-9, '_', '-' and '.'",
                       TEXT_NAME_MAX);
    if (saga->nonce.len > CLIENT_NONCE_MAX)
        return err_set(err, ERR_INVALID, "a nonce of %zu bytes: at most %d can be sent",
                       saga->nonce.len, CLIENT_NONCE_MAX);
    if (saga->input.len > CLIENT_INPUT_MAX)
        return err_set(err, ERR_INVALID,
                       "an input of %zu bytes: at most %zu (256 KiB) can be sent; put what is "
                       "larger elsewhere, and its address here",
                       saga->input.len, CLIENT_INPUT_MAX);
    return 0;
}

int client_missing(const char *key, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "there is no saga \"%s\"", key);
}

/* What comes back. */

void client_text(ProtobufCBinaryData from, char *to, size_t size)
{
    text_to_utf8(packed_view(from), to, size);
}

static const struct client_state_facts {
    const char *name;
    bool rests;
} state_facts[CLIENT_STATE_COUNT] = {
    [CLIENT_STATE_UNKNOWN] = {"unknown", false},     [CLIENT_RUNNING] = {"running", false},
    [CLIENT_COMPENSATING] = {"compensating", false}, [CLIENT_COMPLETED] = {"completed", true},
    [CLIENT_COMPENSATED] = {"compensated", true},    [CLIENT_ATTENTION] = {"attention", true},
};

static const struct client_state_facts *facts_of(enum client_state state)
{
    size_t i = (size_t)state;
    return &state_facts[i < CLIENT_STATE_COUNT ? i : CLIENT_STATE_UNKNOWN];
}

const char *client_state_name(enum client_state state)
{
    return facts_of(state)->name;
}

bool client_state_parse(const char *name, enum client_state *ret)
{
    for (int i = CLIENT_RUNNING; i < CLIENT_STATE_COUNT; i++) {
        if (strcmp(state_facts[i].name, name) != 0)
            continue;
        *ret = (enum client_state)i;
        return true;
    }
    return false;
}

bool client_state_rests(enum client_state state)
{
    return facts_of(state)->rests;
}

enum client_state client_state_of(Zsaga__SagaState state)
{
    switch (state) {
    case ZSAGA__SAGA_STATE__RUNNING:
        return CLIENT_RUNNING;
    case ZSAGA__SAGA_STATE__COMPENSATING:
        return CLIENT_COMPENSATING;
    case ZSAGA__SAGA_STATE__COMPLETED:
        return CLIENT_COMPLETED;
    case ZSAGA__SAGA_STATE__COMPENSATED:
        return CLIENT_COMPENSATED;
    case ZSAGA__SAGA_STATE__ATTENTION:
        return CLIENT_ATTENTION;
    default:
        return CLIENT_STATE_UNKNOWN;
    }
}
