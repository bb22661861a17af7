/* A file to import: read and checked as a whole before anything of it is sent. */
#ifndef ZSAGA_CLI_IMPORT_FILE_H
#define ZSAGA_CLI_IMPORT_FILE_H

#include "base/csv.h"
#include "owner_tables.h"
#include "rowset.h"
#include "suite.h"

#define IMPORT_FILE_TOTAL_MAX INT64_MAX

/* Reads the columns that are imported of `table` into `rows` (to be initialised here and released
 * by the caller, whatever comes out). What is at fault is said as FILE:LINE: columns: words.
 * Returns 0, CLI_FALSE when a row is at fault, CLI_USAGE when the file is. */
int import_file_read(const char *file, const struct owner_table *table, struct rowset *rows);

/* The same from an open source. */
int import_file_parse(const char *file, struct csv *csv, const struct owner_table *table,
                      struct rowset *rows);

/* Imports rows that were read: of a running suite through its sockets (`running`), else under the
 * suite's lock, which the caller holds. Returns the exit code, having said why if not 0. */
int import_file_apply(struct suite *suite, bool running, const struct owner_table *table,
                      const struct rowset *rows);

#endif
