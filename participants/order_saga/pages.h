/* Pages of an export: rows of a table by its primary key, each page behind the last. */
#ifndef ZSAGA_PAGES_H
#define ZSAGA_PAGES_H

#include "participant.h"

enum pages_key { PAGES_KEY_TEXT, PAGES_KEY_BLOB };

/* Fills `page` from `statement`, which gives the rows whose key is above its parameter 1, in the
 * key's order: the key in column 0, then the exported fields (a number becomes its digits). */
int pages_fill(struct db *db, sqlite3_stmt *statement, enum pages_key key, struct bytes after,
               struct export_page *page, struct buffer *ret_next, struct err *err);

#endif
