/* A suite of real processes in a test: started, killed, and cleaned up whatever happens.
 *
 * The programs are those of $ZSAGA_BUILD. Whatever cannot be done fails the test. A test that fails
 * leaves nothing behind either: its teardown kills, by pid, what was started here and what that
 * started. ZSAGA_KEEP in the environment keeps the data directory for a look. */
#ifndef ZSAGA_SUITE_PROCESS_H
#define ZSAGA_SUITE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SUITE_PROCESS_COUNT 6
/* The orchestrator first, then the participants, the observer last. */
extern const char *const suite_process_names[SUITE_PROCESS_COUNT];

#define SUITE_READY_MS 30000 /* Until `zsaga up` says ready. */

struct suite_kept;
struct suite_tool;

struct suite_process {
    char root[200];   /* A temporary directory of its own. */
    char *data;       /* The suite's, in `root`; the test may set another before it starts. */
    pid_t supervisor; /* 0: not started, or seen to be gone. */
    struct suite_tool *tools;
    struct suite_kept *kept;
    unsigned int file_count; /* Made up for names of files. */
};

struct suite_process *suite_process_new(void);
/* Kills, looks through the logs, removes. Not 0: a process died of a mistake of its own. */
int suite_process_free(struct suite_process *suite);

/* As cmocka's fixture: *state is the suite. */
int suite_process_setup(void **state);
int suite_process_teardown(void **state);
#define SUITE_TEST(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, suite_process_setup, suite_process_teardown)

/* Memory that lives as long as the suite: what a test makes is gone also when it fails. */
void *suite_process_keep(struct suite_process *suite, void *memory, void (*release)(void *));
const char *suite_process_text(struct suite_process *suite, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A path in `root` that was not given before. */
const char *suite_process_path(struct suite_process *suite, const char *ending);

/* `zsaga up` with these arguments (up to a NULL), until it is ready. */
void suite_process_up(struct suite_process *suite, ...) __attribute__((sentinel));
/* The same without waiting: for one that does not get ready. */
void suite_process_start(struct suite_process *suite, ...) __attribute__((sentinel));
/* SIGTERM to the supervisor; returns its exit code. */
int suite_process_down(struct suite_process *suite);
/* What the supervisor has said on standard error since the last start. */
const char *suite_process_said(struct suite_process *suite);

/* Of a process that lives; 0: it does not. Read from /proc, so the supervisor need not live. */
pid_t suite_process_pid(const struct suite_process *suite, const char *name);
/* Processes of the suite that live, supervisor included; tools are not counted. */
size_t suite_process_alive(const struct suite_process *suite);

/* kill -9 of one that lives. */
void suite_process_kill(struct suite_process *suite, const char *name);
void suite_process_kill_supervisor(struct suite_process *suite);
void suite_process_kill_all(struct suite_process *suite); /* At once; until all are gone. */

/* Starts a program with a NULL-terminated argv; it dies with the test. in_fd -1: /dev/null. */
pid_t suite_process_spawn(const char *const *argv, int in_fd, const char *out_path,
                          const char *err_path);
const char *suite_process_program(struct suite_process *suite, const char *name);

/* Less work where everything is slow: a quarter of `count` when $ZSAGA_SLOW is set. */
int suite_process_scale(int count);

int64_t suite_process_now_ms(void);
/* Waits an instant; fails the test when `until_ms` has passed. */
void suite_process_pause(int64_t until_ms, const char *what, const char *file, int line);
/* Looks again and again whether the condition holds, for at most so many milliseconds. */
#define SUITE_AWAIT(condition, at_most_ms)                                                         \
    for (int64_t until_ms_ = suite_process_now_ms() + (at_most_ms); !(condition);)                 \
    suite_process_pause(until_ms_, #condition, __FILE__, __LINE__)

#endif
