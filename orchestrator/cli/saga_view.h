/* A saga as `list` and `show` tell it. */
#ifndef ZSAGA_CLI_SAGA_VIEW_H
#define ZSAGA_CLI_SAGA_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "client.h"
#include "table.h"

#define SAGA_VIEW_COLUMNS 11
extern const struct column saga_view_columns[SAGA_VIEW_COLUMNS];

/* `wall_ms`: now, for ages. */
json_t *saga_view_json(const struct client_row *row, int64_t wall_ms);
void saga_view_cells(struct table *table, const struct client_row *row, int64_t wall_ms);

#endif
