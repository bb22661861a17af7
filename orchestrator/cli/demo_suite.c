#include "demo_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"
#include "demo_files.h"
#include "processes.h"
#include "program.h"

#define READY_MS 20000
#define STOP_MS 10000

static int write_file(const char *dir, const struct demo_file *file, struct err *err)
{
    AUTO(freep) char *path = xprintf("%s/%s", dir, file->name);
    FILE *to = fopen(path, "wbe");
    if (to == NULL)
        return err_errno(err, errno, "cannot write %s", path);
    bool written = fwrite(file->data, 1, file->len, to) == file->len;
    if (fclose(to) != 0 || !written)
        return err_errno(err, errno, "cannot write %s", path);
    return 0;
}

int demo_suite_create(struct demo_suite *suite, struct err *err)
{
    *suite = (struct demo_suite){.result_fd = -1};
    const char *base = getenv("TMPDIR");
    suite->dir = xprintf("%s/zsaga-demo-XXXXXX", base == NULL || base[0] == '\0' ? "/tmp" : base);
    if (mkdtemp(suite->dir) == NULL) {
        int rc = err_errno(err, errno, "cannot make the directory %s", suite->dir);
        free(suite->dir);
        suite->dir = NULL;
        return rc;
    }
    int rc = program_self(&suite->tool, err);
    for (size_t i = 0; i < demo_file_count && rc == 0; i++)
        rc = write_file(suite->dir, &demo_files[i], err);
    return rc;
}

static int remove_one(const char *path, const struct stat *stat_buffer, int kind, struct FTW *at)
{
    (void)stat_buffer;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

static void stop(pid_t *pid)
{
    int ignored;
    if (*pid == 0)
        return;
    (void)kill(*pid, SIGTERM);
    if (!program_wait(*pid, STOP_MS, &ignored)) {
        (void)kill(*pid, SIGKILL);
        (void)program_wait(*pid, -1, &ignored);
    }
    *pid = 0;
}

void demo_suite_release(struct demo_suite *suite, bool keep)
{
    stop(&suite->submit);
    stop(&suite->up);
    if (suite->result_fd >= 0)
        (void)close(suite->result_fd);
    if (suite->dir != NULL && !keep)
        (void)nftw(suite->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(suite->dir);
    free(suite->tool);
    *suite = (struct demo_suite){.result_fd = -1};
}

static int open_notes(const struct demo_suite *suite, struct err *err)
{
    AUTO(freep) char *path = xprintf("%s/demo.log", suite->dir);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    return fd < 0 ? err_errno(err, errno, "cannot open %s", path) : fd;
}

/* Starts it with its output in *ret_out and its remarks in demo.log. */
static int start(const struct demo_suite *suite, const char *const *argv, pid_t *ret_pid,
                 int *ret_out, struct err *err)
{
    int ends[2];
    int notes = open_notes(suite, err);
    if (notes < 0)
        return notes;
    int rc = pipe2(ends, O_CLOEXEC) == 0 ? 0 : err_errno(err, errno, "cannot make a pipe");
    if (rc == 0) {
        rc = program_start(argv, ends[1], notes, ret_pid, err);
        (void)close(ends[1]);
        if (rc < 0)
            (void)close(ends[0]);
        else
            *ret_out = ends[0];
    }
    (void)close(notes);
    return rc;
}

/* The line that begins with "ready" comes first or never. */
static bool hears_ready(int fd)
{
    char text[64];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int64_t until_ms = clock_mono_ms() + READY_MS;
    while (clock_mono_ms() < until_ms) {
        if (poll(&ready, 1, 100) <= 0)
            continue;
        ssize_t len = read(fd, text, sizeof text);
        return len >= 5 && memcmp(text, "ready", 5) == 0;
    }
    return false;
}

int demo_suite_up(struct demo_suite *suite, bool import, struct err *err)
{
    AUTO(freep) char *stock = xprintf("%s/stock.csv", suite->dir);
    AUTO(freep) char *customers = xprintf("%s/customers.csv", suite->dir);
    const char *const argv[] = {
        suite->tool, "up",          "--data",  suite->dir, import ? "--stock" : NULL,
        stock,       "--customers", customers, NULL};
    int out = -1;
    int rc = start(suite, argv, &suite->up, &out, err);
    if (rc < 0)
        return rc;
    bool ready = hears_ready(out);
    (void)close(out);
    if (!ready)
        return err_set(err, ERR_SYSTEM, "the suite did not start; %s/demo.log tells why",
                       suite->dir);
    return 0;
}

int demo_suite_submit(struct demo_suite *suite, const char *rate, struct err *err)
{
    AUTO(freep) char *orders = xprintf("%s/orders.csv", suite->dir);
    const char *const argv[] = {suite->tool, "submit", "order",  orders,   "--data", suite->dir,
                                "--rate",    rate,     "--wait", "--json", NULL};
    return start(suite, argv, &suite->submit, &suite->result_fd, err);
}

int demo_suite_submitted(struct demo_suite *suite, int64_t wait_ms, int *ret_exit,
                         struct buffer *result, struct err *err)
{
    uint8_t chunk[4096];
    if (!program_wait(suite->submit, wait_ms, ret_exit))
        return err_set(err, ERR_TIMEOUT, "the orders did not come to their ends in time");
    suite->submit = 0;
    for (ssize_t len; (len = read(suite->result_fd, chunk, sizeof chunk)) > 0;)
        buffer_append(result, chunk, (size_t)len);
    return 0;
}

pid_t demo_suite_pid(const struct demo_suite *suite, const char *name)
{
    if (strcmp(name, "supervisor") == 0)
        return suite->up;
    json_t *processes = processes_read(suite->dir);
    pid_t pid = processes_pid(processes, name);
    json_decref(processes);
    return pid;
}

int demo_suite_run(const struct demo_suite *suite, const char *command, bool json,
                   struct buffer *output, int *ret_exit, struct err *err)
{
    const char *const argv[] = {suite->tool, command, "--data", suite->dir, json ? "--json" : NULL,
                                NULL};
    return program_run(argv, bytes_of("", 0), output, ret_exit, err);
}
