#include "sim_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "sim_disk.h"

/* Prepared once for each start of a process, which asks the same again and again. */
struct kept {
    const char *sql; /* As given: tells sooner than its letters do. */
    sqlite3_stmt *stmt;
};

static struct {
    struct kept *statements;
    size_t count;
    size_t capacity;
} kept[SIM_HOSTS_MAX];

static sqlite3_stmt *find(uint8_t place, const char *sql)
{
    for (int look = 0; look < 2; look++) {
        for (size_t i = 0; i < kept[place].count; i++) {
            struct kept *one = &kept[place].statements[i];
            if ((look == 0 && one->sql != sql) || strcmp(sqlite3_sql(one->stmt), sql) != 0 ||
                sqlite3_stmt_busy(one->stmt) != 0)
                continue;
            one->sql = sql;
            return one->stmt;
        }
    }
    return NULL;
}

static void keep(uint8_t place, const char *sql, sqlite3_stmt *stmt)
{
    kept[place].statements = xgrow(kept[place].statements, &kept[place].capacity,
                                   kept[place].count + 1, sizeof(struct kept));
    kept[place].statements[kept[place].count++] = (struct kept){sql, stmt};
}

void sim_rows_forget(uint8_t place)
{
    for (size_t i = 0; i < kept[place].count; i++)
        (void)sqlite3_finalize(kept[place].statements[i].stmt);
    free(kept[place].statements);
    kept[place].statements = NULL;
    kept[place].count = kept[place].capacity = 0;
}

struct sim_rows sim_rows(struct sim *sim, uint8_t place, const char *sql)
{
    struct sim_rows rows = {.sim = sim, .stmt = find(place, sql)};
    if (rows.stmt != NULL)
        return rows;
    sqlite3 *handle = sim_disk_handle(sim->hosts[place].path);
    sim_disk_spare(true);
    if (handle == NULL || sqlite3_prepare_v2(handle, sql, -1, &rows.stmt, NULL) != SQLITE_OK)
        sim_fail(sim, "check", "%s: %s: %s", sim->hosts[place].name, sql, sqlite3_errmsg(handle));
    sim_disk_spare(false);
    keep(place, sql, rows.stmt);
    return rows;
}

void sim_rows_bind(struct sim_rows *rows, int index, struct bytes value)
{
    db_bind_bytes(rows->stmt, index, value);
}

void sim_rows_bind_text(struct sim_rows *rows, int index, struct bytes value)
{
    db_bind_text(rows->stmt, index, value);
}

void sim_rows_bind_int(struct sim_rows *rows, int index, int64_t value)
{
    db_bind_int(rows->stmt, index, value);
}

bool sim_rows_next(struct sim_rows *rows)
{
    sim_disk_spare(true);
    int rc = sqlite3_step(rows->stmt);
    sim_disk_spare(false);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        sim_fail(rows->sim, "check", "%s: %s", sqlite3_sql(rows->stmt), sqlite3_errstr(rc));
    return rc == SQLITE_ROW;
}

void sim_rows_end(struct sim_rows *rows)
{
    (void)sqlite3_reset(rows->stmt);
    (void)sqlite3_clear_bindings(rows->stmt);
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
