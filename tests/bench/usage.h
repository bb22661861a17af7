/* Usage: what a set of processes has taken so far, from /proc. */
#ifndef ZSAGA_BENCH_USAGE_H
#define ZSAGA_BENCH_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define USAGE_PROCESSES_MAX 64

struct usage_set {
    pid_t pids[USAGE_PROCESSES_MAX];
    size_t count;
};

/* A sum over the set; -1: of one of them it cannot be read. */
int64_t usage_cpu_ticks(const struct usage_set *set); /* Clock ticks, user and system. */
int64_t usage_written_bytes(const struct usage_set *set);
int64_t usage_pss_kib(const struct usage_set *set);

/* Clock ticks that all processors were busy since the start of the machine; -1: unknown. */
int64_t usage_machine_ticks(void);
int64_t usage_own_us(void); /* This process's processor time. */

/* What share of the processors others took in `seconds`, by the machine's ticks before and after,
 * when `ours_s` of it were our own. NAN: unknown. */
double usage_others_share(int64_t before, int64_t after, double ours_s, double seconds);

/* The same out of one file's text; -1: it is not there. */
int64_t usage_read_ticks(const char *stat);
int64_t usage_read_machine(const char *stat);
int64_t usage_read_line(const char *text, const char *name); /* "NAME: NUMBER". */

#endif
