#include "subject.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"
#include "demand.h"
#include "interrupt.h"
#include "processes.h"
#include "program.h"

#define READY_MS 60000
#define STOP_MS 20000
#define STEP_MS 100

static int find_tool(const struct subject_options *options, char **ret, struct err *err)
{
    *ret = NULL;
    if (options->tool != NULL) {
        *ret = xstrdup(options->tool);
    } else {
        AUTO(freep) char *self = NULL;
        int rc = program_self(&self, err);
        if (rc < 0)
            return rc;
        /* This program is BUILD/tests/zsaga-bench. */
        *strrchr(self, '/') = '\0';
        *ret = xprintf("%s/../zsaga", self);
    }
    return access(*ret, X_OK) == 0 ? 0 : err_errno(err, errno, "cannot run %s", *ret);
}

/* Flushes cost nothing in memory: figures from there tell nothing. */
static void warn_of_memory(const char *dir)
{
    struct statfs system;
    if (statfs(dir, &system) == 0 && system.f_type == TMPFS_MAGIC)
        (void)fprintf(stderr,
                      "zsaga-bench: %s is memory, not a disk: the figures tell nothing about\n"
                      "flushes; choose a directory on a disk with --dir\n",
                      dir);
}

static int make_directory(const char *base, struct subject *subject, struct err *err)
{
    if (base == NULL)
        base = getenv("TMPDIR");
    if (base == NULL || base[0] == '\0')
        base = "/var/tmp";
    subject->dir = xprintf("%s/zsaga-bench-XXXXXX", base);
    if (mkdtemp(subject->dir) == NULL) {
        int rc = err_errno(err, errno, "cannot make a directory in %s", base);
        free(subject->dir);
        subject->dir = NULL;
        return rc;
    }
    warn_of_memory(subject->dir);
    subject->data = xprintf("%s/data", subject->dir);
    return 0;
}

static int read_text(const char *path, struct buffer *to, struct err *err)
{
    uint8_t chunk[4096];
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return err_errno(err, errno, "cannot read %s", path);
    for (size_t len; (len = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buffer_append(to, chunk, len);
    (void)fclose(file);
    buffer_append(to, "", 1);
    return 0;
}

static int write_text(const char *path, const char *text, struct err *err)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL)
        return err_errno(err, errno, "cannot write %s", path);
    bool good = fputs(text, file) >= 0;
    if (fclose(file) != 0 || !good)
        return err_errno(err, errno, "cannot write %s", path);
    return 0;
}

/* In the suite file, as it is first written. */
static int turn_observer_off(const char *data, struct err *err)
{
    static const char on[] = "\nobserver\n    run = yes\n";
    static const char off[] = "\nobserver\n    run = no\n";
    int rc = suite_create(data, err);
    AUTO(freep) char *path = suite_path(data, "suite.zpl");
    struct buffer text = {0};
    if (rc == 0)
        rc = read_text(path, &text, err);
    char *at = rc == 0 ? strstr((char *)text.data, on) : NULL;
    if (at != NULL) {
        *at = '\0';
        AUTO(freep) char *edited = xprintf("%s%s%s", (char *)text.data, off, at + strlen(on));
        rc = write_text(path, edited, err);
    } else if (rc == 0) {
        rc = err_set(err, ERR_INVALID, "%s does not say that the observer runs", path);
    }
    buffer_release(&text);
    return rc;
}

int subject_create(struct subject *subject, const struct subject_options *options, struct err *err)
{
    *subject = (struct subject){.up = 0};
    int rc = find_tool(options, &subject->tool, err);
    if (rc == 0)
        rc = make_directory(options->dir, subject, err);
    if (rc < 0)
        return rc;
    AUTO(freep) char *stock = xprintf("%s/stock.csv", subject->dir);
    AUTO(freep) char *customers = xprintf("%s/customers.csv", subject->dir);
    rc = demand_write_stock(stock, err);
    if (rc == 0)
        rc = demand_write_customers(customers, err);
    if (rc == 0 && options->no_observer)
        rc = turn_observer_off(subject->data, err);
    return rc;
}

/* The line that begins with "ready" comes first or never. */
static int hear_ready(int fd, struct err *err)
{
    char text[64];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int64_t until_ms = clock_mono_ms() + READY_MS;
    while (clock_mono_ms() < until_ms) {
        int rc = interrupt_check(err);
        if (rc < 0)
            return rc;
        if (poll(&ready, 1, STEP_MS) <= 0)
            continue;
        ssize_t len = read(fd, text, sizeof text);
        if (len >= 5 && memcmp(text, "ready", 5) == 0)
            return 0;
        return err_set(err, ERR_SYSTEM, "the suite did not start");
    }
    return err_set(err, ERR_TIMEOUT, "the suite was not ready within %d s", READY_MS / 1000);
}

static int start(struct subject *subject, int *ret_out, struct err *err)
{
    AUTO(freep) char *stock = xprintf("%s/stock.csv", subject->dir);
    AUTO(freep) char *customers = xprintf("%s/customers.csv", subject->dir);
    const char *const argv[] = {subject->tool, "up",          "--data",  subject->data, "--stock",
                                stock,         "--customers", customers, NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_errno(err, errno, "cannot make a pipe");
    int rc = program_start(argv, ends[1], STDERR_FILENO, &subject->up, err);
    (void)close(ends[1]);
    if (rc < 0)
        (void)close(ends[0]);
    else
        *ret_out = ends[0];
    return rc;
}

static int find_endpoint(struct subject *subject, struct err *err)
{
    int rc = suite_load(subject->data, &subject->suite, err);
    if (rc < 0)
        return rc;
    return suite_endpoint(subject->suite, SUITE_ORCHESTRATOR, "client", &subject->endpoint, err);
}

int subject_up(struct subject *subject, struct err *err)
{
    int out = -1;
    int rc = start(subject, &out, err);
    if (rc < 0)
        return rc;
    rc = hear_ready(out, err);
    (void)close(out);
    return rc < 0 ? rc : find_endpoint(subject, err);
}

void subject_down(struct subject *subject)
{
    int ignored;
    if (subject->up == 0)
        return;
    (void)kill(subject->up, SIGTERM);
    if (!program_wait(subject->up, STOP_MS, &ignored)) {
        (void)kill(subject->up, SIGKILL);
        (void)program_wait(subject->up, -1, &ignored);
    }
    subject->up = 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void subject_release(struct subject *subject)
{
    subject_down(subject);
    if (subject->dir != NULL)
        (void)nftw(subject->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(subject->dir);
    free(subject->data);
    free(subject->tool);
    free(subject->endpoint);
    suite_free(subject->suite);
    *subject = (struct subject){.up = 0};
}

void subject_processes(const struct subject *subject, struct usage_set *ret)
{
    json_t *processes = processes_read(subject->data);
    size_t i;
    json_t *process;
    *ret = (struct usage_set){.pids = {subject->up}, .count = 1};
    json_array_foreach(processes, i, process)
    {
        pid_t pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
        if (pid > 0 && ret->count < USAGE_PROCESSES_MAX)
            ret->pids[ret->count++] = pid;
    }
    json_decref(processes);
}

bool subject_has(const struct subject *subject, const char *name)
{
    json_t *processes = processes_read(subject->data);
    bool has = processes_pid(processes, name) > 0;
    json_decref(processes);
    return has;
}

int64_t subject_restarts(const struct subject *subject)
{
    json_t *processes = processes_read(subject->data);
    int64_t restarts = 0;
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        restarts += json_integer_value(json_object_get(process, "restarts"));
    }
    json_decref(processes);
    return restarts;
}

int subject_ask(const struct subject *subject, const char *command, json_t **ret, struct err *err)
{
    const char *const argv[] = {subject->tool, command, "--data", subject->data, "--json", NULL};
    struct buffer output = {0};
    json_error_t fault;
    int ignored;
    int rc = program_run(argv, bytes_of("", 0), &output, &ignored, err);
    if (rc == 0) {
        *ret = json_loadb((const char *)output.data, output.len, 0, &fault);
        if (*ret == NULL)
            rc = err_set(err, ERR_SYSTEM, "`zsaga %s` gave no answer", command);
    }
    buffer_release(&output);
    return rc;
}
