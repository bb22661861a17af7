/* Drives a participant in a test as an orchestrator and the tool would: frames in, answers out.
 *
 * The node is the real one on a real file; frames are made by hand from the protos, so that a test
 * can say what no well-behaved peer would. Whatever the driver itself cannot do fails the test. */
#ifndef ZSAGA_PARTICIPANT_DRIVER_H
#define ZSAGA_PARTICIPANT_DRIVER_H

#include "command.pb-c.h"
#include "event.pb-c.h"
#include "owner.pb-c.h"
#include "participant_node.h"
#include "replay.pb-c.h"
#include "wire/frame.h"

struct participant_driver {
    const struct participant_service *service;
    struct config *config; /* NULL: no settings. */
    char dir[192];
    char path[256];
    unsigned int starts;
    struct node *node;
    struct node_time now;
    struct frame_header sender; /* What the frames say of who sends them; change it at will. */
    struct buffer *entries;     /* Of the frame being made, packed. */
    size_t entry_count;
    size_t entry_capacity;
    struct arena arena; /* Where answers live until the next turn. */
    const Zsaga__Answer **answers;
    size_t answer_count;
    size_t answer_capacity;
    const Zsaga__OwnerAnswer *owner_answer;
    const Zsaga__ReplayAnswer *replay_answer;
    const Zsaga__Publication **publications; /* As told on the PUB port. */
    size_t publication_count;
    size_t publication_capacity;
    struct id store;                  /* As the last frame said. */
    const struct node_outage *outage; /* Not NULL: what is delivered is refused, not committed. */
    uint64_t last_hello;
    unsigned int last_saga;
};

/* A fresh database in a directory of its own. `settings` are ZPL lines, NULL for none. */
struct participant_driver *driver_new(const struct participant_service *service,
                                      const char *settings);
void driver_free(struct participant_driver *driver); /* Also removes the directory. */

/* Ends the node as kill -9 does: what is not committed is gone, and so are answers not taken. The
 * next one starts on the files as they are. */
void driver_crash(struct participant_driver *driver);

/* A saga id above all that were made before; also told by the frames from now on. */
struct id driver_new_saga(struct participant_driver *driver);

struct driver_command {
    struct id saga;
    uint32_t step;
    bool compensation;
    bool retriable;   /* An action that cannot be refused. */
    const char *name; /* NULL: of the service's first action, or of its compensation. */
    uint32_t attempt; /* 0: the first. */
    struct bytes input;
};

/* Adds an entry to the frame being made. Returns its index. */
uint32_t driver_add(struct participant_driver *driver, const struct driver_command *command);
uint32_t driver_add_request(struct participant_driver *driver, const Zsaga__Request *request);
uint32_t driver_add_bytes(struct participant_driver *driver, struct bytes entry);

/* Gives the frame to the node, which keeps it until driver_commit(). Returns the frame's number. */
uint64_t driver_deliver(struct participant_driver *driver);
void driver_deliver_bytes(struct participant_driver *driver, struct bytes frame);

/* Commits what was delivered; its answers are in driver->answers until the next time. */
void driver_commit(struct participant_driver *driver);

/* Delivers, commits, and takes the one reply to `command`, which is checked to be its echo. */
const Zsaga__Reply *driver_ask(struct participant_driver *driver,
                               const struct driver_command *command);

/* What repeated answers must agree in, as text (allocated): outcome, code, message, output. */
char *driver_reply_text(const Zsaga__Reply *reply);

/* Asks and fails the test unless that is the outcome and the code (NULL: any). */
void driver_expect(struct participant_driver *driver, const struct driver_command *command,
                   Zsaga__Outcome outcome, const char *code);

/* Last sequence number of the participant's log, as it answers a hello. */
uint64_t driver_head(struct participant_driver *driver);

/* The events of the log, read from a copy of the database: "TYPE order=.. customer=.. cents=..
 * units=.. code=..", a line each (allocated). */
char *driver_events(struct participant_driver *driver);

/* Delivers and commits what is said on the replay port; the answer is valid until the next turn,
 * NULL when there was none. The sender is no orchestrator there. */
const Zsaga__ReplayAnswer *driver_fetch(struct participant_driver *driver,
                                        const Zsaga__Fetch *fetch);
const Zsaga__ReplayAnswer *driver_fetch_bytes(struct participant_driver *driver,
                                              struct bytes entry);

/* The owner plane. The answer is valid until the next turn. */
const Zsaga__OwnerAnswer *driver_ask_owner(struct participant_driver *driver,
                                           Zsaga__OwnerRequest *request);

/* Imports rows given as CSV lines without a header, "a,1\nb,2\n". Returns the words of the refusal
 * (valid until the next turn), or NULL when they were applied. */
const char *driver_import(struct participant_driver *driver, const char *table, const char *csv);

/* All rows of a table, page after page, as CSV lines (allocated). */
char *driver_export(struct participant_driver *driver, const char *table);

/* All rows of all tables (allocated): two equal ones mean that nothing has changed. */
char *driver_snapshot(struct participant_driver *driver);

/* Words of the first failed check of the participant's books (allocated), or NULL: all is well. */
char *driver_audit(struct participant_driver *driver);

/* Runs SQL behind the participant's back, between its end and its next start, unchecked. */
void driver_tamper(struct participant_driver *driver, const char *sql);

#endif
