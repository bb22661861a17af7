#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
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
    uint8_t number[16]; /* Random: this run's part of the nonces. */
    struct client_batch *batch;
    struct submission *submission;
    struct pace pace;
    struct progress progress;
    bool waits;   /* For ends. */
    bool trouble; /* Of the orchestrator: told. */
    bool input_later;
    bool input_ended;
    int input_code; /* Exit code when the input failed. */
    bool unknown;   /* The suite has no such definition. */
};

/* What the modules have to tell. */

static void tell_row(void *self, size_t line, const char *columns, const char *words)
{
    struct run *run = self;
    AUTO(freep) char *file = printable(bytes_text(run->file));
    progress_clear(&run->progress);
    (void)fprintf(stderr, "%s:%zu: %s: %s\n", file, line, columns, words);
}

static void tell_order(void *self, const char *key, uint64_t line, const char *words)
{
    struct run *run = self;
    progress_clear(&run->progress);
    cli_say("order %s (line %" PRIu64 "): %s", key, line, words);
}

/* Once, until it passes. */
static void tell_trouble(struct run *run)
{
    const char *words = client_batch_trouble(run->batch);
    bool told = run->trouble;
    run->trouble = words[0] != '\0';
    if (!run->trouble || told)
        return;
    progress_clear(&run->progress);
    cli_say("the orchestrator takes no orders just now, going on to try: %s", words);
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
    return !run->input_ended && client_batch_has_room(run->batch) && pace_allows(&run->pace, at_us);
}

/* The nonce says: this order of this run; so an answer that was lost is no duplicate. */
static void start_order(struct run *run, struct order *order, int64_t at_us)
{
    uint8_t nonce[sizeof run->number + 8];
    memcpy(nonce, run->number, sizeof run->number);
    for (size_t i = 0; i < 8; i++)
        nonce[sizeof run->number + i] = (uint8_t)(order->place >> (56 - 8 * i));
    const struct client_saga saga = {
        .definition = "order",
        .key = order->key,
        .input = bytes_of(order->input, order->input_len),
        .nonce = bytes_of(nonce, sizeof nonce),
    };
    struct client_result refused = {.tag = order->line, .key = order->key};
    submission_start(run->submission, at_us);
    refused.code = client_batch_start(run->batch, &saga, order->line, &refused.err);
    if (refused.code < 0)
        submission_take(run->submission, &refused, at_us);
    order_release(order);
    pace_take(&run->pace, at_us);
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
            start_order(run, &order, at_us);
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long nothing but a result can change anything. */
static int64_t wait_ms(const struct run *run, int64_t at_us)
{
    int64_t wait = TURN_MS;
    if (run->progress.shown)
        wait = least(wait, PROGRESS_EVERY_MS);
    if (run->input_later)
        wait = least(wait, INPUT_LATER_MS);
    else if (!run->input_ended && client_batch_has_room(run->batch))
        wait = least(wait, (pace_wait_us(&run->pace, at_us) + 999) / 1000);
    return wait < 0 ? 0 : wait;
}

/* What is true of one order is true of all: it is said once. */
static void take_unknown(struct run *run)
{
    struct cli *cli = run->cli;
    run->unknown = true;
    run->input_code = CLI_MISSING;
    progress_clear(&run->progress);
    cli_say("the suite has no definition order, so no order of this file is taken. Definitions are "
            "read when the orchestrator starts: of %s/definitions, and those that came with zsaga "
            "where the suite has all their participants",
            cli->dir);
}

static void take_result(struct run *run, const struct client_result *result)
{
    if (result->code == ERR_NOT_FOUND)
        take_unknown(run);
    else
        submission_take(run->submission, result, clock_mono_us());
}

/* Takes what has come, waiting for the first of it. */
static int take_results(struct run *run, int64_t wait, struct err *err)
{
    struct client_result result;
    if (client_batch_in_flight(run->batch) == 0) {
        (void)poll(NULL, 0, (int)wait);
        return 0;
    }
    int rc = client_batch_take(run->batch, wait, &result, err);
    for (int i = 0; rc == CLIENT_BATCH_RESULT && i < BATCH && !run->unknown; i++) {
        take_result(run, &result);
        rc = run->unknown ? 0 : client_batch_take(run->batch, 0, &result, err);
    }
    if (rc == CLIENT_BATCH_RESULT)
        take_result(run, &result);
    return rc < 0 ? rc : 0;
}

static double done(const struct run *run)
{
    return run->file_size > 0 ? (double)csv_bytes_read(run->csv) / run->file_size : -1;
}

static bool goes_on(const struct run *run)
{
    return !run->unknown && (!run->input_ended || client_batch_in_flight(run->batch) != 0);
}

static int submit_all(struct run *run)
{
    struct err err = {0};
    int rc = 0;
    while (rc == 0 && goes_on(run)) {
        int64_t at_us = clock_mono_us();
        read_orders(run, at_us);
        progress_update(&run->progress, submission_counts(run->submission),
                        client_batch_in_flight(run->batch), done(run), at_us);
        if (goes_on(run))
            rc = take_results(run, wait_ms(run, clock_mono_us()), &err);
        tell_trouble(run);
    }
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
        {"attention", counts->attention, true}, {"unfinished", counts->unfinished, true},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (!numbers[i].end || run->waits)
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
    uint64_t unfinished = submission_counts(run->submission)->unfinished;
    if (unfinished != 0)
        cli_say("%s of the orders are in the suite, and not at their end yet: they go on by "
                "themselves. See zsaga list, or wait on: submit the same file again with --wait",
                out_number(unfinished));
    if (run->input_code != 0)
        return run->input_code;
    return submission_is_good(run->submission) ? CLI_TRUE : CLI_FALSE;
}

/* Beginning and end. */

static int read_options(struct run *run, struct client_batch_options *options, double *ret_rate)
{
    const struct args *args = &run->cli->args;
    struct err err = {0};
    int64_t concurrency;
    int64_t timeout_s;
    int rc = args_int(args, "concurrency", CONCURRENCY, 1, CLIENT_BATCH_MAX, &concurrency, &err);
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
    run->waits = args_has(args, "wait");
    options->to_end = run->waits || concurrency == 1;
    options->in_flight = (size_t)concurrency;
    options->timeout_ms = timeout_s * 1000;
    if (getrandom(run->number, sizeof run->number, 0) != (ssize_t)sizeof run->number)
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

static int submit(struct run *run, const struct client_batch_options *options, double rate)
{
    const char *prefix = args_value(&run->cli->args, "prefix");
    const struct orders_sink sink = {tell_row, run};
    const struct submission_port port = {tell_order, run};
    struct err err = {0};
    AUTO(client_batch_freep) struct client_batch *batch = NULL;
    if (client_batch_new(run->cli->client, options, &batch, &err) < 0)
        return cli_fail(&err);
    AUTO(csv_freep) struct csv *csv = csv_new(csv_read_fd, &run->fd);
    AUTO(orders_freep) struct orders *orders = orders_new(csv, prefix == NULL ? "" : prefix, &sink);
    AUTO(submission_freep) struct submission *submission = submission_new(run->waits, &port);
    run->batch = batch;
    run->csv = csv;
    run->orders = orders;
    run->submission = submission;
    pace_init(&run->pace, rate, clock_mono_us());
    progress_init(&run->progress, run->waits);
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
    struct client_batch_options options = {0};
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
            "`failed`: within --timeout it was not known whether the order is accepted; submitting "
            "the file\n"
            "again is safe. `unfinished`, with --wait: it is accepted or a duplicate, and had not "
            "ended within\n"
            "--timeout; it goes on by itself. p50_ms and p99_ms are of accepted orders, until what "
            "was waited\n"
            "for.\n"
            "\n"
            "examples:\n"
            "  zsaga submit order orders.csv --wait\n"
            "  zsaga submit order orders.csv --concurrency 1 --wait --json\n"
            "  zsaga submit order - --rate 50 --prefix again- < orders.csv\n",
    .exits =
        "  0 all were accepted or duplicates and, with --wait, ended completed or compensated\n"
        "  1 not so\n"
        "  2 the file cannot be read, or lacks a column\n"
        "  3 the suite has no definition of that name\n"
        "  4 the suite is not running\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .words_min = 2,
    .words_max = 2,
    .run = run_submit,
};
