/* The catalogue looks beside its own program: so a copy of this one runs in a directory where the
 * tests lay out what they like. */
#include "catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "suite_files.h"

#define ROOT "TEST_CATALOGUE_ROOT"
#define PROGRAMS "libexec/zsaga" /* Where the copy lies. */
#define BESIDE PROGRAMS "/definitions"
#define OWN "data/definitions"

static char *below(const char *path)
{
    return xprintf("%s/%s", getenv(ROOT), path);
}

/* Makes all directories on the way to root/path. */
static void make_way(const char *path)
{
    AUTO(freep) char *whole = below(path);
    for (char *at = whole + strlen(getenv(ROOT)) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(whole, 0700);
        *at = '/';
    }
}

static void write_file(const char *directory, const char *name, const char *text)
{
    AUTO(freep) char *path = xprintf("%s/%s", directory, name);
    make_way(path);
    AUTO(freep) char *whole = below(path);
    FILE *file = fopen(whole, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

/* A saga of one step, told apart by its action. */
static void define(const char *directory, const char *file, const char *saga,
                   const char *participant, const char *action)
{
    AUTO(freep)
    char *text = xprintf("saga\n    name = %s\n    step\n        name = only\n"
                         "        participant = %s\n        action = %s\n"
                         "        compensation = undo\n",
                         saga, participant, action);
    write_file(directory, file, text);
}

static void make_directory(const char *path)
{
    AUTO(freep) char *inside = xprintf("%s/", path);
    make_way(inside);
}

static int load(struct catalogue *ret, struct err *err)
{
    struct suite_participant participants[] = {{.name = "p"}, {.name = "q"}};
    AUTO(freep) char *dir = below("data");
    const struct suite suite = {.dir = dir, .participants = participants, .participant_count = 2};
    return catalogue_load(&suite, ret, err);
}

/* What is loaded, as "saga:action saga:action". */
static void assert_loaded(const char *sagas)
{
    struct catalogue catalogue;
    struct err err = {0};
    struct buffer text = {0};
    if (load(&catalogue, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < catalogue.count; i++) {
        const struct definition *definition = catalogue.definitions[i];
        buffer_append_text(&text, i == 0 ? "" : " ");
        buffer_append_text(&text, definition->name);
        buffer_append_text(&text, ":");
        buffer_append_text(&text, definition->steps[0].action);
    }
    buffer_append(&text, "", 1);
    assert_string_equal((const char *)text.data, sagas);
    buffer_release(&text);
    catalogue_release(&catalogue);
    assert_int_equal(catalogue.count, 0);
}

/* Refused with words about the file, and nothing is left loaded. */
static void assert_refused(int code, const char *file, const char *words)
{
    struct catalogue catalogue;
    struct err err = {0};
    assert_int_equal(load(&catalogue, &err), code);
    if (strstr(err.text, file) == NULL || strstr(err.text, words) == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(catalogue.count, 0);
}

static int tear_down(void **state)
{
    static const char *const all[] = {BESIDE, "libexec/share", "share", "data"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        AUTO(freep) char *path = below(all[i]);
        suite_files_end(path);
    }
    return 0;
}

/* The shipped definitions lie beside the program; of what is there only .zpl files count. */
static void test_catalogue_load__beside_the_program__are_read(void **state)
{
    (void)state;
    define(BESIDE, "b.zpl", "two", "q", "do");
    define(BESIDE, "a.zpl", "one", "p", "do");
    write_file(BESIDE, "README", "nothing");
    write_file(BESIDE, ".hidden.zpl", "nothing");
    write_file(BESIDE, ".zpl", "nothing");
    write_file(BESIDE, "a.zpl~", "nothing");
    assert_loaded("one:do two:do");
}

/* Where it was installed, they lie in share; the nearest place is the one. */
static void test_catalogue_load__installed__are_read_from_share(void **state)
{
    (void)state;
    define("share/zsaga/definitions", "a.zpl", "far", "p", "do");
    assert_loaded("far:do");
    define("libexec/share/zsaga/definitions", "a.zpl", "near", "p", "do");
    assert_loaded("near:do");
    define(BESIDE, "a.zpl", "beside", "p", "do");
    assert_loaded("beside:do");
}

/* Without any the installation is broken, and the error says where they are missed. */
static void test_catalogue_load__none_anywhere__is_an_error(void **state)
{
    (void)state;
    assert_refused(ERR_NOT_FOUND, PROGRAMS "/definitions", "install zsaga again");
}

/* A shipped one that needs a participant this suite does not have is left out. */
static void test_catalogue_load__shipped_without_participant__is_left_out(void **state)
{
    (void)state;
    define(BESIDE, "a.zpl", "one", "stranger", "do");
    define(BESIDE, "b.zpl", "two", "p", "do");
    assert_loaded("two:do");
    define(OWN, "mine.zpl", "one", "p", "mine"); /* Its name is free. */
    assert_loaded("two:do one:mine");
}

/* A user's own that needs a participant which is not there is refused: he meant it. */
static void test_catalogue_load__own_without_participant__is_refused(void **state)
{
    (void)state;
    make_directory(BESIDE);
    define(OWN, "mine.zpl", "one", "stranger", "do");
    assert_refused(ERR_INVALID, OWN "/mine.zpl", "participant \"stranger\" is not in");
}

/* A user's file replaces a shipped definition of the same saga, whatever its own name; others are
 * added behind. */
static void test_catalogue_load__own_of_the_same_saga__replaces_it(void **state)
{
    (void)state;
    define(BESIDE, "a.zpl", "one", "p", "do");
    define(BESIDE, "b.zpl", "two", "p", "do");
    define(OWN, "other-name.zpl", "one", "q", "mine");
    define(OWN, "third.zpl", "three", "q", "mine");
    assert_loaded("one:mine two:do three:mine");
}

/* Two files of the same saga side by side are a mistake: which of them should hold? */
static void test_catalogue_load__twice_the_same_saga__is_refused(void **state)
{
    (void)state;
    make_directory(BESIDE);
    define(OWN, "a.zpl", "one", "p", "do");
    define(OWN, "b.zpl", "one", "p", "do");
    assert_refused(ERR_INVALID, OWN "/b.zpl", "another file defines saga \"one\" already");
    define(BESIDE, "a.zpl", "one", "p", "do"); /* Also where both replace a shipped one. */
    assert_refused(ERR_INVALID, OWN "/b.zpl", "another file defines saga \"one\" already");
    define(BESIDE, "b.zpl", "one", "p", "do");
    assert_refused(ERR_INVALID, BESIDE "/b.zpl", "another file defines saga \"one\" already");
}

/* A mistake in any file stops the start, with file, line and key. */
static void test_catalogue_load__mistake_in_a_file__is_refused(void **state)
{
    (void)state;
    define(BESIDE, "a.zpl", "one", "p", "do");
    write_file(OWN, "bad.zpl", "saga\n    name = two\n    stop\n");
    assert_refused(ERR_INVALID, OWN "/bad.zpl:3: stop", "unknown key");
}

/* There is a limit, and reaching it is no mistake. */
static void test_catalogue_load__more_than_the_limit__is_refused(void **state)
{
    char file[32];
    char saga[32];
    (void)state;
    make_directory(BESIDE);
    for (int i = 0; i <= CATALOGUE_MAX; i++) {
        if (i == CATALOGUE_MAX) {
            struct catalogue catalogue;
            assert_int_equal(load(&catalogue, NULL), 0);
            assert_int_equal(catalogue.count, CATALOGUE_MAX);
            catalogue_release(&catalogue);
        }
        (void)snprintf(file, sizeof file, "%03d.zpl", i);
        (void)snprintf(saga, sizeof saga, "saga%d", i);
        define(OWN, file, saga, "p", "do");
    }
    assert_refused(ERR_INVALID, OWN "/064.zpl", "at most 64 definitions");
}

static int run_here(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_catalogue_load__beside_the_program__are_read),
        TEST(test_catalogue_load__installed__are_read_from_share),
        TEST(test_catalogue_load__none_anywhere__is_an_error),
        TEST(test_catalogue_load__shipped_without_participant__is_left_out),
        TEST(test_catalogue_load__own_without_participant__is_refused),
        TEST(test_catalogue_load__own_of_the_same_saga__replaces_it),
        TEST(test_catalogue_load__twice_the_same_saga__is_refused),
        TEST(test_catalogue_load__mistake_in_a_file__is_refused),
        TEST(test_catalogue_load__more_than_the_limit__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

static bool copy_self(const char *path)
{
    struct stat status;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    bool ok = from >= 0 && to >= 0 && fstat(from, &status) == 0;
    off_t at = 0;
    while (ok && at < status.st_size)
        ok = sendfile(to, from, &at, (size_t)(status.st_size - at)) > 0;
    if (from >= 0)
        (void)close(from);
    return to >= 0 && close(to) == 0 && ok;
}

int main(void)
{
    char root[256];
    int status = -1;
    if (getenv(ROOT) != NULL)
        return run_here();
    suite_files_begin(root, sizeof root);
    if (setenv(ROOT, root, 1) != 0)
        return 1;
    make_way(PROGRAMS "/test");
    AUTO(freep) char *copy = below(PROGRAMS "/test");
    pid_t child = copy_self(copy) ? fork() : -1;
    if (child == 0) {
        (void)execl(copy, copy, (char *)NULL);
        _exit(127);
    }
    bool ok = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    suite_files_end(root);
    return ok ? 0 : 1;
}
