/* A shell in a process of its own, with a node that echoes, for tests of what only a process shows.
 */
#ifndef ZSAGA_TEST_ECHO_PROCESS_H
#define ZSAGA_TEST_ECHO_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#define ECHO_DEADLINE_MS 20000
#define ECHO_STARTS_MAX 10

/* Of the test that runs. */
struct echo_fixture {
    char dir[64];
    char endpoint[128];
    pid_t pids[ECHO_STARTS_MAX];
    int lifelines[ECHO_STARTS_MAX]; /* Write ends. */
    int readies[ECHO_STARTS_MAX];   /* Read ends. */
    int started;
    void *context;
    void *client;
};
extern struct echo_fixture echo;

/* For cmocka: a directory of its own, and the end of all that was started. */
int echo_set_up(void **state);
int echo_tear_down(void **state);

/* Starts a process called "echo" that answers each message with itself. "fail" makes its commit
 * fail; "get ready" makes it ready. */
pid_t echo_start(void);
pid_t echo_start_with(const char *crashpoint); /* $ZSAGA_CRASHPOINT */
/* Starts one that connects and says hello each 20 ms. When nothing answers for half a second, its
 * clock is put forward by eleven. */
pid_t echo_start_caller(void);
pid_t echo_start_publisher(void); /* Says hello each 20 ms to whoever listens. */
/* Commits what it hears, and says nothing. Its clock is put forward like a caller's. */
pid_t echo_start_follower(void);

/* Waits for a child's end and checks how it ended. */
void echo_expect_exit(pid_t pid, int code);
void echo_expect_killed(pid_t pid);

/* The test's own sockets. Only after a start, and closed before the next one: a context must not
 * be forked. */
void *echo_open_socket(int type);
void echo_connect(void);
void echo_disconnect(void);
void echo_say(const char *text);
void echo_expect_heard(const char *text);
void echo_expect_answer(const char *text); /* Says it, and hears it. */

size_t echo_committed(void); /* Messages committed by all starts. */
void echo_expect_log(const char *words);

#endif
