#include "report.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 4

static const char *const troubles[TOY_TROUBLE_COUNT] = {
    "smooth",      "retry",     "retry_later", "error",     "poison",
    "late_poison", "too_large", "pending",     "unwilling", "crash"};

static void print_count(const char *prefix, const char *name, uint64_t count, int *column)
{
    char whole[40];
    (void)snprintf(whole, sizeof whole, "%s%s", prefix, name);
    printf("  %-17s %9llu%s", whole, (unsigned long long)count,
           ++*column % COLUMNS == 0 ? "\n" : "");
}

void report_print(const struct sim_counts *counts)
{
    int column = 0;
#define X(name) print_count("", #name, counts->name, &column);
    SIM_COUNTS(X)
#undef X
    for (int i = TOY_RETRY; i < TOY_TROUBLE_COUNT; i++)
        print_count("toy_", troubles[i], counts->troubled[i], &column);
    for (size_t i = 0; i < CHECKER_INVARIANTS; i++)
        print_count("checked_", checker_invariant(i), counts->checked[i], &column);
    printf("%s", column % COLUMNS == 0 ? "" : "\n");
}

/* What no run of ours brings about: a command of a saga below the floor that has no row needs rows
 * that are forgotten; a queue of 4 MiB is not filled. */
static bool is_beyond_us(const char *name)
{
    return strcmp(name, "expired") == 0 || strcmp(name, "read_dropped") == 0;
}

int report_missing(const struct sim_counts *counts)
{
    int missing = 0;
#define X(name)                                                                                    \
    if (counts->name == 0 && !is_beyond_us(#name)) {                                               \
        printf("never happened: %s\n", #name);                                                     \
        missing++;                                                                                 \
    }
    SIM_COUNTS(X)
#undef X
    for (int i = TOY_RETRY; i < TOY_TROUBLE_COUNT; i++) {
        if (counts->troubled[i] != 0)
            continue;
        printf("never happened: toy_%s\n", troubles[i]);
        missing++;
    }
    for (size_t i = 0; i < CHECKER_INVARIANTS; i++) {
        /* Toys have no money. */
        if (counts->checked[i] != 0 || strcmp(checker_invariant(i), "I12") == 0)
            continue;
        printf("never checked: %s\n", checker_invariant(i));
        missing++;
    }
    return missing;
}
