#include "consumer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "driver_files.h"

static const char *const names[RIG_PUBLISHERS] = {"orchestrator", "order", "payment"};

static const char *const schema[] = {
    "CREATE TABLE seen(number INTEGER PRIMARY KEY, publisher TEXT NOT NULL, seq INTEGER NOT NULL,"
    " id BLOB NOT NULL, payload BLOB NOT NULL) STRICT;"
    "CREATE TABLE parent(id INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL"
    " REFERENCES parent DEFERRABLE INITIALLY DEFERRED) STRICT;",
};

static int recorder_open(void *self, struct db *db, struct config_node *settings, struct err *err)
{
    struct recorder *recorder = self;
    (void)settings;
    recorder->db = db;
    int rc =
        db_prepare(db, "INSERT INTO seen VALUES (NULL, ?1, ?2, ?3, ?4)", &recorder->insert, err);
    if (rc == 0)
        rc = db_prepare(db, "DELETE FROM seen WHERE publisher = ?1", &recorder->clear, err);
    if (rc == 0)
        rc = db_prepare(db, "INSERT OR ROLLBACK INTO parent VALUES (1), (1)", &recorder->roll, err);
    if (rc == 0)
        rc = db_prepare(db, "INSERT INTO child VALUES (NULL, 99)", &recorder->orphan, err);
    return rc;
}

static void recorder_close(void *self)
{
    struct recorder *recorder = self;
    sqlite3_finalize(recorder->insert);
    sqlite3_finalize(recorder->clear);
    sqlite3_finalize(recorder->roll);
    sqlite3_finalize(recorder->orphan);
}

static int feel(struct recorder *recorder, struct err *err)
{
    struct err ignored = {0};
    recorder->fault_met = true;
    if (recorder->fault == RECORDER_FAILS)
        return err_set(err, ERR_SYSTEM, "the mail server is away");
    if (recorder->fault == RECORDER_ROLLS)
        (void)db_run(recorder->db, recorder->roll, &ignored);
    if (recorder->fault == RECORDER_BAD_COMMIT)
        return db_run(recorder->db, recorder->orphan, err);
    return 0;
}

static int recorder_event(void *self, const struct consumer_event *event, struct err *err)
{
    struct recorder *recorder = self;
    recorder->calls++;
    db_bind_text(recorder->insert, 1, bytes_text(event->publisher));
    db_bind_int(recorder->insert, 2, (int64_t)event->seq);
    db_bind_bytes(recorder->insert, 3, id_view(&event->id));
    db_bind_bytes(recorder->insert, 4, event->payload);
    int rc = db_run(recorder->db, recorder->insert, err);
    if (rc == 0 && recorder->fault != RECORDER_WELL && event->seq == recorder->fault_at &&
        strcmp(event->publisher, recorder->fault_publisher) == 0)
        rc = feel(recorder, err);
    return rc;
}

static int recorder_flush(void *self, struct err *err)
{
    struct recorder *recorder = self;
    recorder->flushes++;
    bool fails = recorder->fault == RECORDER_BAD_FLUSH && recorder->fault_met;
    return fails ? err_set(err, ERR_SYSTEM, "it cannot be written") : 0;
}

static void recorder_forget(void *self)
{
    struct recorder *recorder = self;
    recorder->forgets++;
    recorder->fault_met = false;
}

static int recorder_reset(void *self, const char *publisher, struct err *err)
{
    struct recorder *recorder = self;
    recorder->resets++;
    db_bind_text(recorder->clear, 1, bytes_text(publisher));
    int rc = db_run(recorder->db, recorder->clear, err);
    return rc == 0 && recorder->reset_fails ? err_set(err, ERR_SYSTEM, "it is stuck") : rc;
}

static void start(struct rig *rig)
{
    struct err err = {0};
    const struct consumer_options options = {
        .db_path = rig->path,
        .publishers = names,
        .publisher_count = rig->publisher_count,
        .random = 1000 + ++rig->starts,
    };
    if (consumer_node_new(&rig->service, &options, rig->now, &rig->node, &err) < 0)
        fail_msg("the consumer does not start: %s", err.text);
    node_turn_init(&rig->turn, rig->node);
}

struct rig *rig_new(enum consumer_break on_break, int64_t pace_ms, size_t publisher_count)
{
    struct rig *rig = xcalloc(1, sizeof *rig);
    rig->service = (struct consumer_service){
        .name = "mailer",
        .about = "Writes down what it hears.",
        .schema = schema,
        .schema_count = 1,
        .self_size = sizeof(struct recorder),
        .open = recorder_open,
        .close = recorder_close,
        .event = recorder_event,
        .flush = recorder_flush,
        .forget = recorder_forget,
        .on_break = on_break,
        .reset = recorder_reset,
        .pace_ms = pace_ms,
    };
    rig->publisher_count = publisher_count;
    driver_files_begin(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/0.db", rig->dir);
    rig->now = (struct node_time){.mono_ms = 50000, .wall_ms = 1700000000000};
    for (size_t i = 0; i < publisher_count; i++)
        rig->fakes[i] = fake_publisher_new(names[i], (uint8_t)(i + 1));
    start(rig);
    return rig;
}

static void drop_asked(struct rig *rig, size_t i)
{
    if (rig->asked[i] != NULL)
        zsaga__replay_request__free_unpacked(rig->asked[i], NULL);
    rig->asked[i] = NULL;
}

static void drop_owner(struct rig *rig)
{
    if (rig->owner != NULL)
        zsaga__owner_answer__free_unpacked(rig->owner, NULL);
    rig->owner = NULL;
}

void rig_free(struct rig *rig)
{
    rig->node->ops->free(rig->node);
    for (size_t i = 0; i < RIG_PUBLISHERS; i++) {
        drop_asked(rig, i);
        fake_publisher_free(rig->fakes[i]);
    }
    drop_owner(rig);
    driver_files_end(rig->dir);
    free(rig);
}

struct recorder *rig_recorder(struct rig *rig)
{
    return consumer_node_self(rig->node);
}

void rig_crash(struct rig *rig)
{
    char left[sizeof rig->path];
    (void)snprintf(left, sizeof left, "%s/%u.db", rig->dir, rig->starts);
    driver_files_copy(rig->path, left);
    rig->node->ops->free(rig->node);
    (void)snprintf(rig->path, sizeof rig->path, "%s", left);
    for (size_t i = 0; i < RIG_PUBLISHERS; i++)
        drop_asked(rig, i);
    drop_owner(rig);
    rig->news[0] = '\0';
    start(rig);
}

static void take_entry(struct rig *rig, uint8_t port, ProtobufCBinaryData entry)
{
    if (port == CONSUMER_PORT_OWNER) {
        drop_owner(rig);
        rig->owner = zsaga__owner_answer__unpack(NULL, entry.len, entry.data);
        assert_non_null(rig->owner);
        return;
    }
    size_t i = (size_t)(port - 2) / 2;
    assert_int_equal(port, CONSUMER_PORT_REPLAY(i));
    drop_asked(rig, i);
    rig->asked[i] = zsaga__replay_request__unpack(NULL, entry.len, entry.data);
    rig->asked_count[i]++;
    assert_non_null(rig->asked[i]);
    assert_int_not_equal(rig->asked[i]->id, 0);
}

static void take_message(struct rig *rig, const struct message *message)
{
    struct arena arena;
    struct frame frame;
    struct err err = {0};
    arena_init(&arena, (size_t)16 << 20);
    if (frame_read(bytes_of(message->data, message->len), &arena, &frame, &err) < 0)
        fail_msg("the consumer's frame is no good: %s", err.text);
    assert_string_equal(frame.header.name, "mailer");
    for (size_t i = 0; i < frame.entry_count; i++)
        take_entry(rig, message->to.port, frame.entries[i]);
    arena_release(&arena);
}

static void take_news(struct rig *rig)
{
    const struct node_news *news;
    while ((news = rig->node->ops->news(rig->node)) != NULL) {
        size_t len = strlen(rig->news);
        (void)snprintf(rig->news + len, sizeof rig->news - len, "%s %s\n", news->event,
                       news->pairs);
    }
}

int rig_turn(struct rig *rig)
{
    struct outbound out = {0};
    struct err err = {0};
    int rc = node_turn_end(&rig->turn, rig->now, true, &out, &err);
    for (size_t i = 0; i < out.count; i++)
        take_message(rig, &out.messages[i]);
    outbound_release(&out);
    take_news(rig);
    return rc;
}

void rig_wait(struct rig *rig, int64_t ms)
{
    int64_t end = rig->now.mono_ms + ms;
    for (int turns = 0;; turns++) {
        int64_t next = node_turn_deadline(&rig->turn);
        assert_true(turns < 100000);
        if (next > end)
            break;
        int64_t step = next > rig->now.mono_ms ? next - rig->now.mono_ms : 0;
        rig->now.mono_ms += step;
        rig->now.wall_ms += step;
        if (rig_turn(rig) < 0)
            fail_msg("the consumer has ended");
    }
    rig->now.wall_ms += end - rig->now.mono_ms;
    rig->now.mono_ms = end;
    (void)rig_turn(rig);
}

static void deliver(struct rig *rig, uint8_t port, struct buffer frame)
{
    const struct peer from = {.port = port};
    node_turn_receive(&rig->turn, &from, buffer_bytes(&frame), rig->now);
    buffer_release(&frame);
}

void rig_publish(struct rig *rig, size_t publisher, struct buffer frame)
{
    deliver(rig, CONSUMER_PORT_EVENTS(publisher), frame);
}

void rig_reply(struct rig *rig, size_t publisher, struct buffer frame)
{
    deliver(rig, CONSUMER_PORT_REPLAY(publisher), frame);
}

void rig_tell(struct rig *rig, size_t publisher, uint64_t seq)
{
    rig_publish(rig, publisher, fake_publisher_tell(rig->fakes[publisher], seq));
}

void rig_range(struct rig *rig, size_t publisher)
{
    rig_publish(rig, publisher, fake_publisher_range(rig->fakes[publisher]));
}

void rig_settle(struct rig *rig)
{
    bool any = true;
    (void)rig_turn(rig);
    for (int rounds = 0; any; rounds++) {
        any = false;
        assert_true(rounds < 10000);
        for (size_t i = 0; i < rig->publisher_count; i++) {
            if (rig->asked[i] == NULL)
                continue;
            any = true;
            rig_reply(rig, i, fake_publisher_answer(rig->fakes[i], rig->asked[i]));
            drop_asked(rig, i);
        }
        (void)rig_turn(rig);
    }
}

void rig_go_on(struct rig *rig, size_t publisher, uint32_t count)
{
    fake_publisher_add(rig->fakes[publisher], count);
    rig_tell(rig, publisher, rig->fakes[publisher]->head);
    (void)rig_turn(rig);
}

const struct consumer_stream *rig_stream(const struct rig *rig, size_t publisher)
{
    const struct consumer_stream *streams;
    assert_int_equal(consumer_node_streams(rig->node, &streams), rig->publisher_count);
    return &streams[publisher];
}

void rig_expect_state(const struct rig *rig, size_t publisher, enum consumer_stream_state state)
{
    assert_string_equal(consumer_stream_state_name(rig_stream(rig, publisher)->state),
                        consumer_stream_state_name(state));
}

int64_t rig_ask(struct rig *rig, const char *sql)
{
    struct err err = {0};
    sqlite3_stmt *stmt = NULL;
    struct db *db = rig_recorder(rig)->db;
    if (db_prepare_engine(db, sql, &stmt, &err) != 0 || db_step(db, stmt, &err) != DB_ROW)
        fail_msg("%s: %s", sql, err.text);
    int64_t answer = db_int(stmt, 0);
    sqlite3_finalize(stmt);
    return answer;
}

static bool is_event(const struct fake_publisher *fake, sqlite3_stmt *row, uint64_t seq)
{
    char head[80];
    struct bytes payload = db_bytes(row, 1);
    int len = snprintf(head, sizeof head, "%s/", fake->header.name);
    return (uint64_t)db_int(row, 0) == seq && payload.len > (size_t)len &&
           memcmp(payload.data, head, (size_t)len) == 0;
}

void rig_expect_applied(struct rig *rig, size_t publisher, uint64_t from, uint64_t to)
{
    struct err err = {0};
    sqlite3_stmt *stmt = NULL;
    struct db *db = rig_recorder(rig)->db;
    uint64_t next = from;
    assert_int_equal(db_prepare_engine(db,
                                       "SELECT seq, payload FROM seen WHERE publisher = ?1"
                                       " ORDER BY number",
                                       &stmt, &err),
                     0);
    db_bind_text(stmt, 1, bytes_text(names[publisher]));
    while (db_step(db, stmt, &err) == DB_ROW && is_event(rig->fakes[publisher], stmt, next))
        next++;
    bool more = sqlite3_stmt_busy(stmt) != 0;
    sqlite3_finalize(stmt);
    if (more || next != to + 1)
        fail_msg("%s: events %llu to %llu were expected; they are as expected up to %llu%s",
                 names[publisher], (unsigned long long)from, (unsigned long long)to,
                 (unsigned long long)next - 1, more ? ", then others follow" : "");
    assert_int_equal(rig_stream(rig, publisher)->applied, to);
}

const Zsaga__OwnerAnswer *rig_ask_owner(struct rig *rig, Zsaga__OwnerRequest *request)
{
    struct frame_header sender = {.name = "zsaga"};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    const struct peer from = {.port = CONSUMER_PORT_OWNER, .id_len = 2, .id = "me"};
    request->id = 42;
    frame_writer_add(&writer, &request->base, NULL);
    frame_writer_flush(&writer);
    drop_owner(rig);
    node_turn_receive(&rig->turn, &from, bytes_of(out.messages[0].data, out.messages[0].len),
                      rig->now);
    outbound_release(&out);
    (void)rig_turn(rig);
    assert_non_null(rig->owner);
    assert_int_equal(rig->owner->id, 42);
    return rig->owner;
}

const Zsaga__OwnerAnswer *rig_resync(struct rig *rig, const char *publisher, bool from_tail,
                                     const char *reason)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Resync resync = ZSAGA__RESYNC__INIT;
    resync.publisher = packed_borrow_text(publisher);
    resync.from_tail = from_tail;
    resync.who = packed_borrow_text("ops@desk");
    resync.reason = packed_borrow_text(reason);
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_RESYNC;
    request.resync = &resync;
    return rig_ask_owner(rig, &request);
}

const Zsaga__HealthReport *rig_health(struct rig *rig)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    const Zsaga__OwnerAnswer *answer = rig_ask_owner(rig, &request);
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_HEALTH);
    return answer->health;
}
