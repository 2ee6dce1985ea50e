#include "agents.h"

#include <string.h>

#include <mot/base/mem.h>

char *driver_state_topic(const char *driver)
{
    return mem_printf("mot-%s-state", driver);
}

char *driver_instance_topic(const char *driver)
{
    return mem_printf("mot-instance-%s-state", driver);
}

static const char *keep_text(struct region_agents *agents, char *text)
{
    agents->texts[agents->text_count++] = text;
    return text;
}

/* A NULL-terminated list for @count texts. */
static const char **new_list(struct region_agents *agents, size_t count)
{
    const char **list = mem_array(count + 1, sizeof(*list));
    agents->lists[agents->list_count++] = list;
    return list;
}

/* The drivers of the region's zones, each once. */
static size_t distinct_drivers(const struct topology_region *region, const char **drivers)
{
    size_t count = 0;
    for (size_t z = 0; z < region->zone_count; z++) {
        size_t i = 0;
        while (i < count && strcmp(drivers[i], region->zones[z].driver) != 0)
            i++;
        if (i == count)
            drivers[count++] = region->zones[z].driver;
    }
    return count;
}

struct region_agents *region_agents_new(const struct topology_region *region)
{
    AUTO_FREE char *drivers_memory = mem_array(region->zone_count + 1, sizeof(const char *));
    const char **drivers = (const char **)(void *)drivers_memory;
    size_t count = distinct_drivers(region, drivers);

    struct region_agents *agents = mem_zalloc(sizeof(*agents));
    agents->items = mem_array(count + 3, sizeof(*agents->items));
    agents->owned = mem_array(count + 3, sizeof(*agents->owned));
    agents->texts = mem_array(count * 3 + 1, sizeof(char *));
    agents->lists = mem_array(count + 3, sizeof(const char **));

    const char **of_join = new_list(agents, count);
    const char **of_state = new_list(agents, count + 2);
    const char **of_complete = new_list(agents, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *state = keep_text(agents, driver_state_topic(drivers[i]));
        const char *instances = keep_text(agents, driver_instance_topic(drivers[i]));
        const char **of_split = new_list(agents, 1);
        of_split[0] = state;
        of_join[i] = instances;
        of_state[i] = of_complete[i] = state;
        agents->owned[i] = (struct agent){
            .name = keep_text(agents, mem_printf("%s-instance", drivers[i])),
            .sources = of_split,
            .sink = instances,
            .group_of_output = instance_split_output_group,
            .step = instance_split_step,
        };
    }
    of_state[count] = of_complete[count] = TOPIC_DESIRED;
    of_state[count + 1] = TOPIC_INSTANCE_STATE;
    agents->owned[count] = (struct agent){.name = "instance-state",
                                          .sources = of_join,
                                          .sink = TOPIC_INSTANCE_STATE,
                                          .step = instance_join_step};
    agents->owned[count + 1] = (struct agent){.name = "deployment-state",
                                              .sources = of_state,
                                              .sink = TOPIC_DEPLOYMENT_STATE,
                                              .group_of = deployment_group,
                                              .step = deployment_state_step};
    agents->owned[count + 2] = (struct agent){.name = "launch-complete",
                                              .sources = of_complete,
                                              .sink = TOPIC_COMPLETE,
                                              .group_of = deployment_group,
                                              .step = launch_complete_step};
    agents->count = count + 3;
    for (size_t i = 0; i < agents->count; i++)
        agents->items[i] = &agents->owned[i];
    return agents;
}

void region_agents_free(struct region_agents *agents)
{
    if (!agents)
        return;
    for (size_t i = 0; i < agents->text_count; i++)
        free(agents->texts[i]);
    for (size_t i = 0; i < agents->list_count; i++)
        free(agents->lists[i]);
    free(agents->texts);
    free(agents->lists);
    free(agents->owned);
    free(agents->items);
    free(agents);
}
