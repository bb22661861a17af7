#include "conformance_report.h"

#include <stdio.h>

#include "base/xalloc.h"
#include "out.h"
#include "printable.h"

static const char *const verdict_names[] = {
    [RUN_PASSED] = "passed", [RUN_FAILED] = "failed", [RUN_SKIPPED] = "skipped"};
static const char *const verdict_colors[] = {
    [RUN_PASSED] = "\x1b[32m", [RUN_FAILED] = "\x1b[31m", [RUN_SKIPPED] = "\x1b[2m"};

void report_begin(struct report *report, bool json, bool color)
{
    *report = (struct report){.json = json, .color = color};
    report->checks = json ? json_array() : NULL;
}

static void print_part(const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    (void)printf("         %-6s", name);
    for (const char *at = text; *at != '\0';) {
        const char *end = at;
        while (*end != '\0' && *end != '\n')
            end++;
        AUTO(freep) char *line = printable(bytes_of(at, (size_t)(end - at)));
        (void)printf("%s%s\n", at == text ? "" : "               ", line);
        at = *end == '\0' ? end : end + 1;
    }
}

static void print_result(const struct report *report, const struct run_result *result)
{
    AUTO(freep) char *why = printable(bytes_text(result->why));
    (void)printf("%s%-8s%s %s%s%s\n", report->color ? verdict_colors[result->verdict] : "",
                 verdict_names[result->verdict], report->color ? "\x1b[0m" : "",
                 result->check->name, why[0] == '\0' ? "" : ": ", why);
    if (result->verdict == RUN_FAILED) {
        print_part("sent", result->sent);
        print_part("came", result->came[0] == '\0' ? "nothing" : result->came);
        print_part("page", result->check->page);
    }
    (void)fflush(stdout);
}

static json_t *result_json(const struct run_result *result)
{
    bool failed = result->verdict == RUN_FAILED;
    json_t *json = json_object();
    json_object_set_new(json, "name", json_string(result->check->name));
    json_object_set_new(json, "result", json_string(verdict_names[result->verdict]));
    json_object_set_new(json, "why", printable_json_or_null(bytes_text(result->why)));
    json_object_set_new(json, "sent",
                        printable_json_or_null(bytes_text(failed ? result->sent : "")));
    json_object_set_new(json, "came",
                        printable_json_or_null(bytes_text(failed ? result->came : "")));
    json_object_set_new(json, "page", json_string(result->check->page));
    return json;
}

void report_take(void *self, const struct run_result *result)
{
    struct report *report = self;
    size_t *const counters[] = {[RUN_PASSED] = &report->passed,
                                [RUN_FAILED] = &report->failed,
                                [RUN_SKIPPED] = &report->skipped};
    ++*counters[result->verdict];
    if (report->json)
        json_array_append_new(report->checks, result_json(result));
    else
        print_result(report, result);
}

void report_end(struct report *report, const char *participant)
{
    if (report->json) {
        json_t *json = json_object();
        json_object_set_new(json, "participant", printable_json(bytes_text(participant)));
        json_object_set_new(json, "passed", json_integer((json_int_t)report->passed));
        json_object_set_new(json, "failed", json_integer((json_int_t)report->failed));
        json_object_set_new(json, "skipped", json_integer((json_int_t)report->skipped));
        json_object_set_new(json, "checks", report->checks);
        out_json(json);
        return;
    }
    AUTO(freep) char *name = printable(bytes_text(participant));
    (void)printf("\n%s: %zu passed, %zu failed, %zu skipped\n", name, report->passed,
                 report->failed, report->skipped);
}

/* Options that a check does not run without. */
static void add_needs(struct buffer *to, unsigned int needs)
{
    static const struct need {
        unsigned int flag;
        const char *option;
    } all[] = {
        {CASE_GOOD, " --input"},
        {CASE_UNDO, " --compensation"},
        {CASE_REFUSED, " --refused-input"},
        {CASE_REPLAY, " --replay"},
        {CASE_EVENTS, " --events"},
        {CASE_RESTART, " --restart"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if ((needs & all[i].flag) != 0)
            buffer_append_text(to, all[i].option);
    buffer_append(to, "", 1);
}

static void list_one(const struct conformance_case *check, json_t *all)
{
    struct buffer needs = {0};
    add_needs(&needs, check->needs);
    const char *options = (const char *)needs.data;
    if (all == NULL) {
        (void)printf("%s%s%s\n    %s\n", check->name, options[0] == '\0' ? "" : "   needs", options,
                     check->page);
    } else {
        json_t *json = json_object();
        json_object_set_new(json, "name", json_string(check->name));
        json_object_set_new(json, "needs", json_string(options[0] == '\0' ? "" : options + 1));
        json_object_set_new(json, "page", json_string(check->page));
        json_array_append_new(all, json);
    }
    buffer_release(&needs);
}

void report_list(bool json)
{
    json_t *all = json ? json_array() : NULL;
    for (size_t i = 0; i < case_group_count; i++)
        for (const struct conformance_case *check = case_groups[i]; check->name != NULL; check++)
            list_one(check, all);
    if (json)
        out_json(all);
}
