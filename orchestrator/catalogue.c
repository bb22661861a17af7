#include "catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

static int is_definition(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".zpl") == 0;
}

/* The first participant that the suite does not have, or NULL. */
static const char *missing_participant(const struct suite *suite,
                                       const struct definition *definition)
{
    for (size_t i = 0; i < definition->step_count; i++)
        if (suite_find(suite, definition->steps[i].participant) == NULL)
            return definition->steps[i].participant;
    return NULL;
}

static int add(struct catalogue *catalogue, struct definition *definition, bool own,
               const char *path, struct err *err)
{
    size_t at = 0;
    while (at < catalogue->count && strcmp(catalogue->definitions[at]->name, definition->name) != 0)
        at++;
    bool replaces = at < catalogue->count && own && !catalogue->own[at];
    if (at < catalogue->count && !replaces)
        return err_set(err, ERR_INVALID, "%s: another file defines saga \"%s\" already", path,
                       definition->name);
    if (at == CATALOGUE_MAX)
        return err_set(err, ERR_INVALID, "%s: at most %d definitions", path, CATALOGUE_MAX);
    if (replaces)
        definition_free(catalogue->definitions[at]);
    else
        catalogue->count++;
    catalogue->definitions[at] = definition;
    catalogue->own[at] = own;
    return 0;
}

static int add_file(const struct suite *suite, struct catalogue *catalogue, bool own,
                    const char *path, struct err *err)
{
    struct definition *definition = NULL;
    int rc = definition_load(path, &definition, err);
    if (rc < 0)
        return rc;
    const char *missing = missing_participant(suite, definition);
    if (missing != NULL && !own) {
        definition_free(definition);
        return 0;
    }
    if (missing != NULL)
        rc = err_set(err, ERR_INVALID, "%s: participant \"%s\" is not in %s/suite.zpl", path,
                     missing, suite->dir);
    if (rc == 0)
        rc = add(catalogue, definition, own, path, err);
    if (rc < 0)
        definition_free(definition);
    return rc;
}

static int add_directory(const struct suite *suite, struct catalogue *catalogue, bool own,
                         const char *path, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, is_definition, alphasort);
    if (count < 0)
        return err_errno(err, errno, "%s", path);
    int rc = 0;
    for (int i = 0; i < count; i++) {
        AUTO(freep) char *file = xprintf("%s/%s", path, names[i]->d_name);
        if (rc == 0)
            rc = add_file(suite, catalogue, own, file, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* Directory of the running program. */
static int own_directory(char path[PATH_MAX], struct err *err)
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (len < 0)
        return err_errno(err, errno, "/proc/self/exe");
    path[len] = '\0';
    *strrchr(path, '/') = '\0';
    return 0;
}

static int add_shipped(const struct suite *suite, struct catalogue *catalogue, struct err *err)
{
    static const char *const places[] = {"definitions", "../share/zsaga/definitions",
                                         "../../share/zsaga/definitions"};
    char own[PATH_MAX];
    int rc = own_directory(own, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        AUTO(freep) char *path = xprintf("%s/%s", own, places[i]);
        if (access(path, R_OK) == 0)
            return add_directory(suite, catalogue, false, path, err);
    }
    return err_set(err, ERR_NOT_FOUND, "%s/definitions is missing: install zsaga again", own);
}

int catalogue_load(const struct suite *suite, struct catalogue *ret, struct err *err)
{
    *ret = (struct catalogue){0};
    int rc = add_shipped(suite, ret, err);
    AUTO(freep) char *own = suite_path(suite->dir, "definitions");
    if (rc == 0 && access(own, F_OK) == 0)
        rc = add_directory(suite, ret, true, own, err);
    if (rc < 0)
        catalogue_release(ret);
    return rc;
}

void catalogue_release(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        definition_free(catalogue->definitions[i]);
    catalogue->count = 0;
}
