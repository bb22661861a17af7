#include "usage.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STAT_UTIME 14 /* Fields of /proc/PID/stat, from 1. */
#define STAT_STIME 15

static bool read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, size - 1);
    (void)close(fd);
    text[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

int64_t usage_read_ticks(const char *stat)
{
    /* The second field is a name in parentheses that may hold anything. */
    const char *at = strrchr(stat, ')');
    int64_t ticks = 0;
    for (int field = 3; at != NULL && field <= STAT_STIME; field++) {
        at = strchr(at + 1, ' ');
        if (at != NULL && field >= STAT_UTIME)
            ticks += strtoll(at + 1, NULL, 10);
    }
    return at == NULL ? -1 : ticks;
}

int64_t usage_read_line(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return strtoll(line + len + 1, NULL, 10);
    }
    return -1;
}

static int64_t ticks_of(const char *text)
{
    return usage_read_ticks(text);
}

static int64_t written_of(const char *text)
{
    return usage_read_line(text, "write_bytes");
}

static int64_t pss_of(const char *text)
{
    return usage_read_line(text, "Pss");
}

int64_t usage_read_machine(const char *stat)
{
    /* user nice system idle iowait irq softirq steal */
    static const bool busy[] = {true, true, true, false, false, true, true, true};
    int64_t ticks = 0;
    if (strncmp(stat, "cpu ", 4) != 0)
        return -1;
    const char *at = stat + 4;
    for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
        char *end;
        int64_t value = strtoll(at, &end, 10);
        ticks += busy[i] ? value : 0;
        at = end;
    }
    return ticks;
}

int64_t usage_machine_ticks(void)
{
    char text[4096];
    return read_file("/proc/stat", text, sizeof text) ? usage_read_machine(text) : -1;
}

int64_t usage_own_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

double usage_others_share(int64_t before, int64_t after, double ours_s, double seconds)
{
    double capacity_s = seconds * (double)sysconf(_SC_NPROCESSORS_ONLN);
    double all_s = (double)(after - before) / (double)sysconf(_SC_CLK_TCK);
    if (before < 0 || after < 0)
        return NAN;
    return fmin(1, fmax(0, (all_s - ours_s) / capacity_s));
}

static int64_t sum(const struct usage_set *set, const char *file, int64_t (*value_of)(const char *))
{
    char path[64];
    char text[4096];
    int64_t total = 0;
    for (size_t i = 0; i < set->count; i++) {
        (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)set->pids[i], file);
        int64_t value = read_file(path, text, sizeof text) ? value_of(text) : -1;
        if (value < 0)
            return -1;
        total += value;
    }
    return total;
}

int64_t usage_cpu_ticks(const struct usage_set *set)
{
    return sum(set, "stat", ticks_of);
}

int64_t usage_written_bytes(const struct usage_set *set)
{
    return sum(set, "io", written_of);
}

int64_t usage_pss_kib(const struct usage_set *set)
{
    return sum(set, "smaps_rollup", pss_of);
}
