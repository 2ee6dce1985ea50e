#include "support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/agent/restore.h>
#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define WAIT_MS 60000

struct kafka *far, *own;

/* ---------------------------------------------------------------------------------- agents */

static int loud_step(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
                     struct err *err)
{
    (void)err;
    for (size_t i = 0; i < group->input_count; i++) {
        const char *text = arena_printf(arena, "%s!", group->inputs[i].value);
        agent_emit(emit, group->inputs[i].key, text, strlen(text), group->inputs[i].revision);
    }
    return 0;
}

static const char *prefix(struct arena *arena, const char *topic, const char *key,
                          const char *value, size_t len)
{
    (void)topic;
    (void)value;
    (void)len;
    return arena_strndup(arena, key, strcspn(key, "/"));
}

static int join_step(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
                     struct err *err)
{
    (void)arena;
    (void)err;
    struct buf all;
    int64_t revision = 0;
    buf_init(&all, 1 << 20);
    for (size_t i = 0; i < group->input_count; i++) {
        buf_adds(&all, group->inputs[i].value);
        if (group->inputs[i].revision > revision)
            revision = group->inputs[i].revision;
    }
    if (group->input_count)
        agent_emit(emit, group->name, all.data, all.len, revision);
    buf_release(&all);
    return 0;
}

static const char *const loud_sources[] = {"in", NULL};
static const char *const join_sources[] = {"mid", NULL};

const struct agent loud_agent = {
    .name = "loud", .sources = loud_sources, .sink = "mid", .step = loud_step};
const struct agent join_agent = {
    .name = "join", .sources = join_sources, .sink = "out", .group_of = prefix, .step = join_step};

static const struct agent *const agents[] = {&loud_agent, &join_agent};

static atomic_int restorations;

static void count_restored(void *context)
{
    (void)context;
    atomic_fetch_add(&restorations, 1);
}

static struct bundle *start_bundle(struct bus_producer *producer, size_t count,
                                   const struct bundle_topic *topics)
{
    struct err err = {0};
    const struct bundle_options options = {.name = "test",
                                           .region = "test-own",
                                           .topics = topics,
                                           .topic_count = 3,
                                           .agents = agents,
                                           .agent_count = count,
                                           .producer = producer,
                                           .restored = count_restored};
    struct bundle *bundle = bundle_start(&options, &err);
    if (!bundle)
        fail_msg("%s", err.message);
    return bundle;
}

struct bundle *start_agents(struct bus_producer *producer, size_t count, enum place in)
{
    static struct bundle_topic topics[2][3];
    const char *bootstrap = kafka_bootstrap(own);
    topics[in][0] = (struct bundle_topic){"in", "in", in == IN_FAR ? "test-far" : "test-own",
                                          in == IN_FAR ? kafka_bootstrap(far) : bootstrap};
    topics[in][1] = (struct bundle_topic){"mid", "mid", "test-own", bootstrap};
    topics[in][2] = (struct bundle_topic){"out", "out", "test-own", bootstrap};
    return start_bundle(producer, count, topics[in]);
}

static void wait_until(bool (*holds)(void *), void *context, const char *what)
{
    for (int64_t until = clock_ms() + WAIT_MS; !holds(context);) {
        if (clock_ms() > until)
            fail_msg("not in time: %s", what);
        clock_sleep_ms(50);
    }
}

static bool is_restored(void *bundle)
{
    return bundle_restored(bundle);
}

void wait_restored(struct bundle *bundle)
{
    wait_until(is_restored, bundle, "restored");
}

static bool were_restored(void *times)
{
    return atomic_load(&restorations) >= *(const int *)times;
}

void wait_restorations(int times)
{
    wait_until(were_restored, &times, "restored again");
    atomic_store(&restorations, 0);
}

/* ---------------------------------------------------------------------------------- topics */

static void create(const char *cluster, const struct kafka *broker,
                   const struct bus_topic_config *topics, size_t count)
{
    struct err err = {0};
    if (bus_topics_create(cluster, kafka_bootstrap(broker), topics, count, WAIT_MS, &err))
        fail_msg("%s", err.message);
}

void topics_create(void)
{
    static const struct bus_topic_config topics[] = {
        {"in", 2, 1, true}, {"mid", 2, 1, true}, {"out", 2, 1, true}};
    create("test-own", own, topics, 3);
    create("test-far", far, topics, 1);
}

static struct bus_producer *open_for(const char *region, const char *bootstrap, int timeout_ms)
{
    struct err err = {0};
    const struct bus_producer_options options = {.region = region,
                                                 .cluster = region,
                                                 .bootstrap = bootstrap,
                                                 .epoch = clock_wall_ms(),
                                                 .delivery_timeout_ms = timeout_ms};
    struct bus_producer *producer = bus_producer_open(&options, &err);
    if (!producer)
        fail_msg("%s", err.message);
    return producer;
}

struct bus_producer *producer_open(int delivery_timeout_ms)
{
    return open_for("test-own", kafka_bootstrap(own), delivery_timeout_ms);
}

static struct bus_producer *putting;

void put_begin(enum place place)
{
    putting = place == IN_FAR ? open_for("test-far", kafka_bootstrap(far), 0)
                              : open_for("test-own", kafka_bootstrap(own), 0);
}

void put(const char *key, const char *value, int64_t revision)
{
    struct err err = {0};
    const struct bus_message message = {.topic = "in",
                                        .partition = -1,
                                        .key = key,
                                        .value = value,
                                        .value_len = value ? strlen(value) : 0,
                                        .revision = revision};
    if (bus_produce(putting, &message, WAIT_MS, NULL, NULL, &err))
        fail_msg("%s", err.message);
}

void put_end(void)
{
    struct err err = {0};
    if (bus_flush(putting, WAIT_MS, &err))
        fail_msg("%s", err.message);
    bus_producer_close(putting, WAIT_MS);
}

static struct bus_consumer_options consumer_options(void)
{
    return (struct bus_consumer_options){.region = "test-own",
                                         .cluster = "test-own",
                                         .bootstrap = kafka_bootstrap(own),
                                         .name = "test"};
}

static void keep(void *context, const struct bus_record *record)
{
    if (record->value)
        map_put(context, record->key, mem_strdup(record->value));
    else
        map_remove(context, record->key);
}

struct map *state_of(const char *topic)
{
    struct err err = {0};
    struct map *state = map_new(free);
    struct bus_consumer_options options = consumer_options();
    struct patience patience = {.deadline_ms = clock_ms() + WAIT_MS};
    if (restore_topic(&options, topic, &patience, keep, state, &err))
        fail_msg("%s", err.message);
    return state;
}

int64_t records_of(const char *topic)
{
    struct err err = {0};
    struct bus_consumer_options options = consumer_options();
    struct bus_consumer *consumer = bus_consumer_open(&options, &err);
    int64_t total = 0;
    for (int32_t partition = 0; partition < 2; partition++) {
        int64_t low = 0, high = 0;
        if (bus_consumer_watermarks(consumer, topic, partition, WAIT_MS, &low, &high, &err))
            fail_msg("%s", err.message);
        total += high;
    }
    bus_consumer_close(consumer);
    return total;
}

struct wanted {
    const char *topic, *key, *value;
};

static bool says(void *context)
{
    const struct wanted *wanted = context;
    struct map *state = state_of(wanted->topic);
    const char *value = map_get(state, wanted->key);
    bool same =
        value && wanted->value ? strcmp(value, wanted->value) == 0 : !value && !wanted->value;
    map_free(state);
    return same;
}

void wait_value(const char *topic, const char *key, const char *value)
{
    struct wanted wanted = {topic, key, value};
    wait_until(says, &wanted, key);
}

/* ---------------------------------------------------------------------------------- worker */

pid_t worker_start(void)
{
    char self[] = "/proc/self/exe";
    char flag[] = "--worker";
    AUTO_FREE char *bootstrap = mem_strdup(kafka_bootstrap(own));
    char *argv[] = {self, flag, bootstrap, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(self, argv);
        _exit(127);
    }
    return pid;
}

int worker_main(const char *bootstrap)
{
    const struct bundle_topic topics[] = {{"in", "in", "test-own", bootstrap},
                                          {"mid", "mid", "test-own", bootstrap},
                                          {"out", "out", "test-own", bootstrap}};
    start_bundle(open_for("test-own", bootstrap, 0), 2, topics);
    for (;;)
        pause();
}
