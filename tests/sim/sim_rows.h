/* Rows of a process's database, read through its own connection between two turns. */
#ifndef ZSAGA_SIM_ROWS_H
#define ZSAGA_SIM_ROWS_H

#include "sim.h"

struct sim_rows {
    struct sim *sim;
    sqlite3_stmt *stmt;
};

struct sim_rows sim_rows(struct sim *sim, uint8_t place, const char *sql);
void sim_rows_bind(struct sim_rows *rows, int index, struct bytes value);
void sim_rows_bind_text(struct sim_rows *rows, int index, struct bytes value);
void sim_rows_bind_int(struct sim_rows *rows, int index, int64_t value);
bool sim_rows_next(struct sim_rows *rows);
void sim_rows_end(struct sim_rows *rows);
int64_t sim_rows_int(const struct sim_rows *rows, int column);
struct bytes sim_rows_bytes(const struct sim_rows *rows, int column);
int64_t sim_rows_one(struct sim *sim, uint8_t place, const char *sql); /* A single number. */
/* Before a process closes its database: the statements made for it. */
void sim_rows_forget(uint8_t place);

#endif
