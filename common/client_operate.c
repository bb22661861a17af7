/* What an operator does through a client: retry, trust. */
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "client_internal.h"

static int check_words(const char *who, const char *reason, struct err *err)
{
    if (who == NULL || !text_is_name(bytes_text(who)))
        return err_set(err, ERR_INVALID,
                       "say who does it, in 1 to %d bytes of UTF-8 without control characters",
                       CLIENT_KEY_MAX);
    size_t len = reason == NULL ? 0 : strlen(reason);
    if (len == 0 || len > CLIENT_REASON_MAX || !text_is_utf8(bytes_text(reason)))
        return err_set(err, ERR_INVALID, "say why, in 1 to %d bytes of UTF-8", CLIENT_REASON_MAX);
    return 0;
}

/* Whether the last word of an operator on this saga is the one given. */
static bool was_resumed(const struct client_shown *shown, const char *who, const char *reason)
{
    for (size_t i = shown->history_count; i-- > 0;) {
        const struct client_history *row = &shown->history[i];
        if (strcmp(row->what, "resumed") == 0)
            return strstr(row->detail, who) != NULL && strstr(row->detail, reason) != NULL;
    }
    return false;
}

/* It was asked more than once, and refused the last time: the answer to the first may be what was
 * lost. Its history tells. */
static int look_again(struct client *client, const char *key, const char *who, const char *reason,
                      int64_t timeout_ms, struct err *err)
{
    struct err refusal = *err;
    struct client_shown *shown = NULL;
    int rc = client_show(client, key, timeout_ms, &shown, err);
    if (rc == 0 && !was_resumed(shown, who, reason)) {
        *err = refusal;
        rc = CLIENT_REFUSED;
    }
    client_shown_free(shown);
    return rc;
}

int client_retry(struct client *client, const char *key, const char *who, const char *reason,
                 int64_t timeout_ms, struct err *err)
{
    int rc = check_words(who, reason, err);
    if (rc < 0)
        return rc;
    if (!text_is_name(bytes_text(key)))
        return client_missing(key, err);
    Zsaga__Resume resume = ZSAGA__RESUME__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    resume.key = packed_borrow_text(key);
    resume.who = packed_borrow_text(who);
    resume.reason = packed_borrow_text(reason);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_RESUME;
    request.resume = &resume;
    const Zsaga__ClientAnswer *answer;
    rc = client_ask(client, &request, ZSAGA__CLIENT_ANSWER__KIND_DONE, timeout_ms, &answer, err);
    if (rc == CLIENT_REFUSED && client_link_asked(client->link) > 1)
        return look_again(client, key, who, reason, timeout_ms, err);
    return rc == ERR_NOT_FOUND ? client_missing(key, err) : rc;
}

int client_trust(struct client *client, const char *participant, const char *who,
                 const char *reason, int64_t timeout_ms, struct err *err)
{
    int rc = check_words(who, reason, err);
    if (rc < 0)
        return rc;
    Zsaga__Trust trust = ZSAGA__TRUST__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    trust.participant = packed_borrow_text(participant);
    trust.who = packed_borrow_text(who);
    trust.reason = packed_borrow_text(reason);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_TRUST;
    request.trust = &trust;
    const Zsaga__ClientAnswer *answer;
    rc = client_ask(client, &request, ZSAGA__CLIENT_ANSWER__KIND_DONE, timeout_ms, &answer, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "there is no participant \"%s\" in the suite", participant);
    /* Asked more than once: it is trusted now, and an earlier asking may be what did it. */
    return rc == CLIENT_REFUSED && client_link_asked(client->link) > 1 ? 0 : rc;
}
