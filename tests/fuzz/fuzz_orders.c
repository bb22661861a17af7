/* Orders and totals from CSV files: each row is taken or refused with its line, and an order that
 * is taken is one for all participants too. The first byte says which table it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/text.h"
#include "cli.h"
#include "fuzz.h"
#include "import_file.h"
#include "order_saga/order_input.h"
#include "orders.h"

const enum fuzz_shape fuzz_shape = FUZZ_TEXT;
const size_t fuzz_shape_skip = 0;

#define PREFIX "x-"

struct seen {
    size_t refused;
    size_t last_line;
};

static void take_refused(void *self, size_t line, const char *columns, const char *words)
{
    struct seen *seen = self;
    fuzz_require(line >= 1 && columns != NULL && words[0] != '\0', "refused without words");
    seen->refused++;
    seen->last_line = line;
}

static void check_order(const struct order *order)
{
    struct arena arena;
    struct order_input input;
    struct err err = {0};
    arena_init(&arena, ORDER_INPUT_ARENA_BUDGET);
    struct bytes packed = {order->input, order->input_len};
    fuzz_require(text_is_name(bytes_text(order->key)), "a key that is none");
    fuzz_require(order->line >= 1 && order->place >= 1, "an order without a place");
    fuzz_require(order_input_read(packed, &arena, &input, &err) == 0,
                 "the participants refuse what the tool takes: %s", err.text);
    fuzz_require(input.item_count >= 1, "an order of nothing");
    arena_release(&arena);
}

static void read_orders(struct bytes file)
{
    struct seen seen = {0};
    const struct orders_sink sink = {take_refused, &seen};
    struct csv *csv = csv_new(csv_read_memory, &file);
    struct orders *orders = orders_new(csv, PREFIX, &sink);
    struct order order;
    struct err err = {0};
    int rc;
    while ((rc = orders_next(orders, &order, &err)) > 0) {
        fuzz_require(rc != ORDERS_LATER, "later, of a file in memory");
        fuzz_require(rc != ORDERS_REFUSED || seen.refused > 0, "refused in silence");
        if (rc != ORDERS_ORDER)
            continue;
        check_order(&order);
        order_release(&order);
    }
    fuzz_require(rc == 0 || err.text[0] != '\0', "refused without words");
    orders_free(orders);
    csv_free(csv);
}

/* What is at fault goes to standard error: with so much of it a run would wait for the terminal. */
static void read_totals(struct bytes file, const struct owner_table *table)
{
    struct rowset rows;
    struct csv *csv = csv_new(csv_read_memory, &file);
    FILE *terminal = stderr;
    stderr = fopen("/dev/null", "w");
    int code = import_file_parse("it", csv, table, &rows);
    (void)fclose(stderr);
    stderr = terminal;
    fuzz_require(code == CLI_TRUE || code == CLI_FALSE || code == CLI_USAGE, "code %d", code);
    for (size_t i = 1; code == CLI_TRUE && i < rows.row_count; i++)
        fuzz_require(bytes_compare(rowset_field(&rows, i - 1, 0), rowset_field(&rows, i, 0)) < 0,
                     "two totals for one name");
    rowset_release(&rows);
    csv_free(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t which = fuzz_u8(&input);
    struct bytes file = fuzz_rest(&input);
    if (which % 2 == 0) {
        read_orders(file);
        return 0;
    }
    for (size_t i = 0; i < owner_tables_count; i++)
        if (owner_tables[i].import_count > 0)
            read_totals(file, &owner_tables[i]);
    return 0;
}
