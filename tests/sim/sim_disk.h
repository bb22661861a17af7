/* The simulator's disk: SQLite's files held in memory (sim_file.h), with failures on demand.
 *
 * What is open here is closed as kill -9 leaves it: what was written stays, nothing is tidied up
 * (no checkpoint at the end). Each database is known by its path, and can be looked into between
 * two turns through the connection that its process holds. */
#ifndef ZSAGA_SIM_DISK_H
#define ZSAGA_SIM_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim_file.h"

enum sim_disk_fault {
    SIM_DISK_WELL,
    SIM_DISK_FULL,       /* Writes find no room until it is well again. */
    SIM_DISK_FULL_ONCE,  /* One of them does. */
    SIM_DISK_BROKEN,     /* A write or flush fails with an I/O error. */
    SIM_DISK_DEAD,       /* All do, until it is well again; nor is a file removed. */
    SIM_DISK_UNREADABLE, /* One read fails with an I/O error. */
    SIM_DISK_UNOPENABLE, /* One file cannot be opened. */
    SIM_DISK_FAULTS,
};

/* From now on all databases that are opened are in memory, whatever their path; makes up a
 * directory's name for them. One disk may begin before another has ended. */
void sim_disk_begin(char *dir, size_t size);
/* Forgets the databases in it; with the last one, all. None of them may be open. */
void sim_disk_end(const char *dir);

/* Removes a closed database and what is beside it, and forgets its faults. */
void sim_disk_remove(const char *path);

/* Arms a fault of the database at `path`: from the `nth` time on that it can be felt (1: the next
 * one). Replaces the one before. */
void sim_disk_fail(const char *path, enum sim_disk_fault fault, int64_t nth);

/* The fault armed is gone once it was felt so many times. */
void sim_disk_heal_after(const char *path, int64_t times);

/* How often a fault was felt. */
uint64_t sim_disk_felt(enum sim_disk_fault fault);
uint64_t sim_disk_errors(void); /* All that a process is to end for: of every kind but full. */

/* While on, nothing is felt: for who looks into a database through its process's connection. */
void sim_disk_spare(bool on);

/* The power fails: a closed database and what is beside it lose what was not flushed, as
 * sim_file_lose() tells. */
unsigned sim_disk_lose(const char *path, const struct sim_draw *draw);

/* The open connection; NULL when nobody has it open. */
sqlite3 *sim_disk_handle(const char *path);

/* Keeps a copy of a closed database under a name, for the life of the process; makes a database
 * that is not there a flushed copy of it. False: nothing is kept under the name. */
void sim_disk_keep(const char *path, const char *name);
bool sim_disk_copy(const char *name, const char *path);

#endif
