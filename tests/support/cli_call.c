#include "cli_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

#define WORDS_MAX 16
#define OUTPUT_MAX 8000

struct cli_call *cli_call_new(int (*tool)(int argc, char **argv))
{
    struct cli_call *call = xcalloc(1, sizeof *call);
    call->tool = tool;
    (void)snprintf(call->dir, sizeof call->dir, "/tmp/zsaga-cli-XXXXXX");
    assert_non_null(mkdtemp(call->dir));
    return call;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

void cli_call_free(struct cli_call *call)
{
    (void)nftw(call->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(call);
}

/* The tool's output and complaints go to `to` meanwhile. */
static int call_into(const struct cli_call *call, FILE *to, int argc, char **argv)
{
    (void)fflush(NULL);
    int real_out = dup(STDOUT_FILENO);
    int real_err = dup(STDERR_FILENO);
    (void)dup2(fileno(to), STDOUT_FILENO);
    (void)dup2(fileno(to), STDERR_FILENO);
    int code = call->tool(argc, argv);
    (void)fflush(NULL);
    (void)dup2(real_out, STDOUT_FILENO);
    (void)dup2(real_err, STDERR_FILENO);
    (void)close(real_out);
    (void)close(real_err);
    return code;
}

char *cli_call_run(const struct cli_call *call, int *ret_code, const char *const *words)
{
    char *argv[WORDS_MAX + 2] = {xstrdup("zsaga")};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        assert_in_range(argc, 1, WORDS_MAX);
        argv[argc] = xstrdup(words[argc - 1]);
    }
    char *kept[WORDS_MAX + 2];
    memcpy(kept, argv, sizeof kept); /* The tool may move its arguments. */
    FILE *output = tmpfile();
    assert_non_null(output);
    assert_int_equal(setenv("ZSAGA_DATA", call->dir, 1), 0);
    *ret_code = call_into(call, output, argc, argv);
    rewind(output);
    char *text = xcalloc(OUTPUT_MAX, 1);
    text[fread(text, 1, OUTPUT_MAX - 1, output)] = '\0';
    (void)fclose(output);
    for (int i = 0; i < argc; i++)
        free(kept[i]);
    return text;
}

void cli_call_expect(const struct cli_call *call, int code, const char *said,
                     const char *const *words)
{
    int got_code;
    AUTO(freep) char *got = cli_call_run(call, &got_code, words);
    if (got_code != code || strstr(got, said) == NULL)
        fail_msg("wanted %d and \"%s\", got %d and: %s", code, said, got_code, got);
}
