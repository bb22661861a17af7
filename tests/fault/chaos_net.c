#include "chaos_net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool enter(pid_t holder)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/ns/net", (long)holder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool entered = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
    if (fd >= 0)
        (void)close(fd);
    return entered;
}

bool chaos_net_enter(const struct chaos *chaos)
{
    return enter(chaos->net_holder);
}

/* `ip` with these words, here or in the participants' network. */
static bool ip(const struct chaos *chaos, bool there, const char *words)
{
    char text[256];
    char program[] = "ip";
    char *argv[24] = {program};
    size_t count = 1;
    char *left = NULL;
    int status = 0;
    (void)snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok_r(text, " ", &left); word != NULL && count < 23;
         word = strtok_r(NULL, " ", &left))
        argv[count++] = word;
    pid_t pid = fork();
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR);
        (void)dup2(null_fd, STDERR_FILENO);
        if (!there || enter(chaos->net_holder))
            (void)execvp(argv[0], argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

__attribute__((format(printf, 3, 4))) static bool ip_of(const struct chaos *chaos, bool there,
                                                        const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return ip(chaos, there, words);
}

/* A child that only keeps the network alive. */
static pid_t make_holder(void)
{
    int ready[2];
    char told = 0;
    pid_t parent = getpid();
    if (pipe2(ready, O_CLOEXEC) != 0)
        return 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent && unshare(CLONE_NEWNET) == 0 && write(ready[1], "y", 1) == 1)
            for (;;)
                (void)pause();
        _exit(1);
    }
    (void)close(ready[1]);
    bool made = pid > 0 && read(ready[0], &told, 1) == 1;
    (void)close(ready[0]);
    if (!made && pid > 0)
        (void)waitpid(pid, NULL, 0);
    return made ? pid : 0;
}

bool chaos_net_make(struct chaos *chaos, const char **ret_words)
{
    int number = (int)getpid();
    *ret_words = "this user may not make network namespaces";
    chaos->net_holder = make_holder();
    if (chaos->net_holder == 0)
        return false;
    /* Addresses that are set aside for tests of networks. */
    (void)snprintf(chaos->net_name, sizeof chaos->net_name, "zc%d", number);
    for (int end = 0; end < 2; end++)
        (void)snprintf(chaos->net_address[end], sizeof chaos->net_address[end], "198.18.%d.%d",
                       number >> 6 & 255, (number & 63) * 4 + 1 + end);
    const char *name = chaos->net_name;
    bool made = ip_of(chaos, false, "link add %s type veth peer name %sp netns %ld", name, name,
                      (long)chaos->net_holder) &&
                ip_of(chaos, false, "addr add %s/30 dev %s", chaos->net_address[0], name) &&
                ip_of(chaos, false, "link set %s up", name) &&
                ip_of(chaos, true, "link set lo up") &&
                ip_of(chaos, true, "addr add %s/30 dev %sp", chaos->net_address[1], name) &&
                ip_of(chaos, true, "link set %sp up", name);
    if (made)
        return true;
    *ret_words = "`ip` (package iproute2) cannot make a cable between network namespaces here";
    chaos_net_end(chaos);
    return false;
}

void chaos_net_end(struct chaos *chaos)
{
    if (chaos->net_holder == 0)
        return;
    (void)ip_of(chaos, false, "link del %s", chaos->net_name);
    (void)kill(chaos->net_holder, SIGKILL);
    (void)waitpid(chaos->net_holder, NULL, 0);
    chaos->net_holder = 0;
}

void chaos_net_pull(struct chaos *chaos, bool pulled)
{
    /* At the other end: addresses and routes of this one stay as they are. */
    if (!ip_of(chaos, true, "link set %sp %s", chaos->net_name, pulled ? "down" : "up"))
        chaos_note(chaos, "the cable could not be %s", pulled ? "pulled out" : "put back");
}

void chaos_net_block(struct chaos *chaos, bool back, bool blocked)
{
    const char *to = chaos->net_address[back ? 0 : 1];
    if (!ip_of(chaos, back, "route %s blackhole %s/32", blocked ? "add" : "del", to))
        chaos_note(chaos, "the way %s could not be %s", back ? "back" : "there",
                   blocked ? "blocked" : "opened");
}
