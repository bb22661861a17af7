/* The tool called within a test: what it returns, and what it says. */
#ifndef ZSAGA_TEST_CLI_CALL_H
#define ZSAGA_TEST_CLI_CALL_H

/* A directory for a test's data: $ZSAGA_DATA of each call. */
struct cli_call {
    int (*tool)(int argc, char **argv); /* cli_main(): the test links it. */
    char dir[32];
};

struct cli_call *cli_call_new(int (*tool)(int argc, char **argv));
void cli_call_free(struct cli_call *call); /* With the directory. */

/* Runs it; the words end with NULL, "zsaga" goes before them. Returns its output, both kinds as
 * they come, to be freed. */
char *cli_call_run(const struct cli_call *call, int *ret_code, const char *const *words);

/* Fails the test unless it ends with this code, having said `said`. */
void cli_call_expect(const struct cli_call *call, int code, const char *said,
                     const char *const *words);

#define CLI_CALL_EXPECT(call, code, said, ...)                                                     \
    cli_call_expect(call, code, said, (const char *const[]){__VA_ARGS__, NULL})

#endif
