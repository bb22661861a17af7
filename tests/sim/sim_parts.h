/* What the files of the simulator share: its network, processes, client, faults and checks. */
#ifndef ZSAGA_SIM_PARTS_H
#define ZSAGA_SIM_PARTS_H

#include "command.pb-c.h"
#include "sim.h"
#include "sim_check.h"

/* sim.c: what random runs and scenarios are made of. */
struct sim *sim_new(const struct sim_options *options, struct sim_counts *counts);
void sim_open_hosts(struct sim *sim, size_t toys, bool with_reader, bool with_observer);
void sim_run_to_rest(struct sim *sim, int64_t tail_ms);
void sim_run_on(struct sim *sim, int64_t ms);

/* sim_net.c: takes `data`. */
void sim_net_close(struct sim *sim);
void sim_net_send(struct sim *sim, uint8_t from, uint8_t to, uint64_t to_start,
                  const struct peer *peer, uint8_t *data, size_t len);
void sim_net_cut(struct sim *sim, uint8_t from, uint8_t to, int64_t from_ms, int64_t until_ms);
void sim_net_echo(struct sim *sim, int64_t within_ms); /* Some of what once passed comes again. */
int64_t sim_net_next(const struct sim *sim);
struct sim_packet *sim_net_take(struct sim *sim); /* The next one: NULL unless it is due. */
void sim_packet_free(struct sim_packet *packet);

/* sim_route.c */
struct sim_route {
    uint8_t to;
    uint64_t to_start; /* For whose life it is meant; 0: any. */
    struct peer peer;  /* As the addressee sees the sender. */
    bool live;         /* Told on a PUB. */
};
/* Returns how many places it goes to. */
size_t sim_route_find(const struct sim *sim, const struct sim_host *host, const struct peer *to,
                      struct sim_route ret[SIM_HOSTS_MAX]);
/* A PUB that nobody listens to sends nothing. */
void sim_route_drop_untold(const struct sim *sim, const struct sim_host *host,
                           struct outbound *out);

/* sim_host.c */
int sim_host_open(struct sim *sim, struct sim_host *host, struct err *err); /* Its node. */
void sim_host_boot(struct sim *sim, struct sim_host *host);                 /* Its machine. */
void sim_host_start(struct sim *sim, struct sim_host *host);
void sim_host_die(struct sim *sim, struct sim_host *host, uint64_t *count);
void sim_host_close(struct sim *sim, struct sim_host *host); /* Counts what it counted. */
void sim_host_arrive(struct sim *sim, struct sim_host *host, struct sim_packet *packet);
int64_t sim_host_next(const struct sim *sim, const struct sim_host *host);
void sim_host_run(struct sim *sim, struct sim_host *host); /* A turn, or its restart. */

/* sim_client.c */
void sim_client_open(struct sim *sim);
int64_t sim_client_next(const struct sim *sim);
void sim_client_run(struct sim *sim);
/* Asks what is not needed, about a saga that may have ended long ago. */
void sim_client_be_nosy(struct sim *sim, size_t saga);
void sim_client_ask_status(struct sim *sim);
void sim_client_trust(struct sim *sim, const char *participant);
void sim_client_arrive(struct sim *sim, const struct sim_packet *packet);
bool sim_client_is_done(const struct sim *sim); /* All sagas are known to rest. */

/* sim_shape.c: what a run is about, drawn from its seed. */
void sim_shape_draw(struct sim *sim);
void sim_shape_add(struct sim *sim, const char *text);
bool sim_shape_is_retriable(const struct sim *sim, size_t shape, size_t step); /* In a version. */
void sim_script_draw(struct sim *sim, size_t saga);
void sim_script_mend(struct sim *sim, size_t saga); /* Nothing is in trouble any more. */

/* sim_profile.c: what is tried. */
void sim_profile_draw(struct sim *sim);
void sim_profile_print(const struct sim *sim); /* What was drawn, on standard error. */

/* sim_mischief.c, with sim_ghost.c and sim_backup.c */
#define SIM_MISCHIEF_COPY "a copy" /* Its name among the kept databases. */
void sim_mischief_take_down(struct sim *sim, struct sim_host *host);
void sim_ghost_start(struct sim *sim);
void sim_ghost_begin_turn(struct sim *sim, const struct sim_host *host);
void sim_ghost_check_reply(struct sim *sim, const struct sim_host *host, uint8_t to,
                           const Zsaga__Reply *reply);
void sim_ghost_note_driver(struct sim *sim, uint8_t from, const struct frame_driver *driver);
void sim_ghost_check(struct sim *sim);
int64_t sim_backup_head(struct sim *sim); /* Of the one whose database is copied; -1: is down. */
bool sim_backup_is_old(struct sim *sim);  /* The orchestrator knows of more by now. */
void sim_backup_put_back(struct sim *sim);
void sim_backup_begin_turn(struct sim *sim, const struct sim_host *host);
void sim_backup_check(struct sim *sim);
void sim_mischief_plan(struct sim *sim);
void sim_mischief_go_on(struct sim *sim); /* At mischief.next_ms. */
void sim_mischief_begin_turn(struct sim *sim, const struct sim_host *host);
void sim_mischief_note(struct sim *sim, uint8_t from, uint8_t to, struct bytes message);
void sim_mischief_told(struct sim *sim, size_t participant); /* That it is suspended. */
void sim_mischief_check(struct sim *sim);

/* sim_fault.c */
void sim_fault_strike(struct sim *sim);
void sim_fault_heal(struct sim *sim);

/* sim_template.c: a new database where there is none, the same one in each run. */
void sim_template_lay(const struct sim *sim, const struct sim_host *host);

/* sim_story.c: after each turn of a scenario's orchestrator. */
void sim_story_go_on(struct sim *sim);

/* sim_wire.c: what is sent, as it is sent. */
/* `live`: on a PUB port. */
void sim_wire_note(struct sim *sim, uint8_t from, uint8_t to, bool live, struct bytes message);
/* An entry of it, decoded. */
void sim_wire_seen(struct sim *sim, const char *from, const char *to,
                   const ProtobufCMessage *entry);

#endif
