/* Runs a target over files, and over mutations of each: the same ones each time.
 *
 *   fuzz_NAME [--mutations N] FILE|DIRECTORY... */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "mutate.h"

#define ROOM ((size_t)1 << 16)
#define INPUT_SECONDS_MAX 20 /* Of one input: then the process is ended by a signal. */

#ifdef __SANITIZE_ADDRESS__
/* What AddressSanitizer finds ends with a signal, so that the input is told. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}
#endif

static unsigned long mutations;
static unsigned long runs;
static char now_running[512];

/* Says what was run when the process dies of it. */
static void tell(int signal_number)
{
    ssize_t written = write(STDERR_FILENO, now_running, strlen(now_running));
    (void)written;
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void run(const uint8_t *data, size_t len)
{
    /* A copy of its own size, so that a read beyond its end is noticed. */
    uint8_t *copy = malloc(len + (len == 0));
    if (copy == NULL)
        abort();
    if (len != 0)
        memcpy(copy, data, len);
    (void)alarm(INPUT_SECONDS_MAX);
    (void)LLVMFuzzerTestOneInput(copy, len);
    (void)alarm(0);
    runs++;
    free(copy);
}

static void run_mutations(const char *path, const uint8_t *data, size_t len)
{
    uint8_t *changed = xcalloc(1, ROOM);
    for (unsigned long i = 0; i < mutations; i++) {
        struct rng rng;
        rng_seed(&rng, fuzz_digest(i, bytes_of(data, len)));
        if (len != 0)
            memcpy(changed, data, len);
        size_t changed_len = len;
        for (uint64_t times = 1 + rng_below(&rng, 6); times > 0; times--)
            changed_len = mutate(&rng, mutate_bytes, changed, changed_len, ROOM);
        (void)snprintf(now_running, sizeof now_running, "fuzz: mutation %lu of %s\n", i, path);
        run(changed, changed_len);
    }
    free(changed);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = xcalloc(1, ROOM);
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    size_t len = fread(data, 1, ROOM, file);
    (void)fclose(file);
    (void)snprintf(now_running, sizeof now_running, "fuzz: %s\n", path);
    run(data, len);
    run_mutations(path, data, len);
    free(data);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void run_all(const char *path)
{
    struct dirent **names;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        run_file(path);
        return;
    }
    int count = scandir(path, &names, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char *below = xprintf("%s/%s", path, names[i]->d_name);
        run_file(below);
        free(below);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

int main(int argc, char **argv)
{
    int64_t started_ms = clock_mono_ms();
    (void)signal(SIGABRT, tell);
    (void)signal(SIGALRM, tell);
#ifndef __SANITIZE_ADDRESS__
    (void)signal(SIGSEGV, tell);
#endif
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc)
            mutations = strtoul(argv[++i], NULL, 10);
        else
            run_all(argv[i]);
    }
    (void)printf("%lu inputs in %lld ms\n", runs, (long long)(clock_mono_ms() - started_ms));
    return runs == 0;
}
