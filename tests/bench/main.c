/* zsaga-bench: see options_print_help(). */
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "experiment.h"
#include "interrupt.h"
#include "options.h"
#include "out.h"
#include "report.h"

#define USAGE 2

static void print_table(const struct run_figures *run)
{
    struct buffer text = {0};
    report_text(run, &text);
    out_bytes(buffer_bytes(&text));
    buffer_release(&text);
    (void)fflush(stdout);
}

static void print_run(const struct bench_options *options, const struct run_figures *run,
                      int64_t number)
{
    if (options->json || run->audit == VERDICT_NONE)
        return; /* Not a run to its end: what it came to nobody needs. */
    if (options->runs > 1)
        (void)printf("run %lld of %lld\n", (long long)number, (long long)options->runs);
    print_table(run);
    if (options->runs > 1)
        (void)putchar('\n');
}

static void print_end(const struct bench_options *options, const struct run_figures *runs,
                      size_t count)
{
    struct run_figures median;
    figures_median_run(runs, count, &median);
    if (options->json) {
        json_t *json = report_json(&median);
        json_t *each = json_array();
        for (size_t i = 0; count > 1 && i < count; i++)
            json_array_append_new(each, report_json(&runs[i]));
        json_object_set_new(json, "runs", each);
        out_json(json);
    } else if (count > 1) {
        (void)printf("median of %zu\n", count);
        print_table(&median);
    }
}

static int run_all(const struct bench_options *options)
{
    struct run_figures *runs = xcalloc((size_t)options->runs, sizeof *runs);
    size_t count = 0;
    int code = 0;
    while (code == 0 && (int64_t)count < options->runs) {
        code = experiment_run(options, &runs[count++]);
        print_run(options, &runs[count - 1], (int64_t)count);
    }
    if (code == 0)
        print_end(options, runs, count);
    else
        print_end(options, &runs[count - 1], 1);
    if (code != 0)
        (void)fprintf(stderr, "zsaga-bench: %s\n", runs[count - 1].fault);
    free(runs);
    return code;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct err err = {0};
    if (options_read(&options, argc - 1, argv + 1, &err) < 0) {
        (void)fprintf(stderr, "zsaga-bench: %s\nTry: zsaga-bench --help\n", err.text);
        return USAGE;
    }
    if (options.help) {
        options_print_help();
        return 0;
    }
    interrupt_catch();
    return run_all(&options);
}
