/* The simulator's disk: SQLite's files as they are, with failures on demand.
 *
 * What is open here is closed as kill -9 leaves it: what was written stays, nothing is tidied up
 * (no checkpoint at the end). Each database is known by its path, and can be looked into between
 * two turns through the connection that its process holds. */
#ifndef ZSAGA_SIM_DISK_H
#define ZSAGA_SIM_DISK_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

enum sim_disk_fault {
    SIM_DISK_WELL,
    SIM_DISK_FULL,      /* Writes fail with SQLITE_FULL until it is well again. */
    SIM_DISK_FULL_ONCE, /* One write does. */
    SIM_DISK_BROKEN,    /* One write or flush fails with an I/O error. */
    SIM_DISK_FAULTS,
};

/* Puts the shim under all databases opened from now on, and makes a directory for them: in memory
 * where the machine has one. Ends the process when it cannot. */
void sim_disk_begin(char *dir, size_t size);
void sim_disk_end(const char *dir); /* Removes it with all that is in it. */

/* Removes a database and its WAL, and forgets its faults. */
void sim_disk_remove(const char *path);

/* Arms a fault of the database at `path`: from its `nth` write or flush on (1: the next one). */
void sim_disk_fail(const char *path, enum sim_disk_fault fault, int64_t nth);

/* How often a fault was felt. */
uint64_t sim_disk_felt(enum sim_disk_fault fault);

/* The open connection; NULL when nobody has it open. */
sqlite3 *sim_disk_handle(const char *path);

#endif
