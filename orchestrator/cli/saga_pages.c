#include "saga_pages.h"

#include "base/packed.h"
#include "base/xalloc.h"

#define PAGE_ROWS 500

int saga_pages(struct cli *cli, const Zsaga__SagaState *states, size_t state_count, uint64_t limit,
               saga_pages_row take, void *self)
{
    Zsaga__SagaState *wanted = xmemdup(states, state_count * sizeof *states);
    struct buffer before = {0};
    int code = 0;
    do {
        Zsaga__List list = ZSAGA__LIST__INIT;
        Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
        list.n_states = state_count;
        list.states = wanted;
        list.limit = limit < PAGE_ROWS ? (uint32_t)limit : PAGE_ROWS;
        list.before = packed_borrow(buffer_bytes(&before));
        request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_LIST;
        request.list = &list;
        const Zsaga__ClientAnswer *answer;
        code = cli_ask(cli, &request, &answer);
        if (code != 0)
            break;
        buffer_clear(&before);
        if (answer->kind_case != ZSAGA__CLIENT_ANSWER__KIND_LISTED)
            break;
        for (size_t i = 0; i < answer->listed->n_rows && limit > 0; i++, limit--)
            take(self, answer->listed->rows[i]);
        buffer_append(&before, answer->listed->next.data, answer->listed->next.len);
    } while (before.len != 0 && limit > 0);
    buffer_release(&before);
    freep(&wanted);
    return code;
}
