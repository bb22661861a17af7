/* What a test says to an orchestrator, and what it is told: the second half of sim_driver.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "sim_driver.h"

/* The one answer to a request. */
static const Zsaga__ClientAnswer *ask(struct sim_driver *driver, Zsaga__ClientRequest *request)
{
    const Zsaga__ClientRequest *requests[] = {request};
    request->id = 1;
    size_t before = driver->answer_count;
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    for (size_t i = before; i < driver->answer_count; i++)
        if (driver->answers[i]->id == 1)
            return driver->answers[i];
    fail_msg("no answer");
    abort();
}

struct id sim_driver_submit(struct sim_driver *driver, const char *key, Zsaga__Verdict verdict)
{
    struct id id = {{0}};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Submit submit = ZSAGA__SUBMIT__INIT;
    submit.definition = packed_borrow_text(driver->definition->name);
    submit.key = packed_borrow_text(key);
    submit.input = packed_borrow_text("input");
    submit.nonce = packed_borrow_text(key);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &submit;
    const Zsaga__ClientAnswer *answer = ask(driver, &request);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    assert_int_equal(answer->submitted->verdict, verdict);
    if (verdict != ZSAGA__VERDICT__BUSY)
        assert_true(id_from_bytes(packed_view(answer->submitted->saga), &id));
    return id;
}

Zsaga__SagaState sim_driver_state(struct sim_driver *driver, const char *key)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Find find = ZSAGA__FIND__INIT;
    ProtobufCBinaryData keys[] = {packed_borrow_text(key)};
    find.n_keys = 1;
    find.keys = keys;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_FIND;
    request.find = &find;
    const Zsaga__ClientAnswer *answer = ask(driver, &request);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_FOUND);
    assert_int_equal(answer->found->n_sagas, 1);
    return answer->found->sagas[0]->state;
}

const Zsaga__Shown *sim_driver_show(struct sim_driver *driver, const char *key)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Show show = ZSAGA__SHOW__INIT;
    show.key = packed_borrow_text(key);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
    request.show = &show;
    const Zsaga__ClientAnswer *answer = ask(driver, &request);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SHOWN);
    return answer->shown;
}

const Zsaga__Channel *sim_driver_channel(struct sim_driver *driver, size_t participant)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Status status = ZSAGA__STATUS__INIT;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &status;
    const Zsaga__ClientAnswer *answer = ask(driver, &request);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_STATUS);
    assert_in_range(participant, 0, answer->status->n_channels - 1);
    return answer->status->channels[participant];
}

void sim_driver_resume(struct sim_driver *driver, const char *key)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Resume resume = ZSAGA__RESUME__INIT;
    resume.key = packed_borrow_text(key);
    resume.who = packed_borrow_text("ann");
    resume.reason = packed_borrow_text("mended");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_RESUME;
    request.resume = &resume;
    assert_int_equal(ask(driver, &request)->kind_case, ZSAGA__CLIENT_ANSWER__KIND_DONE);
}

struct sim_driver_command sim_driver_sent(struct sim_driver *driver, const char *name,
                                          uint32_t attempt)
{
    assert_int_equal(driver->command_count, 1);
    struct sim_driver_command sent = driver->commands[0];
    char text[TEXT_NAME_MAX + 1];
    bytes_copy_text(packed_view(sent.command->name), text, sizeof text);
    assert_string_equal(text, name);
    if (attempt != 0)
        assert_int_equal(sent.command->attempt, attempt);
    driver->command_count = 0; /* Its bytes stay until the next clear. */
    return sent;
}

void sim_driver_sent_nothing(const struct sim_driver *driver)
{
    assert_int_equal(driver->command_count, 0);
}

Zsaga__Reply sim_driver_reply(const struct sim_driver_command *command, Zsaga__Outcome outcome,
                              const char *code)
{
    Zsaga__Reply reply = ZSAGA__REPLY__INIT;
    reply.saga = command->command->saga;
    reply.step = command->command->step;
    reply.direction = command->command->direction;
    reply.attempt = command->command->attempt;
    reply.epoch = command->header.driver.epoch;
    reply.outcome = outcome;
    reply.code = packed_borrow_text(code);
    return reply;
}

void sim_driver_say(struct sim_driver *driver, size_t participant, Zsaga__Reply *reply)
{
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    const Zsaga__Answer *answers[] = {&answer};
    answer.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    answer.reply = reply;
    sim_driver_give_answers(driver, participant, answers, 1);
    sim_driver_turn(driver);
}

void sim_driver_answer(struct sim_driver *driver, const struct sim_driver_command *command,
                       Zsaga__Outcome outcome, const char *code)
{
    Zsaga__Reply reply = sim_driver_reply(command, outcome, code);
    sim_driver_say(driver, command->participant, &reply);
}

struct sim_driver_command sim_driver_reach(struct sim_driver *driver, const char *key,
                                           const char *name)
{
    driver->command_count = 0;
    (void)sim_driver_submit(driver, key, ZSAGA__VERDICT__ACCEPTED);
    for (size_t i = 0; i < driver->definition->step_count; i++) {
        struct sim_driver_command sent =
            sim_driver_sent(driver, driver->definition->steps[i].action, 1);
        if (bytes_equal(packed_view(sent.command->name), bytes_text(name)))
            return sent;
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    }
    fail_msg("no such action: %s", name);
    abort();
}
