/* Consumers: whatever publishers say, what is no event is never applied, nothing is applied that is
 * not told of, and the cursor moves with the effects. The first byte says what it does when a log
 * breaks. */
#include <string.h>

#include "base/text.h"
#include "consumer_internal.h"
#include "fuzz_follow.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 1;

struct notes {
    struct db *db;
    sqlite3_stmt *insert;
    sqlite3_stmt *clear;
};

static const char *const schema[] = {
    "CREATE TABLE seen(number INTEGER PRIMARY KEY, publisher TEXT NOT NULL, seq INTEGER NOT NULL,"
    " id BLOB NOT NULL, type TEXT NOT NULL, payload BLOB NOT NULL) STRICT;"};

static int open_notes(void *self, struct db *db, struct config_node *settings, struct err *err)
{
    struct notes *notes = self;
    (void)settings;
    notes->db = db;
    int rc = db_prepare(db,
                        "INSERT INTO seen(publisher, seq, id, type, payload)"
                        " VALUES (?1, ?2, ?3, ?4, ?5)",
                        &notes->insert, err);
    return rc < 0 ? rc
                  : db_prepare(db, "DELETE FROM seen WHERE publisher = ?1", &notes->clear, err);
}

static void close_notes(void *self)
{
    struct notes *notes = self;
    sqlite3_finalize(notes->insert);
    sqlite3_finalize(notes->clear);
}

/* Some payloads it cannot take. */
static int note(void *self, const struct consumer_event *event, struct err *err)
{
    struct notes *notes = self;
    fuzz_require(text_is_name(event->type), "an event without a type");
    fuzz_require(event->seq >= 1, "event 0");
    if (bytes_equal(event->payload, bytes_text("bad")))
        return err_set(err, ERR_INVALID, "it is bad");
    db_bind_text(notes->insert, 1, bytes_text(event->publisher));
    db_bind_int(notes->insert, 2, (int64_t)event->seq);
    db_bind_bytes(notes->insert, 3, id_view(&event->id));
    db_bind_text(notes->insert, 4, event->type);
    db_bind_bytes(notes->insert, 5, event->payload);
    return db_run(notes->db, notes->insert, err);
}

static int reset_notes(void *self, const char *publisher, struct err *err)
{
    struct notes *notes = self;
    db_bind_text(notes->clear, 1, bytes_text(publisher));
    return db_run(notes->db, notes->clear, err);
}

static struct consumer_service service = {
    .name = "notes",
    .schema = schema,
    .schema_count = 1,
    .self_size = sizeof(struct notes),
    .open = open_notes,
    .close = close_notes,
    .event = note,
    .reset = reset_notes,
};

static int open_node(const struct consumer_options *options, struct node_time now,
                     struct node **ret, struct err *err)
{
    return consumer_node_new(&service, options, now, ret, err);
}

static struct db *db_of(struct node *node)
{
    return ((struct consumer_node *)(void *)node)->db;
}

static const struct node *same(const struct node *node)
{
    return node;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"Something", NULL};
    static const struct follow_subject subject = {
        .name = "notes", .open = open_node, .db = db_of, .consumer = same, .types = types};
    struct fuzz_input input = {data, size};
    service.on_break = (fuzz_u8(&input) & 1) != 0 ? CONSUMER_REBUILDS : CONSUMER_STOPS;
    follow_run(&subject, &input);
    return 0;
}
