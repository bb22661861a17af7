#include "suite_zpl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"

int suite_zpl_set_up(void **state)
{
    char *dir = xstrdup("/tmp/zsaga-suite-XXXXXX");
    *state = mkdtemp(dir);
    return *state == NULL;
}

int suite_zpl_tear_down(void **state)
{
    AUTO(freep) char *command = xprintf("rm -rf '%s'", (char *)*state);
    free(*state);
    return system(command);
}

char *suite_zpl_text(const char *dir)
{
    AUTO(freep) char *path = suite_path(dir, "suite.zpl");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = xcalloc(1, 65536);
    (void)fread(text, 1, 65535, file);
    (void)fclose(file);
    return text;
}

void suite_zpl_write(const char *dir, const char *text)
{
    AUTO(freep) char *path = suite_path(dir, "suite.zpl");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

struct suite *suite_zpl_load(const char *dir)
{
    struct suite *suite;
    struct err err;
    if (suite_load(dir, &suite, &err) != 0)
        fail_msg("%s", err.text);
    return suite;
}

struct suite *suite_zpl_load_lines(const char *dir, const char *lines)
{
    AUTO(freep) char *text = xprintf("suite\n    id = one\n%s", lines);
    suite_zpl_write(dir, text);
    return suite_zpl_load(dir);
}

void suite_zpl_expect_refused(const char *dir, const char *lines, const char *words)
{
    AUTO(freep) char *text = xprintf("suite\n    id = one\n%s", lines);
    AUTO(freep) char *whole = xprintf("%s/suite.zpl:%s", dir, words);
    struct suite *suite;
    struct err err;
    suite_zpl_write(dir, text);
    assert_int_equal(suite_load(dir, &suite, &err), ERR_INVALID);
    assert_null(suite);
    assert_string_equal(err.text, whole);
}

void suite_zpl_expect_endpoint(struct suite *suite, const char *name, const char *socket,
                               const char *expected)
{
    struct err err;
    AUTO(freep) char *endpoint = NULL;
    assert_int_equal(suite_endpoint(suite, name, socket, &endpoint, &err), 0);
    assert_string_equal(endpoint, expected);
}
