#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "commands.h"
#include "conformance/conformance_input.h"
#include "conformance/conformance_report.h"
#include "conformance/conformance_socket.h"

#define TIMEOUT_S 5
#define TIMEOUT_MAX_S 600
#define START_MS 20000 /* For one that is started here. */
#define KEY_PREFIX_MAX 40

/* What the call asks for. */
struct conformance {
    char *command; /* Endpoints. */
    char *replay;
    char *events;
    const char *only;
    const char *restart;
    pid_t pid;
    struct input good;
    struct input refused;
    struct talk_options talk;
};

static void make_input(void *maker, bool refused, const char *key, struct buffer *to)
{
    const struct conformance *self = maker;
    input_make(refused ? &self->refused : &self->good, key, to);
}

static int read_name(const struct cli *cli, const char *option, const char **ret)
{
    const char *value = args_value(&cli->args, option);
    if (value != NULL && !text_is_token(bytes_text(value)))
        return cli_usage(cli, "--%s: 1 to 64 of a-z A-Z 0-9 _ - .", option);
    *ret = value;
    return 0;
}

static int read_names(struct cli *cli, struct conformance *self)
{
    int code = read_name(cli, "action", &self->talk.action);
    if (code == 0)
        code = read_name(cli, "compensation", &self->talk.compensation);
    if (code == 0 && self->talk.action == NULL)
        return cli_usage(cli, "--action is missing: the name of an action that it has");
    if (code != 0)
        return code;
    const char *prefix = args_value(&cli->args, "key");
    self->talk.key_prefix = prefix == NULL ? "conformance-" : prefix;
    if (prefix != NULL && (strlen(prefix) > KEY_PREFIX_MAX || !text_is_name(bytes_text(prefix))))
        return cli_usage(cli, "--key: 1 to %d bytes of UTF-8 without control characters",
                         KEY_PREFIX_MAX);
    const char *name = args_value(&cli->args, "participant");
    if (name != NULL && !text_is_name(bytes_text(name)))
        return cli_usage(cli, "--participant: 1 to 64 bytes of UTF-8 without control characters");
    self->talk.participant = name;
    return 0;
}

static int read_inputs(struct cli *cli, struct conformance *self)
{
    struct err err = {0};
    int rc = input_read(args_value(&cli->args, "input"), &self->good, &err);
    if (rc == 0)
        rc = input_read(args_value(&cli->args, "refused-input"), &self->refused, &err);
    return rc == 0 ? 0 : cli_usage(cli, "%s", err.text);
}

static int read_process(struct cli *cli, struct conformance *self)
{
    struct err err = {0};
    int64_t pid = 0;
    double timeout_s = TIMEOUT_S;
    if (args_int(&cli->args, "pid", 0, 2, INT32_MAX, &pid, &err) < 0 ||
        args_positive(&cli->args, "timeout", TIMEOUT_S, TIMEOUT_MAX_S, &timeout_s, &err) < 0)
        return cli_usage(cli, "%s", err.text);
    self->restart = args_value(&cli->args, "restart");
    if (pid != 0 && self->restart == NULL)
        return cli_usage(cli, "--pid needs --restart: the command that starts it again");
    self->pid = (pid_t)pid;
    self->talk.timeout_ms = (int64_t)(timeout_s * 1000);
    return 0;
}

static int find_endpoint(struct cli *cli, const char *name, const char *socket, char **ret)
{
    struct err err = {0};
    return suite_endpoint(cli->suite, name, socket, ret, &err) < 0 ? cli_fail(&err) : 0;
}

/* A participant of the suite by its name. */
static int find_in_suite(struct cli *cli, const char *name, struct conformance *self)
{
    int code = cli_load_suite(cli);
    if (code != 0)
        return code;
    if (suite_find(cli->suite, name) == NULL) {
        cli_say("the suite has no participant %s (an endpoint is ipc://... or tcp://...)", name);
        return CLI_MISSING;
    }
    if (self->talk.participant == NULL)
        self->talk.participant = name;
    code = find_endpoint(cli, name, "command", &self->command);
    if (code == 0)
        code = find_endpoint(cli, name, "replay", &self->replay);
    return code == 0 ? find_endpoint(cli, name, "events", &self->events) : code;
}

static void replace(char **endpoint, const char *value)
{
    if (value == NULL)
        return;
    free(*endpoint);
    *endpoint = xstrdup(value);
}

static int find_participant(struct cli *cli, struct conformance *self)
{
    const char *word = cli->args.words[0];
    int code = 0;
    if (strstr(word, "://") == NULL)
        code = find_in_suite(cli, word, self);
    else
        self->command = xstrdup(word);
    if (code == 0) {
        replace(&self->replay, args_value(&cli->args, "replay"));
        replace(&self->events, args_value(&cli->args, "events"));
    }
    return code;
}

static int check(struct cli *cli, struct conformance *self, struct line *line)
{
    struct talk talk;
    struct report report;
    struct err err = {0};
    const struct run_options options = {
        .has_good = args_has(&cli->args, "input"),
        .has_refused = args_has(&cli->args, "refused-input"),
        .only = self->only,
    };
    int64_t timeout_ms = self->talk.timeout_ms;
    talk_init(&talk, line, &self->talk);
    /* One that was started just now needs a moment. */
    if (self->restart != NULL && self->pid == 0 && timeout_ms < START_MS)
        talk.options.timeout_ms = START_MS;
    int rc = run_open(&talk, &err);
    talk.options.timeout_ms = timeout_ms;
    if (rc == 0) {
        report_begin(&report, cli->json, cli->color);
        run_checks(&talk, &options, report_take, &report);
        report_end(&report, talk.seen.name);
    }
    talk_release(&talk);
    if (rc < 0) {
        cli_say("%s: %s", self->command, err.text);
        return rc == ERR_TIMEOUT ? CLI_STOPPED : CLI_FALSE;
    }
    return report.failed == 0 ? CLI_TRUE : CLI_FALSE;
}

static int connect_and_check(struct cli *cli, struct conformance *self)
{
    struct err err = {0};
    struct line *line = NULL;
    struct process *process = NULL;
    int rc = 0;
    if (self->restart != NULL) {
        process = process_new(self->restart, self->pid);
        rc = self->pid == 0 ? process_start(process, &err) : 0;
    }
    const struct socket_options options = {self->command, self->replay, self->events, process};
    if (rc == 0)
        rc = socket_line_new(&options, &line, &err);
    int code = rc < 0 ? cli_fail(&err) : check(cli, self, line);
    if (line != NULL)
        line->ops->free(line);
    process_free(process);
    return code;
}

static int run(struct cli *cli)
{
    struct conformance self = {.only = args_value(&cli->args, "only")};
    self.talk.make_input = make_input;
    self.talk.maker = &self;
    if (args_has(&cli->args, "list")) {
        report_list(cli->json);
        return CLI_TRUE;
    }
    if (cli->args.word_count == 0)
        return cli_usage(cli, "an endpoint is missing: where the participant is asked");
    int code = read_names(cli, &self);
    if (code == 0)
        code = read_process(cli, &self);
    if (code == 0)
        code = read_inputs(cli, &self);
    if (code == 0)
        code = find_participant(cli, &self);
    if (code == 0)
        code = connect_and_check(cli, &self);
    input_release(&self.good);
    input_release(&self.refused);
    free(self.command);
    free(self.replay);
    free(self.events);
    return code;
}

static const struct args_option options[] = {
    {"participant", "NAME", "its name in the suite; it must say the same of itself"},
    {"action", "NAME", "an action that it has"},
    {"compensation", "NAME", "what takes that action back"},
    {"input", "INPUT", "an input that is done: TEXT, @FILE, or order:FILE (a CSV's first order)"},
    {"refused-input", "INPUT", "one that is refused, likewise"},
    {"replay", "ENDPOINT", "where its events are fetched"},
    {"events", "ENDPOINT", "where they are told live"},
    {"restart", "COMMAND", "starts it in the foreground: kills are tried, and it is started here"},
    {"pid", "PID", "it runs already, under this process id: killed first, then started"},
    {"key", "PREFIX", "of the ids in the inputs (default: conformance-)"},
    {"timeout", "S", "how long an answer is waited for (default: 5)"},
    {"only", "PREFIX", "run the checks whose name begins so, and the first ones"},
    {"list", NULL, "print the checks there are, and end"},
};

const struct cli_command command_conformance = {
    .name = "conformance",
    .words = "ENDPOINT|NAME --action NAME",
    .summary = "does a participant, in any language, do what the protocol says",
    .help =
        "Plays an orchestrator towards a participant and holds it to docs/protocol.md: repeated,\n"
        "late, malformed and forged commands, refusals, compensations, the fence and the floor;\n"
        "its events, and kill -9, when told how. ENDPOINT is its command socket; NAME is one of\n"
        "the suite in --data, whose endpoints are known.\n"
        "\n"
        "Try it on a participant with test data: it does real actions (some sixty with all\n"
        "options; they are taken back when --compensation is given), and leaves its rows and its\n"
        "orchestrator ids, " TALK_DRIVER " and " TALK_OTHER_DRIVER ", in its database.\n"
        "The sagas of your orchestrator are not touched, and it can be run again.\n"
        "\n"
        "{key} in an input becomes an id that no other saga has.\n"
        "\n"
        "examples:\n"
        "  # `seats` of the tutorial, while `zsaga up` runs\n"
        "  zsaga conformance seats --action hold --compensation release --input 'anna 1 100' \\\n"
        "      --refused-input nonsense\n"
        "  # a participant of your own that does not run: with kills and events\n"
        "  zsaga conformance ipc:///srv/hotel/run/rooms-command.sock --participant rooms \\\n"
        "      --action hold --compensation release --input '{\"id\":\"{key}\",\"rooms\":1}' \\\n"
        "      --refused-input '{}' --replay ipc:///srv/hotel/run/rooms-replay.sock \\\n"
        "      --events ipc:///srv/hotel/run/rooms-events.sock \\\n"
        "      --restart '/opt/hotel/rooms.py --data /srv/hotel'\n"
        "\n"
        "Each check is a line: passed, failed, or skipped and what to give so that it runs. One\n"
        "that failed says what was sent, what came, and the words of the page.\n",
    .exits = "  0 no check failed\n"
             "  1 one did\n"
             "  2 the call is wrong\n"
             "  3 the suite has no such participant\n"
             "  4 nobody answers there\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .words_min = 0,
    .words_max = 1,
    .run = run,
};
