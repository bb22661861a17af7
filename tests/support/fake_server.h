/* A server of the client and owner planes that answers in the manner a test wants. */
#ifndef ZSAGA_TEST_FAKE_SERVER_H
#define ZSAGA_TEST_FAKE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "client.pb-c.h"
#include "wire/frame.h"

/* How it answers a frame of requests: each with Done, a request for health with a report. */
enum fake_server_manner {
    FAKE_ANSWERS,                  /* Each request, all in one frame. */
    FAKE_STALE_FIRST,              /* Before each answer one to another request. */
    FAKE_SPOILS_AN_ENTRY,          /* An entry that does not decode stands before the answers. */
    FAKE_OTHER_VERSION,            /* Speaks a version that the client does not know. */
    FAKE_IN_PARTS_FIRST,           /* A message of two parts, then garbage, then the answers. */
    FAKE_IGNORES_FIRST_FRAME,      /* The first frame is lost. */
    FAKE_IGNORES_FIRST_CONNECTION, /* All from the first connection is lost. */
    FAKE_SCRIPTED,                 /* As the script of fake_server_start_scripted() has it. */
};

/* Answers a request, in the server's thread: adds what it wants, or nothing. */
typedef void (*fake_server_script)(void *self, const Zsaga__ClientRequest *request,
                                   struct frame_writer *writer);

/* What it has seen: to be read once it is stopped. */
struct fake_server_seen {
    size_t frames;
    size_t requests;
    size_t connections; /* In a row: one that comes back counts again. */
    uint64_t first_id;
    uint64_t last_id;
};
extern struct fake_server_seen fake_server_seen;

#define FAKE_SERVER_PID 42 /* In its report of health. */

/* One at a time; each start is another incarnation. `endpoint` is borrowed. What was seen goes on
 * over a restart. */
void fake_server_start(const char *endpoint, enum fake_server_manner manner);
void fake_server_start_scripted(const char *endpoint, fake_server_script script, void *self);
void fake_server_stop(void); /* Harmless when none runs. */
void fake_server_forget(void);

#endif
