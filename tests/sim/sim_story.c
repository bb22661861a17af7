/* A scenario's saga, as its history grows: lines of the trace. */
#include "sim_parts.h"
#include "sim_rows.h"

static void tell_state(struct sim *sim)
{
    static const char *const names[] = {"accepted", "", "", "completed", "compensated"};
    int64_t state = sim_rows_one(sim, SIM_ORCHESTRATOR, "SELECT state + 1 FROM zsaga_saga") - 1;
    if (state < 0 || state == sim->told_state)
        return;
    sim->told_state = state;
    sim_trace(sim, "%-12s %s", "saga", names[state]);
}

static void tell_record(struct sim *sim, const struct sim_rows *row)
{
    static const char *const names[] = {"",       "",        "done",      "rejected", "gave up",
                                        "undone", "trouble", "attention", "resumed"};
    struct bytes code = sim_rows_bytes(row, 3);
    sim->told_record = sim_rows_int(row, 0);
    sim_trace(sim, "%-12s %s %d%s%.*s", "saga", names[sim_rows_int(row, 1)],
              (int)sim_rows_int(row, 2), code.len == 0 ? "" : " ", (int)code.len,
              (const char *)code.data);
}

void sim_story_go_on(struct sim *sim)
{
    struct sim_rows rows =
        sim_rows(sim, SIM_ORCHESTRATOR,
                 "SELECT number, what, step, code FROM zsaga_history WHERE number > ?1"
                 " ORDER BY number");
    sim_rows_bind_int(&rows, 1, sim->told_record);
    while (sim_rows_next(&rows))
        tell_record(sim, &rows);
    sim_rows_end(&rows);
    tell_state(sim);
}
