/* A talk with a participant, as an orchestrator has it: frames out, answers matched to their
 * entries, and what was said kept in words for whoever has to mend it.
 *
 * A check is a row of questions. The first thing that is not as the protocol's page says fails it,
 * and all further questions of that check are passed over, so that it reads straight down. */
#ifndef ZSAGA_CLI_CONFORMANCE_TALK_H
#define ZSAGA_CLI_CONFORMANCE_TALK_H

#include <stdint.h>

#include "base/id.h"
#include "command.pb-c.h"
#include "conformance_line.h"
#include "frame.pb-c.h"
#include "wire/frame.h"

#define TALK_DRIVER "zsaga-conformance"        /* Its orchestrator id: no real one is fenced. */
#define TALK_OTHER_DRIVER "zsaga-conformance2" /* Where two are needed. */

struct talk_options {
    const char *participant; /* Its name; NULL: whatever it says. */
    const char *action;
    const char *compensation; /* NULL: the action has none. */
    const char *key_prefix;
    int64_t timeout_ms; /* For an answer, over repetitions. */
    /* Appends an input for a saga of this key: one that is done, or one that is refused. */
    void (*make_input)(void *maker, bool refused, const char *key, struct buffer *to);
    void *maker;
};

/* What the participant said of itself, over the whole run. */
struct talk_seen {
    char name[65];
    struct id store;
    uint64_t incarnation;
    uint64_t number; /* Of its last frame. */
    uint64_t head;
    uint64_t records;
};

/* What no answer may break, whichever check it belongs to: the first breach of each in words. */
enum talk_watch { TALK_WATCH_HEADER, TALK_WATCH_REPLY, TALK_WATCH_HEAD, TALK_WATCH_COUNT };

struct talk_entry;

struct talk {
    struct line *line; /* Borrowed. */
    struct talk_options options;
    struct frame_header sender; /* Of the next frame; a check may change it for itself. */
    struct frame_driver own;    /* What it begins with. */
    struct id_source ids;
    struct arena arena; /* Of the check. */
    struct talk_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    const Zsaga__Answer *frame_answer; /* Of the last exchange: about the whole frame. */
    size_t answer_count;               /* Of the last exchange, in all. */
    uint64_t first_number;             /* Of the last exchange's frames. */
    bool in_order;
    int64_t again_ms; /* After so much silence the same is sent again. */
    bool repeats; /* Something was sent twice or lost: answers may come that nobody waits for. */
    struct talk_seen seen;
    struct buffer watched[TALK_WATCH_COUNT];
    struct id *actions; /* Sagas of the check, to be taken back after it. */
    size_t action_count;
    size_t action_capacity;
    uint64_t hellos;
    uint64_t fetches;
    uint64_t mark_head;
    char *mark_rows;
    bool failed;
    bool silent; /* It failed because nothing was answered. */
    struct buffer why;
    struct buffer sent; /* Words for the last exchange. */
    struct buffer came;
};

void talk_init(struct talk *talk, struct line *line, const struct talk_options *options);
void talk_release(struct talk *talk);

/* Around each check. The end takes back what the check did, where it can be, and fails the check
 * when answers came that nobody had asked for. */
void talk_begin(struct talk *talk);
void talk_end(struct talk *talk);

/* The first failure of a check counts. */
void talk_fail(struct talk *talk, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Commands. The input is made from the saga's key unless there is one. */
struct talk_command {
    struct id saga;
    uint32_t step;
    bool undo;
    bool retriable;
    bool once;        /* talk_ask(): RETRY and PENDING are answers too. */
    const char *name; /* NULL: the action, or its compensation. */
    uint32_t attempt;
    struct bytes input;
    struct bytes traceparent;
    size_t output_count; /* Outputs of earlier steps, of the largest size. */
};

struct id talk_new_saga(struct talk *talk);
struct talk_command talk_good(struct talk *talk);
struct talk_command talk_refused(struct talk *talk);
struct talk_command talk_undo(struct talk_command command);

/* Entries of the frame being made, and the frame. */
void talk_add(struct talk *talk, const struct talk_command *command);
void talk_add_request(struct talk *talk, const Zsaga__Request *request, const char *words);
void talk_add_bytes(struct talk *talk, struct bytes entry, const char *words);
uint64_t talk_add_hello(struct talk *talk, Zsaga__Floor *floor); /* Returns its number. */
/* The entry added last is a hello of this number, made by hand. */
void talk_expect_welcome(struct talk *talk, uint64_t number);

/* Sends the frame, again after a silence, until each entry is answered; or the frame as a whole. */
void talk_exchange(struct talk *talk);
/* The same with a header that `spoil` has changed. */
typedef void (*talk_spoil)(Zsaga__Header *header, Zsaga__Driver *driver);
void talk_exchange_spoiled(struct talk *talk, talk_spoil spoil);
/* Bytes that are no frame, with words for them: answered as a whole. */
void talk_exchange_bytes(struct talk *talk, struct bytes message, const char *words);
/* Sends the frame, and waits for nothing. */
void talk_send(struct talk *talk);
/* Takes one frame of answers, if one comes meanwhile. */
void talk_listen(struct talk *talk, int wait_ms);

/* Answers to the entries of the last exchange. NULL: there is none. */
const Zsaga__Answer *talk_answer(const struct talk *talk, size_t entry);
/* An empty reply when it was answered otherwise, which fails the check. */
const Zsaga__Reply *talk_reply(struct talk *talk, size_t entry);

void talk_watch(struct talk *talk, enum talk_watch what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
