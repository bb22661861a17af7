/* A suite file in a directory of its own, for tests of how it is read. */
#ifndef ZSAGA_TEST_SUITE_ZPL_H
#define ZSAGA_TEST_SUITE_ZPL_H

#include "suite.h"

/* For cmocka: *state is the directory, removed afterwards. */
int suite_zpl_set_up(void **state);
int suite_zpl_tear_down(void **state);

char *suite_zpl_text(const char *dir); /* What stands in it. */
void suite_zpl_write(const char *dir, const char *text);

struct suite *suite_zpl_load(const char *dir);
/* A suite file with the given lines behind its id: they begin on line 3. */
struct suite *suite_zpl_load_lines(const char *dir, const char *lines);
/* The same refused; `words` follow "DIR/suite.zpl:". */
void suite_zpl_expect_refused(const char *dir, const char *lines, const char *words);

void suite_zpl_expect_endpoint(struct suite *suite, const char *name, const char *socket,
                               const char *expected);

#endif
