/* seats: a participant. Holds seats for a booking, gives them back, confirms them.
 *
 * What a participant is written against: <zsaga/participant.h>. The library sees to it that each
 * handler takes effect at most once for each saga, that the answer is recorded with it, and that a
 * late `hold` after its `release` is refused; so nothing of that is here. */
#include <zsaga/participant.h>

#include "request.h"

struct seats {
    sqlite3_stmt *left;
    sqlite3_stmt *hold;
    sqlite3_stmt *release;
    sqlite3_stmt *confirm;
};

/* One step of the schema a version: append, never change what was released. */
static const char *const schema[] = {
    "CREATE TABLE room(seats INTEGER NOT NULL);"
    "INSERT INTO room VALUES (10);"
    "CREATE TABLE booking(saga BLOB PRIMARY KEY, guest TEXT NOT NULL, seats INTEGER NOT NULL,"
    " status TEXT NOT NULL);",
};

static int hold(struct call *call, struct err *err)
{
    struct seats *self = call_self(call);
    struct request request;
    if (!request_read(call_input(call), &request))
        return call_refuse(call, "no_booking", "a booking is: GUEST SEATS CENTS");
    int rc = db_step(call_db(call), self->left, err);
    if (rc < 0)
        return rc; /* Could not say: all is taken back, and the command comes again. */
    int64_t left = db_int(self->left, 0);
    db_reset(self->left);
    if (request.seats > left)
        return call_refuse(call, "sold_out", "%d seats wanted, %d left", request.seats, (int)left);
    db_bind_bytes(self->hold, 1, id_view(call_saga(call)));
    db_bind_text(self->hold, 2, bytes_text(request.guest));
    db_bind_int(self->hold, 3, request.seats);
    rc = db_run(call_db(call), self->hold, err);
    if (rc < 0)
        return rc;
    call_event(call, "SeatsHeld", call_input(call));
    return CALL_DONE;
}

static int set_status(struct call *call, sqlite3_stmt *stmt, const char *event, struct err *err)
{
    db_bind_bytes(stmt, 1, id_view(call_saga(call)));
    int rc = db_run(call_db(call), stmt, err);
    if (rc < 0)
        return rc;
    call_event(call, event, call_input(call));
    return CALL_DONE;
}

static int release(struct call *call, struct err *err)
{
    struct seats *self = call_self(call);
    return set_status(call, self->release, "SeatsReleased", err);
}

static int confirm(struct call *call, struct err *err)
{
    struct seats *self = call_self(call);
    return set_status(call, self->confirm, "SeatsConfirmed", err);
}

static int seats_open(void *self_p, struct db *db, struct config_node *settings, struct err *err)
{
    struct seats *self = self_p;
    (void)settings;
    int rc = db_prepare(db,
                        "SELECT room.seats - coalesce((SELECT sum(seats) FROM booking"
                        " WHERE status <> 'released'), 0) FROM room",
                        &self->left, err);
    if (rc == 0)
        rc = db_prepare(db, "INSERT INTO booking VALUES (?1, ?2, ?3, 'held')", &self->hold, err);
    if (rc == 0)
        rc = db_prepare(db, "UPDATE booking SET status = 'released' WHERE saga = ?1",
                        &self->release, err);
    if (rc == 0)
        rc = db_prepare(db, "UPDATE booking SET status = 'confirmed' WHERE saga = ?1",
                        &self->confirm, err);
    return rc;
}

static void seats_close(void *self_p)
{
    struct seats *self = self_p;
    sqlite3_finalize(self->left);
    sqlite3_finalize(self->hold);
    sqlite3_finalize(self->release);
    sqlite3_finalize(self->confirm);
}

static const struct participant_action actions[] = {
    {"hold", hold, "release", release},
    {"confirm", confirm, NULL, NULL}, /* Retriable: repeated until it is done. */
};

static const struct participant_service seats_service = {
    .name = "seats",
    .about = "Holds the seats of one room.",
    .schema = schema,
    .schema_count = 1,
    .actions = actions,
    .action_count = sizeof actions / sizeof actions[0],
    .self_size = sizeof(struct seats),
    .open = seats_open,
    .close = seats_close,
};

int main(int argc, char **argv)
{
    return participant_main(&seats_service, argc, argv);
}
