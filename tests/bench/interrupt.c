#include "interrupt.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t caught;

static void note(int number)
{
    caught = number;
}

void interrupt_catch(void)
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note; /* Without SA_RESTART: who waits wakes. */
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        (void)sigaction(all[i], &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

int interrupt_signal(void)
{
    return (int)caught;
}

int interrupt_check(struct err *err)
{
    return caught == 0 ? 0 : err_set(err, ERR_SYSTEM, "interrupted");
}
