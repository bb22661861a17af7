#include "suite_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/xalloc.h"
#include "suite_process.h"

void suite_files_begin(char *root, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(root, size, "%s/suite-process-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void suite_files_end(const char *root)
{
    if (getenv("ZSAGA_KEEP") != NULL)
        print_message("kept: %s\n", root);
    else
        (void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

char *suite_files_take(const char *path)
{
    struct buffer text = {0};
    uint8_t part[16384];
    ssize_t len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (len = read(fd, part, sizeof part)) > 0)
        buffer_append(&text, part, (size_t)len);
    if (fd >= 0)
        (void)close(fd);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

const char *suite_files_read(struct suite_process *suite, const char *path)
{
    return suite_process_keep(suite, suite_files_take(path), free);
}

/* nftw() takes no context. */
static struct {
    const char *from;
    const char *to;
} copying;

static int copy_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    uint8_t part[65536];
    ssize_t len = 0;
    (void)walk;
    AUTO(freep) char *to = xprintf("%s%s", copying.to, path + strlen(copying.from));
    if (kind == FTW_D)
        return mkdir(to, status->st_mode & 0777);
    if (kind != FTW_F || !S_ISREG(status->st_mode))
        return 0;
    int in = open(path, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status->st_mode & 0777);
    int rc = in >= 0 && out >= 0 ? 0 : -1;
    while (rc == 0 && (len = read(in, part, sizeof part)) > 0)
        rc = write(out, part, (size_t)len) == len ? 0 : -1;
    (void)close(in);
    (void)close(out);
    return rc == 0 && len == 0 ? 0 : -1;
}

void suite_files_copy_tree(const char *from, const char *to)
{
    copying.from = from;
    copying.to = to;
    assert_int_equal(nftw(from, copy_one, 8, FTW_PHYS), 0);
}

static int faulty_files;

static int look_at(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    static const char *const words[] = {"Assertion `", "AddressSanitizer", "LeakSanitizer",
                                        "runtime error:"};
    (void)status;
    (void)walk;
    size_t len = strlen(path);
    bool written =
        len > 4 && (strcmp(path + len - 4, ".log") == 0 || strcmp(path + len - 4, ".err") == 0);
    if (kind != FTW_F || !written)
        return 0;
    AUTO(freep) char *text = suite_files_take(path);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *found = strstr(text, words[i]);
        if (found == NULL)
            continue;
        print_error("%s: ...%.3000s\n", path, found - (found - text < 200 ? found - text : 200));
        faulty_files++;
        break;
    }
    return 0;
}

int suite_files_find_faults(const char *root)
{
    faulty_files = 0;
    (void)nftw(root, look_at, 8, FTW_PHYS);
    return faulty_files;
}
