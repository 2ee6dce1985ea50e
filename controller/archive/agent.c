#include "agent.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define DAY_MS   86400000
#define PRUNE_MS 3600000

/* The newest record of a key. */
struct known_record {
    struct record_order order;
    int64_t gone_at; /* clock_ms(); 0: it is no tombstone */
};

static void load_mark(void *context, const struct store_mark *mark)
{
    archive_agent_note(context, mark->key, (struct record_order){mark->epoch, mark->sequence},
                       mark->gone);
}

int archive_agent_open(struct archive_agent *agent, enum archive_flow flow,
                       const struct route *route, int partitions, struct store *store,
                       struct err *err)
{
    *agent = (struct archive_agent){.flow = flow, .route = route, .partition_count = partitions};
    agent->scope = mem_printf("archive/%s/%s", route->region->name, route->flow);
    agent->marks = map_new(free);
    agent->partitions = mem_array((size_t)partitions, sizeof(struct archive_position));
    if (store_marks(store, agent->scope, load_mark, agent, err))
        return -1;
    for (int i = 0; i < partitions; i++) {
        struct archive_position *position = &agent->partitions[i];
        position->name = mem_printf("%s/%d", agent->scope, i);
        position->stored = store_position_get(store, position->name, err);
        position->next = -1;
        if (!position->stored)
            return -1;
    }
    return 0;
}

void archive_agent_release(struct archive_agent *agent)
{
    for (int i = 0; i < agent->partition_count && agent->partitions; i++) {
        free(agent->partitions[i].name);
        free(agent->partitions[i].stored);
    }
    free(agent->partitions);
    map_free(agent->marks);
    free(agent->scope);
    *agent = (struct archive_agent){0};
}

int64_t archive_agent_offset(const struct archive_agent *agent, int partition,
                             const char *cluster_id)
{
    const char *stored = agent->partitions[partition].stored;
    const char *colon = strrchr(stored, ':');
    /* Another cluster under the old name: a wiped one, which is read from its beginning. */
    if (!colon || strlen(cluster_id) != (size_t)(colon - stored) ||
        strncmp(stored, cluster_id, (size_t)(colon - stored)) != 0)
        return BUS_OFFSET_BEGINNING;
    return atoll(colon + 1);
}

bool archive_agent_is_news(const struct archive_agent *agent, const struct bus_record *record)
{
    const struct known_record *known = map_get(agent->marks, record->key);
    struct record_order order = {record->headers.epoch, record->headers.sequence};
    return !known || record_newer(order, known->order);
}

static void prune(struct archive_agent *agent, int64_t now)
{
    for (struct map_iter it = {0}; map_next(agent->marks, &it);) {
        const struct known_record *known = it.value;
        if (known->gone_at && now - known->gone_at > DAY_MS)
            map_remove(agent->marks, it.key);
    }
    agent->prune_at = now + PRUNE_MS;
}

void archive_agent_note(struct archive_agent *agent, const char *key, struct record_order order,
                        bool gone)
{
    int64_t now = clock_ms();
    struct known_record *known = map_get(agent->marks, key);
    if (!known) {
        known = mem_zalloc(sizeof(*known));
        map_put(agent->marks, key, known);
    }
    known->order = order;
    known->gone_at = gone ? now : 0;
    if (now >= agent->prune_at)
        prune(agent, now);
}
