/* The tables that services own, as `import`, `export` and `audit` name them. */
#ifndef ZSAGA_CLI_CATALOGUE_H
#define ZSAGA_CLI_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#define CATALOGUE_COLUMNS_MAX 4

struct catalogue_column {
    const char *name;
    bool number;
};

struct catalogue_table {
    const char *name;
    const char *owner; /* The participant that answers for it. */
    size_t column_count;
    struct catalogue_column columns[CATALOGUE_COLUMNS_MAX];
    size_t import_count; /* So many of the first columns are in a file to import; 0: none is. */
    bool hidden;         /* Only for the audit. */
};

extern const struct catalogue_table catalogue[];
extern const size_t catalogue_count;

/* NULL when there is none. */
const struct catalogue_table *catalogue_find(const char *name);

#endif
