/* A proxy in the way of one link: a process that passes whole messages on, or does not, as the
 * board says, and writes down each one as its sender made it. */
#ifndef ZSAGA_CHAOS_LINK_H
#define ZSAGA_CHAOS_LINK_H

#include "chaos.h"
#include "chaos_suite.h"

struct chaos_link {
    int number; /* Its place on the board. */
    enum chaos_place place;
    enum chaos_plane plane;
    pid_t pid;
};

/* What the link of this number is for. */
struct chaos_link chaos_link_of(int number);
const char *chaos_link_name(const struct chaos *chaos, int number, char to[48]);

/* Starts it; it ends with the run. */
bool chaos_link_start(struct chaos *chaos, struct chaos_link *link, uint64_t seed);

#endif
