/* Text from outside: whatever comes, what is made of it is UTF-8 that no terminal obeys, and what
 * is accepted as a number, name or argument is one. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/csv.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "fuzz.h"
#include "printable.h"

const enum fuzz_shape fuzz_shape = FUZZ_TEXT;
const size_t fuzz_shape_skip = 0;

#define CUT_MAX 40
#define WORDS_MAX 8

static void check_made(struct bytes text)
{
    char cut[CUT_MAX + 1];
    for (size_t size = 1; size <= CUT_MAX; size++) {
        text_to_utf8(text, cut, size);
        fuzz_require(strlen(cut) < size, "a text beyond its end");
        fuzz_require(text_is_utf8(bytes_text(cut)), "cut to %zu it is no UTF-8", size);
    }
    char *shown = printable(text);
    fuzz_require(text_is_utf8(bytes_text(shown)), "what is shown is no UTF-8");
    for (const char *at = shown; *at != '\0'; at++)
        fuzz_require((uint8_t)*at >= 0x20 && *at != 0x7f, "a control character is shown");
    for (size_t columns = 0; columns < CUT_MAX; columns++) {
        size_t fits = printable_fit(shown, columns);
        fuzz_require(fits <= strlen(shown) && text_is_utf8(bytes_of(shown, fits)),
                     "cut within a character");
    }
    (void)printable_width(shown);
    free(shown);
    json_decref(printable_json_or_null(text));
}

static void check_words(struct bytes text)
{
    bool token = text_is_token(text);
    bool name = text_is_name(text);
    fuzz_require(!token || name, "a token that is no name");
    fuzz_require(!name || (text_is_utf8(text) && text.len >= 1 && text.len <= TEXT_NAME_MAX),
                 "a name that is none");
    fuzz_require(name == csv_name((struct csv_field){text, false}), "a name in CSV is another one");
    struct id id;
    fuzz_require(id_from_bytes(text, &id) == (text.len == ID_SIZE), "an id of %zu bytes", text.len);
}

static void check_number(struct bytes text)
{
    uint64_t number;
    char digits[24];
    if (!csv_number((struct csv_field){text, false}, 3, 1000000, &number))
        return;
    fuzz_require(number >= 3 && number <= 1000000, "a number beyond its limits");
    while (text.len > 1 && text.data[0] == '0') {
        text.data++;
        text.len--;
    }
    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    fuzz_require(bytes_equal(text, bytes_text(digits)), "a number is read as another one");
}

static void check_args(char *text, size_t len)
{
    static const struct args_option options[] = {
        {"count", "N", "A number."}, {"rate", "N", "Another."}, {"quiet", NULL, "Nothing."}};
    char *words[WORDS_MAX + 2] = {(char[]){"it"}};
    struct args args = {0};
    struct err err = {0};
    int count = 1;
    int64_t whole;
    double part;
    for (size_t i = 0; i < len && count <= WORDS_MAX; i += strlen(text + i) + 1)
        words[count++] = text + i;
    int rc = args_parse(&args, options, 3, count - 1, words + 1, &err);
    if (rc == 0) {
        (void)args_has(&args, "quiet");
        rc = args_int(&args, "count", 5, 1, 100, &whole, &err);
        fuzz_require(rc < 0 || (whole >= 1 && whole <= 100), "a number beyond its limits");
    }
    if (rc == 0) {
        rc = args_positive(&args, "rate", 1, 1000, &part, &err);
        fuzz_require(rc < 0 || (part > 0 && part <= 1000), "a number beyond its limits: %f", part);
    }
    fuzz_require(rc == 0 || (rc == ERR_INVALID && err.text[0] != '\0'), "refused without words");
    args_release(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = {data, size};
    char *text = xcalloc(1, size + 1);
    memcpy(text, data, size);
    check_made(all);
    check_words(all);
    check_number(all);
    (void)log_quote(text);
    for (size_t i = 0; i < size; i++)
        text[i] = text[i] == '\n' ? '\0' : text[i];
    check_args(text, size);
    free(text);
    return 0;
}
