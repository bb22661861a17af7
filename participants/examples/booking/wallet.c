/* wallet: a participant. Every guest has 100.00 to spend, unless `settings` in the suite's file say
 * another `credit_cents`; a charge beyond it is refused. */
#include <zsaga/participant.h>

#include "request.h"

#define CREDIT_CENTS 10000
#define CREDIT_CENTS_MAX 1000000000

struct wallet {
    int64_t credit_cents;
    sqlite3_stmt *spent;
    sqlite3_stmt *charge;
    sqlite3_stmt *refund;
};

static const char *const schema[] = {
    "CREATE TABLE charge(saga BLOB PRIMARY KEY, guest TEXT NOT NULL, cents INTEGER NOT NULL);",
};

static int charge(struct call *call, struct err *err)
{
    struct wallet *self = call_self(call);
    struct request request;
    if (!request_read(call_input(call), &request))
        return call_refuse(call, "no_booking", "a booking is: GUEST SEATS CENTS");
    db_bind_text(self->spent, 1, bytes_text(request.guest));
    int rc = db_step(call_db(call), self->spent, err);
    if (rc < 0)
        return rc;
    int64_t left = self->credit_cents - db_int(self->spent, 0);
    db_reset(self->spent);
    if (request.cents > left)
        return call_refuse(call, "no_money", "%s has %d cents left", request.guest, (int)left);
    db_bind_bytes(self->charge, 1, id_view(call_saga(call)));
    db_bind_text(self->charge, 2, bytes_text(request.guest));
    db_bind_int(self->charge, 3, request.cents);
    rc = db_run(call_db(call), self->charge, err);
    return rc < 0 ? rc : CALL_DONE;
}

static int refund(struct call *call, struct err *err)
{
    struct wallet *self = call_self(call);
    db_bind_bytes(self->refund, 1, id_view(call_saga(call)));
    int rc = db_run(call_db(call), self->refund, err);
    return rc < 0 ? rc : CALL_DONE;
}

static int wallet_open(void *self_p, struct db *db, struct config_node *settings, struct err *err)
{
    struct wallet *self = self_p;
    int rc = config_int(settings, "credit_cents", CREDIT_CENTS, 0, CREDIT_CENTS_MAX,
                        &self->credit_cents, err);
    if (rc == 0)
        rc = db_prepare(db, "SELECT coalesce(sum(cents), 0) FROM charge WHERE guest = ?1",
                        &self->spent, err);
    if (rc == 0)
        rc = db_prepare(db, "INSERT INTO charge VALUES (?1, ?2, ?3)", &self->charge, err);
    if (rc == 0)
        rc = db_prepare(db, "DELETE FROM charge WHERE saga = ?1", &self->refund, err);
    return rc;
}

static void wallet_close(void *self_p)
{
    struct wallet *self = self_p;
    sqlite3_finalize(self->spent);
    sqlite3_finalize(self->charge);
    sqlite3_finalize(self->refund);
}

static const struct participant_action actions[] = {
    {"charge", charge, "refund", refund},
};

static const struct participant_service wallet_service = {
    .name = "wallet",
    .about = "Charges guests.",
    .schema = schema,
    .schema_count = 1,
    .actions = actions,
    .action_count = 1,
    .self_size = sizeof(struct wallet),
    .open = wallet_open,
    .close = wallet_close,
};

int main(int argc, char **argv)
{
    return participant_main(&wallet_service, argc, argv);
}
