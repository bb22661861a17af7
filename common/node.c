#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

bool peer_equal(const struct peer *a, const struct peer *b)
{
    return a->port == b->port && a->id_len == b->id_len && memcmp(a->id, b->id, a->id_len) == 0;
}

void outbound_add(struct outbound *out, const struct peer *to, uint8_t *data, size_t len)
{
    out->messages = xgrow(out->messages, &out->capacity, out->count + 1, sizeof *out->messages);
    struct message *message = &out->messages[out->count++];
    message->to.port = to->port;
    message->to.id_len = to->id_len;
    memcpy(message->to.id, to->id, to->id_len);
    message->data = data;
    message->len = len;
}

void outbound_clear(struct outbound *out)
{
    for (size_t i = 0; i < out->count; i++)
        free(out->messages[i].data);
    out->count = 0;
}

void outbound_release(struct outbound *out)
{
    outbound_clear(out);
    free(out->messages);
    *out = (struct outbound){0};
}

void node_turn_init(struct node_turn *turn, struct node *node)
{
    *turn = (struct node_turn){.node = node, .retry_wait_ms = NODE_RETRY_FIRST_MS};
}

bool node_turn_is_sated(const struct node_turn *turn)
{
    const struct node *node = turn->node;
    return node->ops->sated != NULL && node->ops->sated(node);
}

void node_turn_receive(struct node_turn *turn, const struct peer *from, struct bytes bytes,
                       struct node_time now)
{
    /* A node that cannot refuse would pile up what comes. */
    if (turn->broken && turn->node->ops->refuse == NULL)
        return;
    turn->node->ops->receive(turn->node, from, bytes, now);
}

static bool passes(int code)
{
    return code == ERR_ABORTED || code == ERR_FULL;
}

/* An outage begins, or goes on: it is tried again later each time. */
static void put_off(struct node_turn *turn, struct node_time now, int code, const struct err *err)
{
    (void)snprintf(turn->trouble, sizeof turn->trouble, "%s", err->text);
    turn->broken = true;
    turn->disk_full = code == ERR_FULL;
    turn->retry_at_ms = now.mono_ms + turn->retry_wait_ms;
    turn->retry_wait_ms *= 2;
    if (turn->retry_wait_ms > NODE_RETRY_MAX_MS)
        turn->retry_wait_ms = NODE_RETRY_MAX_MS;
}

static void refuse(struct node_turn *turn, struct node_time now, struct outbound *out)
{
    int64_t left_ms = turn->retry_at_ms - now.mono_ms;
    const struct node_outage why = {
        .disk_full = turn->disk_full,
        .words = turn->trouble,
        .retry_ms = left_ms < NODE_RETRY_FIRST_MS ? NODE_RETRY_FIRST_MS : left_ms,
    };
    if (turn->node->ops->refuse != NULL)
        turn->node->ops->refuse(turn->node, now, &why, out);
}

/* 0 when the node is well again, or still is not. */
static int try_reload(struct node_turn *turn, struct node_time now, struct err *err)
{
    int rc = turn->node->ops->reload(turn->node, now, err);
    if (passes(rc)) {
        put_off(turn, now, rc, err);
        return 0;
    }
    if (rc == 0) {
        turn->broken = false;
        turn->reloaded_at_ms = now.mono_ms;
    }
    return rc;
}

static int end_broken(struct node_turn *turn, struct node_time now, struct outbound *out,
                      struct err *err)
{
    refuse(turn, now, out);
    int rc = now.mono_ms < turn->retry_at_ms ? 0 : try_reload(turn, now, err);
    if (rc < 0)
        outbound_clear(out);
    return rc;
}

/* A node that fails again soon after each reload is not well yet: it must not be reloaded ten times
 * a second, and need not tell of its troubles each time. */
static void note_success(struct node_turn *turn, struct node_time now)
{
    if (now.mono_ms - turn->reloaded_at_ms < turn->retry_wait_ms)
        return;
    turn->retry_wait_ms = NODE_RETRY_FIRST_MS;
    turn->trouble[0] = '\0';
    turn->disk_full = false;
}

int node_turn_end(struct node_turn *turn, struct node_time now, bool drained, struct outbound *out,
                  struct err *err)
{
    struct node *node = turn->node;
    if (turn->broken)
        return end_broken(turn, now, out, err);
    if (drained && node->ops->next_deadline(node) <= now.mono_ms)
        node->ops->tick(node, now);
    int rc = node->ops->commit(node, now, out, err);
    if (rc == 0) {
        note_success(turn, now);
        return 0;
    }
    outbound_clear(out);
    if (!passes(rc))
        return rc;
    put_off(turn, now, rc, err);
    refuse(turn, now, out);
    return 0;
}

int64_t node_turn_deadline(const struct node_turn *turn)
{
    return turn->broken ? turn->retry_at_ms : turn->node->ops->next_deadline(turn->node);
}
