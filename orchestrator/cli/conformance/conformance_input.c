#include "conformance_input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "order.pb-c.h"
#include "orders.h"

#define INPUT_MAX ((size_t)256 << 10)
#define PLACE "{key}"

static int read_file(const char *path, struct buffer *to, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_set(err, ERR_INVALID, "cannot read %s: %s", path, strerror(errno));
    uint8_t chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0 && to->len <= INPUT_MAX)
        buffer_append(to, chunk, got);
    (void)fclose(file);
    return to->len <= INPUT_MAX
               ? 0
               : err_set(err, ERR_INVALID, "%s: an input has at most 256 KiB", path);
}

struct fault {
    size_t line;
    char *words;
};

static void take_fault(void *self, size_t line, const char *columns, const char *words)
{
    struct fault *fault = self;
    if (fault->words != NULL)
        return;
    fault->line = line;
    fault->words = xprintf("%s: %s", columns, words);
}

static int read_order(const char *path, struct buffer *to, struct err *err)
{
    struct buffer text = {0};
    struct fault fault = {0};
    struct order order = {0};
    int rc = read_file(path, &text, err);
    struct bytes left = buffer_bytes(&text);
    AUTO(csv_freep) struct csv *csv = csv_new(csv_read_memory, &left);
    const struct orders_sink sink = {.refused = take_fault, .self = &fault};
    AUTO(orders_freep) struct orders *orders = orders_new(csv, "", &sink);
    if (rc == 0)
        rc = orders_next(orders, &order, err);
    if (rc == ORDERS_ORDER) {
        buffer_append(to, order.input, order.input_len);
        rc = 0;
    } else if (rc == ORDERS_REFUSED) {
        rc = err_set(err, ERR_INVALID, "%s:%zu: %s", path, fault.line, fault.words);
    } else if (rc >= 0) {
        rc = err_set(err, ERR_INVALID, "there is no order in %s", path);
    }
    order_release(&order);
    buffer_release(&text);
    free(fault.words);
    return rc;
}

int input_read(const char *given, struct input *ret, struct err *err)
{
    static const char order[] = "order:";
    *ret = (struct input){0};
    if (given == NULL)
        return 0;
    if (given[0] == '@')
        return read_file(given + 1, &ret->bytes, err);
    ret->is_order = strncmp(given, order, sizeof order - 1) == 0;
    if (ret->is_order)
        return read_order(given + sizeof order - 1, &ret->bytes, err);
    buffer_append_text(&ret->bytes, given);
    return 0;
}

void input_release(struct input *input)
{
    buffer_release(&input->bytes);
}

/* By the rules of protobuf, the later one of a field that stands twice counts. */
static void make_order(const struct input *input, const char *key, struct buffer *to)
{
    Zsaga__OrderInput id = ZSAGA__ORDER_INPUT__INIT;
    id.order_id = packed_borrow_text(key);
    buffer_append(to, input->bytes.data, input->bytes.len);
    packed_append(to, &id.base);
}

void input_make(const struct input *input, const char *key, struct buffer *to)
{
    if (input->is_order) {
        make_order(input, key, to);
        return;
    }
    const uint8_t *from = input->bytes.data;
    size_t left = input->bytes.len;
    while (left > 0) {
        const uint8_t *place = memmem(from, left, PLACE, sizeof PLACE - 1);
        size_t before = place == NULL ? left : (size_t)(place - from);
        buffer_append(to, from, before);
        if (place == NULL)
            return;
        buffer_append_text(to, key);
        from = place + sizeof PLACE - 1;
        left -= before + sizeof PLACE - 1;
    }
}
