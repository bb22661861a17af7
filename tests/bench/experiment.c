#include "experiment.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"
#include "interrupt.h"
#include "load_process.h"
#include "yardsticks.h"

#define WARM_UP_S_MAX 1.0
#define WARM_UP_SHARE 0.2
#define SAMPLE_MS 250   /* How often memory is looked at. */
#define TICKS_ENOUGH 20 /* Fewer clock ticks tell nothing. */
#define YARDSTICK_S_MAX 5.0

struct experiment {
    const struct bench_options *options;
    struct subject subject;
    struct usage_set processes;
    struct run_figures *run;
    uint64_t completed; /* Sagas of all levels. */
    uint64_t compensated;
};

/* What is looked at while a load runs. */
struct watch {
    int64_t ticks_before;
    int64_t ticks;
    int64_t machine_before;
    int64_t machine;
    int64_t written_before;
    int64_t written;
    int64_t pss_kib; /* Highest so far. */
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    (void)fputs("zsaga-bench: ", stderr);
    (void)vfprintf(stderr, format, words);
    (void)fputc('\n', stderr);
    va_end(words);
}

static void look(const struct experiment *self, struct watch *watch, int news)
{
    int64_t pss_kib = usage_pss_kib(&self->processes);
    if (pss_kib > watch->pss_kib)
        watch->pss_kib = pss_kib;
    if (news == LOAD_BEGINS) {
        watch->ticks_before = usage_cpu_ticks(&self->processes);
        watch->machine_before = usage_machine_ticks();
        watch->written_before = usage_written_bytes(&self->processes);
    } else if (news == LOAD_ENDS) {
        watch->ticks = usage_cpu_ticks(&self->processes);
        watch->machine = usage_machine_ticks();
        watch->written = usage_written_bytes(&self->processes);
    }
}

static int follow(struct experiment *self, struct load_process *load, struct watch *watch,
                  struct load_result *ret, struct err *err)
{
    int64_t look_ms = clock_mono_ms();
    int news = LOAD_NONE;
    while (news >= 0 && news != LOAD_RESULT) {
        int rc = interrupt_check(err);
        if (rc < 0)
            return rc;
        int64_t wait_ms = look_ms - clock_mono_ms();
        news = load_process_news(load, wait_ms < 0 ? 0 : (int)wait_ms, ret, err);
        if (news > LOAD_NONE || clock_mono_ms() >= look_ms) {
            look(self, watch, news);
            look_ms = clock_mono_ms() + SAMPLE_MS;
        }
    }
    return news < 0 ? news : 0;
}

static double per_saga(int64_t before, int64_t after, double unit, uint64_t sagas)
{
    if (before < 0 || after < 0 || sagas == 0)
        return NAN;
    return (double)(after - before) * unit / (double)sagas;
}

static double others_share(const struct watch *watch, const struct load_result *result)
{
    double tick_s = 1 / (double)sysconf(_SC_CLK_TCK);
    double suite_s = (double)(watch->ticks - watch->ticks_before) * tick_s;
    if (watch->ticks < 0 || watch->ticks_before < 0)
        return NAN;
    return usage_others_share(watch->machine_before, watch->machine, suite_s + result->cpu_us / 1e6,
                              result->seconds);
}

static void write_down(struct level_figures *level, const struct watch *watch,
                       const struct load_result *result)
{
    double *values = level->values;
    double tick_us = 1e6 / (double)sysconf(_SC_CLK_TCK);
    values[LEVEL_PER_S] = (double)result->measured / result->seconds;
    values[LEVEL_P50_MS] = result->p50_ms;
    values[LEVEL_P99_MS] = result->p99_ms;
    values[LEVEL_P999_MS] = result->p999_ms;
    if (watch->ticks - watch->ticks_before >= TICKS_ENOUGH)
        values[LEVEL_CPU_US] =
            per_saga(watch->ticks_before, watch->ticks, tick_us, result->measured);
    values[LEVEL_DEVICE_BYTES] =
        per_saga(watch->written_before, watch->written, 1, result->measured);
    values[LEVEL_PSS_MB] = watch->pss_kib > 0 ? (double)watch->pss_kib / 1024 : NAN;
    values[LEVEL_CLIENT_CPU_US] =
        result->measured == 0 ? NAN : result->cpu_us / (double)result->measured;
    values[LEVEL_OTHERS_SHARE] = others_share(watch, result);
}

/* Every saga of this load is final, and as its order asked for. */
static void account(struct experiment *self, const struct load_result *result)
{
    self->run->sagas += result->submitted;
    self->completed += result->completed;
    self->compensated += result->compensated;
    if (result->completed + result->compensated != result->submitted || result->misjudged != 0)
        figures_fault(self->run,
                      "of %" PRIu64 " sagas %" PRIu64 " were completed, %" PRIu64
                      " compensated, and %" PRIu64 " not as their orders asked for: %s",
                      result->submitted, result->completed, result->compensated, result->misjudged,
                      result->example);
    if (result->measured == 0)
        figures_fault(self->run, "no saga became final in the time measured");
}

static int measure_level(struct experiment *self, struct level_figures *level, struct err *err)
{
    char prefix[16];
    double seconds = self->options->seconds;
    (void)snprintf(prefix, sizeof prefix, "b%zu", self->run->level_count);
    const struct load_plan plan = {
        .endpoint = self->subject.endpoint,
        .prefix = prefix,
        .in_flight = level->in_flight,
        .rate = level->rate,
        .warm_up_s = fmin(seconds * WARM_UP_SHARE, WARM_UP_S_MAX),
        .seconds = seconds,
    };
    struct load_process load;
    struct load_result result;
    struct watch watch = {-1, -1, -1, -1, -1, -1, -1};
    int rc = load_process_start(&load, &plan, err);
    if (rc == 0)
        rc = follow(self, &load, &watch, &result, err);
    load_process_release(&load);
    if (rc < 0)
        return rc;
    write_down(level, &watch, &result);
    account(self, &result);
    say("  %.0f sagas/s, p50 %.2f ms, p99 %.2f ms", level->values[LEVEL_PER_S],
        level->values[LEVEL_P50_MS], level->values[LEVEL_P99_MS]);
    return 0;
}

static int measure_levels(struct experiment *self, struct err *err)
{
    const struct bench_options *options = self->options;
    struct run_figures *run = self->run;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < options->level_count; i++) {
        struct level_figures *level = &run->levels[run->level_count++];
        level->in_flight = options->levels[i];
        say("%u in flight, %g s", level->in_flight, options->seconds);
        rc = measure_level(self, level, err);
    }
    if (rc == 0 && options->rate > 0) {
        struct level_figures *level = &run->levels[run->level_count++];
        level->rate = options->rate;
        say("%g arrivals/s, %g s", level->rate, options->seconds);
        rc = measure_level(self, level, err);
    }
    return rc;
}

static uint64_t in_state(const json_t *status, const char *state)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(status, "sagas"), state));
}

/* The orchestrator knows as many sagas as were submitted, and the same of their ends. */
static int compare_books(struct experiment *self, struct err *err)
{
    json_t *status = NULL;
    int rc = subject_ask(&self->subject, "status", &status, err);
    if (rc < 0)
        return rc;
    uint64_t others = in_state(status, "running") + in_state(status, "compensating") +
                      in_state(status, "attention");
    uint64_t completed = in_state(status, "completed");
    uint64_t compensated = in_state(status, "compensated");
    if (completed != self->completed || compensated != self->compensated || others != 0)
        figures_fault(self->run,
                      "the orchestrator has %" PRIu64 " completed, %" PRIu64
                      " compensated and %" PRIu64 " other sagas where the load saw %" PRIu64
                      ", %" PRIu64 " and none",
                      completed, compensated, others, self->completed, self->compensated);
    json_decref(status);
    return 0;
}

static int audit(struct experiment *self, struct err *err)
{
    json_t *document = NULL;
    say("audit of %" PRIu64 " sagas", self->run->sagas);
    int rc = subject_ask(&self->subject, "audit", &document, err);
    if (rc < 0)
        return rc;
    bool ok = json_is_true(json_object_get(document, "ok"));
    self->run->audit = ok ? VERDICT_OK : VERDICT_FAILED;
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(document, "checks"), i, check)
    {
        const char *name = json_string_value(json_object_get(check, "name"));
        const char *detail = json_string_value(json_object_get(check, "detail"));
        if (!json_is_true(json_object_get(check, "ok")))
            figures_fault(self->run, "the audit fails: %s: %s", name == NULL ? "?" : name,
                          detail == NULL ? "?" : detail);
    }
    if (!ok)
        figures_fault(self->run, "the audit fails");
    json_decref(document);
    return rc;
}

static int measure_suite(struct experiment *self, struct err *err)
{
    subject_processes(&self->subject, &self->processes);
    self->run->processes = self->processes.count;
    self->run->observer = subject_has(&self->subject, SUITE_OBSERVER);
    int rc = measure_levels(self, err);
    if (rc == 0)
        rc = compare_books(self, err);
    if (rc == 0)
        rc = audit(self, err);
    if (rc == 0 && subject_restarts(&self->subject) > 0)
        figures_fault(self->run, "a process of the suite was started again meanwhile");
    return rc;
}

static int measure_yardsticks(struct experiment *self, struct err *err)
{
    struct err why;
    double seconds = fmin(self->options->seconds, YARDSTICK_S_MAX);
    say("monolith and flushes, %g s", seconds * 1.5);
    int rc = yardsticks_measure(self->subject.dir, seconds, self->run, err);
    if (rc < 0)
        return rc;
    figures_derive(self->run);
    say("  %.0f orders/s, %.0f flushes/s", self->run->values[RUN_MONOLITH_PER_S],
        self->run->values[RUN_FLUSH_PER_S]);
    if (!yardsticks_believable(self->run, &why))
        figures_fault(self->run, "%s", why.text);
    return 0;
}

static int end_of(const struct run_figures *run, int rc, bool up)
{
    if (interrupt_signal() != 0)
        return EXPERIMENT_INTERRUPTED + interrupt_signal();
    if (rc == ERR_TIMEOUT)
        return EXPERIMENT_TIMEOUT;
    if (rc < 0 && !up)
        return EXPERIMENT_STOPPED;
    return run->fault[0] == '\0' ? EXPERIMENT_COUNTS : EXPERIMENT_VOID;
}

int experiment_run(const struct bench_options *options, struct run_figures *ret)
{
    struct experiment self = {.options = options, .run = ret};
    struct err err = {0};
    bool up = false;
    figures_init(ret);
    int rc = subject_create(&self.subject, &options->subject, &err);
    if (rc == 0) {
        say("starting a suite in %s", self.subject.dir);
        rc = subject_up(&self.subject, &err);
        up = rc == 0;
    }
    if (rc == 0)
        rc = measure_suite(&self, &err);
    subject_down(&self.subject);
    if (rc == 0)
        rc = measure_yardsticks(&self, &err);
    subject_release(&self.subject);
    if (rc < 0)
        figures_fault(ret, "%s", interrupt_signal() != 0 ? "interrupted" : err.text);
    return end_of(ret, rc, up);
}
