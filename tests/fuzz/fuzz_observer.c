/* The observer: whatever the logs say, its model is in its tables, and it answers who looks. */
#include <string.h>

#include "base/packed.h"
#include "fuzz_follow.h"
#include "observer_node.h"
#include "owner.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 0;

static struct db *db_of(struct node *node)
{
    return observer_node_model(node)->db;
}

/* All rows of all tables that it exports. */
static uint64_t digest(struct node *node)
{
    struct model *model = observer_node_model(node);
    struct arena arena;
    struct err err = {0};
    uint64_t sum = FUZZ_DIGEST_FIRST;
    const struct owner_host host = {.name = "observer",
                                    .db = model->db,
                                    .self = model,
                                    .tables = model_tables,
                                    .table_count = MODEL_TABLE_COUNT};
    struct owner *owner = owner_new(&host);
    arena_init(&arena, (size_t)64 << 20);
    for (size_t i = 0; i < MODEL_TABLE_COUNT; i++) {
        Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
        Zsaga__Export asked = ZSAGA__EXPORT__INIT;
        const Zsaga__OwnerAnswer *answer = NULL;
        struct buffer packed = {0};
        request.id = 1;
        request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
        request.export = &asked;
        asked.table = packed_borrow_text(model_tables[i].name);
        packed_append(&packed, &request.base);
        fuzz_require(owner_answer(owner, buffer_bytes(&packed), &arena, &answer, &err) == 0, "%s",
                     err.text);
        buffer_clear(&packed);
        packed_append(&packed, &answer->base);
        sum = fuzz_digest(sum, buffer_bytes(&packed));
        buffer_release(&packed);
    }
    arena_release(&arena);
    owner_free(owner);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {
        "SagaAccepted", "StepDone",      "StepRejected",   "StepGivenUp",    "StepUndone",
        "StepTroubled", "SagaAttention", "SagaResumed",    "SagaCompleted",  "SagaCompensated",
        "OrderCreated", "OrderRefused",  "OrderConfirmed", "OrderCancelled", NULL};
    static const struct follow_subject subject = {.name = "observer",
                                                  .open = observer_node_new,
                                                  .db = db_of,
                                                  .consumer = observer_node_consumer,
                                                  .types = types,
                                                  .has_view = true,
                                                  .digest = digest};
    struct fuzz_input input = {data, size};
    follow_run(&subject, &input);
    return 0;
}
