#include "chaos_flood.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chaos_suite.h"

#define CONNECTIONS 40

static int connections[CHAOS_PLACES][CONNECTIONS];
static size_t counts[CHAOS_PLACES];

size_t chaos_flood_used(pid_t pid)
{
    char path[64];
    size_t highest = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return 64;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t fd = (size_t)strtoul(entry->d_name, NULL, 10);
        highest = fd > highest ? fd : highest;
    }
    (void)closedir(dir);
    return highest + 1;
}

/* The owner's socket is a file for all of them. */
size_t chaos_flood_begin(struct chaos *chaos, enum chaos_place place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s/%s-owner", chaos->root,
                   chaos->services[place].name);
    while (counts[place] < CONNECTIONS) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            break;
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
            (void)close(fd);
            break;
        }
        connections[place][counts[place]++] = fd;
    }
    return counts[place];
}

void chaos_flood_end(int place)
{
    while (counts[place] > 0)
        (void)close(connections[place][--counts[place]]);
}
