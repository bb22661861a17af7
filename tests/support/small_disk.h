/* A small disk of a test's own, to be filled: a file system in memory that nobody else sees. */
#ifndef ZSAGA_SMALL_DISK_H
#define ZSAGA_SMALL_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* Once a program, before it has threads: from now on what it mounts is its own. False: this machine
 * does not permit it; `words` says why. */
bool small_disk_begin(char *words, size_t size);

/* Puts an empty one of so many KiB on a directory, which it makes. Gone with the program. */
void small_disk_mount(const char *path, unsigned kib);
void small_disk_unmount(const char *path);

/* Takes all the room that is left, and gives it back. */
void small_disk_fill(const char *path);
void small_disk_relieve(const char *path);

#endif
