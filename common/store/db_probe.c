#include "store/db.h"

static int probe_once(struct db *db, struct err *err)
{
    /* The value must change: SQLite does not write what stays as it was. */
    int rc = db_exec(db,
                     "BEGIN IMMEDIATE; INSERT INTO zsaga_counter VALUES ('probe', 1)"
                     " ON CONFLICT DO UPDATE SET value = value + 1; COMMIT;",
                     err);
    if (rc < 0)
        db_rollback(db);
    return rc;
}

int db_probe(struct db *db, struct err *err)
{
    int rc = probe_once(db, err);
    if (rc != ERR_FULL)
        return rc;
    /* The WAL's own room can be used again once all of it stands in the file. */
    rc = db_checkpoint(db, err);
    return rc < 0 ? rc : probe_once(db, err);
}
