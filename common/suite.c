#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "suite_read.h"

/* Paths. */

char *suite_dir(const char *data_option)
{
    if (data_option != NULL)
        return xstrdup(data_option);
    const char *set = getenv("ZSAGA_DATA");
    return xstrdup(set != NULL && set[0] != '\0' ? set : "./zsaga-data");
}

char *suite_path(const char *dir, const char *below)
{
    return xprintf("%s/%s", dir, below);
}

char *suite_db_path(const struct suite *suite, const char *name)
{
    return xprintf("%s/db/%s.db", suite->dir, name);
}

char *suite_log_path(const struct suite *suite, const char *name)
{
    return xprintf("%s/log/%s.log", suite->dir, name);
}

/* Symbolic links stay: a short one may be there to shorten the sockets' paths. */
static int make_absolute(const char *dir, char **ret, struct err *err)
{
    if (dir[0] == '\0')
        return err_set(err, ERR_INVALID, "the data directory's name is empty");
    if (dir[0] == '/') {
        *ret = xstrdup(dir);
        return 0;
    }
    AUTO(freep) char *current = getcwd(NULL, 0);
    if (current == NULL)
        return err_errno(err, errno, "cannot tell the current directory");
    while (strncmp(dir, "./", 2) == 0)
        dir += 2;
    *ret = xprintf("%s/%s", current, dir);
    return 0;
}

static int load_file(struct suite *suite, struct err *err)
{
    AUTO(freep) char *path = suite_path(suite->dir, "suite.zpl");
    int rc = config_load(path, &suite->config, err);
    return rc < 0 ? rc : suite_read(suite, err);
}

int suite_load(const char *dir, struct suite **ret, struct err *err)
{
    *ret = NULL;
    AUTO(suite_freep) struct suite *suite = xcalloc(1, sizeof *suite);
    suite->run_fd = -1;
    int rc = make_absolute(dir, &suite->dir, err);
    if (rc == 0)
        rc = load_file(suite, err);
    if (rc < 0)
        return rc;
    *ret = suite;
    suite = NULL;
    return 0;
}

void suite_free(struct suite *suite)
{
    if (suite == NULL)
        return;
    if (suite->run_fd >= 0)
        (void)close(suite->run_fd);
    for (size_t i = 0; i < suite->owned_count; i++)
        free(suite->owned[i]);
    free(suite->owned);
    free(suite->participants);
    for (size_t i = 0; i < suite->consumer_count; i++)
        free(suite->consumers[i].follow);
    free(suite->consumers);
    config_free(suite->config);
    free(suite->id);
    free(suite->dir);
    free(suite);
}

void suite_freep(struct suite **suite_p)
{
    suite_free(*suite_p);
    *suite_p = NULL;
}

const struct suite_participant *suite_find(const struct suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->participant_count; i++) {
        if (strcmp(suite->participants[i].name, name) == 0)
            return &suite->participants[i];
    }
    return NULL;
}

const struct suite_consumer *suite_find_consumer(const struct suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->consumer_count; i++) {
        if (strcmp(suite->consumers[i].name, name) == 0)
            return &suite->consumers[i];
    }
    return NULL;
}

size_t suite_publishers(const struct suite *suite, const struct suite_consumer *consumer,
                        const char **names)
{
    size_t count = 0;
    if (consumer != NULL && consumer->follow != NULL) {
        for (; count < consumer->follow_count; count++)
            names[count] = consumer->follow[count];
        return count;
    }
    names[count++] = SUITE_ORCHESTRATOR;
    for (size_t i = 0; i < suite->participant_count; i++)
        names[count++] = suite->participants[i].name;
    return count;
}
