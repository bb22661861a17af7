#include "wire/shell_crash.h"

#if ZSAGA_CRASHPOINTS

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

static const char *const point_names[SHELL_CRASH_POINT_COUNT] = {
    [SHELL_CRASH_BEFORE_COMMIT] = "before_commit",
    [SHELL_CRASH_AFTER_COMMIT] = "after_commit",
    [SHELL_CRASH_AFTER_SEND] = "after_send",
};

static int malformed(const char *item, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "ZSAGA_CRASHPOINT: \"%s\" is not NAME:POINT:N with POINT before_commit, "
                   "after_commit or after_send and N from 1",
                   item);
}

static int find_point(const char *name)
{
    for (int i = 0; i < SHELL_CRASH_POINT_COUNT; i++)
        if (strcmp(point_names[i], name) == 0)
            return i;
    return -1;
}

static int read_item(struct shell_crash *crash, const char *name, const char *item, struct err *err)
{
    AUTO(freep) char *copy = xstrdup(item);
    char *point_text = strchr(copy, ':');
    char *count_text = point_text == NULL ? NULL : strchr(point_text + 1, ':');
    if (count_text == NULL)
        return malformed(item, err);
    *point_text++ = '\0';
    *count_text++ = '\0';
    int point = find_point(point_text);
    char *end;
    errno = 0;
    unsigned long long count = strtoull(count_text, &end, 10);
    if (point < 0 || *count_text < '0' || *count_text > '9' || *end != '\0' || errno != 0 ||
        count == 0)
        return malformed(item, err);
    if (strcmp(copy, name) == 0 && (crash->left[point] == 0 || count < crash->left[point]))
        crash->left[point] = count;
    return 0;
}

int shell_crash_init(struct shell_crash *crash, const char *name, struct err *err)
{
    *crash = (struct shell_crash){0};
    const char *setting = getenv("ZSAGA_CRASHPOINT");
    if (setting == NULL || *setting == '\0')
        return 0;
    AUTO(freep) char *copy = xstrdup(setting);
    char *rest = copy;
    for (char *item = strsep(&rest, ","); item != NULL; item = strsep(&rest, ",")) {
        int rc = read_item(crash, name, item, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void shell_crash_pass(struct shell_crash *crash, enum shell_crash_point point)
{
    if (crash->left[point] == 0 || --crash->left[point] != 0)
        return;
    log_line(LOG_LEVEL_WARN, "crashpoint", "point=%s", point_names[point]);
    (void)kill(getpid(), SIGKILL);
    abort();
}

#endif
