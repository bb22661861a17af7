/* Frames: their headers, and what is in them. I16, I20, protocol. */
#include "check_wire.h"

#include <string.h>

#include "check_peek.h"

#define FRAME_MAX ((size_t)1 << 20)
#define ENTRIES_MAX 32
#define VERSION 1

static bool is_old(const struct process *process, uint64_t incarnation)
{
    for (size_t i = 0; i < process->incarnation_count; i++)
        if (process->incarnations[i] == incarnation)
            return true;
    return false;
}

/* True: it is the first frame of a start. */
static bool note_incarnation(struct checker *checker, struct heard *heard)
{
    struct process *process = &checker->processes[heard->from];
    uint64_t incarnation = heard->header->incarnation;
    uint64_t number = heard->header->number;
    bool first = !process->heard || process->incarnation != incarnation;
    if (process->heard && first && is_old(process, incarnation)) {
        heard->fresh = false;
        return false;
    }
    heard->fresh = first || number > process->number;
    if (first) {
        process->incarnations =
            check_grow(process->incarnations, &process->incarnation_capacity,
                       process->incarnation_count + 1, sizeof *process->incarnations);
        process->incarnations[process->incarnation_count++] = incarnation;
    }
    if (heard->fresh) {
        process->incarnation = incarnation;
        process->number = number;
    }
    process->heard = true;
    return first;
}

static void note_store(struct checker *checker, struct heard *heard, bool first)
{
    struct process *process = &checker->processes[heard->from];
    struct check_bytes store = check_packed(heard->header->store);
    struct query row;
    size_t log = check_log(checker, store.data, heard->from);
    heard->log = log;
    check_did(checker, I16);
    if (checker->logs[log].process != heard->from)
        check_find(checker, I16, process->name, "its database has the uuid of %s's",
                   checker->processes[checker->logs[log].process].name);
    /* Whoever only reads may lose his database and make it anew. */
    bool keeps = heard->frame->plane != CHECK_PLANE_REPLAY || process->publishes;
    if (keeps && process->log != NOBODY && process->log != log && heard->fresh &&
        !process->restored)
        check_find(checker, I16, process->name, "tells another database than before");
    if (process->log == NOBODY || heard->fresh)
        process->log = log;
    if (!first || !check_peek(checker, heard->from, PEEK_STORE, &row))
        return;
    if (!check_next(&row) || !check_equal(check_bytes_at(&row, 0), store))
        check_find(checker, I16, process->name, "tells another uuid than its database has");
    check_done(&row);
}

/* I20: each start has a higher epoch, stored before it is told, and claims no saga that is not
 * stored. */
static void note_driver(struct checker *checker, const struct heard *heard, bool first)
{
    struct process *process = &checker->processes[heard->from];
    const Zsaga__Driver *driver = heard->header->driver;
    struct query row;
    if (!heard->fresh)
        return;
    check_did(checker, I20);
    bool same = driver->epoch == process->epoch && driver->nonce == process->nonce;
    /* One that has to load its database again may take a new one, as a start does. */
    bool higher = driver->epoch > process->epoch;
    if (process->epoch != 0 && !process->restored && !higher && (first || !same))
        check_find(checker, I20, process->name, "its epoch goes from %llu to %llu%s",
                   (unsigned long long)process->epoch, (unsigned long long)driver->epoch,
                   first ? " with a start" : " without a start");
    process->epoch = driver->epoch;
    process->nonce = driver->nonce;
    if (!check_peek(checker, heard->from, PEEK_SELF, &row))
        return;
    bool known = check_next(&row);
    if (!known || (uint64_t)check_int(&row, 0) < driver->epoch)
        check_find(checker, I20, process->name, "tells epoch %llu, which it has not committed",
                   (unsigned long long)driver->epoch);
    if (known && !check_equal(check_bytes_at(&row, 1), check_packed(driver->last_saga)))
        check_find(checker, I20, process->name,
                   "the last saga that it tells is not the last stored");
    check_done(&row);
}

static bool check_header(struct checker *checker, struct heard *heard)
{
    const struct check_frame *frame = heard->frame;
    const Zsaga__Header *header = heard->header;
    bool has_store = header->store.len == CHECK_ID_SIZE;
    bool of_client = frame->plane == CHECK_PLANE_CLIENT && !has_store;
    if (header->version != VERSION || (!has_store && header->store.len != 0) ||
        (header->driver != NULL &&
         (header->driver->last_saga.len != CHECK_ID_SIZE || header->driver->epoch == 0))) {
        check_find(checker, PROTOCOL, frame->from, "the header of a frame is not valid");
        return false;
    }
    if (of_client)
        return true;
    if (!check_is(check_packed(header->name), frame->from))
        check_find(checker, PROTOCOL, frame->from, "calls itself %.*s", (int)header->name.len,
                   (const char *)header->name.data);
    bool first = note_incarnation(checker, heard);
    if (checker->options.exact && !heard->fresh)
        check_find(checker, PROTOCOL, frame->from, "frame %llu comes after %llu",
                   (unsigned long long)header->number,
                   (unsigned long long)checker->processes[heard->from].number);
    if (has_store)
        note_store(checker, heard, first);
    if (header->driver != NULL)
        note_driver(checker, heard, first);
    return true;
}

/* Of which type the entries of a frame are; NULL: of none that is looked at. */
static const ProtobufCMessageDescriptor *type_of(const struct checker *checker,
                                                 const struct heard *heard)
{
    bool process = heard->header->store.len != 0;
    switch (heard->frame->plane) {
    case CHECK_PLANE_COMMAND:
        return heard->header->driver != NULL ? &zsaga__request__descriptor
                                             : &zsaga__answer__descriptor;
    case CHECK_PLANE_CLIENT:
        return process ? &zsaga__client_answer__descriptor : NULL;
    case CHECK_PLANE_LIVE:
        return &zsaga__publication__descriptor;
    case CHECK_PLANE_REPLAY:
        return checker->processes[heard->from].publishes ? &zsaga__replay_answer__descriptor : NULL;
    case CHECK_PLANE_COUNT:
        break;
    }
    return NULL;
}

static void check_entry(struct checker *checker, const struct heard *heard,
                        const ProtobufCMessage *entry)
{
    const ProtobufCMessageDescriptor *type = entry->descriptor;
    if (type == &zsaga__request__descriptor)
        check_heard_request(checker, heard, (const Zsaga__Request *)entry);
    else if (type == &zsaga__answer__descriptor)
        check_heard_answer(checker, heard, (const Zsaga__Answer *)entry);
    else if (type == &zsaga__client_answer__descriptor)
        check_heard_client(checker, heard, (const Zsaga__ClientAnswer *)entry);
    else if (type == &zsaga__publication__descriptor)
        check_heard_event(checker, heard, (const Zsaga__Publication *)entry);
    else
        check_heard_replay(checker, heard, (const Zsaga__ReplayAnswer *)entry);
}

static void check_entries(struct checker *checker, const struct heard *heard,
                          const Zsaga__Frame *frame)
{
    const ProtobufCMessageDescriptor *type = type_of(checker, heard);
    for (size_t i = 0; type != NULL && i < frame->n_entries; i++) {
        const ProtobufCMessage *entry = protobuf_c_message_unpack(
            type, &checker->allocator, frame->entries[i].len, frame->entries[i].data);
        check_did(checker, PROTOCOL);
        if (entry == NULL) {
            check_find(checker, PROTOCOL, heard->frame->from, "entry %zu of frame %llu is no %s", i,
                       (unsigned long long)heard->header->number, type->name);
            continue;
        }
        if (checker->options.seen != NULL)
            checker->options.seen(checker->options.context, heard->frame, entry);
        check_entry(checker, heard, entry);
    }
}

void checker_frame(struct checker *checker, const struct check_frame *frame)
{
    check_arena_reset(checker);
    check_did(checker, PROTOCOL);
    const Zsaga__Frame *decoded =
        zsaga__frame__unpack(&checker->allocator, frame->bytes.len, frame->bytes.data);
    if (decoded == NULL || decoded->header == NULL || decoded->n_entries > ENTRIES_MAX ||
        frame->bytes.len > FRAME_MAX) {
        check_find(checker, PROTOCOL, frame->from, "sends what is no frame");
        return;
    }
    struct heard heard = {.frame = frame,
                          .header = decoded->header,
                          .log = NOBODY,
                          .from = check_process(checker, frame->from),
                          .to = check_process(checker, frame->to)};
    if (frame->plane == CHECK_PLANE_LIVE)
        checker->processes[heard.from].publishes = true;
    if (check_header(checker, &heard))
        check_entries(checker, &heard, decoded);
}
