/* The checker in the simulator: it is given all that happens, and what it finds ends the run. */
#ifndef ZSAGA_SIM_CHECK_H
#define ZSAGA_SIM_CHECK_H

#include "client.pb-c.h"
#include "sim.h"

void sim_check_open(struct sim *sim); /* Made with the first thing that it is told. */
void sim_check_close(struct sim *sim);
void sim_check_closes(struct sim *sim, const struct sim_host *host); /* Soon, its database. */

/* What the client asks, before it is sent; and what it is told, as it arrives. */
void sim_check_asked(struct sim *sim, const Zsaga__ClientRequest *request);
void sim_check_answered(struct sim *sim, const Zsaga__ClientAnswer *answer);

/* Somebody has started: what he has told before must be there. */
void sim_check_started(struct sim *sim);
/* A message as it is sent. */
void sim_check_frame(struct sim *sim, uint8_t from, uint8_t to, bool live, struct bytes message);

/* At the end of a run: all databases. */
void sim_check_all(struct sim *sim);
/* The same of what each participant's database says of itself alone, when who has asked for it is
 * not to be told any more. */
void sim_check_toys(struct sim *sim);

#endif
