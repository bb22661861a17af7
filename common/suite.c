#include "suite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"

#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)
#define KIBI ((int64_t)1024)
#define MEBI (KIBI * 1024)

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

/* The suite file. */

static const char *own(struct suite *suite, char *text)
{
    size_t count = suite->owned_count++;
    suite->owned = xrealloc(suite->owned, suite->owned_count * sizeof *suite->owned);
    return suite->owned[count] = text;
}

/* HOST:PORT of a tcp endpoint. '*' is no host: others could not connect to it. */
static bool is_tcp_address(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || address[0] == '*')
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits < 1 || digits > 5 || colon[1 + digits] != '\0')
        return false;
    long port = strtol(colon + 1, NULL, 10);
    return port >= 1 && port <= 65535;
}

static int check_endpoint(const struct config_node *line, const char *endpoint, struct err *err)
{
    if (strncmp(endpoint, "tcp://", 6) == 0) {
        if (is_tcp_address(endpoint + 6))
            return 0;
        return config_refuse(line, err, "'%s' is not tcp://HOST:PORT", endpoint);
    }
    if (strncmp(endpoint, "ipc:///", 7) != 0)
        return config_refuse(line, err, "'%s' is neither tcp://HOST:PORT nor ipc:///PATH",
                             endpoint);
    if (strlen(endpoint + 6) > SOCKET_PATH_MAX)
        return config_refuse(line, err, "a socket's path has at most %zu bytes, this one %zu",
                             SOCKET_PATH_MAX, strlen(endpoint + 6));
    return 0;
}

static int read_endpoint(struct config_node *section, const char *key, const char **ret,
                         struct err *err)
{
    int rc = config_text(section, key, NULL, ret, err);
    if (rc < 0 || *ret == NULL)
        return rc;
    return check_endpoint(config_child(section, key), *ret, err);
}

static int read_limits(struct suite_limits *limits, struct config_node *section, struct err *err)
{
    const struct limit {
        const char *key;
        int64_t min;
        int64_t max;
        int64_t *value;
    } rows[] = {
        {"active_sagas_max", 1, 1000000, &limits->active_sagas_max},
        {"active_bytes_max", MEBI, MEBI * MEBI, &limits->active_bytes_max},
        {"window_max", 1, 2000, &limits->window_max},
        {"window_bytes_max", MEBI, KIBI * MEBI, &limits->window_bytes_max},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct limit *row = &rows[i];
        int rc = config_int(section, row->key, *row->value, row->min, row->max, row->value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_suite(struct suite *suite, struct config_node *section, struct err *err)
{
    const char *id;
    int rc = config_text(section, "id", NULL, &id, err);
    if (rc < 0)
        return rc;
    if (id == NULL)
        return config_refuse(section, err, "needs an 'id'");
    if (!text_is_token(bytes_text(id)))
        return config_refuse(config_child(section, "id"), err,
                             "has 1 to 64 letters, digits, '_', '-' or '.'");
    suite->id = xstrdup(id);
    return 0;
}

static int read_orchestrator(struct suite *suite, struct config_node *section, struct err *err)
{
    int rc = read_endpoint(section, "client", &suite->client, err);
    if (rc == 0)
        rc = read_endpoint(section, "owner", &suite->owner, err);
    return rc < 0 ? rc : read_limits(&suite->limits, section, err);
}

static int check_name(const struct suite *suite, struct config_node *section, const char *name,
                      struct err *err)
{
    if (name == NULL)
        return config_refuse(section, err, "needs a 'name'");
    const struct config_node *line = config_child(section, "name");
    if (!text_is_token(bytes_text(name)) || name[0] == '.')
        return config_refuse(line, err, "'%s' is no name: 1 to 64 letters, digits, '_', '-' or '.'",
                             name);
    if (strcmp(name, SUITE_ORCHESTRATOR) == 0)
        return config_refuse(line, err, "'%s' is taken: choose another name", name);
    if (suite_find(suite, name) != NULL)
        return config_refuse(line, err, "'%s' is already a participant: each name once", name);
    return 0;
}

static int read_participant(struct suite *suite, struct config_node *section, struct err *err)
{
    struct suite_participant next = {0};
    int rc = config_text(section, "name", NULL, &next.name, err);
    if (rc == 0)
        rc = check_name(suite, section, next.name, err);
    if (rc == 0)
        rc = config_text(section, "program", NULL, &next.program, err);
    if (rc == 0)
        rc = read_endpoint(section, "command", &next.command, err);
    if (rc == 0)
        rc = read_endpoint(section, "owner", &next.owner, err);
    if (rc < 0)
        return rc;
    if (next.program == NULL)
        next.program = own(suite, xprintf("zsaga-%s", next.name));
    next.settings = config_child(section, "settings");
    if (next.settings != NULL)
        config_skip(next.settings);
    size_t count = suite->participant_count++;
    suite->participants =
        xrealloc(suite->participants, suite->participant_count * sizeof *suite->participants);
    suite->participants[count] = next;
    return 0;
}

/* A second binding would steal the first one's clients without a word. */
static int check_endpoints_differ(const struct suite *suite, struct err *err)
{
    const char *seen[2 * SUITE_PARTICIPANTS_MAX + 2];
    size_t count = 0;
    seen[count++] = suite->client;
    seen[count++] = suite->owner;
    for (size_t i = 0; i < suite->participant_count; i++) {
        seen[count++] = suite->participants[i].command;
        seen[count++] = suite->participants[i].owner;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (seen[i] != NULL && seen[j] != NULL && strcmp(seen[i], seen[j]) == 0)
                return config_refuse(config_root(suite->config), err,
                                     "two sockets have the same endpoint %s", seen[i]);
        }
    }
    return 0;
}

static int read_participants(struct suite *suite, struct err *err)
{
    struct config_node *root = config_root(suite->config);
    struct config_node *section = NULL;
    while ((section = config_each(root, "participant", section)) != NULL) {
        if (suite->participant_count == SUITE_PARTICIPANTS_MAX)
            return config_refuse(section, err, "is one too many: at most %d are allowed",
                                 SUITE_PARTICIPANTS_MAX);
        int rc = read_participant(suite, section, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_all(struct suite *suite, struct err *err)
{
    struct config_node *root = config_root(suite->config);
    struct config_node *section = config_child(root, "suite");
    if (section == NULL)
        return config_refuse(root, err, "needs a 'suite' with its 'id'");
    int rc = read_suite(suite, section, err);
    section = config_child(root, "orchestrator");
    if (rc == 0 && section != NULL)
        rc = read_orchestrator(suite, section, err);
    if (rc == 0)
        rc = read_participants(suite, err);
    if (rc == 0)
        rc = config_check_all_used(suite->config, err);
    return rc < 0 ? rc : check_endpoints_differ(suite, err);
}

static int load_file(struct suite *suite, struct err *err)
{
    AUTO(freep) char *path = suite_path(suite->dir, "suite.zpl");
    int rc = config_load(path, &suite->config, err);
    return rc < 0 ? rc : read_all(suite, err);
}

int suite_load(const char *dir, struct suite **ret, struct err *err)
{
    *ret = NULL;
    AUTO(suite_freep) struct suite *suite = xcalloc(1, sizeof *suite);
    suite->run_fd = -1;
    suite->limits = (struct suite_limits){
        .active_sagas_max = 20000,
        .active_bytes_max = 256 * MEBI,
        .window_max = 1024,
        .window_bytes_max = 8 * MEBI,
    };
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

/* Endpoints. */

static int find_configured(const struct suite *suite, const char *name, const char *socket,
                           const char **ret, struct err *err)
{
    bool owner = strcmp(socket, "owner") == 0;
    if (strcmp(name, SUITE_ORCHESTRATOR) == 0) {
        assert(owner || strcmp(socket, "client") == 0);
        *ret = owner ? suite->owner : suite->client;
        return 0;
    }
    assert(owner || strcmp(socket, "command") == 0);
    const struct suite_participant *participant = suite_find(suite, name);
    if (participant == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s: has no participant '%s'",
                       config_file(suite->config), name);
    *ret = owner ? participant->owner : participant->command;
    return 0;
}

/* A socket's path is limited, a directory's is not: reach it through an open descriptor. */
static int shorten(struct suite *suite, const char *run, struct err *err)
{
    if (suite->run_fd < 0)
        suite->run_fd = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (suite->run_fd < 0)
        return err_errno(err, errno, "cannot open %s", run);
    return 0;
}

int suite_endpoint(struct suite *suite, const char *name, const char *socket, char **ret,
                   struct err *err)
{
    const char *configured = NULL;
    int rc = find_configured(suite, name, socket, &configured, err);
    if (rc < 0)
        return rc;
    if (configured != NULL) {
        *ret = xstrdup(configured);
        return 0;
    }
    AUTO(freep) char *run = suite_path(suite->dir, "run");
    AUTO(freep) char *path = xprintf("%s/%s-%s.sock", run, name, socket);
    if (strlen(path) <= SOCKET_PATH_MAX) {
        *ret = xprintf("ipc://%s", path);
        return 0;
    }
    rc = shorten(suite, run, err);
    if (rc < 0)
        return rc;
    *ret = xprintf("ipc:///proc/self/fd/%d/%s-%s.sock", suite->run_fd, name, socket);
    return 0;
}
