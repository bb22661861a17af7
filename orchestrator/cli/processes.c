#include "processes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "suite.h"

static json_t *child_json(const struct child *child)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_string(child->name));
    json_object_set_new(json, "pid", child->pid == 0 ? json_null() : json_integer(child->pid));
    json_object_set_new(json, "state", json_string(child_state_name(child->state)));
    json_object_set_new(json, "restarts", json_integer((json_int_t)child->restarts));
    return json;
}

static int compare(const void *a, const void *b)
{
    const struct child *const *child_a = a;
    const struct child *const *child_b = b;
    return strcmp((*child_a)->name, (*child_b)->name);
}

static json_t *document(const struct child *const *children, size_t count)
{
    const struct child **sorted = xmemdup(children, count * sizeof *children);
    qsort(sorted, count, sizeof *sorted, compare);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, child_json(sorted[i]));
    free(sorted);
    json_t *json = json_object();
    json_object_set_new(json, "supervisor", json_integer(getpid()));
    json_object_set_new(json, "processes", list);
    return json;
}

int processes_write(const char *dir, const struct child *const *children, size_t count,
                    struct err *err)
{
    AUTO(freep) char *path = suite_path(dir, "run/ps.json");
    AUTO(freep) char *fresh = suite_path(dir, "run/.ps.json");
    json_t *json = document(children, count);
    int rc = json_dump_file(json, fresh, JSON_COMPACT);
    json_decref(json);
    if (rc != 0 || rename(fresh, path) != 0)
        return err_errno(err, errno, "cannot write %s", path);
    return 0;
}

void processes_remove(const char *dir)
{
    AUTO(freep) char *path = suite_path(dir, "run/ps.json");
    (void)unlink(path);
}

json_t *processes_read(const char *dir)
{
    AUTO(freep) char *path = suite_path(dir, "run/ps.json");
    json_t *json = json_load_file(path, 0, NULL);
    json_t *list = json_incref(json_object_get(json, "processes"));
    json_int_t supervisor = json_integer_value(json_object_get(json, "supervisor"));
    bool alive = supervisor > 0 && (kill((pid_t)supervisor, 0) == 0 || errno == EPERM);
    json_decref(json);
    if (alive && json_is_array(list))
        return list;
    json_decref(list);
    return NULL;
}

static const json_t *find(const json_t *processes, const char *name)
{
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        const char *known = json_string_value(json_object_get(process, "name"));
        if (known != NULL && strcmp(known, name) == 0)
            return process;
    }
    return NULL;
}

const char *processes_state(const json_t *processes, const char *name)
{
    return json_string_value(json_object_get(find(processes, name), "state"));
}

pid_t processes_pid(const json_t *processes, const char *name)
{
    return (pid_t)json_integer_value(json_object_get(find(processes, name), "pid"));
}
