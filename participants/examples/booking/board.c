/* board: a consumer. Follows what seats tells and counts the confirmed seats of each guest.
 *
 * Each event is applied once, in order, whatever is killed: what a handler writes and how far the
 * log was read are one transaction. `board --export guests` prints the table. */
#include <zsaga/consumer.h>

#include "request.h"

struct board {
    struct db *db;
    sqlite3_stmt *add;
    sqlite3_stmt *page;
};

static const char *const schema[] = {
    "CREATE TABLE guest(name TEXT PRIMARY KEY, seats INTEGER NOT NULL);",
};

static int on_event(void *self_p, const struct consumer_event *event, struct err *err)
{
    struct board *self = self_p;
    struct request request;
    if (!bytes_equal(event->type, bytes_text("SeatsConfirmed")) ||
        !request_read(event->payload, &request))
        return 0; /* Not ours: passed by. */
    db_bind_text(self->add, 1, bytes_text(request.guest));
    db_bind_int(self->add, 2, request.seats);
    return db_run(self->db, self->add, err);
}

/* A table for `--export`: adds rows behind `after` until the page is full. */
static int page_guests(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                       struct buffer *ret_next, struct err *err)
{
    struct board *self = self_p;
    int rc;
    db_bind_text(self->page, 1, after);
    while ((rc = db_step(db, self->page, err)) == DB_ROW) {
        const struct bytes fields[] = {db_bytes(self->page, 0), db_bytes(self->page, 1)};
        export_add(page, fields);
        if (export_full(page)) {
            buffer_append(ret_next, fields[0].data, fields[0].len);
            break;
        }
    }
    db_reset(self->page);
    return rc < 0 ? rc : 0;
}

static int board_open(void *self_p, struct db *db, struct config_node *settings, struct err *err)
{
    struct board *self = self_p;
    (void)settings;
    self->db = db;
    int rc = db_prepare(db,
                        "INSERT INTO guest VALUES (?1, ?2)"
                        " ON CONFLICT(name) DO UPDATE SET seats = seats + excluded.seats",
                        &self->add, err);
    if (rc == 0)
        rc = db_prepare(db,
                        "SELECT name, cast(seats AS TEXT) FROM guest WHERE name > ?1 ORDER BY name",
                        &self->page, err);
    return rc;
}

static void board_close(void *self_p)
{
    struct board *self = self_p;
    sqlite3_finalize(self->add);
    sqlite3_finalize(self->page);
}

static const char *const guest_columns[] = {"guest", "seats"};

static const struct participant_table tables[] = {
    {.name = "guests", .columns = guest_columns, .column_count = 2, .page = page_guests},
};

static const struct consumer_service board_service = {
    .name = "board",
    .about = "Counts the confirmed seats of each guest.",
    .schema = schema,
    .schema_count = 1,
    .self_size = sizeof(struct board),
    .open = board_open,
    .close = board_close,
    .event = on_event,
    .tables = tables,
    .table_count = 1,
};

int main(int argc, char **argv)
{
    return consumer_main(&board_service, argc, argv);
}
