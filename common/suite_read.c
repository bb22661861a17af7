#include "suite_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define KIBI ((int64_t)1024)
#define MEBI (KIBI * 1024)
#define ENDPOINTS_MAX (4 + 4 * SUITE_PARTICIPANTS_MAX + 2 * SUITE_CONSUMERS_MAX)

struct reader {
    struct suite *suite;
    struct config_node *root;
    const struct config_node *endpoints[ENDPOINTS_MAX]; /* Lines that name one. */
    size_t endpoint_count;
};

static const char *own(struct suite *suite, char *text)
{
    size_t count = suite->owned_count++;
    suite->owned = xrealloc(suite->owned, suite->owned_count * sizeof *suite->owned);
    return suite->owned[count] = text;
}

/* Endpoints. */

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
    if (strlen(endpoint + 6) > SUITE_SOCKET_PATH_MAX)
        return config_refuse(line, err, "a socket's path has at most %d bytes, this one %zu",
                             SUITE_SOCKET_PATH_MAX, strlen(endpoint + 6));
    return 0;
}

/* A second binding would steal the first one's clients without a word. */
static int check_endpoint_new(struct reader *reader, const struct config_node *line,
                              const char *endpoint, struct err *err)
{
    for (size_t i = 0; i < reader->endpoint_count; i++) {
        if (strcmp(config_value(reader->endpoints[i]), endpoint) == 0)
            return config_refuse(line, err,
                                 "%s is already the endpoint on line %d: each socket needs its own",
                                 endpoint, config_line(reader->endpoints[i]));
    }
    reader->endpoints[reader->endpoint_count++] = line;
    return 0;
}

struct endpoint_key {
    const char *key;
    const char **ret;
};

static int read_endpoints(struct reader *reader, struct config_node *section,
                          const struct endpoint_key *keys, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = config_text(section, keys[i].key, NULL, keys[i].ret, err);
        if (rc < 0)
            return rc;
        if (*keys[i].ret == NULL)
            continue;
        const struct config_node *line = config_child(section, keys[i].key);
        rc = check_endpoint(line, *keys[i].ret, err);
        if (rc == 0)
            rc = check_endpoint_new(reader, line, *keys[i].ret, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Numbers. */

struct number_key {
    const char *key;
    int64_t min;
    int64_t max;
    int64_t *value; /* Holds the default. */
};

static int read_numbers(struct config_node *section, const struct number_key *keys, size_t count,
                        struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct number_key *key = &keys[i];
        int rc = config_int(section, key->key, *key->value, key->min, key->max, key->value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Sections. */

static int read_suite(struct reader *reader, struct err *err)
{
    struct config_node *section = config_child(reader->root, "suite");
    if (section == NULL)
        return config_refuse(reader->root, err, "needs a 'suite' with its 'id'");
    const char *id;
    int rc = config_text(section, "id", NULL, &id, err);
    if (rc < 0)
        return rc;
    if (id == NULL)
        return config_refuse(section, err, "needs an 'id'");
    if (!text_is_token(bytes_text(id)))
        return config_refuse(config_child(section, "id"), err,
                             "has 1 to 64 letters, digits, '_', '-' or '.'");
    reader->suite->id = xstrdup(id);
    return 0;
}

static int read_orchestrator(struct reader *reader, struct err *err)
{
    struct config_node *section = config_child(reader->root, SUITE_ORCHESTRATOR);
    if (section == NULL)
        return 0;
    struct suite *suite = reader->suite;
    const struct endpoint_key endpoints[] = {
        {"client", &suite->client},
        {"owner", &suite->owner},
        {"events", &suite->events},
        {"replay", &suite->replay},
    };
    struct suite_limits *limits = &suite->limits;
    const struct number_key numbers[] = {
        {"active_sagas_max", 1, 1000000, &limits->active_sagas_max},
        {"active_bytes_max", MEBI, MEBI * MEBI, &limits->active_bytes_max},
        {"window_max", 1, 2000, &limits->window_max},
        {"window_bytes_max", MEBI, KIBI * MEBI, &limits->window_bytes_max},
    };
    int rc = read_endpoints(reader, section, endpoints, COUNT_OF(endpoints), err);
    return rc < 0 ? rc : read_numbers(section, numbers, COUNT_OF(numbers), err);
}

static int read_events(struct reader *reader, struct err *err)
{
    struct config_node *section = config_child(reader->root, "events");
    if (section == NULL)
        return 0;
    struct suite_keep *keep = &reader->suite->keep;
    const struct number_key numbers[] = {
        {"keep_bytes", MEBI, MEBI * MEBI, &keep->bytes},
        {"keep_days", 1, 3650, &keep->days},
    };
    return read_numbers(section, numbers, COUNT_OF(numbers), err);
}

/* A name means one process and can stand in a file name. */
static int read_name(const struct suite *suite, struct config_node *section, const char **ret,
                     struct err *err)
{
    int rc = config_text(section, "name", NULL, ret, err);
    if (rc < 0)
        return rc;
    const char *name = *ret;
    if (name == NULL)
        return config_refuse(section, err, "needs a 'name'");
    const struct config_node *line = config_child(section, "name");
    if (!text_is_token(bytes_text(name)) || name[0] == '.')
        return config_refuse(line, err, "'%s' is no name: 1 to 64 letters, digits, '_', '-' or '.'",
                             name);
    if (strcmp(name, SUITE_ORCHESTRATOR) == 0 || strcmp(name, SUITE_OBSERVER) == 0)
        return config_refuse(line, err, "'%s' is taken: choose another name", name);
    if (suite_find(suite, name) != NULL)
        return config_refuse(line, err, "'%s' is already a participant: each name once", name);
    if (suite_find_consumer(suite, name) != NULL)
        return config_refuse(line, err, "'%s' is already a consumer: each name once", name);
    return 0;
}

/* What belongs to each process that is not the orchestrator. */
static int read_program(struct suite *suite, struct config_node *section, const char *name,
                        const char **ret_program, struct config_node **ret_settings,
                        struct err *err)
{
    int rc = config_text(section, "program", NULL, ret_program, err);
    if (rc < 0)
        return rc;
    if (*ret_program == NULL)
        *ret_program = own(suite, xprintf("zsaga-%s", name));
    *ret_settings = config_child(section, "settings");
    if (*ret_settings != NULL)
        config_skip(*ret_settings);
    return 0;
}

static int read_participant(struct reader *reader, struct config_node *section, struct err *err)
{
    struct suite *suite = reader->suite;
    struct suite_participant next = {0};
    const struct endpoint_key endpoints[] = {
        {"command", &next.command},
        {"owner", &next.owner},
        {"events", &next.events},
        {"replay", &next.replay},
    };
    int rc = read_name(suite, section, &next.name, err);
    if (rc == 0)
        rc = read_program(suite, section, next.name, &next.program, &next.settings, err);
    if (rc == 0)
        rc = read_endpoints(reader, section, endpoints, COUNT_OF(endpoints), err);
    if (rc < 0)
        return rc;
    size_t count = suite->participant_count++;
    suite->participants =
        xrealloc(suite->participants, suite->participant_count * sizeof *suite->participants);
    suite->participants[count] = next;
    return 0;
}

static int read_participants(struct reader *reader, struct err *err)
{
    struct config_node *section = NULL;
    while ((section = config_each(reader->root, "participant", section)) != NULL) {
        if (reader->suite->participant_count == SUITE_PARTICIPANTS_MAX)
            return config_refuse(section, err, "is one too many: at most %d are allowed",
                                 SUITE_PARTICIPANTS_MAX);
        int rc = read_participant(reader, section, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static struct suite_consumer *add_consumer(struct suite *suite, const char *name)
{
    size_t count = suite->consumer_count++;
    suite->consumers = xrealloc(suite->consumers, suite->consumer_count * sizeof *suite->consumers);
    suite->consumers[count] = (struct suite_consumer){.name = name};
    return &suite->consumers[count];
}

static int read_run(struct config_node *section, bool *ret, struct err *err)
{
    const char *run = NULL;
    int rc = config_text(section, "run", "yes", &run, err);
    if (rc < 0)
        return rc;
    *ret = strcmp(run, "yes") == 0;
    if (!*ret && strcmp(run, "no") != 0)
        return config_refuse(config_child(section, "run"), err, "'%s' is neither 'yes' nor 'no'",
                             run);
    return 0;
}

static int read_observer(struct reader *reader, struct err *err)
{
    struct suite *suite = reader->suite;
    struct config_node *section = config_child(reader->root, SUITE_OBSERVER);
    struct suite_consumer observer = {.name = SUITE_OBSERVER};
    if (section == NULL) {
        add_consumer(suite, SUITE_OBSERVER)->program =
            own(suite, xprintf("zsaga-%s", SUITE_OBSERVER));
        return 0;
    }
    const struct endpoint_key endpoints[] = {
        {"owner", &observer.owner},
        {"view", &observer.view},
    };
    bool runs = true;
    int rc = read_run(section, &runs, err);
    if (rc == 0)
        rc =
            read_program(suite, section, observer.name, &observer.program, &observer.settings, err);
    if (rc == 0)
        rc = read_endpoints(reader, section, endpoints, COUNT_OF(endpoints), err);
    if (rc == 0 && runs)
        *add_consumer(suite, SUITE_OBSERVER) = observer;
    return rc;
}

static bool publishes(const struct suite *suite, const char *name)
{
    return strcmp(name, SUITE_ORCHESTRATOR) == 0 || suite_find(suite, name) != NULL;
}

static int read_follow(const struct suite *suite, struct suite_consumer *consumer,
                       struct config_node *section, struct err *err)
{
    struct config_node *line = NULL;
    while ((line = config_each(section, "follow", line)) != NULL) {
        const char *name = config_value(line);
        if (!publishes(suite, name))
            return config_refuse(
                line, err, "'%s' publishes nothing here: name the orchestrator or a participant",
                name);
        for (size_t i = 0; i < consumer->follow_count; i++)
            if (strcmp(consumer->follow[i], name) == 0)
                return config_refuse(line, err, "'%s' is followed already", name);
        consumer->follow =
            xrealloc(consumer->follow, (consumer->follow_count + 1) * sizeof *consumer->follow);
        consumer->follow[consumer->follow_count++] = name;
    }
    return 0;
}

static int read_consumer(struct reader *reader, struct config_node *section, struct err *err)
{
    struct suite *suite = reader->suite;
    const char *name;
    int rc = read_name(suite, section, &name, err);
    if (rc < 0)
        return rc;
    struct suite_consumer *consumer = add_consumer(suite, name);
    const struct endpoint_key endpoints[] = {{"owner", &consumer->owner}};
    rc = read_program(suite, section, name, &consumer->program, &consumer->settings, err);
    if (rc == 0)
        rc = read_endpoints(reader, section, endpoints, COUNT_OF(endpoints), err);
    return rc < 0 ? rc : read_follow(suite, consumer, section, err);
}

static int read_consumers(struct reader *reader, struct err *err)
{
    struct config_node *section = NULL;
    while ((section = config_each(reader->root, "consumer", section)) != NULL) {
        if (reader->suite->consumer_count == SUITE_CONSUMERS_MAX)
            return config_refuse(section, err,
                                 "is one too many: at most %d are allowed, the observer included",
                                 SUITE_CONSUMERS_MAX);
        int rc = read_consumer(reader, section, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int suite_read(struct suite *suite, struct err *err)
{
    /* Consumers last: they name participants. */
    static int (*const sections[])(struct reader *, struct err *) = {
        read_suite,        read_orchestrator, read_events,
        read_participants, read_observer,     read_consumers,
    };
    suite->limits = (struct suite_limits){
        .active_sagas_max = 20000,
        .active_bytes_max = 256 * MEBI,
        .window_max = 1024,
        .window_bytes_max = 8 * MEBI,
    };
    suite->keep = (struct suite_keep){.bytes = 256 * MEBI, .days = 7};
    struct reader reader = {.suite = suite, .root = config_root(suite->config)};
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        int rc = sections[i](&reader, err);
        if (rc < 0)
            return rc;
    }
    return config_check_all_used(suite->config, err);
}
