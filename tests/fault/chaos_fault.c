#include "chaos_fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chaos_flood.h"
#include "chaos_link.h"
#include "chaos_net.h"
#include "chaos_suite.h"
#include "chaos_twin.h"

#define WEATHER_MIN_MS 1000
#define WEATHER_MAX_MS 5000

/* Kinds of weather, of 1,000 messages. */
static const struct sky {
    int drop;
    int doubled;
    int delay;
    int delay_ms;
    int reorder;
    int replay;
} skies[] = {
    {0, 0, 0, 0, 0, 0},             /* Fair. */
    {30, 30, 50, 50, 50, 20},       /* A little of all. */
    {300, 0, 0, 0, 0, 0},           /* Lossy. */
    {0, 400, 0, 0, 100, 0},         /* Twice. */
    {0, 0, 500, 1500, 200, 0},      /* Slow. */
    {0, 50, 0, 0, 100, 400},        /* The past. */
    {150, 150, 200, 800, 200, 100}, /* All at once. */
};

static enum chaos_place draw_place(struct chaos *chaos, enum chaos_place from)
{
    return (enum chaos_place)chaos_between(chaos, (int64_t)from, CHAOS_OBSERVER);
}

static void set_weather(struct chaos_weather *weather, const struct sky *sky)
{
    weather->drop = sky->drop;
    weather->doubled = sky->doubled;
    weather->delay = sky->delay;
    weather->delay_ms = sky->delay_ms;
    weather->reorder = sky->reorder;
    weather->replay = sky->replay;
}

void chaos_fault_weather(struct chaos *chaos)
{
    if (chaos->calm || chaos_now_ms() < chaos->weather_at_ms)
        return;
    chaos->weather_at_ms = chaos_now_ms() + chaos_between(chaos, WEATHER_MIN_MS, WEATHER_MAX_MS);
    for (int i = 0; i < CHAOS_LINKS; i++)
        for (int way = 0; way < 2; way++)
            set_weather(&chaos->board->links[i].weather[way],
                        &skies[rng_below(&chaos->rng, sizeof skies / sizeof skies[0])]);
}

void chaos_fault_clear_weather(struct chaos *chaos)
{
    for (int i = 0; i < CHAOS_LINKS; i++)
        for (int way = 0; way < 2; way++)
            set_weather(&chaos->board->links[i].weather[way], &skies[0]);
}

/* Links. */

static void mend_cut(struct chaos *chaos, int link)
{
    chaos->board->links[link].cut[0] = chaos->board->links[link].cut[1] = 0;
}

static void cut(struct chaos *chaos)
{
    char name[48];
    int link = (int)rng_below(&chaos->rng, CHAOS_LINKS);
    int64_t ms = chaos_between(chaos, 200, 8000);
    chaos->board->links[link].cut[0] = chaos->board->links[link].cut[1] = 1;
    chaos_later(chaos, ms, mend_cut, link);
    chaos_tell(chaos, CHAOS_CUT, "%s, both ways, %lld ms", chaos_link_name(chaos, link, name),
               (long long)ms);
}

static void cut_one_way(struct chaos *chaos)
{
    char name[48];
    /* Those that two ways make sense for; a reply lost after its effect is one of them. */
    int link = rng_below(&chaos->rng, 2) == 0 ? (int)rng_below(&chaos->rng, CHAOS_LINK_TWIN)
                                              : (int)rng_below(&chaos->rng, CHAOS_LINKS);
    int way = (int)rng_below(&chaos->rng, 2);
    int64_t ms = chaos_between(chaos, 200, 8000);
    chaos->board->links[link].cut[way] = 1;
    chaos_later(chaos, ms, mend_cut, link);
    chaos_tell(chaos, CHAOS_CUT_ONE_WAY, "%s, %s, %lld ms", chaos_link_name(chaos, link, name),
               way == 0 ? "there" : "back", (long long)ms);
}

static void reset(struct chaos *chaos)
{
    char name[48];
    int link = (int)rng_below(&chaos->rng, CHAOS_LINKS);
    chaos->board->links[link].reset++;
    chaos_tell(chaos, CHAOS_RESET, "%s: its connections are made anew",
               chaos_link_name(chaos, link, name));
}

/* Processes. */

static void kill_one(struct chaos *chaos)
{
    enum chaos_place place = draw_place(chaos, CHAOS_ORCHESTRATOR);
    int64_t back_ms = rng_below(&chaos->rng, 2) == 0 ? 0 : chaos_between(chaos, 100, 4000);
    chaos_tell(chaos, CHAOS_KILL, "%s, back after %lld ms", chaos->services[place].name,
               (long long)back_ms);
    chaos_suite_kill(chaos, place, back_ms);
}

static void kill_everybody(struct chaos *chaos)
{
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++)
        chaos_suite_kill(chaos, place, 0);
}

static void kill_all(struct chaos *chaos)
{
    chaos_tell(chaos, CHAOS_KILL_ALL, "all six at once");
    kill_everybody(chaos);
}

static void storm(struct chaos *chaos)
{
    enum chaos_place place = draw_place(chaos, CHAOS_ORCHESTRATOR);
    int64_t until_ms = chaos_now_ms() + 3000;
    chaos_tell(chaos, CHAOS_STORM, "%s, each 20 to 400 ms for 3 s", chaos->services[place].name);
    while (chaos_now_ms() < until_ms) {
        chaos_wait(chaos, chaos_between(chaos, 20, 400));
        chaos_suite_kill(chaos, place, 0);
    }
}

static void storm_all(struct chaos *chaos)
{
    int64_t until_ms = chaos_now_ms() + 3000;
    chaos_tell(chaos, CHAOS_STORM_ALL, "all six, each 50 to 500 ms for 3 s");
    while (chaos_now_ms() < until_ms) {
        chaos_wait(chaos, chaos_between(chaos, 50, 500));
        kill_everybody(chaos);
    }
}

static void go_on(struct chaos *chaos, int place)
{
    if (chaos->services[place].pid != 0)
        (void)kill(chaos->services[place].pid, SIGCONT);
}

static void pause_for(struct chaos *chaos, enum chaos_kind kind, int64_t ms)
{
    enum chaos_place place = draw_place(chaos, CHAOS_ORCHESTRATOR);
    if (chaos->services[place].pid == 0)
        return;
    (void)kill(chaos->services[place].pid, SIGSTOP);
    chaos_later(chaos, ms, go_on, (int)place);
    chaos_tell(chaos, kind, "%s, %lld ms", chaos->services[place].name, (long long)ms);
}

static void pause_short(struct chaos *chaos)
{
    pause_for(chaos, CHAOS_PAUSE_SHORT, chaos_between(chaos, 10, 450));
}

/* Longer than a step's timeout, than heartbeats, sometimes than a step's patience. */
static void pause_long(struct chaos *chaos)
{
    pause_for(chaos, CHAOS_PAUSE_LONG, chaos_between(chaos, 1000, 15000));
}

static void wipe(struct chaos *chaos)
{
    static const char *const ends[] = {"", "-wal"};
    chaos_tell(chaos, CHAOS_WIPE, "the observer's database is removed");
    chaos_suite_hold(chaos, CHAOS_OBSERVER);
    for (size_t i = 0; i < 2; i++)
        (void)unlink(chaos_suite_path(chaos, "data/db/observer.db%s", ends[i]));
    const struct check_life_event event = {
        .at_ms = chaos_now_ms(), .process = "observer", .life = CHECK_RESTORED};
    (void)check_record_life(chaos->record, &event);
    chaos_suite_release(chaos, CHAOS_OBSERVER);
}

/* The network. */

static void put_back(struct chaos *chaos, int arg)
{
    (void)arg;
    chaos_net_pull(chaos, false);
}

static void partition(struct chaos *chaos)
{
    int64_t ms = chaos_between(chaos, 500, 8000);
    chaos_net_pull(chaos, true);
    chaos_later(chaos, ms, put_back, 0);
    chaos_tell(chaos, CHAOS_PARTITION, "the participants' cable is out for %lld ms", (long long)ms);
}

static void open_way(struct chaos *chaos, int back)
{
    chaos_net_block(chaos, back != 0, false);
}

static void partition_one_way(struct chaos *chaos)
{
    bool back = rng_below(&chaos->rng, 2) == 0;
    int64_t ms = chaos_between(chaos, 500, 8000);
    chaos_net_block(chaos, back, true);
    chaos_later(chaos, ms, open_way, back);
    chaos_tell(chaos, CHAOS_PARTITION_ONE_WAY, "nothing passes %s the participants for %lld ms",
               back ? "from" : "to", (long long)ms);
}

/* Clocks. */

static void write_clock(struct chaos *chaos, enum chaos_place place, const char *offset)
{
    FILE *file = fopen(chaos_suite_path(chaos, "clock/%s", chaos->services[place].name), "we");
    if (file == NULL)
        return;
    (void)fprintf(file, "%s\n", offset);
    (void)fclose(file);
}

static void set_right(struct chaos *chaos, int place)
{
    write_clock(chaos, (enum chaos_place)place, "+0");
}

static void set_clock(struct chaos *chaos)
{
    static const char *const offsets[] = {"+1h", "-1h", "+10y", "-10y", "+2", "-2", "+30d"};
    enum chaos_place place = draw_place(chaos, CHAOS_ORCHESTRATOR);
    const char *offset = offsets[rng_below(&chaos->rng, sizeof offsets / sizeof offsets[0])];
    write_clock(chaos, place, offset);
    chaos_later(chaos, chaos_between(chaos, 2000, 10000), set_right, (int)place);
    chaos_tell(chaos, CHAOS_CLOCK, "%s, %s", chaos->services[place].name, offset);
}

/* Descriptors. */

static void set_descriptors(struct chaos *chaos, enum chaos_place place, rlim_t soft)
{
    struct rlimit limit;
    pid_t pid = chaos->services[place].pid;
    if (pid == 0 || prlimit(pid, RLIMIT_NOFILE, NULL, &limit) != 0)
        return;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    (void)prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
}

static void give_descriptors(struct chaos *chaos, int place)
{
    set_descriptors(chaos, (enum chaos_place)place, 1024);
    chaos_flood_end(place);
}

/* It has next to none left while connections come in crowds, and its proxies have to connect anew.
 */
static void descriptors(struct chaos *chaos)
{
    enum chaos_place place = draw_place(chaos, CHAOS_ORCHESTRATOR);
    struct chaos_service *service = &chaos->services[place];
    if (service->pid == 0)
        return;
    size_t left = (size_t)chaos_between(chaos, 0, 4);
    set_descriptors(chaos, place, chaos_flood_used(service->pid) + left);
    service->forgiven = true;
    size_t came = chaos_flood_begin(chaos, place);
    for (int i = 0; i < CHAOS_LINKS; i++)
        if (chaos_link_of(i).place == place)
            chaos->board->links[i].reset++;
    chaos_later(chaos, chaos_between(chaos, 500, 5000), give_descriptors, (int)place);
    chaos_tell(chaos, CHAOS_DESCRIPTORS, "%s has %zu left, and %zu connections come", service->name,
               left, came);
}

static const struct strike {
    enum chaos_kind kind;
    int weight; /* How many of its kind go into the bag. */
    void (*strike)(struct chaos *chaos);
} strikes[] = {
    {CHAOS_CUT, 2, cut},
    {CHAOS_CUT_ONE_WAY, 3, cut_one_way},
    {CHAOS_RESET, 2, reset},
    {CHAOS_KILL, 6, kill_one},
    {CHAOS_KILL_ALL, 1, kill_all},
    {CHAOS_STORM, 1, storm},
    {CHAOS_STORM_ALL, 1, storm_all},
    {CHAOS_PAUSE_SHORT, 3, pause_short},
    {CHAOS_PAUSE_LONG, 3, pause_long},
    {CHAOS_WIPE, 1, wipe},
    {CHAOS_PARTITION, 2, partition},
    {CHAOS_PARTITION_ONE_WAY, 2, partition_one_way},
    {CHAOS_CLOCK, 2, set_clock},
    {CHAOS_DESCRIPTORS, 1, descriptors},
    {CHAOS_TWIN_SAME, 1, chaos_twin_same},
    {CHAOS_TWIN_OLD, 1, chaos_twin_old},
    {CHAOS_TWIN_NEW, 1, chaos_twin_new},
};
#define STRIKES (sizeof strikes / sizeof strikes[0])

static uint64_t fill_bag(struct chaos *chaos)
{
    uint64_t all = 0;
    for (size_t i = 0; i < STRIKES; i++)
        all += chaos->bag[i];
    for (size_t i = 0; i < STRIKES && all == 0; i++)
        if (chaos->skipped[strikes[i].kind] == NULL)
            chaos->bag[i] = (uint64_t)strikes[i].weight;
    if (all == 0)
        for (size_t i = 0; i < STRIKES; i++)
            all += chaos->bag[i];
    return all;
}

void chaos_fault_strike(struct chaos *chaos)
{
    uint64_t lot = rng_below(&chaos->rng, fill_bag(chaos));
    for (size_t i = 0; i < STRIKES; i++) {
        if (lot < chaos->bag[i]) {
            chaos->bag[i]--;
            strikes[i].strike(chaos);
            return;
        }
        lot -= chaos->bag[i];
    }
}
