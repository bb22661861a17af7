#include "sim_rows.h"

#include "sim_disk.h"

struct sim_rows sim_rows(struct sim *sim, uint8_t place, const char *sql)
{
    struct sim_rows rows = {.sim = sim};
    sqlite3 *handle = sim_disk_handle(sim->hosts[place].path);
    if (handle == NULL || sqlite3_prepare_v2(handle, sql, -1, &rows.stmt, NULL) != SQLITE_OK)
        sim_fail(sim, "check", "%s: %s: %s", sim->hosts[place].name, sql, sqlite3_errmsg(handle));
    return rows;
}

void sim_rows_bind(struct sim_rows *rows, int index, struct bytes value)
{
    db_bind_bytes(rows->stmt, index, value);
}

void sim_rows_bind_int(struct sim_rows *rows, int index, int64_t value)
{
    db_bind_int(rows->stmt, index, value);
}

bool sim_rows_next(struct sim_rows *rows)
{
    int rc = sqlite3_step(rows->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        sim_fail(rows->sim, "check", "%s: %s", sqlite3_sql(rows->stmt), sqlite3_errstr(rc));
    return rc == SQLITE_ROW;
}

void sim_rows_end(struct sim_rows *rows)
{
    (void)sqlite3_finalize(rows->stmt);
    rows->stmt = NULL;
}

int64_t sim_rows_int(const struct sim_rows *rows, int column)
{
    return db_int(rows->stmt, column);
}

struct bytes sim_rows_bytes(const struct sim_rows *rows, int column)
{
    return db_bytes(rows->stmt, column);
}

int64_t sim_rows_one(struct sim *sim, uint8_t place, const char *sql)
{
    struct sim_rows rows = sim_rows(sim, place, sql);
    int64_t value = sim_rows_next(&rows) ? sim_rows_int(&rows, 0) : 0;
    sim_rows_end(&rows);
    return value;
}
