/*
 * The agents of the regional layer. Each is one table entry with pure steps; lib/agent runs them.
 * docs/records.md has the records.
 *
 *   launch              launch events (from central or pseudo-central) → what is desired here
 *   <driver>-instance   zone reports → one record per instance, as that scheduler sees it
 *   instance-state      what all sources say of an instance → InstanceInfo
 *   deployment-state    desired, zone reports and instances → the state of the deployment here
 *   launch-complete     desired and zone reports → the outcome of the newest launch
 *
 * The converge workers (reconcilers/converge) act on what is desired and write the zone reports.
 */
#ifndef MOT_RECONCILERS_AGENTS_H
#define MOT_RECONCILERS_AGENTS_H

#include <mot/agent/agent.h>
#include <mot/topology/topology.h>

extern const struct agent launch_agent;

/* The agents of one region, which depend on the drivers of its zones. region_agents_free() it. */
struct region_agents {
    const struct agent **items; /* all but the launch agent */
    size_t count;
    struct agent *owned; /* those with tables of their own */
    char **texts;        /* topic names */
    size_t text_count;
    const char ***lists;
    size_t list_count;
};
struct region_agents *region_agents_new(const struct topology_region *region);
void region_agents_free(struct region_agents *agents);

/* "mot-local-state" and "mot-instance-local-state"; free() them. */
char *driver_state_topic(const char *driver);
char *driver_instance_topic(const char *driver);

/* Steps; exposed for their tests. */
int launch_step(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
                struct err *err);
int instance_split_step(const struct agent_group *group, struct arena *arena,
                        struct agent_emit *emit, struct err *err);
const char *instance_split_output_group(struct arena *arena, const char *key, const char *value,
                                        size_t len);
int instance_join_step(const struct agent_group *group, struct arena *arena,
                       struct agent_emit *emit, struct err *err);
const char *deployment_group(struct arena *arena, const char *topic, const char *key,
                             const char *value, size_t len);
int deployment_state_step(const struct agent_group *group, struct arena *arena,
                          struct agent_emit *emit, struct err *err);
int launch_complete_step(const struct agent_group *group, struct arena *arena,
                         struct agent_emit *emit, struct err *err);

#endif
