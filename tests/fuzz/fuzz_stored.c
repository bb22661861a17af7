/* What is stored: a database whose rows were damaged opens, or is refused in words; what opened
 * either works or says what is wrong. The first byte says whose database it is, as the fixtures
 * have it; each step damages a row: the table is op >> 3, the damage op & 7:
 *
 *   0 another text or blob   1 a number     2 a bit flipped   3 the row is gone
 *   4 cut to so many bytes   5 NULL         6 bytes are added
 *
 * behind two bytes that say which row, and one that says which column; or with 7 bytes of the file
 * itself are replaced, behind three bytes that say where. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client.pb-c.h"
#include "fuzz_node.h"
#include "inventory/inventory.h"
#include "observer_node.h"
#include "orchestrator.h"
#include "order/order.h"
#include "owner.pb-c.h"
#include "participant_node.h"
#include "payment/payment.h"
#include "shipping/shipping.h"
#include "view.pb-c.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 1;

#define SOURCES 6
#define TABLES_MAX 16
#define COLUMNS_MAX 24
#define DAMAGES_MAX 8
#define TURNS 3
#define TURN_MS 45000 /* Between two of them: timers fire. */

enum damage { REPLACED, NUMBERED, FLIPPED, GONE, CUT, NULLED, LONGER, OF_FILE };

struct table {
    char *name;
    char *columns[COLUMNS_MAX];
    size_t column_count;
    char *key; /* Its columns, quoted. */
    int64_t rows;
};

struct source {
    const char *name;
    const struct participant_service *service; /* NULL: another process. */
    struct buffer image;
    struct table tables[TABLES_MAX];
    size_t table_count;
};

static struct source sources[SOURCES] = {
    {.name = "orchestrator"},
    {.name = "order", .service = &order_service},
    {.name = "inventory", .service = &inventory_service},
    {.name = "payment", .service = &payment_service},
    {.name = "shipping", .service = &shipping_service},
    {.name = "observer"},
};

static const char *const publishers[] = {"orchestrator", "order", "inventory", "payment",
                                         "shipping"};
#define PUBLISHERS (sizeof publishers / sizeof publishers[0])

static char suite_id[65]; /* That the orchestrator's fixture was made with. */

static void run_sql(sqlite3 *db, const char *sql)
{
    char *words = NULL;
    fuzz_require(sqlite3_exec(db, sql, NULL, NULL, &words) == SQLITE_OK, "%s: %s", sql,
                 words == NULL ? "no words" : words);
}

static sqlite3 *open_database(const char *path)
{
    sqlite3 *db = NULL;
    fuzz_require(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK,
                 "cannot open %s", path);
    return db;
}

static void note_column(struct table *table, const char *name, bool is_key)
{
    if (table->column_count < COLUMNS_MAX)
        table->columns[table->column_count++] = xstrdup(name);
    if (!is_key)
        return;
    char *longer =
        table->key == NULL ? xprintf("\"%s\"", name) : xprintf("%s, \"%s\"", table->key, name);
    free(table->key);
    table->key = longer;
}

static int64_t count_rows(sqlite3 *db, const char *table)
{
    sqlite3_stmt *stmt = NULL;
    int64_t rows = 0;
    char *sql = xprintf("SELECT count(*) FROM \"%s\"", table);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        rows = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    free(sql);
    return rows;
}

/* One without rows is passed by: there is nothing to damage. */
static void note_table(sqlite3 *db, struct source *source, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    int64_t rows = count_rows(db, name);
    if (rows == 0)
        return;
    fuzz_require(source->table_count < TABLES_MAX, "too many tables");
    struct table *table = &source->tables[source->table_count++];
    char *sql = xprintf("SELECT name, pk FROM pragma_table_info('%s')", name);
    (void)sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        note_column(table, (const char *)sqlite3_column_text(stmt, 0),
                    sqlite3_column_int(stmt, 1) != 0);
    (void)sqlite3_finalize(stmt);
    free(sql);
    table->rows = rows;
    table->name = xstrdup(name);
    if (table->key == NULL)
        table->key = xstrdup("rowid");
}

static void note_tables(sqlite3 *db, struct source *source)
{
    sqlite3_stmt *stmt = NULL;
    (void)sqlite3_prepare_v2(
        db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &stmt, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        note_table(db, source, (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
}

static void note_suite(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, "SELECT id FROM zsaga_self", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        bytes_copy_text(
            bytes_of(sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)), suite_id,
            sizeof suite_id);
    (void)sqlite3_finalize(stmt);
}

/* The fixture's database with its WAL worked in. */
static void load_source(struct source *source)
{
    char *path = xprintf("%s/fixture.db", fuzz_dir());
    char *script = xprintf("rm -f %s*; for end in '' -wal; do gzip -dc"
                           " '%s/db/%s.db'$end.gz > %s$end; done",
                           path, FIXTURE, source->name, path);
    fuzz_require(system(script) == 0, "cannot unpack the fixture of %s", source->name);
    sqlite3 *db = open_database(path);
    run_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    note_tables(db, source);
    note_suite(db);
    (void)sqlite3_close(db);
    source->image = fuzz_node_image(path);
    free(script);
    free(path);
}

static struct buffer value_of(sqlite3 *db, const struct table *table, const char *column,
                              int64_t row, int *ret_type)
{
    struct buffer value = {0};
    sqlite3_stmt *stmt = NULL;
    char *sql = xprintf("SELECT \"%s\" FROM \"%s\" ORDER BY %s LIMIT 1 OFFSET %lld", column,
                        table->name, table->key, (long long)row);
    *ret_type = SQLITE_NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        *ret_type = sqlite3_column_type(stmt, 0);
        const void *data = sqlite3_column_blob(stmt, 0);
        buffer_append(&value, data, (size_t)sqlite3_column_bytes(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
    free(sql);
    return value;
}

static void change(struct buffer *value, enum damage damage, struct fuzz_input *input)
{
    struct bytes rest;
    size_t at = fuzz_u16(input);
    switch (damage) {
    case FLIPPED:
        if (value->len > 0)
            value->data[at % value->len] ^= (uint8_t)(1U << (fuzz_u8(input) & 7));
        break;
    case CUT:
        value->len = value->len == 0 ? 0 : at % value->len;
        break;
    case LONGER:
        rest = fuzz_rest(input);
        buffer_append(value, rest.data, rest.len);
        break;
    default:
        rest = fuzz_rest(input);
        buffer_clear(value);
        buffer_append(value, rest.data, rest.len);
        break;
    }
}

static void bind_value(sqlite3_stmt *stmt, int type, enum damage damage, struct buffer *value,
                       struct fuzz_input *input)
{
    int64_t number = 0;
    if (damage == NUMBERED || type == SQLITE_INTEGER) {
        struct bytes bytes = fuzz_bytes(input, sizeof number);
        memcpy(&number, bytes.data == NULL ? (const uint8_t *)"" : bytes.data, bytes.len);
        (void)sqlite3_bind_int64(stmt, 1, number);
        return;
    }
    change(value, damage, input);
    if (damage == NULLED)
        return;
    if (type == SQLITE_TEXT)
        (void)sqlite3_bind_text(stmt, 1, value->len == 0 ? "" : (const char *)value->data,
                                (int)value->len, SQLITE_STATIC);
    else
        (void)sqlite3_bind_blob(stmt, 1, value->len == 0 ? (const void *)"" : value->data,
                                (int)value->len, SQLITE_STATIC);
}

/* What SQLite does not let happen, such as a text in a column of numbers, has not happened. */
static void damage_row(sqlite3 *db, const struct source *source, const struct fuzz_step *step)
{
    struct fuzz_input input = {step->payload.data, step->payload.len};
    const struct table *table = &source->tables[(step->op >> 3) % source->table_count];
    int64_t row = fuzz_u16(&input) % table->rows;
    const char *column = table->columns[fuzz_u8(&input) % table->column_count];
    enum damage damage = (enum damage)(step->op & 7);
    int type;
    struct buffer value = value_of(db, table, column, row, &type);
    sqlite3_stmt *stmt = NULL;
    const char *to = damage == GONE ? "DELETE FROM" : "UPDATE";
    char *set = damage == GONE ? xstrdup("") : xprintf("SET \"%s\" = ?1", column);
    char *sql = xprintf("%s \"%s\" %s WHERE (%s) IN (SELECT %s FROM \"%s\" ORDER BY %s LIMIT 1"
                        " OFFSET %lld)",
                        to, table->name, set, table->key, table->key, table->name, table->key,
                        (long long)row);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        if (damage != GONE)
            bind_value(stmt, type, damage, &value, &input);
        (void)sqlite3_step(stmt);
    }
    (void)sqlite3_finalize(stmt);
    free(sql);
    free(set);
    buffer_release(&value);
}

static int open_node(const struct source *source, const char *path, struct node_time now,
                     struct node **ret, struct err *err)
{
    if (source->service != NULL) {
        const struct participant_options options = {
            .db_path = path, .random = 1, .keep = {.bytes = 1 << 14, .age_ms = 1000}};
        return participant_node_new(source->service, &options, ret, err);
    }
    if (strcmp(source->name, "observer") == 0) {
        const struct consumer_options options = {
            .db_path = path, .publishers = publishers, .publisher_count = PUBLISHERS, .random = 1};
        return observer_node_new(&options, now, ret, err);
    }
    const struct orchestrator_options options = {
        .db_path = path,
        .id = suite_id,
        .participants = publishers + 1,
        .participant_count = PUBLISHERS - 1,
        .limits = {.active_sagas_max = 100,
                   .active_bytes_max = 1 << 24,
                   .window_max = 4,
                   .window_bytes_max = 1 << 20},
        .keep = {.bytes = 1 << 14, .age_ms = 1000},
        .random = 1,
    };
    return orchestrator_new(&options, now, ret, err);
}

static void ask_owner(struct fuzz_node *fuzz, const char *table)
{
    static const struct frame_header client = {.name = "zsaga", .incarnation = 9};
    struct frame_header sender = client;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Audit audit = ZSAGA__AUDIT__INIT;
    Zsaga__Export export = ZSAGA__EXPORT__INIT;
    request.id = 1;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_AUDIT;
    request.audit = &audit;
    if (table != NULL) {
        request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
        request.export = &export;
        export.table = packed_borrow_text(table);
    }
    /* The owner's port: 1, but a consumer's is 0. */
    fuzz_node_give_message(fuzz, 1, &sender, &request.base);
    fuzz_node_give_message(fuzz, 0, &sender, &request.base);
}

static void ask_client(struct fuzz_node *fuzz)
{
    static const char *const keys[] = {"open-0", "stuck-0", "done-0"};
    struct frame_header sender = {.name = "zsaga", .incarnation = 9};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
        Zsaga__Show show = ZSAGA__SHOW__INIT;
        show.key = packed_borrow_text(keys[i]);
        request.id = 1 + i;
        request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
        request.show = &show;
        fuzz_node_give_message(fuzz, ORCHESTRATOR_PORT_CLIENT, &sender, &request.base);
    }
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__List list = ZSAGA__LIST__INIT;
    request.id = 9;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_LIST;
    request.list = &list;
    fuzz_node_give_message(fuzz, ORCHESTRATOR_PORT_CLIENT, &sender, &request.base);
}

static void ask_all(struct fuzz_node *fuzz, const struct source *source)
{
    ask_owner(fuzz, NULL);
    for (size_t i = 0; source->service != NULL && i < source->service->table_count; i++)
        ask_owner(fuzz, source->service->tables[i].name);
    for (size_t i = 0; i < MODEL_TABLE_COUNT && strcmp(source->name, "observer") == 0; i++)
        ask_owner(fuzz, model_tables[i].name);
    if (strcmp(source->name, "observer") == 0) {
        struct frame_header sender = {.name = "zsaga", .incarnation = 9};
        Zsaga__ViewRequest look = ZSAGA__VIEW_REQUEST__INIT;
        look.id = 3;
        fuzz_node_give_message(fuzz, OBSERVER_PORT_VIEW(PUBLISHERS), &sender, &look.base);
    }
    if (strcmp(source->name, "orchestrator") == 0)
        ask_client(fuzz);
}

/* It may end, in words; what it never does is to fail without any. */
static void work(struct node *node, const struct source *source, struct node_time now)
{
    struct fuzz_node fuzz = {.now = now};
    struct err err = {0};
    fuzz_node_begin(&fuzz, node, NULL);
    for (int i = 0; i < TURNS; i++) {
        ask_all(&fuzz, source);
        outbound_clear(&fuzz.out);
        int rc = node_turn_end(&fuzz.turn, fuzz.now, true, &fuzz.out, &err);
        fuzz_require(rc == 0 || err.text[0] != '\0', "it ends without words");
        if (rc < 0)
            break;
        fuzz_node_pass(&fuzz, TURN_MS);
    }
    fuzz_node_end(&fuzz);
}

/* The bytes of a file that a disk has spoiled. */
static void damage_file(struct buffer *image, const struct fuzz_step *step)
{
    struct fuzz_input input = {step->payload.data, step->payload.len};
    size_t at = fuzz_u16(&input);
    at = (at | (size_t)fuzz_u8(&input) << 16) % image->len;
    struct bytes bytes = fuzz_rest(&input);
    size_t room = image->len - at;
    if (bytes.len != 0)
        memcpy(image->data + at, bytes.data, bytes.len < room ? bytes.len : room);
}

static char *make_database(const struct source *source, const struct fuzz_step *steps, size_t count)
{
    struct buffer image = {0};
    buffer_append(&image, source->image.data, source->image.len);
    for (size_t i = 0; i < count; i++)
        if ((steps[i].op & 7) == OF_FILE)
            damage_file(&image, &steps[i]);
    char *path = fuzz_node_database(source->name, buffer_bytes(&image));
    buffer_release(&image);
    return path;
}

/* Where the file is spoiled SQLite may refuse this. */
static void damage_rows(const struct source *source, const char *path,
                        const struct fuzz_step *steps, size_t count)
{
    sqlite3 *db = open_database(path);
    (void)sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; BEGIN",
                       NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        if ((steps[i].op & 7) != OF_FILE)
            damage_row(db, source, &steps[i]);
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    (void)sqlite3_close(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct source *source = &sources[fuzz_u8(&input) % SOURCES];
    struct fuzz_step steps[DAMAGES_MAX];
    struct err err = {0};
    struct node *node = NULL;
    size_t count = 0;
    const struct node_time now = {5000, INT64_C(1800000000000)};
    while (count < DAMAGES_MAX && fuzz_next_step(&input, &steps[count]))
        count++;
    if (source->image.len == 0)
        load_source(source);
    char *path = make_database(source, steps, count);
    damage_rows(source, path, steps, count);
    int rc = open_node(source, path, now, &node, &err);
    fuzz_require(rc == 0 || err.text[0] != '\0', "refused without words");
    if (rc == 0)
        work(node, source, now);
    free(path);
    return 0;
}
