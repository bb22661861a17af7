/* Whether a disk takes writes again, on a real one that is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "small_disk.h"
#include "store/db.h"

#define DISK_KIB 1024
#define REWRITES 30 /* Fill the log, and no more of the file. */

struct fixture {
    char dir[64];
    char *path;
    struct db *db;
};

static bool permitted;

static int set_up_all(void **state)
{
    char words[200];
    (void)state;
    permitted = small_disk_begin(words, sizeof words);
    if (!permitted)
        print_message("skipped: %s\n", words);
    return 0;
}

static int set_up(void **state)
{
    struct err err = {0};
    struct fixture *self = xcalloc(1, sizeof *self);
    *state = self;
    (void)snprintf(self->dir, sizeof self->dir, "/tmp/zsaga-probe-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    self->path = xprintf("%s/a.db", self->dir);
    if (!permitted)
        return 0;
    small_disk_mount(self->dir, DISK_KIB);
    if (db_open(self->path, &self->db, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *self = *state;
    db_close(self->db);
    if (permitted)
        small_disk_unmount(self->dir);
    (void)rmdir(self->dir);
    free(self->path);
    free(self);
    return 0;
}

static int rewrite(struct fixture *self, struct err *err)
{
    int rc = db_exec(self->db,
                     "BEGIN IMMEDIATE; UPDATE mine SET text = hex(randomblob(500)); COMMIT", err);
    if (rc < 0)
        db_rollback(self->db);
    return rc;
}

/* A table in the file, and a log of so many commits behind it; then the disk is filled. */
static void fill(struct fixture *self, int rewrites)
{
    struct err err = {0};
    assert_int_equal(
        db_exec(self->db, "CREATE TABLE mine(text); INSERT INTO mine VALUES ('x')", &err), 0);
    assert_int_equal(rewrite(self, &err), 0);
    assert_int_equal(db_probe(self->db, &err), 0);
    assert_int_equal(db_checkpoint(self->db, &err), 0);
    for (int i = 0; i < rewrites; i++)
        assert_int_equal(rewrite(self, &err), 0);
    small_disk_fill(self->dir);
}

/* A full disk is told with the file that room must be made for; with room, writes go on. */
static void test_probe__no_room_at_all__says_what_to_do(void **state)
{
    struct fixture *self = *state;
    struct err err = {0};
    if (!permitted)
        skip();
    fill(self, 0);
    assert_int_equal(db_exec(self->db, "INSERT INTO mine VALUES (hex(randomblob(50000)))", &err),
                     ERR_FULL);
    AUTO(freep) char *words = xprintf("the disk is full: make room for %s", self->path);
    assert_string_equal(err.text, words);
    small_disk_relieve(self->dir);
    assert_int_equal(db_probe(self->db, &err), 0);
    assert_int_equal(db_exec(self->db, "INSERT INTO mine VALUES (hex(randomblob(50000)))", &err),
                     0);
}

/* Where only the log has grown, its own room is used again: what changes no more than the file has
 * room for goes on with the disk as full as it is. */
static void test_probe__room_in_the_log__uses_it_again(void **state)
{
    struct fixture *self = *state;
    struct err err = {0};
    if (!permitted)
        skip();
    fill(self, REWRITES);
    assert_int_equal(rewrite(self, &err), ERR_FULL);
    assert_int_equal(db_probe(self->db, &err), 0);
    for (int i = 0; i < REWRITES / 2; i++)
        assert_int_equal(rewrite(self, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_probe__no_room_at_all__says_what_to_do, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_probe__room_in_the_log__uses_it_again, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, set_up_all, NULL);
}
