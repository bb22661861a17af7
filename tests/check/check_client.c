/* What clients asked and were told: I1, I2, I3, I4. */
#include <string.h>

#include "check_internal.h"
#include "check_words.h"

static bool is_final(int state)
{
    return state == CHECK_COMPLETED || state == CHECK_COMPENSATED;
}

/* 0 for none. */
static uint64_t digest_of(struct check_bytes nonce)
{
    return nonce.len == 0 ? 0 : check_hash(CHECK_HASH_SEED, nonce.data, nonce.len) | 1;
}

static struct body *body_of(struct key *key, uint64_t digest)
{
    for (size_t i = 0; i < key->body_count; i++)
        if (key->bodies[i].digest == digest)
            return &key->bodies[i];
    key->bodies =
        check_grow(key->bodies, &key->body_capacity, key->body_count + 1, sizeof *key->bodies);
    struct body *body = &key->bodies[key->body_count++];
    *body = (struct body){.digest = digest};
    return body;
}

void checker_invoke(struct checker *checker, const struct check_invoke *invoke)
{
    const struct check_bytes number = {&invoke->op, sizeof invoke->op};
    struct op op = {.call = invoke->call,
                    .key = check_key(checker, invoke->key),
                    .at = ++checker->clock,
                    .body = invoke->body,
                    .nonce = digest_of(invoke->nonce)};
    struct key *key = &checker->keys[op.key];
    checker->has_history = true;
    if (op.call == CHECK_SUBMIT)
        (void)body_of(key, op.body);
    key->resumed += op.call == CHECK_RESUME;
    if (check_map_find(&checker->op_numbers, number) != CHECK_NOWHERE) {
        check_find(checker, PROTOCOL, key->text, "the history has call %llu twice",
                   (unsigned long long)invoke->op);
        return;
    }
    checker->ops =
        check_grow(checker->ops, &checker->op_capacity, checker->op_count + 1, sizeof op);
    check_map_add(&checker->op_numbers, number, checker->op_count);
    checker->ops[checker->op_count++] = op;
}

/* A state of a key, told in answer to what was asked at `asked_at` (0: nobody asked). */
static void learn(struct checker *checker, struct key *key, int state, uint64_t asked_at)
{
    check_did(checker, I4);
    if (state == CHECK_STATE_UNKNOWN) {
        check_did(checker, I1);
        if (key->known_at != 0 && asked_at > key->known_at)
            check_find(checker, I1, key->text, "is unknown, and was told as stored before");
        return;
    }
    if (key->known_at == 0)
        key->known_at = checker->clock;
    /* Answers may come in any order: only what was asked later must say so. */
    bool later = key->final != 0 && asked_at > key->final_at;
    if (key->final != 0 && state != key->final && (is_final(state) || later))
        check_find(checker, I4, key->text, "was final as %s, and is told as %s",
                   check_states[key->final], check_states[state]);
    if (key->final == 0 && is_final(state)) {
        key->final = state;
        key->final_at = checker->clock;
    }
}

/* I3: one saga for a key. */
static void learn_id(struct checker *checker, size_t place, struct check_bytes id)
{
    if (id.len != CHECK_ID_SIZE)
        return;
    size_t saga = check_saga(checker, id.data);
    struct key *key = &checker->keys[place];
    check_did(checker, I3);
    checker->sagas[saga].known = true;
    if (checker->sagas[saga].key == NOBODY)
        checker->sagas[saga].key = place;
    if (key->saga == NOBODY)
        key->saga = saga;
    if (key->saga != saga)
        check_find(checker, I3, key->text, "the same key is told as two sagas");
    else if (checker->sagas[saga].key != place)
        check_find(checker, I3, key->text, "the saga of another key is told for it");
}

static void learn_verdict(struct checker *checker, const struct op *op, enum check_verdict verdict)
{
    struct key *key = &checker->keys[op->key];
    struct body *body = body_of(key, op->body);
    check_did(checker, I3);
    body->same = body->same || verdict != CHECK_CONFLICT;
    body->other = body->other || verdict == CHECK_CONFLICT;
    if (body->same && body->other)
        check_find(checker, I3, key->text, "one body is told as a conflict and as the saga's own");
    for (size_t i = 0; i < key->body_count; i++)
        if (body->same && key->bodies[i].same && &key->bodies[i] != body)
            check_find(checker, I3, key->text, "another body under the same key is no conflict");
    if (verdict == CHECK_ACCEPTED && op->nonce != 0) {
        if (key->nonce != 0 && key->nonce != op->nonce)
            check_find(checker, I3, key->text, "is accepted from two submits");
        key->nonce = op->nonce;
    }
    if (verdict == CHECK_DUPLICATE && op->nonce != 0 && key->nonce == op->nonce)
        check_find(checker, I3, key->text, "the same submit again is told as a duplicate");
}

static void answer_ok(struct checker *checker, struct op *op, const struct check_answer *answer)
{
    struct key *key = &checker->keys[op->key];
    switch (op->call) {
    case CHECK_SUBMIT:
        if (answer->verdict != CHECK_VERDICT_NONE)
            learn_verdict(checker, op, answer->verdict);
        learn_id(checker, op->key, answer->saga);
        if (answer->state != CHECK_STATE_UNKNOWN)
            learn(checker, key, (int)answer->state, op->at);
        return;
    case CHECK_FIND:
        learn(checker, key, (int)answer->state, op->at);
        return;
    case CHECK_RESUME:
        key->resumed_ok += !op->ended;
        return;
    case CHECK_OTHER:
    case CHECK_CALL_COUNT:
        return;
    }
}

void checker_answer(struct checker *checker, const struct check_answer *answer)
{
    const struct check_bytes number = {&answer->op, sizeof answer->op};
    checker->clock++;
    if (answer->op == 0) {
        size_t key = check_key(checker, answer->key);
        if (answer->outcome == CHECK_OK)
            learn(checker, &checker->keys[key], (int)answer->state, 0);
        return;
    }
    size_t place = check_map_find(&checker->op_numbers, number);
    if (place == CHECK_NOWHERE) {
        check_find(checker, PROTOCOL, "", "the history has an answer to call %llu, and no call",
                   (unsigned long long)answer->op);
        return;
    }
    struct op *op = &checker->ops[place];
    if (answer->outcome == CHECK_OK)
        answer_ok(checker, op, answer);
    op->ended = true;
}

void check_told(struct checker *checker, size_t place, int state)
{
    struct saga *saga = &checker->sagas[place];
    if (!is_final(state))
        return;
    check_did(checker, I4);
    if (saga->told != 0 && saga->told != state)
        check_find(checker, I4, check_name(checker, saga), "is told as %s, and as %s",
                   check_states[saga->told], check_states[state]);
    saga->told = state;
}

/* What was submitted under the key, against what is stored under it. */
static void finish_bodies(struct checker *checker, const struct key *key, const struct saga *saga)
{
    bool submitted = false;
    check_did(checker, I3);
    check_did(checker, I2);
    for (size_t i = 0; i < key->body_count; i++) {
        const struct body *body = &key->bodies[i];
        bool stored = body->digest == saga->body;
        submitted = submitted || stored;
        if (body->same && !stored)
            check_find(checker, I3, key->text,
                       "what is stored is not the body that was told as accepted");
        if (body->other && stored)
            check_find(checker, I3, key->text, "what is stored was told as a conflict");
    }
    if (!submitted)
        check_find(checker, I2, key->text, "is stored with a body that nobody submitted");
}

static void finish_key(struct checker *checker, const struct key *key)
{
    const struct saga *saga = key->saga == NOBODY ? NULL : &checker->sagas[key->saga];
    bool stored = saga != NULL && saga->stored;
    if (key->known_at != 0) {
        check_did(checker, I1);
        if (!stored)
            check_find(checker, I1, key->text, "was told as accepted, and is not stored");
    }
    if (!stored)
        return;
    finish_bodies(checker, key, saga);
    if (key->final != 0) {
        check_did(checker, I1);
        if (saga->row != key->final)
            check_find(checker, I1, key->text, "was told as %s, and is stored as %s",
                       check_states[key->final], check_states[saga->row]);
    }
    if (key->resumed_ok > saga->resumes)
        check_find(checker, I1, key->text, "was told as resumed %u times, and is stored so %u",
                   key->resumed_ok, saga->resumes);
    if (saga->resumes > 0 && key->resumed == 0)
        check_find(checker, I2, key->text, "was resumed, and nobody asked for it");
}

void check_client_finish(struct checker *checker)
{
    if (!checker->has_history || checker->journal == NOBODY)
        return;
    for (size_t i = 0; i < checker->key_count; i++)
        finish_key(checker, &checker->keys[i]);
}
