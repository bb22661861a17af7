/* What the files of a participant's node share: the node, one command being handled, the batch. */
#ifndef ZSAGA_PARTICIPANT_INTERNAL_H
#define ZSAGA_PARTICIPANT_INTERNAL_H

#include "base/text.h"
#include "command.pb-c.h"
#include "owner.h"
#include "participant.h"
#include "participant_node.h"
#include "store/fence.h"
#include "store/inbox.h"
#include "store/outbox.h"
#include "wire/frame.h"

/* One event waiting for its handler's outcome. */
struct call_pending_event {
    const char *type;
    struct bytes payload; /* In the batch's arena. */
};

struct call {
    struct participant_node *node;
    const Zsaga__Command *command;
    struct id saga;
    bool again;
    int64_t wall_ms;
    struct bytes output; /* In the batch's arena. */
    bool output_too_large;
    const char *event_fault; /* Words for an event that cannot be told, or NULL. */
    char code[TEXT_NAME_MAX + 1];
    char message[PARTICIPANT_MESSAGE_MAX + 1];
    int64_t retry_after_ms;
    struct call_pending_event refusal_event;
};

/* An entry of a frame and what came of it. */
enum work_kind { WORK_COMMAND, WORK_HELLO, WORK_OWNER, WORK_REJECT };

struct work {
    enum work_kind kind;
    uint32_t frame; /* Index in the batch. */
    uint32_t index; /* In its frame. */
    union {
        const Zsaga__Command *command;
        const Zsaga__Hello *hello;
        struct bytes owner_request;
        const char *words; /* Why it is rejected. */
    };
    const ProtobufCMessage *answer; /* In the arena; set while the batch runs. NULL: none. */
    bool stored;                    /* Committed by itself, so that its answer is true. */
};

struct work_frame {
    struct peer from;
    uint64_t number;
    bool has_driver;
    struct frame_driver driver;
    enum fence_verdict verdict;
    bool judged;
    struct fence_driver *held; /* Valid once judged, until the batch ends. */
};

struct participant_node {
    struct node node;
    const struct participant_service *service;
    struct db *db;
    struct inbox *inbox;
    struct outbox *outbox;
    struct publisher *publisher;
    struct fence *fence;
    struct owner *owner;
    void *self;
    struct frame_header sender;
    struct id_source ids;
    bool trims; /* In this batch. */
    struct arena arena;
    struct work_frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    struct work *works;
    size_t work_count;
    size_t work_capacity;
    struct participant_counters counters;
};

/* What decoding one frame may take: a crafted megabyte grows fiftyfold in protobuf-c. */
#define PARTICIPANT_DECODE_BUDGET ((size_t)16 << 20)

/* What a batch's messages may take before it is ended: bounds the memory of a turn. */
#define PARTICIPANT_BATCH_MEMORY ((size_t)32 << 20)

/* A frame becomes work. */
void participant_receive(struct participant_node *node, const struct peer *from,
                         struct bytes bytes);

/* Leaves what was answered to the batch's entries in `out`. */
void participant_answer_all(struct participant_node *node, struct outbound *out);

/* participant_refuse.c: sets the answers of a batch that cannot be stored. */
void participant_refuse(struct participant_node *node, const struct node_outage *why);

/* Copies into the batch's arena. */
struct bytes participant_keep(struct participant_node *node, struct bytes bytes);

/* Handles one command within the batch's transaction: the barrier, the handler in its savepoint,
 * the record; sets work->answer. PARTICIPANT_GUILTY when the command's handler ended the
 * transaction. Negative for a failing database. */
enum { PARTICIPANT_GUILTY = 1 };
int participant_command(struct participant_node *node, struct work *work,
                        const struct work_frame *frame, int64_t wall_ms, struct err *err);

/* Sets work->answer to a Reply that says `retry`: for a guilty command. */
void participant_answer_retry(struct participant_node *node, struct work *work,
                              const struct work_frame *frame, const char *code,
                              const char *message);

#endif
