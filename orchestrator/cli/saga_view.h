/* A saga as `list` and `show` tell it. */
#ifndef ZSAGA_CLI_SAGA_VIEW_H
#define ZSAGA_CLI_SAGA_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "client.pb-c.h"
#include "table.h"

#define SAGA_VIEW_COLUMNS 11
extern const struct table_column saga_view_columns[SAGA_VIEW_COLUMNS];

/* `wall_ms`: now, for ages. */
json_t *saga_view_json(const Zsaga__SagaRow *row, int64_t wall_ms);
void saga_view_cells(struct table *table, const Zsaga__SagaRow *row, int64_t wall_ms);

/* An id of 16 bytes as 32 hex digits. */
const char *saga_view_id(ProtobufCBinaryData id, char text[33]);

#endif
