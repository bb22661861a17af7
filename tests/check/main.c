/* zsaga-check: verifies the promises of a suite from its databases and from what was recorded. See
 * `zsaga-check --help`. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "check_base.h"
#include "check_record.h"
#include "files.h"

#define TOLD_MAX 100 /* Findings of one invariant that are printed. */
#define KINDS_MAX 64

enum { EXIT_CLEAN, EXIT_FOUND, EXIT_USAGE, EXIT_UNREADABLE };

struct options {
    const char *dir;
    const char **records; /* --history and --wire, in their order. */
    size_t record_count;
    size_t record_capacity;
    bool json;
    bool open;
    bool strict;
};

/* What was found so far. */
struct found {
    bool json;
    json_t *list;
    struct {
        const char *invariant;
        uint64_t count;
    } kinds[KINDS_MAX];
    size_t kind_count;
};

static void help(void)
{
    (void)fputs(
        "usage: zsaga-check DIR [options]\n"
        "\n"
        "Verifies what a suite has promised: that each saga's history goes only where it can, "
        "that\n"
        "each effect took place once and was undone at most once, that money and stock add up, "
        "that\n"
        "logs have no gap and tell each thing once, that consumers have applied each event once.\n"
        "It shares no code with the suite. DIR is the data directory of a suite that is stopped;\n"
        "nothing is written there. Sagas may be checked against what clients were told, and "
        "against\n"
        "the messages on the wire, where these were recorded.\n"
        "\n"
        "  --history FILE   what clients asked and were told, recorded as JSON lines\n"
        "  --wire FILE      what was sent between processes, the same\n"
        "  --open           sagas may be unfinished: the suite was stopped in the middle\n"
        "  --strict         all participants are made with the library, and no database was ever\n"
        "                   lost or replaced: then answers like `blocked` never end in attention\n"
        "  --json           one document instead of lines\n"
        "  --help           print this and end\n"
        "\n"
        "Each finding is a line: the invariant (I1 to I22, L1, floor, protocol), whose, and what\n"
        "is wrong. Behind them stands how often each invariant was looked at.\n"
        "\n"
        "exit codes: 0 nothing was found, 1 something was, 2 usage, 3 evidence cannot be read\n",
        stdout);
}

static int read_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"history", required_argument, NULL, 'f'},
        {"wire", required_argument, NULL, 'f'},
        {"open", no_argument, NULL, 'o'},
        {"strict", no_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            help();
            exit(EXIT_CLEAN);
        } else if (option == 'f') {
            ret->records = check_grow(ret->records, &ret->record_capacity, ret->record_count + 1,
                                      sizeof *ret->records);
            ret->records[ret->record_count++] = optarg;
        } else if (option == 'o') {
            ret->open = true;
        } else if (option == 's') {
            ret->strict = true;
        } else if (option == 'j') {
            ret->json = true;
        } else {
            return EXIT_USAGE;
        }
    }
    if (optind + 1 != argc) {
        (void)fputs("zsaga-check: name one data directory; see zsaga-check --help\n", stderr);
        return EXIT_USAGE;
    }
    ret->dir = argv[optind];
    return EXIT_CLEAN;
}

static uint64_t count_up(struct found *found, const char *invariant)
{
    size_t i = 0;
    while (i < found->kind_count && strcmp(found->kinds[i].invariant, invariant) != 0)
        i++;
    if (i == KINDS_MAX)
        return 0;
    if (i == found->kind_count)
        found->kinds[found->kind_count++].invariant = invariant;
    return ++found->kinds[i].count;
}

/* Text of a key, which need not be UTF-8 where a database is damaged. */
static json_t *text_of(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("?");
}

static void on_found(void *context, const struct checker_finding *finding)
{
    struct found *found = context;
    if (count_up(found, finding->invariant) > TOLD_MAX)
        return;
    if (!found->json) {
        printf("%s %s%s%s\n", finding->invariant, finding->about,
               *finding->about == '\0' ? "" : ": ", finding->words);
        return;
    }
    json_t *object = json_object();
    (void)json_object_set_new(object, "invariant", json_string(finding->invariant));
    (void)json_object_set_new(object, "about", text_of(finding->about));
    (void)json_object_set_new(object, "words", text_of(finding->words));
    (void)json_array_append_new(found->list, object);
}

static void give_invoke(void *context, const struct check_invoke *invoke)
{
    checker_invoke(context, invoke);
}

static void give_answer(void *context, const struct check_answer *answer)
{
    checker_answer(context, answer);
}

static void give_frame(void *context, const struct check_frame *frame)
{
    checker_frame(context, frame);
}

static void give_life(void *context, const struct check_life_event *event)
{
    checker_life(context, event);
}

static bool read_records(struct checker *checker, const struct options *options,
                         char words[FILES_WORDS])
{
    const struct check_record_reader reader = {checker, give_invoke, give_answer, give_frame,
                                               give_life};
    for (size_t i = 0; i < options->record_count; i++)
        if (check_record_read(options->records[i], &reader, words, FILES_WORDS) < 0)
            return false;
    return true;
}

static bool read_databases(struct checker *checker, const struct files *files, json_t *unknown,
                           char words[FILES_WORDS])
{
    struct opened opened;
    for (size_t i = 0; i < files->count; i++) {
        if (!files_open(files, i, &opened, words))
            return false;
        if (!checker_database(checker, files->names[i], opened.db))
            (void)json_array_append_new(unknown, text_of(files->names[i]));
        files_close(&opened);
    }
    return true;
}

static json_t *evaluated_of(const struct checker *checker)
{
    json_t *object = json_object();
    for (size_t i = 0; i < CHECKER_INVARIANTS; i++)
        (void)json_object_set_new(object, checker_invariant(i),
                                  json_integer((json_int_t)checker_evaluated(checker, i)));
    return object;
}

static void print_lines(const struct checker *checker, const struct found *found,
                        const struct files *files, const json_t *unknown)
{
    size_t i;
    const json_t *item;
    for (i = 0; i < found->kind_count; i++)
        if (found->kinds[i].count > TOLD_MAX)
            printf("%s ... and %" PRIu64 " more of it\n", found->kinds[i].invariant,
                   found->kinds[i].count - TOLD_MAX);
    json_array_foreach(unknown, i, item) printf(
        "not looked into: %s, which keeps its data in its own way\n", json_string_value(item));
    printf("looked at:");
    for (i = 0; i < CHECKER_INVARIANTS; i++)
        printf(" %s %" PRIu64, checker_invariant(i), checker_evaluated(checker, i));
    printf("\n%" PRIu64 " findings in %zu databases\n", checker_findings(checker), files->count);
}

static void print_json(const struct checker *checker, const struct found *found,
                       const struct files *files, json_t *unknown)
{
    json_t *names = json_array();
    json_t *document = json_object();
    for (size_t i = 0; i < files->count; i++)
        (void)json_array_append_new(names, text_of(files->names[i]));
    (void)json_object_set_new(document, "ok", json_boolean(checker_findings(checker) == 0));
    (void)json_object_set_new(document, "count",
                              json_integer((json_int_t)checker_findings(checker)));
    (void)json_object_set(document, "findings", found->list);
    (void)json_object_set_new(document, "evaluated", evaluated_of(checker));
    (void)json_object_set_new(document, "databases", names);
    (void)json_object_set(document, "not_looked_into", unknown);
    (void)json_dumpf(document, stdout, JSON_INDENT(2));
    (void)fputs("\n", stdout);
    json_decref(document);
}

static int run(const struct options *options, struct found *found, const struct files *files)
{
    char words[FILES_WORDS];
    const struct checker_options how = {
        .context = found, .found = on_found, .faithful = options->strict};
    struct checker *checker = checker_new(&how);
    json_t *unknown = json_array();
    bool read =
        read_records(checker, options, words) && read_databases(checker, files, unknown, words);
    int code = EXIT_UNREADABLE;
    if (read) {
        checker_finish(checker, options->open ? CHECKER_OPEN : CHECKER_SETTLED);
        code = checker_findings(checker) == 0 ? EXIT_CLEAN : EXIT_FOUND;
        if (options->json)
            print_json(checker, found, files, unknown);
        else
            print_lines(checker, found, files, unknown);
    } else {
        (void)fprintf(stderr, "zsaga-check: %s\n", words);
    }
    json_decref(unknown);
    checker_free(checker);
    return code;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct files files;
    char words[FILES_WORDS];
    int code = read_options(argc, argv, &options);
    if (code == EXIT_CLEAN && !files_find(options.dir, &files, words)) {
        (void)fprintf(stderr, "zsaga-check: %s\n", words);
        code = EXIT_UNREADABLE;
    } else if (code == EXIT_CLEAN) {
        struct found found = {.json = options.json, .list = json_array()};
        code = run(&options, &found, &files);
        json_decref(found.list);
        files_release(&files);
    }
    free(options.records);
    return code;
}
