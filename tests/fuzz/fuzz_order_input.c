/* The input of an order as its participants read it: refused with words, or within its limits; and
 * the packed lines of a reservation, whatever they are, end. */
#include "base/text.h"
#include "fuzz.h"
#include "inventory/stock_lines.h"
#include "order_saga/order_input.h"

const enum fuzz_shape fuzz_shape = FUZZ_WIRE;
const size_t fuzz_shape_skip = 0;

static void read_lines(struct bytes packed)
{
    struct buffer again = {0};
    struct bytes left = packed;
    struct stock_line line;
    struct err err = {0};
    int rc;
    while ((rc = stock_lines_next(&left, &line, &err)) == 1)
        stock_lines_pack(&line, 1, &again);
    fuzz_require(rc == 0 || (rc == ERR_CORRUPT && err.text[0] != '\0'), "refused without words");
    /* A number has longer forms that mean the same: so what is packed anew is read again. */
    left = buffer_bytes(&again);
    while ((rc = stock_lines_next(&left, &line, &err)) == 1)
        continue;
    fuzz_require(rc == 0, "what was packed cannot be read: %s", err.text);
    buffer_release(&again);
}

static void check(const struct order_input *input)
{
    int64_t units = 0;
    fuzz_require(text_is_name(input->order_id) && text_is_name(input->customer_id),
                 "an id that is none");
    fuzz_require(input->item_count >= 1, "an order of nothing");
    for (size_t i = 0; i < input->item_count; i++) {
        const struct order_item *item = &input->items[i];
        fuzz_require(text_is_name(item->sku), "a sku that is none");
        fuzz_require(item->quantity >= 1 && item->quantity <= ORDER_INPUT_QUANTITY_MAX, "quantity");
        fuzz_require(item->unit_price_cents >= 1 &&
                         item->unit_price_cents <= ORDER_INPUT_PRICE_CENTS_MAX,
                     "price");
        units += item->quantity;
    }
    fuzz_require(units == input->units && input->total_cents >= input->units, "sums");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct order_input input;
    struct err err = {0};
    struct bytes all = {data, size};
    arena_init(&arena, ORDER_INPUT_ARENA_BUDGET);
    int rc = order_input_read(all, &arena, &input, &err);
    fuzz_require(arena.used <= ORDER_INPUT_ARENA_BUDGET, "decoding took more than it may");
    if (rc == 0)
        check(&input);
    else
        fuzz_require(rc == ERR_INVALID && err.text[0] != '\0', "refused without words");
    arena_release(&arena);
    read_lines(all);
    return 0;
}
