/* The rules of an order's rows are in `checks`. An order's input grows by packed messages put one
 * behind another: by the rules of protobuf that is the packed form of all of them merged. */
#include "orders.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "order.pb-c.h"

enum column { ORDER_ID, CUSTOMER_ID, SKU, QUANTITY, PRICE, COUNTRY, PLACED_AT, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {
    "order_id", "customer_id", "sku", "quantity", "unit_price_cents", "country", "placed_at"};

struct orders {
    struct csv *csv;
    const char *prefix;
    struct orders_sink sink;
    bool has_header;
    size_t header_fields;
    size_t places[COLUMN_COUNT];

    const struct csv_row *row; /* Read ahead, not yet taken; NULL: none. */
    bool open;                 /* An order is being put together. */
    uint64_t place;
    size_t line;
    bool refused;    /* A row of it was at fault. */
    bool first_told; /* ... and it was the first row. */
    bool too_large;
    bool has_first; /* A row with all its fields was seen: what others are compared with. */
    struct buffer id;
    struct buffer customer;
    struct buffer country;
    struct buffer input;
};

void order_release(struct order *order)
{
    free(order->input);
    *order = (struct order){0};
}

struct orders *orders_new(struct csv *csv, const char *prefix, const struct orders_sink *sink)
{
    struct orders *orders = xcalloc(1, sizeof *orders);
    orders->csv = csv;
    orders->prefix = prefix;
    orders->sink = *sink;
    return orders;
}

void orders_free(struct orders *orders)
{
    if (orders == NULL)
        return;
    buffer_release(&orders->id);
    buffer_release(&orders->customer);
    buffer_release(&orders->country);
    buffer_release(&orders->input);
    free(orders);
}

void orders_freep(struct orders **orders_p)
{
    orders_free(*orders_p);
}

/* What a row is at fault with: the columns, and words for each. */
struct faults {
    char columns[256];
    char words[512];
};

static void faults_add(struct faults *faults, const char *column, const char *words)
{
    size_t columns_len = strlen(faults->columns);
    size_t words_len = strlen(faults->words);
    (void)snprintf(faults->columns + columns_len, sizeof faults->columns - columns_len, "%s%s",
                   columns_len == 0 ? "" : ", ", column);
    (void)snprintf(faults->words + words_len, sizeof faults->words - words_len, "%s%s",
                   words_len == 0 ? "" : "; ", words);
}

static struct csv_field field(const struct orders *orders, enum column column)
{
    return csv_field(orders->row, orders->places[column]);
}

static void check_name(const struct orders *orders, enum column column, size_t more,
                       struct faults *faults)
{
    struct csv_field name = field(orders, column);
    if (csv_name(name) && name.bytes.len + more <= TEXT_NAME_MAX)
        return;
    const char *words = "not text in UTF-8 without control characters";
    if (name.bytes.len == 0)
        words = "empty";
    else if (name.bytes.len > TEXT_NAME_MAX)
        words = "over 64 bytes";
    else if (name.bytes.len + more > TEXT_NAME_MAX)
        words = "over 64 bytes together with the prefix";
    faults_add(faults, column_names[column], words);
}

static void check_number(const struct orders *orders, enum column column, uint64_t max,
                         uint64_t *ret, struct faults *faults)
{
    if (csv_number(field(orders, column), 1, max, ret))
        return;
    char words[80];
    (void)snprintf(words, sizeof words, "not 1 to %s in decimal digits",
                   max == ORDERS_PRICE_MAX ? "1,000,000,000" : "1,000,000");
    faults_add(faults, column_names[column], words);
}

static void check_same(const struct orders *orders, enum column column, const struct buffer *first,
                       const char *name, struct faults *faults)
{
    struct csv_field here = field(orders, column);
    if (csv_name(here) && !bytes_equal(here.bytes, buffer_bytes(first)))
        faults_add(faults, name, "not as in the order's first row");
}

static void check_fields(struct orders *orders, Zsaga__OrderItem *item, struct faults *faults)
{
    uint64_t quantity = 0;
    check_name(orders, ORDER_ID, strlen(orders->prefix), faults);
    check_name(orders, CUSTOMER_ID, 0, faults);
    check_name(orders, SKU, 0, faults);
    check_number(orders, QUANTITY, ORDERS_QUANTITY_MAX, &quantity, faults);
    check_number(orders, PRICE, ORDERS_PRICE_MAX, &item->unit_price_cents, faults);
    check_name(orders, COUNTRY, 0, faults);
    item->quantity = (uint32_t)quantity;
    item->sku = packed_borrow(field(orders, SKU).bytes);
    if (!orders->has_first)
        return;
    check_same(orders, CUSTOMER_ID, &orders->customer, "customer differs", faults);
    check_same(orders, COUNTRY, &orders->country, "country differs", faults);
}

static void check_shape(const struct orders *orders, struct faults *faults)
{
    const struct csv_row *row = orders->row;
    char words[120];
    if (row->fault != NULL) {
        faults_add(faults, "columns", row->fault);
    } else if (row->field_count != orders->header_fields) {
        (void)snprintf(words, sizeof words, "%zu where the header has %zu", row->field_count,
                       orders->header_fields);
        faults_add(faults, "columns", words);
    }
}

static void append_packed(struct orders *orders, const Zsaga__OrderInput *part)
{
    size_t len = zsaga__order_input__get_packed_size(part);
    if (orders->input.len + len > ORDERS_INPUT_MAX)
        orders->too_large = true;
    else
        packed_append(&orders->input, &part->base);
}

/* The order's own fields, from its first whole row. */
static void take_head(struct orders *orders)
{
    struct bytes customer = field(orders, CUSTOMER_ID).bytes;
    struct bytes country = field(orders, COUNTRY).bytes;
    buffer_append(&orders->customer, customer.data, customer.len);
    buffer_append(&orders->country, country.data, country.len);
    orders->has_first = true;

    struct buffer key = {0};
    buffer_append_text(&key, orders->prefix);
    buffer_append(&key, orders->id.data, orders->id.len);
    Zsaga__OrderInput head = ZSAGA__ORDER_INPUT__INIT;
    head.order_id = packed_borrow(buffer_bytes(&key));
    head.customer_id = packed_borrow(customer);
    head.country = packed_borrow(country);
    append_packed(orders, &head);
    buffer_release(&key);
}

static void take_item(struct orders *orders, Zsaga__OrderItem *item)
{
    Zsaga__OrderInput part = ZSAGA__ORDER_INPUT__INIT;
    part.n_items = 1;
    part.items = &item;
    append_packed(orders, &part);
}

static void tell(struct orders *orders, size_t line, const struct faults *faults)
{
    orders->refused = true;
    orders->first_told = orders->first_told || line == orders->line;
    orders->sink.refused(orders->sink.self, line, faults->columns, faults->words);
}

static void take_row(struct orders *orders)
{
    struct faults faults = {0};
    Zsaga__OrderItem item = ZSAGA__ORDER_ITEM__INIT;
    check_shape(orders, &faults);
    bool whole = faults.columns[0] == '\0';
    if (whole)
        check_fields(orders, &item, &faults);
    if (whole && !orders->has_first)
        take_head(orders);
    if (faults.columns[0] != '\0')
        tell(orders, orders->row->line, &faults);
    else if (!orders->refused && !orders->too_large)
        take_item(orders, &item);
    orders->row = NULL;
}

static void order_begin(struct orders *orders)
{
    struct bytes id = field(orders, ORDER_ID).bytes;
    buffer_clear(&orders->id);
    buffer_clear(&orders->customer);
    buffer_clear(&orders->country);
    buffer_clear(&orders->input);
    buffer_append(&orders->id, id.data, id.len);
    orders->open = true;
    orders->place++;
    orders->line = orders->row->line;
    orders->refused = orders->first_told = orders->too_large = orders->has_first = false;
}

static int order_end(struct orders *orders, struct order *ret)
{
    orders->open = false;
    if (orders->too_large && !orders->first_told) {
        struct faults faults = {0};
        faults_add(&faults, "order", "over 256 KiB; split it");
        tell(orders, orders->line, &faults);
    }
    if (orders->refused)
        return ORDERS_REFUSED;
    *ret = (struct order){.place = orders->place, .line = orders->line};
    (void)snprintf(ret->key, sizeof ret->key, "%s%.*s", orders->prefix, (int)orders->id.len,
                   (const char *)orders->id.data);
    ret->input = xmemdup(orders->input.data, orders->input.len);
    ret->input_len = orders->input.len;
    return ORDERS_ORDER;
}

static int read_header(struct orders *orders, struct err *err)
{
    const struct csv_row *row;
    int rc = csv_next(orders->csv, &row, err);
    if (rc < 0 || rc == CSV_LATER)
        return rc;
    if (rc == CSV_END)
        return err_set(err, ERR_INVALID, "no header: it is empty");
    orders->header_fields = row->field_count;
    orders->has_header = true;
    rc = csv_columns(row, column_names, COLUMN_COUNT, orders->places, err);
    return rc < 0 ? rc : CSV_ROW;
}

/* Makes sure that a row is read ahead. CSV_ROW, CSV_END, CSV_LATER or an error. */
static int look_ahead(struct orders *orders, struct err *err)
{
    int rc = CSV_ROW;
    if (!orders->has_header)
        rc = read_header(orders, err);
    if (rc != CSV_ROW || orders->row != NULL)
        return rc;
    const struct csv_row *row;
    rc = csv_next(orders->csv, &row, err);
    if (rc == CSV_ROW)
        orders->row = row;
    return rc;
}

int orders_next(struct orders *orders, struct order *ret, struct err *err)
{
    for (;;) {
        int rc = look_ahead(orders, err);
        if (rc == CSV_LATER)
            return ORDERS_LATER;
        if (rc < 0)
            return rc;
        if (rc == CSV_END)
            return orders->open ? order_end(orders, ret) : ORDERS_END;
        bool same = bytes_equal(field(orders, ORDER_ID).bytes, buffer_bytes(&orders->id));
        if (orders->open && !same)
            return order_end(orders, ret);
        if (!orders->open)
            order_begin(orders);
        take_row(orders);
    }
}
