/* The databases of the simulator's disk, as its file system for SQLite sees them. */
#ifndef ZSAGA_SIM_DISK_INTERNAL_H
#define ZSAGA_SIM_DISK_INTERNAL_H

#include "sim_disk.h"

enum sim_disk_part {
    SIM_DISK_MAIN,
    SIM_DISK_WAL,
    SIM_DISK_SETTLE, /* The next WAL, while a start writes it. */
    SIM_DISK_JOURNAL,
    SIM_DISK_PARTS
};

struct sim_disk_file {
    struct sim_file bytes;
    struct sim_file before; /* Another file had this name, */
    bool moved;             /* and after a power loss may have it again. */
    bool exists;
    struct sim_disk *disk;
    struct sim_disk_opening *openings;
};

/* A database and the fault it is to feel. */
struct sim_disk {
    struct sim_disk *next;
    char path[264];
    struct sim_disk_file files[SIM_DISK_PARTS];
    sqlite3 *handle; /* Left over when it is closed. */
    enum sim_disk_fault fault;
    int64_t countdown; /* Until it is felt. */
    int64_t times;     /* Then it is well; 0: for ever, if it lasts. */
};

enum sim_disk_doing { SIM_DISK_WRITES, SIM_DISK_FLUSHES, SIM_DISK_READS, SIM_DISK_OPENS };

/* The database at a path, made when it is not known. */
struct sim_disk *sim_disk_of(const char *path);

/* SQLITE_OK, or what this fails with. */
int sim_disk_feel(struct sim_disk *disk, enum sim_disk_doing doing);

/* True: as if the process were dead already, which tidies nothing up. */
bool sim_disk_is_dead(const struct sim_disk *disk);

/* Gives the next WAL its name. SQLITE_OK: for good. */
int sim_disk_move(struct sim_disk *disk);

/* sim_vfs.c: SQLite's default from now on, or no more. */
void sim_vfs_begin(void);
void sim_vfs_end(void);

#endif
