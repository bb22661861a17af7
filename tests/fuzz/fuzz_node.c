#include "fuzz_node.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "frame.pb-c.h"

#define BUDGET ((size_t)64 << 20)

char *fuzz_node_database(const char *name, struct bytes image)
{
    char *path = xprintf("%s/%s.db", fuzz_dir(), name);
    char *wal = xprintf("%s-wal", path);
    (void)unlink(wal);
    (void)unlink(path);
    if (image.len != 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        fuzz_require(fd >= 0 && write(fd, image.data, image.len) == (ssize_t)image.len,
                     "cannot write %s", path);
        (void)close(fd);
    }
    free(wal);
    return path;
}

struct buffer fuzz_node_image(const char *path)
{
    struct buffer image = {0};
    uint8_t some[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    fuzz_require(fd >= 0, "cannot read %s", path);
    while ((got = read(fd, some, sizeof some)) > 0)
        buffer_append(&image, some, (size_t)got);
    (void)close(fd);
    return image;
}

void fuzz_node_begin(struct fuzz_node *fuzz, struct node *node, struct db *db)
{
    fuzz->node = node;
    fuzz->db = db;
    node_turn_init(&fuzz->turn, node);
}

void fuzz_node_end(struct fuzz_node *fuzz)
{
    if (fuzz->node != NULL)
        fuzz->node->ops->free(fuzz->node);
    fuzz->node = NULL;
    outbound_release(&fuzz->out);
    fuzz->out = (struct outbound){0};
}

bool fuzz_node_is_frame(struct bytes message, size_t budget)
{
    struct arena arena;
    struct frame frame;
    arena_init(&arena, budget);
    bool is = frame_read(message, &arena, &frame, NULL) == 0;
    arena_release(&arena);
    return is;
}

void fuzz_node_give(struct fuzz_node *fuzz, uint8_t port, struct bytes message)
{
    struct peer from = {.port = port, .id_len = sizeof FUZZ_PEER - 1};
    memcpy(from.id, FUZZ_PEER, from.id_len);
    if (fuzz->node != NULL)
        node_turn_receive(&fuzz->turn, &from, message, fuzz->now);
}

/* Any entry: what does not decode must be refused by itself. */
void fuzz_node_give_entry(struct fuzz_node *fuzz, uint8_t port, struct frame_header *sender,
                          struct bytes entry)
{
    struct buffer packed = {0};
    ProtobufCBinaryData entries = packed_borrow(entry);
    Zsaga__Driver driver = ZSAGA__DRIVER__INIT;
    driver.id = packed_borrow_text(sender->driver.id);
    driver.epoch = sender->driver.epoch;
    driver.nonce = sender->driver.nonce;
    driver.last_saga = packed_borrow(id_view(&sender->driver.last_saga));
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    header.version = FRAME_VERSION;
    header.number = ++sender->number;
    header.name = packed_borrow_text(sender->name);
    if (!id_is_zero(&sender->store))
        header.store = packed_borrow(id_view(&sender->store));
    header.incarnation = sender->incarnation;
    header.driver = sender->has_driver ? &driver : NULL;
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    frame.header = &header;
    frame.n_entries = 1;
    frame.entries = &entries;
    packed_append(&packed, &frame.base);
    fuzz_node_give(fuzz, port, buffer_bytes(&packed));
    buffer_release(&packed);
}

void fuzz_node_give_message(struct fuzz_node *fuzz, uint8_t port, struct frame_header *sender,
                            const ProtobufCMessage *entry)
{
    struct buffer packed = {0};
    packed_append(&packed, entry);
    fuzz_node_give_entry(fuzz, port, sender, buffer_bytes(&packed));
    buffer_release(&packed);
}

int fuzz_node_turn(struct fuzz_node *fuzz)
{
    struct err err = {0};
    if (fuzz->node == NULL)
        return ERR_FENCED;
    outbound_clear(&fuzz->out);
    int rc = node_turn_end(&fuzz->turn, fuzz->now, true, &fuzz->out, &err);
    fuzz_require(rc == 0 || rc == ERR_FENCED, "the node ends: %s", err.text);
    fuzz_require(!fuzz->turn.broken, "the node takes nothing in: %s", fuzz->turn.trouble);
    if (rc < 0)
        fuzz_node_end(fuzz);
    return rc;
}

void fuzz_node_pass(struct fuzz_node *fuzz, int64_t ms)
{
    fuzz->now.mono_ms += ms;
    fuzz->now.wall_ms += ms;
}

int64_t fuzz_node_writes(const struct fuzz_node *fuzz)
{
    sqlite3_stmt *stmt = NULL;
    struct err err = {0};
    fuzz_require(db_prepare_engine(fuzz->db, "SELECT total_changes()", &stmt, &err) == 0 &&
                     db_step(fuzz->db, stmt, &err) == DB_ROW,
                 "%s", err.text);
    int64_t writes = db_int(stmt, 0);
    sqlite3_finalize(stmt);
    return writes;
}

static void read_message(const struct message *message, const char *name,
                         const ProtobufCMessageDescriptor *kind, fuzz_node_take take, void *self)
{
    struct arena arena;
    struct frame frame;
    struct err err = {0};
    arena_init(&arena, BUDGET);
    fuzz_require(frame_read(bytes_of(message->data, message->len), &arena, &frame, &err) == 0,
                 "what is sent is no frame: %s", err.text);
    fuzz_require(strcmp(frame.header.name, name) == 0, "sent under another name");
    for (uint32_t i = 0; i < frame.entry_count; i++) {
        const ProtobufCMessage *entry = protobuf_c_message_unpack(
            kind, &arena.allocator, frame.entries[i].len, frame.entries[i].data);
        fuzz_require(entry != NULL, "what is sent is no %s", kind->name);
        if (take != NULL)
            take(self, &message->to, &frame.header, i, entry);
    }
    arena_release(&arena);
}

void fuzz_node_read(struct fuzz_node *fuzz, const char *name, fuzz_node_kind_of kind_of,
                    fuzz_node_take take, void *self)
{
    /* Of their own: what is read may be answered at once. */
    struct outbound out = fuzz->out;
    fuzz->out = (struct outbound){0};
    for (size_t i = 0; i < out.count; i++) {
        const ProtobufCMessageDescriptor *kind = kind_of(out.messages[i].to.port);
        fuzz_require(kind != NULL, "sent on port %d", out.messages[i].to.port);
        read_message(&out.messages[i], name, kind, take, self);
    }
    outbound_release(&out);
}
