/* What the files of the orchestrator's node share. */
#ifndef ZSAGA_ORCHESTRATOR_INTERNAL_H
#define ZSAGA_ORCHESTRATOR_INTERNAL_H

#include "active.h"
#include "base/run_clock.h"
#include "channel.h"
#include "client.pb-c.h"
#include "command.pb-c.h"
#include "journal.h"
#include "news.h"
#include "orchestrator.h"
#include "owner.h"
#include "store/outbox.h"
#include "wire/frame.h"

#define ORCHESTRATOR_INPUT_MAX ((size_t)256 << 10)
/* Participants of the suite, and those that only running sagas still need. */
#define ORCHESTRATOR_CHANNELS_MAX (ORCHESTRATOR_PARTICIPANTS_MAX + 64)
#define ORCHESTRATOR_OUTPUT_MAX ((size_t)16 << 10)
/* What decoding one frame may take: a crafted megabyte grows fiftyfold in protobuf-c. */
#define ORCHESTRATOR_DECODE_BUDGET ((size_t)16 << 20)
/* What a batch's messages may take before it is ended: bounds the memory of a turn. */
#define ORCHESTRATOR_BATCH_MEMORY ((size_t)32 << 20)

/* A version of a definition that is stored, and which channel serves each of its steps. */
struct stored_definition {
    int64_t number;
    bool current; /* The one that new sagas start with. */
    struct definition *definition;
    uint8_t *channels; /* For each step; lives as long as the definition. */
};

enum work_kind { WORK_ANSWER, WORK_CLIENT, WORK_OWNER, WORK_FRAME };

/* An entry of a frame, or the frame itself for what its header says. */
struct work {
    enum work_kind kind;
    uint32_t frame; /* Index in the batch. */
    union {
        const Zsaga__Answer *answer;
        const Zsaga__ClientRequest *request;
        struct bytes owner_request;
    };
    const ProtobufCMessage *reply; /* In the arena; to send once the batch is committed. */
};

struct work_frame {
    struct peer from;
    uint64_t incarnation;
    struct id store;
};

/* Who is told what, once the batch is committed. */
struct push {
    struct peer to;
    const struct active *active;
};

/* What a participant said to a start that has been overtaken. */
struct fenced {
    bool is;
    uint64_t epoch;
    bool old_copy;
    struct id last_saga;
    const char *by;
};

struct orchestrator {
    struct node node;
    struct suite_limits limits;
    bool adopt;
    bool was_ready;
    struct db *db;
    struct journal *journal;
    struct outbox *outbox;
    struct publisher *publisher;
    struct owner *owner;
    struct journal_self self; /* As stored. */
    struct frame_header sender;
    struct id_source ids;
    struct id last_saga; /* Given in this batch; the header's follows after the commit. */
    struct run_clock clock;
    int64_t now_ms; /* Running time of this turn. */
    int64_t wall_ms;
    bool ticked;        /* Timers are due in this batch. */
    bool trims;         /* The log is cut in this batch. */
    struct buffer told; /* Payload of the event in the making. */
    struct arena arena;

    struct stored_definition *definitions;
    size_t definition_count;
    size_t definition_capacity;
    struct channel channels[ORCHESTRATOR_CHANNELS_MAX];
    size_t channel_count;

    struct active_map active;
    struct heap timers;
    uint64_t state_counts[SAGA_STATE_COUNT]; /* Of final ones, as of this batch. */

    struct work_frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    struct work *works;
    size_t work_count;
    size_t work_capacity;
    struct push *pushes;
    size_t push_count;
    size_t push_capacity;
    struct active **finished;
    size_t finished_count;
    size_t finished_capacity;

    uint64_t floor_version;
    struct id floor;
    struct buffer floor_open;
    int64_t floor_at_ms;
    struct fenced fenced;
    struct news news;
    struct orchestrator_counters counters;
};

/* Memory of this batch, whatever a peer's budget is. */
void *orchestrator_keep(struct orchestrator *self, const void *data, size_t size);
ProtobufCBinaryData orchestrator_keep_bytes(struct orchestrator *self, struct bytes bytes);

/* receive.c: a frame becomes work. */
void receive_frame(struct orchestrator *self, const struct peer *from, struct bytes bytes);

/* drive.c: a saga's event, its journal, its next command and its timer. */
int drive_event(struct orchestrator *self, struct active *active, struct saga_event *event,
                struct err *err);
int drive_timer(struct orchestrator *self, struct active *active, struct err *err);
void drive_sent(struct orchestrator *self, struct active *active);
void drive_place(struct orchestrator *self, struct active *active); /* After loading. */
void drive_arm(struct orchestrator *self, struct active *active);
void drive_touch(struct orchestrator *self, struct active *active); /* Counts patience up to now. */
void drive_touch_channel(struct orchestrator *self, struct channel *channel);
struct channel *drive_channel(struct orchestrator *self, const struct active *active);

/* load.c: memory from the database. */
int load_all(struct orchestrator *self, struct err *err);
void load_forget(struct orchestrator *self);
int load_definitions(struct orchestrator *self, const struct orchestrator_options *options,
                     struct err *err);
struct stored_definition *load_find_definition(struct orchestrator *self, int64_t number);

/* answers.c: what participants say. */
int answers_frame(struct orchestrator *self, const struct work_frame *frame, struct err *err);
int answers_entry(struct orchestrator *self, const struct work_frame *frame,
                  const Zsaga__Answer *answer, struct err *err);

/* send.c: what goes out after the commit. */
#define TRACEPARENT_SIZE 56 /* With the NUL. */
/* W3C trace context: the saga is the trace, each command of a step a span. */
void send_traceparent(const struct id *saga, uint8_t step, bool undo, char text[TRACEPARENT_SIZE]);
void send_commands(struct orchestrator *self, struct outbound *out);
void send_replies(struct orchestrator *self, struct outbound *out);
void send_pushes(struct orchestrator *self, struct outbound *out);

/* refuse.c: sets the replies of a batch that cannot be stored. */
void refuse_batch(struct orchestrator *self, const struct node_outage *why);

/* fenced.c: stores the pair held, so that the next start goes above it; and the error to end with.
 * What was committed with it is not published any more: it can be fetched from the next start. */
int fenced_save(struct orchestrator *self, struct err *err);
int fenced_error(struct orchestrator *self, struct err *err);

/* floor.c */
/* Only once a batch is committed: a saga that ended in a batch taken back is not final. */
void floor_refresh(struct orchestrator *self);

/* intake.c, queries.c, operate.c: what clients ask. Each sets work->reply. */
int intake_submit(struct orchestrator *self, struct work *work, struct err *err);
int queries_find(struct orchestrator *self, struct work *work, struct err *err);
int queries_list(struct orchestrator *self, struct work *work, struct err *err);
int queries_show(struct orchestrator *self, struct work *work, struct err *err);
int queries_status(struct orchestrator *self, struct work *work, struct err *err);
int operate_resume(struct orchestrator *self, struct work *work, struct err *err);
int operate_trust(struct orchestrator *self, struct work *work, struct err *err);
Zsaga__ClientAnswer *client_answer(struct orchestrator *self, struct work *work,
                                   Zsaga__ClientAnswer__KindCase kind);
int client_refuse(struct orchestrator *self, struct work *work, const char *code,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
Zsaga__SagaState client_state(enum saga_state state);
void intake_watch(struct active *active, const struct peer *peer);

#endif
