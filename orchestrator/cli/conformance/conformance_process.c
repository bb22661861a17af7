#include "conformance_process.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "program.h"

#define STOP_MS 5000 /* A participant ends within that when it is asked to. */
#define GONE_MS 5000
#define STEP_MS 5

struct process {
    const char *command;
    pid_t pid; /* 0: it does not run. */
    bool ours; /* Started here: a group of its own, and waited for. */
};

struct process *process_new(const char *command, pid_t pid)
{
    struct process *process = xcalloc(1, sizeof *process);
    process->command = command;
    process->pid = pid;
    return process;
}

int process_start(struct process *process, struct err *err)
{
    pid_t parent = getpid();
    process->pid = fork();
    if (process->pid < 0) {
        process->pid = 0;
        return err_errno(err, errno, "cannot start %s", process->command);
    }
    if (process->pid == 0) {
        program_reset_signals();
        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() == parent && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
            (void)execl("/bin/sh", "sh", "-c", process->command, (char *)NULL);
        _exit(126);
    }
    (void)setpgid(process->pid, process->pid); /* Whoever of the two is first. */
    process->ours = true;
    return 0;
}

/* A process that is dead but not yet waited for by its parent holds nothing any more. */
static bool lives(pid_t pid, pid_t *ret_group)
{
    char path[64];
    char state = 'Z';
    int group = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool known = fscanf(file, "%*d (%*[^)]) %c %*d %d", &state, &group) == 2;
    (void)fclose(file);
    *ret_group = group;
    return known && state != 'Z' && state != 'X';
}

/* The shell may have gone while what it started still holds its database. */
static bool group_lives(pid_t group)
{
    bool found = false;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir != NULL && !found && (entry = readdir(dir)) != NULL;) {
        pid_t of;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        found = pid > 0 && lives(pid, &of) && of == group;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return found;
}

static bool is_gone(struct process *process)
{
    int exit_code;
    pid_t group;
    if (!process->ours)
        return !lives(process->pid, &group);
    (void)program_wait(process->pid, 0, &exit_code);
    return !group_lives(process->pid);
}

static bool await_end(struct process *process, int64_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    while (!is_gone(process)) {
        if (clock_mono_ms() >= until_ms)
            return false;
        (void)poll(NULL, 0, STEP_MS);
    }
    process->pid = 0;
    return true;
}

int process_kill(struct process *process, struct err *err)
{
    pid_t pid = process->pid;
    if (pid == 0)
        return 0;
    if (kill(process->ours ? -pid : pid, SIGKILL) != 0 && errno != ESRCH)
        return err_errno(err, errno, "cannot kill process %ld", (long)pid);
    if (!await_end(process, GONE_MS))
        return err_set(err, ERR_TIMEOUT, "process %ld was killed and does not go away", (long)pid);
    return 0;
}

void process_free(struct process *process)
{
    if (process == NULL)
        return;
    if (process->pid != 0 && process->ours) {
        (void)kill(-process->pid, SIGTERM);
        if (!await_end(process, STOP_MS))
            (void)process_kill(process, NULL);
    }
    free(process);
}
