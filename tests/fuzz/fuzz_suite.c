/* The suite file: read or refused with a line; whatever is read, each socket that it has can be
 * named, in the length that the system takes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "fuzz.h"
#include "suite.h"

const enum fuzz_shape fuzz_shape = FUZZ_TEXT;
const size_t fuzz_shape_skip = 0;

static void write_file(const char *dir, struct bytes text)
{
    char *path = suite_path(dir, "suite.zpl");
    char *run = suite_path(dir, "run");
    fuzz_require(mkdir(run, 0700) == 0 || errno == EEXIST, "%s cannot be made", run);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_require(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len, "cannot write %s",
                 path);
    (void)close(fd);
    free(path);
    free(run);
}

static void ask_endpoint(struct suite *suite, const char *name, const char *socket, bool must)
{
    struct err err = {0};
    char *endpoint = NULL;
    int rc = suite_endpoint(suite, name, socket, &endpoint, &err);
    fuzz_require(rc == 0 || (!must && err.text[0] != '\0'), "%s of %s has no endpoint: %s", socket,
                 name, err.text);
    free(endpoint);
}

static void check(struct suite *suite)
{
    const char *names[SUITE_PARTICIPANTS_MAX + 1];
    fuzz_require(suite->id != NULL && suite->id[0] != '\0', "a suite without an id");
    fuzz_require(suite->limits.active_sagas_max > 0 && suite->limits.window_max > 0 &&
                     suite->keep.bytes > 0 && suite->keep.days > 0,
                 "a limit that is none");
    size_t count = suite_publishers(suite, NULL, names);
    fuzz_require(count == suite->participant_count + 1, "publishers are missing");
    for (size_t i = 0; i < count; i++) {
        ask_endpoint(suite, names[i], "owner", true);
        ask_endpoint(suite, names[i], "events", true);
        ask_endpoint(suite, names[i], "replay", true);
        ask_endpoint(suite, names[i], i == 0 ? "client" : "command", true);
    }
    for (size_t i = 0; i < suite->consumer_count; i++) {
        const struct suite_consumer *consumer = &suite->consumers[i];
        (void)suite_publishers(suite, consumer, names);
        ask_endpoint(suite, consumer->name, "owner", true);
        ask_endpoint(suite, consumer->name, "view", false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *dir = fuzz_dir();
    struct suite *suite = NULL;
    struct err err = {0};
    write_file(dir, bytes_of(data, size));
    int rc = suite_load(dir, &suite, &err);
    if (rc == 0)
        check(suite);
    else
        fuzz_require(rc == ERR_INVALID && strstr(err.text, "suite.zpl") != NULL,
                     "refused without words, code %d: %s", rc, err.text);
    suite_free(suite);
    return 0;
}
