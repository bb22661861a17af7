#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "commands.h"
#include "orders.h"
#include "out.h"
#include "pace.h"
#include "printable.h"
#include "progress.h"
#include "submission.h"

#define CONCURRENCY 64
#define TIMEOUT_S 60
#define RATE_MAX 1e6
#define BATCH 256         /* Orders read before answers are looked at again. */
#define INPUT_LATER_MS 20 /* How often a source that has nothing yet is looked at. */
#define TURN_MS 1000

struct run {
    struct cli *cli;
    const char *file;
    int fd;
    double file_size; /* 0: not known. */
    struct csv *csv;
    struct orders *orders;
    struct submission *submission;
    struct pace pace;
    struct progress progress;
    bool input_later;
    bool input_ended;
    int input_code; /* Exit code when the input failed. */
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What the modules have to tell. */

static void tell_row(void *self, size_t line, const char *columns, const char *words)
{
    struct run *run = self;
    AUTO(freep) char *file = printable(bytes_text(run->file));
    progress_clear(&run->progress);
    (void)fprintf(stderr, "%s:%zu: %s: %s\n", file, line, columns, words);
}

static void tell_order(void *self, const struct order *order, const char *words)
{
    struct run *run = self;
    progress_clear(&run->progress);
    cli_say("order %s (line %zu): %s", order->key, order->line, words);
}

static void send_request(void *self, const Zsaga__ClientRequest *request)
{
    struct run *run = self;
    client_queue(run->cli->client, request);
}

/* The loop. */

static void end_input(struct run *run, const struct err *err)
{
    run->input_ended = true;
    if (err == NULL)
        return;
    progress_clear(&run->progress);
    cli_say("%s: %s", run->file, err->text);
    run->input_code = CLI_USAGE;
}

static bool may_read(const struct run *run, int64_t at_us)
{
    return !run->input_ended && submission_has_room(run->submission) &&
           pace_allows(&run->pace, at_us);
}

static void read_orders(struct run *run, int64_t at_us)
{
    struct err err = {0};
    run->input_later = false;
    for (int i = 0; i < BATCH && may_read(run, at_us) && !run->input_later; i++) {
        struct order order;
        int rc = orders_next(run->orders, &order, &err);
        if (rc < 0)
            end_input(run, &err);
        else if (rc == ORDERS_END)
            end_input(run, NULL);
        else if (rc == ORDERS_LATER)
            run->input_later = true;
        else if (rc == ORDERS_REFUSED)
            submission_count_invalid(run->submission);
        else
            submission_start(run->submission, &order, at_us);
        if (rc == ORDERS_ORDER)
            pace_take(&run->pace, at_us);
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long nothing but an answer can change anything. */
static int64_t wait_ms(const struct run *run, int64_t at_us)
{
    int64_t wait = least(submission_deadline_ms(run->submission) - at_us / 1000, TURN_MS);
    if (run->progress.shown)
        wait = least(wait, PROGRESS_EVERY_MS);
    if (run->input_later)
        wait = least(wait, INPUT_LATER_MS);
    else if (!run->input_ended && submission_has_room(run->submission))
        wait = least(wait, (pace_wait_us(&run->pace, at_us) + 999) / 1000);
    return wait < 0 ? 0 : wait;
}

static int take_answers(struct run *run, int64_t wait, struct err *err)
{
    const Zsaga__ClientAnswer *answer;
    int rc = client_take(run->cli->client, wait, &answer, err);
    for (int i = 0; rc == 0 && answer != NULL && i < BATCH; i++) {
        submission_take(run->submission, answer, now_us());
        rc = client_take(run->cli->client, 0, &answer, err);
    }
    if (rc == 0 && answer != NULL)
        submission_take(run->submission, answer, now_us());
    return rc;
}

static double done(const struct run *run)
{
    return run->file_size > 0 ? (double)csv_bytes_read(run->csv) / run->file_size : -1;
}

static int turn(struct run *run, struct err *err)
{
    struct client *client = run->cli->client;
    int64_t at_us = now_us();
    read_orders(run, at_us);
    submission_tick(run->submission, at_us);
    progress_update(&run->progress, run->submission, done(run), at_us);
    int rc = 0;
    if (submission_is_silent(run->submission, at_us))
        rc = client_reconnect(client, err);
    if (rc == 0)
        rc = client_flush(client, err);
    if (rc == 0 && (!run->input_ended || submission_under_way(run->submission) != 0))
        rc = take_answers(run, wait_ms(run, now_us()), err);
    return rc;
}

static int submit_all(struct run *run)
{
    struct err err = {0};
    int rc = 0;
    while (rc == 0 && (!run->input_ended || submission_under_way(run->submission) != 0))
        rc = turn(run, &err);
    progress_clear(&run->progress);
    return rc < 0 ? cli_fail(&err) : CLI_TRUE;
}

/* The result. */

static json_t *ms_json(int64_t us)
{
    return us < 0 ? json_null() : json_real((double)us / 1000);
}

static json_t *summary_json(const struct run *run)
{
    const struct submission_counts *counts = submission_counts(run->submission);
    json_t *json = json_object();
    const struct number {
        const char *name;
        uint64_t value;
        bool end;
    } numbers[] = {
        {"orders", counts->orders, false},      {"accepted", counts->accepted, false},
        {"invalid", counts->invalid, false},    {"duplicate", counts->duplicate, false},
        {"conflict", counts->conflict, false},  {"failed", counts->failed, false},
        {"completed", counts->completed, true}, {"compensated", counts->compensated, true},
        {"attention", counts->attention, true},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (!numbers[i].end || run->progress.ends)
            json_object_set_new(json, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    json_object_set_new(json, "seconds",
                        json_real((double)(submission_elapsed_us(run->submission) / 1000) / 1000));
    json_object_set_new(json, "p50_ms", ms_json(submission_percentile_us(run->submission, 50)));
    json_object_set_new(json, "p99_ms", ms_json(submission_percentile_us(run->submission, 99)));
    return json;
}

static void print_summary(const struct run *run)
{
    json_t *json = summary_json(run);
    if (run->cli->json) {
        out_json(json);
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        if (json_is_integer(value))
            (void)printf("%-12s %12s\n", name, out_number((uint64_t)json_integer_value(value)));
        else if (json_is_real(value))
            (void)printf("%-12s %12.3f\n", name, json_real_value(value));
        else
            (void)printf("%-12s %12s\n", name, "-");
    }
    json_decref(json);
}

static int judge(const struct run *run)
{
    const struct submission_counts *counts = submission_counts(run->submission);
    if (run->input_code != 0)
        return run->input_code;
    uint64_t trouble = counts->invalid + counts->conflict + counts->failed + counts->attention;
    return trouble == 0 ? CLI_TRUE : CLI_FALSE;
}

/* Beginning and end. */

static int read_options(struct run *run, struct submission_options *options, double *ret_rate)
{
    const struct args *args = &run->cli->args;
    struct err err = {0};
    int64_t concurrency;
    int64_t timeout_s;
    int rc = args_int(args, "concurrency", CONCURRENCY, 1, SUBMISSION_CONCURRENCY_MAX, &concurrency,
                      &err);
    if (rc == 0)
        rc = args_int(args, "timeout", TIMEOUT_S, 1, 86400, &timeout_s, &err);
    if (rc == 0)
        rc = args_positive(args, "rate", 0, RATE_MAX, ret_rate, &err);
    if (rc < 0)
        return cli_usage(run->cli, "%s", err.text);
    const char *prefix = args_value(args, "prefix");
    if (prefix != NULL && prefix[0] != '\0' &&
        (!text_is_name(bytes_text(prefix)) || strlen(prefix) >= TEXT_NAME_MAX))
        return cli_usage(run->cli, "--prefix: up to 63 bytes of UTF-8 without control characters");
    options->count_ends = args_has(args, "wait");
    options->to_end = options->count_ends || concurrency == 1;
    options->concurrency = (size_t)concurrency;
    options->timeout_ms = timeout_s * 1000;
    if (getrandom(options->run, sizeof options->run, 0) != (ssize_t)sizeof options->run)
        return cli_fail(&(struct err){.code = ERR_SYSTEM, .text = "no random numbers"});
    return 0;
}

static int open_input(struct run *run)
{
    struct stat stat_buffer;
    run->fd = strcmp(run->file, "-") == 0 ? STDIN_FILENO : open(run->file, O_RDONLY | O_CLOEXEC);
    if (run->fd < 0) {
        cli_say("cannot read %s: %s", run->file, strerror(errno));
        return CLI_USAGE;
    }
    if (fstat(run->fd, &stat_buffer) == 0 && S_ISREG(stat_buffer.st_mode))
        run->file_size = (double)stat_buffer.st_size;
    return 0;
}

static int submit(struct run *run, const struct submission_options *options, double rate)
{
    const char *prefix = args_value(&run->cli->args, "prefix");
    const struct orders_sink sink = {tell_row, run};
    const struct submission_port port = {send_request, tell_order, run};
    AUTO(csv_freep) struct csv *csv = csv_new(csv_read_fd, &run->fd);
    AUTO(orders_freep) struct orders *orders = orders_new(csv, prefix == NULL ? "" : prefix, &sink);
    AUTO(submission_freep) struct submission *submission = submission_new(options, &port);
    run->csv = csv;
    run->orders = orders;
    run->submission = submission;
    pace_init(&run->pace, rate, now_us());
    progress_init(&run->progress, options->count_ends);
    int code = submit_all(run);
    if (code != 0)
        return code;
    if (run->input_code == 0 || submission_counts(submission)->orders != 0)
        print_summary(run);
    return judge(run);
}

static int run_submit(struct cli *cli)
{
    struct run run = {.cli = cli, .file = cli->args.words[1], .fd = -1};
    struct submission_options options = {0};
    double rate;
    if (strcmp(cli->args.words[0], "order") != 0)
        return cli_usage(cli, "%s: it is `order` that this tool can submit", cli->args.words[0]);
    int code = read_options(&run, &options, &rate);
    if (code == 0)
        code = open_input(&run);
    if (code == 0)
        code = cli_connect(cli);
    if (code == 0)
        code = submit(&run, &options, rate);
    if (run.fd > STDIN_FILENO)
        (void)close(run.fd);
    return code;
}

static const struct args_option options[] = {
    {"concurrency", "N", "orders under way at once (64); 1: one after another, each to its end"},
    {"rate", "R", "start R orders a second"},
    {"prefix", "P", "put P before each order_id: the same file again as other orders"},
    {"wait", NULL, "wait until each order has ended, and count how"},
    {"timeout", "S", "give an order up after so many seconds (60), across restarts"},
};

const struct cli_command command_submit = {
    .name = "submit",
    .words = "order FILE",
    .summary = "start the order saga for each order of a CSV file",
    .help = "Submits the orders of a CSV file with a header; columns in any order, further ones "
            "ignored:\n"
            "  order_id,customer_id,sku,quantity,unit_price_cents,country,placed_at\n"
            "Consecutive rows of one order_id are one order. `-` is standard input.\n"
            "A row at fault is told as FILE:LINE: columns at fault: words, and its order is "
            "refused; the\n"
            "rest goes on. A file can be submitted again at any time: an order that was accepted "
            "before\n"
            "is a `duplicate`, one whose body differs a `conflict`.\n"
            "`failed` is what was not known within --timeout. p50_ms and p99_ms are of accepted "
            "orders,\n"
            "until what was waited for.\n"
            "Exit code 0: all were accepted or duplicates and, with --wait, ended completed or\n"
            "compensated; else 1.\n"
            "\n"
            "examples:\n"
            "  zsaga submit order orders.csv --wait\n"
            "  zsaga submit order orders.csv --concurrency 1 --wait --json\n"
            "  zsaga submit order - --rate 50 --prefix again- < orders.csv\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .words_min = 2,
    .words_max = 2,
    .run = run_submit,
};
