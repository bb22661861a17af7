/* The tables that services own, as `import`, `export` and `audit` name them. */
#ifndef ZSAGA_CLI_OWNER_TABLES_H
#define ZSAGA_CLI_OWNER_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#define OWNER_TABLES_COLUMNS_MAX 32

struct owner_column {
    const char *name;
    bool number;
};

struct owner_table {
    const char *name;
    const char *owner; /* The participant that answers for it. */
    size_t column_count;
    struct owner_column columns[OWNER_TABLES_COLUMNS_MAX];
    size_t import_count; /* So many of the first columns are in a file to import; 0: none is. */
    bool hidden;         /* Only for the audit. */
    bool learned;        /* A service's that this tool does not know: its columns are allocated. */
};

extern const struct owner_table owner_tables[];
extern const size_t owner_tables_count;

/* NULL when there is none. */
const struct owner_table *owner_tables_find(const char *name);

/* Frees what ask_owner_columns() has learned; harmless for others. */
void owner_tables_forget(struct owner_table *table);

#endif
