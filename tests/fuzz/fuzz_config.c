/* ZPL: read or refused with a line; and all that can be asked of what was read has an answer. */
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/xalloc.h"
#include "fuzz.h"

const enum fuzz_shape fuzz_shape = FUZZ_TEXT;
const size_t fuzz_shape_skip = 0;

#define DEPTH_MAX 64

static void require_words(const struct err *err, int rc)
{
    fuzz_require(rc == ERR_INVALID, "refused with code %d: %s", rc, err->text);
    fuzz_require(strncmp(err->text, "it:", 3) == 0 && err->text[3] >= '1' && err->text[3] <= '9',
                 "refused without a line: %s", err->text);
}

static void ask(struct config_node *node, const char *key)
{
    struct err err = {0};
    const char *text = NULL;
    int64_t number = 0;
    int rc = config_text(node, key, "", &text, &err);
    if (rc < 0)
        require_words(&err, rc);
    rc = config_int(node, key, 5, 1, INT64_MAX, &number, &err);
    if (rc < 0)
        require_words(&err, rc);
    else
        fuzz_require(number >= 1, "%lld is below its least value", (long long)number);
    rc = config_duration(node, key, 7, &number, &err);
    if (rc < 0)
        require_words(&err, rc);
    else
        fuzz_require(number >= 0, "a duration of %lld ms", (long long)number);
}

static size_t walk(struct config_node *node, int depth)
{
    size_t count = 0;
    if (depth == DEPTH_MAX)
        return 0;
    for (struct config_node *child = config_first(node); child != NULL;
         child = config_next(child)) {
        fuzz_require(config_line(child) >= 1, "a node without a line");
        fuzz_require(config_value(child) != NULL, "a node without a value");
        ask(node, config_key(child));
        (void)config_each(node, config_key(child), child);
        count += 1 + walk(child, depth + 1);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct err err = {0};
    char *text = xcalloc(1, size + 1);
    memcpy(text, data, size);
    int rc = config_parse("it", text, &config, &err);
    if (rc < 0) {
        require_words(&err, rc);
    } else {
        rc = config_check_all_used(config, &err);
        if (rc < 0)
            require_words(&err, rc);
        (void)walk(config_root(config), 0);
        config_skip(config_root(config));
    }
    config_free(config);
    free(text);
    return 0;
}
