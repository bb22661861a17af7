#include "wire/shell_process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"

#define NICENESS 15 /* Of one that yields. */

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= SHELL_PROCESS_FILES)
        return;
    limit.rlim_cur = limit.rlim_max < SHELL_PROCESS_FILES ? limit.rlim_max : SHELL_PROCESS_FILES;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < SHELL_PROCESS_FILES)
        log_line(LOG_LEVEL_WARN, "few_files", "wanted=%d allowed=%llu", SHELL_PROCESS_FILES,
                 (unsigned long long)limit.rlim_cur);
}

static int open_signals(int *ret, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    int rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (rc != 0)
        return err_errno(err, rc, "blocking signals");
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_errno(err, errno, "ignoring SIGPIPE");
    *ret = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return *ret < 0 ? err_errno(err, errno, "opening a signalfd") : 0;
}

int shell_process_prepare(bool yields, int *ret_signal_fd, struct err *err)
{
    /* Longer slices, fewer switches: it serves batches, and is a fifth faster under load. Threads
     * made later inherit it. Where it is forbidden all works the same. */
    struct sched_param plain = {.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_BATCH, &plain);
    if (yields)
        (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    raise_file_limit();
    return open_signals(ret_signal_fd, err);
}

const char *shell_process_signal(int signal_fd)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return NULL;
    return info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
}

bool shell_process_orphaned(int lifeline_fd)
{
    char ignored[64];
    ssize_t len = read(lifeline_fd, ignored, sizeof ignored);
    return len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR);
}
