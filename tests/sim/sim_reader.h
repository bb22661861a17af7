/* The reader: a consumer that follows all publishers of a run and writes down what it is given.
 *
 * Half of the runs have one that stops at a break, half one that could be built anew (whose commits
 * do not wait for the disk). Its service fails now and then, in all the ways it can. */
#ifndef ZSAGA_SIM_READER_H
#define ZSAGA_SIM_READER_H

#include "sim.h"

void sim_reader_begin(struct sim *sim); /* What its service draws its failures from. */
int sim_reader_open(struct sim *sim, struct sim_host *host, struct err *err);
void sim_reader_count(struct sim *sim, const struct sim_host *host);

/* Why not all who read have read all there is; NULL: they have. */
const char *sim_reader_hindrance(struct sim *sim);
/* Of all rows that a process's service has written; with `engine` of all there are. */
uint64_t sim_reader_digest(struct sim *sim, uint8_t place, bool engine);

#endif
