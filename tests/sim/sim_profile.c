/* What a run tries: drawn anew for each seed, "nothing" and "only one kind" included. */
#include <stdio.h>
#include <string.h>

#include "sim_parts.h"

#define BIT(fault) (1U << (fault))
#define ALL_FAULTS ((1U << SIM_FAULT_COUNT) - 1)

/* Kinds of trouble, of which a profile leaves some out. */
enum group {
    NET = 1,
    CRASH = 2,
    DISK = 4,
    CLOCK = 8,
    TROUBLE = 16, /* Of participants and of the reader. */
    PEOPLE = 32,  /* Clients and operators that misbehave, and garbage. */
    EVERYTHING = 63,
};

static const struct {
    const char *name;
    unsigned groups;
} profiles[] = {
    {"swarm", EVERYTHING}, {"quiet", 0},     {"net", NET},         {"crash", CRASH},
    {"disk", DISK},        {"clock", CLOCK}, {"trouble", TROUBLE}, {"people", PEOPLE},
};
#define PROFILES (sizeof profiles / sizeof profiles[0])

int sim_profile_find(const char *name)
{
    for (size_t i = 0; i < PROFILES; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return (int)i;
    return -1;
}

const char *sim_profile_name(int profile)
{
    return profile >= 0 && (size_t)profile < PROFILES ? profiles[profile].name : NULL;
}

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return sim_choice_below(&sim->choice.streams[SIM_CHOICE_PROFILE], bound);
}

static unsigned draw_rate(struct sim *sim, unsigned most)
{
    return below(sim, 2) == 0 ? 0 : (unsigned)below(sim, most) + 1;
}

static void leave_out(struct sim_profile *profile, unsigned groups)
{
    static const unsigned kinds[SIM_FAULT_COUNT] = {
        [SIM_FAULT_NOSY] = PEOPLE,
        [SIM_FAULT_READER] = PEOPLE,
        [SIM_FAULT_CRASH] = CRASH,
        [SIM_FAULT_PAUSE] = CLOCK,
        [SIM_FAULT_CUT] = NET,
        [SIM_FAULT_ONE_WAY] = NET,
        [SIM_FAULT_SWIZZLE] = NET,
        [SIM_FAULT_WALL] = CLOCK,
        [SIM_FAULT_UNREADABLE] = DISK,
        [SIM_FAULT_UNOPENABLE] = DISK,
        [SIM_FAULT_DISK_FULL] = DISK,
        [SIM_FAULT_DISK_WELL] = EVERYTHING,
        [SIM_FAULT_DISK_BROKEN] = DISK,
        [SIM_FAULT_RESTARTS] = CRASH,
        [SIM_FAULT_CHECKPOINT] = EVERYTHING,
    };
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        if ((kinds[i] & groups) == 0)
            profile->fault_kinds &= ~BIT(i);
    if ((groups & NET) == 0)
        profile->drop = profile->twice = profile->slow = profile->replay = 0;
    if ((groups & CRASH) == 0)
        profile->crash = profile->power = 0;
    if ((groups & TROUBLE) == 0)
        profile->troubled = profile->refused = profile->reader_fails = 0;
    if ((groups & PEOPLE) == 0)
        profile->nosy = profile->garbage = profile->mischief = SIM_MISCHIEF_NONE;
}

/* One run in eight tries one kind only, or nothing. */
static unsigned draw_groups(struct sim *sim)
{
    if (below(sim, 8) != 7)
        return EVERYTHING;
    return profiles[1 + below(sim, PROFILES - 1)].groups;
}

void sim_profile_draw(struct sim *sim)
{
    struct sim_profile *profile = &sim->profile;
    unsigned groups = draw_groups(sim);
    /* One after the other: the order of an initializer's draws would be the compiler's. */
    *profile = (struct sim_profile){0};
    profile->drop = draw_rate(sim, 200);
    profile->twice = draw_rate(sim, 200);
    profile->slow = draw_rate(sim, 100);
    profile->replay = draw_rate(sim, 100);
    profile->delay_ms_max = 1 + (int64_t)below(sim, 20);
    profile->slow_ms_max = 500 + (int64_t)below(sim, 30000);
    profile->next_life = below(sim, 2) != 0;
    profile->crash = draw_rate(sim, 3000);
    profile->power = draw_rate(sim, 1000);
    profile->fault_ms = below(sim, 3) == 0 ? 0 : 50 + (int64_t)below(sim, 1500);
    profile->fault_kinds = (unsigned)below(sim, ALL_FAULTS + 1);
    profile->heal_at_ms = 1500 + (int64_t)below(sim, below(sim, 8) == 7 ? 40000 : 7000);
    profile->busy_ms_max = (int64_t)below(sim, 4);
    profile->troubled = draw_rate(sim, 300);
    profile->refused = draw_rate(sim, 700);
    profile->reader_fails = draw_rate(sim, 100);
    profile->nosy = draw_rate(sim, 400);
    profile->garbage = draw_rate(sim, 100);
    profile->keep_bytes = UINT64_MAX;
    profile->rebuilds = below(sim, 2) != 0;
    profile->observed = below(sim, 3) == 2;
    profile->reconfigures = below(sim, 4) == 3;
    profile->crowded = below(sim, 16) == 15;
    profile->real_disks = below(sim, 8) == 7;
    profile->outlasts = below(sim, 100) == 99;
    profile->mischief = SIM_MISCHIEF_NONE;
    profile->tail_ms = below(sim, 8) == 7 ? 8000 : 1500;
    if (below(sim, 3) == 2)
        profile->keep_bytes = below(sim, 4000);
    if (below(sim, 8) == 7)
        profile->mischief = (enum sim_mischief_kind)(1 + below(sim, 2));
    profile->asks_seldom = below(sim, 4) == 3;
    leave_out(profile, groups & profiles[sim->only].groups);
    sim->next_fault_ms = profile->fault_ms == 0 ? SIM_NEVER : profile->fault_ms;
}

void sim_profile_print(const struct sim *sim)
{
    const struct sim_profile *profile = &sim->profile;
    (void)fprintf(stderr,
                  "profile: drop=%u twice=%u slow=%u replay=%u delay_ms=%lld slow_ms=%lld"
                  " next_life=%d crash=%u power=%u fault_ms=%lld kinds=0x%x heal_ms=%lld"
                  " busy_ms=%lld troubled=%u refused=%u reader_fails=%u nosy=%u garbage=%u"
                  " keep_bytes=%llu rebuilds=%d observed=%d real_disks=%d outlasts=%d"
                  " reconfigures=%d crowded=%d mischief=%d asks_seldom=%d\n",
                  profile->drop, profile->twice, profile->slow, profile->replay,
                  (long long)profile->delay_ms_max, (long long)profile->slow_ms_max,
                  profile->next_life, profile->crash, profile->power, (long long)profile->fault_ms,
                  profile->fault_kinds, (long long)profile->heal_at_ms,
                  (long long)profile->busy_ms_max, profile->troubled, profile->refused,
                  profile->reader_fails, profile->nosy, profile->garbage,
                  (unsigned long long)profile->keep_bytes, profile->rebuilds, profile->observed,
                  profile->real_disks, profile->outlasts, profile->reconfigures, profile->crowded,
                  (int)profile->mischief, profile->asks_seldom);
}
