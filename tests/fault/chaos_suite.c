#include "chaos_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "chaos_net.h"
#include "service_exit.h"
#include "suite.h"

#define STOP_MS 15000
#define PATHS 8
#define AGAIN_MS 50 /* As the supervisor waits the first time. */
#define TCP_PORT 21000

const char *chaos_suite_path(const struct chaos *chaos, const char *format, ...)
{
    static char paths[PATHS][512];
    static size_t next;
    char *path = paths[next++ % PATHS];
    int len = snprintf(path, sizeof paths[0], "%s/", chaos->root);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(path + len, sizeof paths[0] - (size_t)len, format, args);
    va_end(args);
    return path;
}

const char *chaos_suite_program(const struct chaos *chaos, const char *name)
{
    static char paths[PATHS][512];
    static size_t next;
    char *path = paths[next++ % PATHS];
    (void)snprintf(path, sizeof paths[0], "%s/%s", chaos->build, name);
    return path;
}

static const char *const plane_names[] = {"command", "events", "replay", "client", "twin"};

const char *chaos_suite_near(const struct chaos *chaos, enum chaos_place place,
                             enum chaos_plane plane, char to[CHAOS_ENDPOINT_SIZE])
{
    const char *name = chaos->services[place].name;
    bool far = place != CHAOS_ORCHESTRATOR && place != CHAOS_OBSERVER;
    if (chaos->net_holder != 0 && far)
        (void)snprintf(to, CHAOS_ENDPOINT_SIZE, "tcp://%s:%d", chaos->net_address[1],
                       TCP_PORT + (int)place * 10 + (int)plane);
    else
        (void)snprintf(to, CHAOS_ENDPOINT_SIZE, "ipc://%s/s/%s-%s", chaos->root, name,
                       plane_names[plane]);
    return to;
}

const char *chaos_suite_via(const struct chaos *chaos, enum chaos_place place,
                            enum chaos_plane plane, char to[CHAOS_ENDPOINT_SIZE])
{
    (void)snprintf(to, CHAOS_ENDPOINT_SIZE, "ipc://%s/v/%s-%s", chaos->root,
                   chaos->services[place].name, plane_names[plane]);
    return to;
}

typedef const char *(*endpoint_of)(const struct chaos *chaos, enum chaos_place place,
                                   enum chaos_plane plane, char to[CHAOS_ENDPOINT_SIZE]);

/* The suite file of one directory: `commands` and `events` tell where these are found from there.
 */
static bool write_file(struct chaos *chaos, const char *dir, endpoint_of commands,
                       enum chaos_plane plane, endpoint_of own_events, endpoint_of events)
{
    char endpoint[CHAOS_ENDPOINT_SIZE];
    FILE *file = fopen(chaos_suite_path(chaos, "%s/suite.zpl", dir), "we");
    if (file == NULL)
        return false;
    const char *client = strncmp(dir, "twin", 4) == 0 ? dir : "s";
    (void)fprintf(file, "suite\n    id = chaos\norchestrator\n");
    (void)fprintf(file, "    client = ipc://%s/%s/orchestrator-client\n", chaos->root, client);
    (void)fprintf(file, "    owner = ipc://%s/%s/orchestrator-owner\n", chaos->root, client);
    if (strcmp(client, "s") == 0) {
        (void)fprintf(file, "    events = %s\n",
                      own_events(chaos, CHAOS_ORCHESTRATOR, CHAOS_LIVE, endpoint));
        (void)fprintf(file, "    replay = %s\n",
                      own_events(chaos, CHAOS_ORCHESTRATOR, CHAOS_FETCH, endpoint));
    }
    for (enum chaos_place place = CHAOS_ORDER; place < CHAOS_OBSERVER; place++) {
        const char *name = chaos->services[place].name;
        (void)fprintf(file, "participant\n    name = %s\n", name);
        (void)fprintf(file, "    command = %s\n", commands(chaos, place, plane, endpoint));
        (void)fprintf(file, "    owner = ipc://%s/s/%s-owner\n", chaos->root, name);
        (void)fprintf(file, "    events = %s\n", events(chaos, place, CHAOS_LIVE, endpoint));
        (void)fprintf(file, "    replay = %s\n", events(chaos, place, CHAOS_FETCH, endpoint));
    }
    (void)fprintf(file, "observer\n    owner = ipc://%s/s/observer-owner\n", chaos->root);
    (void)fprintf(file, "    view = ipc://%s/s/observer-view\n", chaos->root);
    return fclose(file) == 0;
}

/* Silence and patience are shorter than by default, so that both come about. */
static bool write_definition(struct chaos *chaos)
{
    static const struct step {
        const char *name;
        const char *participant;
        const char *action;
        const char *compensation;
    } steps[] = {
        {"create", "order", "create", "cancel"},   {"reserve", "inventory", "reserve", "release"},
        {"charge", "payment", "charge", "refund"}, {"ship", "shipping", "schedule", "cancel"},
        {"confirm", "order", "confirm", NULL},
    };
    FILE *file = fopen(chaos_suite_path(chaos, "data/definitions/order.zpl"), "we");
    if (file == NULL)
        return false;
    (void)fprintf(file, "saga\n    name = order\n");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        (void)fprintf(file,
                      "    step\n        name = %s\n        participant = %s\n        action = %s\n"
                      "        timeout = 500ms\n        patience = 12s\n",
                      steps[i].name, steps[i].participant, steps[i].action);
        if (steps[i].compensation == NULL)
            (void)fprintf(file, "        kind = retriable\n");
        else
            (void)fprintf(file, "        compensation = %s\n        undo\n            max = 5s\n",
                          steps[i].compensation);
    }
    return fclose(file) == 0;
}

static bool make_directory(struct chaos *chaos, const char *path)
{
    return mkdir(chaos_suite_path(chaos, "%s", path), 0700) == 0;
}

static bool make_place(struct chaos *chaos, const char *dir, bool own_databases)
{
    bool made =
        make_directory(chaos, dir) && mkdir(chaos_suite_path(chaos, "%s/run", dir), 0700) == 0;
    static const char *const shared[] = {"db", "log"};
    for (size_t i = 0; i < 2 && made; i++) {
        const char *path = chaos_suite_path(chaos, "%s/%s", dir, shared[i]);
        made = own_databases ? mkdir(path, 0700) == 0
                             : symlink(chaos_suite_path(chaos, "data/%s", shared[i]), path) == 0;
    }
    return made;
}

bool chaos_suite_make(struct chaos *chaos)
{
    return make_directory(chaos, "s") && make_directory(chaos, "v") &&
           make_directory(chaos, "clock") && make_place(chaos, "data", true) &&
           make_place(chaos, "far", false) && make_place(chaos, "view", false) &&
           make_directory(chaos, "data/definitions") && write_definition(chaos) &&
           write_file(chaos, "data", chaos_suite_via, CHAOS_COMMAND, chaos_suite_near,
                      chaos_suite_near) &&
           write_file(chaos, "far", chaos_suite_near, CHAOS_COMMAND, chaos_suite_near,
                      chaos_suite_near) &&
           write_file(chaos, "view", chaos_suite_via, CHAOS_COMMAND, chaos_suite_via,
                      chaos_suite_via);
}

/* Processes. */

static const char *directory_of(enum chaos_place place)
{
    return place == CHAOS_ORCHESTRATOR ? "data" : place == CHAOS_OBSERVER ? "view" : "far";
}

static void set_clock(const struct chaos *chaos, const char *name)
{
    char file[128];
    if (chaos->faketime == NULL)
        return;
    (void)snprintf(file, sizeof file, "%s/clock/%s", chaos->root, name);
    (void)setenv("LD_PRELOAD", chaos->faketime, 1);
    (void)setenv("FAKETIME_TIMESTAMP_FILE", file, 1);
    (void)setenv("FAKETIME_CACHE_DURATION", "1", 1);
    /* Timers count on it: a clock that is set must not move them. */
    (void)setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    (void)setenv("DONT_FAKE_MONOTONIC", "1", 1);
    (void)setenv("NO_FAKE_STAT", "1", 1);
}

static _Noreturn void become(const char *const *argv, int out_fd, int err_fd, pid_t parent)
{
    int null_fd = open("/dev/null", O_RDONLY);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (getppid() == parent && dup2(null_fd, STDIN_FILENO) >= 0 &&
        dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(err_fd, STDERR_FILENO) >= 0)
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    (void)dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static pid_t start(struct chaos *chaos, const char *name, const char *dir, bool in_net)
{
    char program[64];
    (void)snprintf(program, sizeof program, "zsaga-%s", name);
    const char *const argv[] = {chaos_suite_program(chaos, program), "--data",
                                chaos_suite_path(chaos, "%s", dir), NULL};
    int log = open(chaos_suite_path(chaos, "%s/log/%s.log", dir, name),
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_t parent = getpid();
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (in_net && !chaos_net_enter(chaos))
            _exit(127);
        set_clock(chaos, name);
        become(argv, log, log, parent);
    }
    (void)close(log);
    return pid;
}

static void tell_life(struct chaos *chaos, enum chaos_place place, enum check_life life)
{
    const struct check_life_event event = {
        .at_ms = chaos_now_ms(), .process = chaos->services[place].name, .life = life};
    (void)check_record_life(chaos->record, &event);
}

static void start_service(struct chaos *chaos, enum chaos_place place)
{
    struct chaos_service *service = &chaos->services[place];
    bool far = place != CHAOS_ORCHESTRATOR && place != CHAOS_OBSERVER;
    tell_life(chaos, place, CHECK_STARTED);
    service->pid = start(chaos, service->name, directory_of(place), far && chaos->net_holder != 0);
    service->expected = false;
    service->forgiven = false;
    service->started_at_ms = chaos_now_ms();
    service->exit_code = 0;
    service->starts++;
}

static int exit_code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Who is fenced stays down until whoever brought it about lets it go on. */
static void judge_end(struct chaos *chaos, struct chaos_service *service)
{
    if (service->exit_code == SERVICE_FENCED && service->expected)
        service->held = true;
    if (service->expected)
        return;
    if (service->forgiven) {
        chaos_note(chaos, "%s ended with %d, its descriptors having run out", service->name,
                   service->exit_code);
        return;
    }
    chaos_find(chaos, "%s ended with %d by itself, see data/log/%s.log", service->name,
               service->exit_code, service->name);
}

void chaos_suite_turn(struct chaos *chaos)
{
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++) {
        struct chaos_service *service = &chaos->services[place];
        int status = 0;
        if (service->pid != 0 && waitpid(service->pid, &status, WNOHANG) == service->pid) {
            tell_life(chaos, place, CHECK_ENDED);
            service->pid = 0;
            service->exit_code = exit_code_of(status);
            judge_end(chaos, service);
            if (service->start_at_ms == 0)
                service->start_at_ms = chaos_now_ms() + AGAIN_MS;
        }
        if (service->pid == 0 && !service->held && chaos_now_ms() >= service->start_at_ms) {
            service->start_at_ms = 0;
            start_service(chaos, place);
        }
    }
}

bool chaos_suite_begin(struct chaos *chaos)
{
    static const char *const dirs[] = {"data", "far", "view"};
    struct err err = {0};
    for (size_t i = 0; i < 3; i++)
        if (suite_lock(chaos_suite_path(chaos, "%s", dirs[i]), 0, &chaos->locks[i], &err) < 0) {
            (void)fprintf(stderr, "chaos: %s\n", err.text);
            return false;
        }
    chaos_suite_turn(chaos);
    return true;
}

void chaos_suite_kill(struct chaos *chaos, enum chaos_place place, int64_t back_after_ms)
{
    struct chaos_service *service = &chaos->services[place];
    if (service->pid == 0)
        return;
    service->expected = true;
    service->start_at_ms = chaos_now_ms() + back_after_ms;
    (void)kill(service->pid, SIGKILL);
}

void chaos_suite_hold(struct chaos *chaos, enum chaos_place place)
{
    chaos->services[place].held = true;
    chaos_suite_kill(chaos, place, 0);
    while (chaos->services[place].pid != 0)
        chaos_wait(chaos, 10);
}

void chaos_suite_release(struct chaos *chaos, enum chaos_place place)
{
    chaos->services[place].held = false;
    chaos->services[place].start_at_ms = chaos_now_ms();
}

bool chaos_suite_end(struct chaos *chaos)
{
    int64_t until_ms = chaos_now_ms() + STOP_MS;
    size_t alive = 0;
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++) {
        struct chaos_service *service = &chaos->services[place];
        service->held = service->expected = true;
        if (service->pid != 0)
            (void)kill(service->pid, SIGTERM);
    }
    do {
        chaos_suite_turn(chaos);
        alive = 0;
        for (enum chaos_place place = 0; place < CHAOS_PLACES; place++)
            alive += chaos->services[place].pid != 0;
        (void)poll(NULL, 0, 10);
    } while (alive != 0 && chaos_now_ms() < until_ms);
    /* The client has inherited them: closing them here would not do. */
    for (size_t i = 0; i < 3; i++) {
        (void)flock(chaos->locks[i], LOCK_UN);
        (void)close(chaos->locks[i]);
    }
    for (enum chaos_place place = 0; place < CHAOS_PLACES && alive == 0; place++)
        if (chaos->services[place].exit_code != 0)
            chaos_find(chaos, "%s was told to end, and ended with %d", chaos->services[place].name,
                       chaos->services[place].exit_code);
    return alive == 0;
}

void chaos_suite_kill_all(struct chaos *chaos)
{
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++) {
        if (chaos->services[place].pid == 0)
            continue;
        (void)kill(chaos->services[place].pid, SIGKILL);
        (void)waitpid(chaos->services[place].pid, NULL, 0);
        chaos->services[place].pid = 0;
    }
}

/* Further orchestrators. */

static bool copy_file(const char *from, const char *to)
{
    char chunk[65536];
    ssize_t got = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return errno == ENOENT;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool copied = out >= 0;
    while (copied && (got = read(in, chunk, sizeof chunk)) > 0)
        copied = write(out, chunk, (size_t)got) == got;
    (void)close(in);
    if (out >= 0)
        (void)close(out);
    return copied && got == 0;
}

bool chaos_suite_copy_database(struct chaos *chaos, const char *from, const char *to,
                               const char *name)
{
    static const char *const ends[] = {"", "-wal"};
    bool copied = true;
    for (size_t i = 0; i < 2; i++) {
        const char *path = chaos_suite_path(chaos, "%s/%s.db%s", to, name, ends[i]);
        (void)unlink(path);
        copied =
            copied && copy_file(chaos_suite_path(chaos, "%s/%s.db%s", from, name, ends[i]), path);
    }
    return copied;
}

bool chaos_suite_copy(struct chaos *chaos, const char *name)
{
    return make_place(chaos, name, true) &&
           write_file(chaos, name, chaos_suite_via, CHAOS_TWIN, chaos_suite_via, chaos_suite_via) &&
           chaos_suite_copy_database(
               chaos, "data/db", chaos_suite_path(chaos, "%s/db", name) + strlen(chaos->root) + 1,
               "orchestrator");
}

pid_t chaos_suite_twin(struct chaos *chaos, const char *name)
{
    return start(chaos, "orchestrator", name, false);
}

int chaos_suite_run(struct chaos *chaos, struct buffer *output, const char *const *argv)
{
    const char *path = chaos_suite_path(chaos, "run-%u.out", chaos->files++);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)unlink(path); /* At once: the descriptor is enough, and the path's buffer is shared. */
    pid_t parent = getpid();
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, fd, fd, parent);
    while (waitpid(pid, &status, WNOHANG) == 0)
        chaos_wait(chaos, 10);
    (void)lseek(fd, 0, SEEK_SET);
    char chunk[4096];
    ssize_t got;
    while (output != NULL && (got = read(fd, chunk, sizeof chunk)) > 0)
        buffer_append(output, chunk, (size_t)got);
    if (output != NULL) {
        buffer_append(output, "", 1);
        output->len--;
    }
    (void)close(fd);
    return exit_code_of(status);
}
