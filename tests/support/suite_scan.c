#include "suite_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_LINE_MAX 8192

/* The arguments, each with its NUL. Empty for the dead, which /proc shows until they are waited
 * for. */
static size_t read_command_line(pid_t pid, char text[COMMAND_LINE_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, COMMAND_LINE_MAX - 1);
    (void)close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

static const char *next_argument(const char *text, size_t len, const char *argument)
{
    const char *next = argument + strlen(argument) + 1;
    return next < text + len ? next : NULL;
}

static bool is_within(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool has_data(const char *text, size_t len, const char *data)
{
    for (const char *at = text; at != NULL; at = next_argument(text, len, at)) {
        const char *value = next_argument(text, len, at);
        if (value != NULL && strcmp(at, "--data") == 0 && is_within(value, data))
            return true;
    }
    return false;
}

static const char *name_of(const char *text, size_t len)
{
    const char *slash = strrchr(text, '/');
    const char *program = slash == NULL ? text : slash + 1;
    const char *command = next_argument(text, len, text);
    if (strcmp(program, "zsaga-top") == 0)
        return NULL;
    if (strncmp(program, "zsaga-", 6) == 0)
        return program + 6;
    bool supervises =
        strcmp(program, "zsaga") == 0 && command != NULL && strcmp(command, "up") == 0;
    return supervises ? command : NULL;
}

size_t suite_scan(const char *data, struct suite_scan found[SUITE_SCAN_MAX])
{
    char text[COMMAND_LINE_MAX];
    size_t count = 0;
    DIR *directory = opendir("/proc");
    for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        size_t len = pid > 0 ? read_command_line(pid, text) : 0;
        const char *name = len == 0 ? NULL : name_of(text, len);
        if (name == NULL || !has_data(text, len, data) || count == SUITE_SCAN_MAX)
            continue;
        found[count].pid = pid;
        (void)snprintf(found[count].name, sizeof found[count].name, "%s", name);
        count++;
    }
    if (directory != NULL)
        (void)closedir(directory);
    return count;
}

bool suite_scan_lives(pid_t pid)
{
    char text[COMMAND_LINE_MAX];
    return read_command_line(pid, text) != 0;
}
