#include "owner_tables.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const struct owner_table owner_tables[] = {
    {"stock",
     "inventory",
     3,
     {{"sku", false}, {"on_hand", true}, {"reserved", true}},
     .import_count = 2},
    {"customers",
     "payment",
     2,
     {{"customer_id", false}, {"credit_cents", true}},
     .import_count = 2},
    {"orders",
     "order",
     4,
     {{"order_id", false}, {"customer_id", false}, {"total_cents", true}, {"status", false}},
     .import_count = 0},
    {"payments",
     "payment",
     3,
     {{"order_id", false}, {"amount_cents", true}, {"status", false}},
     .import_count = 0},
    {"shipments", "shipping", 2, {{"order_id", false}, {"status", false}}, .import_count = 0},
    {"reservations",
     "inventory",
     4,
     {{"saga", false}, {"order_id", false}, {"units", true}, {"status", false}},
     .hidden = true},
};
const size_t owner_tables_count = sizeof owner_tables / sizeof owner_tables[0];

const struct owner_table *owner_tables_find(const char *name)
{
    for (size_t i = 0; i < owner_tables_count; i++)
        if (strcmp(owner_tables[i].name, name) == 0)
            return &owner_tables[i];
    return NULL;
}

void owner_tables_forget(struct owner_table *table)
{
    for (size_t i = 0; table->learned && i < table->column_count; i++)
        free((char *)(uintptr_t)table->columns[i].name);
    *table = (struct owner_table){0};
}
