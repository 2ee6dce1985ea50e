#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#define CIRCLE_MAX 1000

static void node_free(void *value)
{
    struct node *node = value;
    free(node->uid);
    free(node->resource);
    free(node->ns);
    free(node->name);
    free(node->owners);
    map_free(node->dependents);
    free(node);
}

void graph_init(struct graph *graph, void (*touch)(void *context, const struct node *node),
                void *context)
{
    *graph = (struct graph){.nodes = map_new(node_free), .touch = touch, .context = context};
}

void graph_release(struct graph *graph)
{
    map_free(graph->nodes);
    *graph = (struct graph){0};
}

void graph_clear(struct graph *graph)
{
    map_clear(graph->nodes);
}

const struct node *graph_find(const struct graph *graph, const char *uid)
{
    return map_get(graph->nodes, uid);
}

/* The owners that it blocks are yet to be visited. */
static void add_blocked(const struct node *node, struct map *visited, const struct node **todo,
                        size_t *count)
{
    for (size_t i = 0; i < node->owner_count && *count < CIRCLE_MAX; i++) {
        struct node *owner = node->owners[i].owner;
        if (!node->owners[i].blocks || map_has(visited, owner->uid))
            continue;
        map_put(visited, owner->uid, owner);
        todo[(*count)++] = owner;
    }
}

bool graph_in_circle(const struct node *node)
{
    const struct node **todo = mem_array(CIRCLE_MAX, sizeof(*todo));
    struct map *visited = map_new(NULL);
    size_t count = 0;
    add_blocked(node, visited, todo, &count);
    for (size_t i = 0; i < count; i++)
        add_blocked(todo[i], visited, todo, &count);
    bool circle = map_has(visited, node->uid);
    map_free(visited);
    free(todo);
    return circle;
}

static struct node *node_of(struct graph *graph, const char *uid)
{
    struct node *node = map_get(graph->nodes, uid);
    if (node)
        return node;
    node = mem_zalloc(sizeof(*node));
    node->uid = mem_strdup(uid);
    node->dependents = map_new(NULL);
    map_put(graph->nodes, uid, node);
    return node;
}

/* One that nobody needs any more goes. */
static void prune(struct graph *graph, const struct node *node)
{
    if (node->owner_count == 0 && !node->foreground && !node->orphan &&
        map_count(node->dependents) == 0) {
        AUTO_FREE char *uid = mem_strdup(node->uid);
        map_remove(graph->nodes, uid);
    }
}

/* ------------------------------------------------------------------------------------------
 * touching */

static void touch(struct graph *graph, const struct node *node)
{
    if (!graph->quiet && node->resource)
        graph->touch(graph->context, node);
}

static void touch_dependents(struct graph *graph, const struct node *node)
{
    for (struct map_iter it = {0}; map_next(node->dependents, &it);)
        touch(graph, it.value);
}

/* An owner that has waited for what does not keep it any more. */
static void touch_released(struct graph *graph, const struct node *owner)
{
    if ((owner->orphan && map_count(owner->dependents) == 0) ||
        (owner->foreground && owner->blocking == 0))
        touch(graph, owner);
}

/* ------------------------------------------------------------------------------------------ edges
 */

static void attach(struct graph *graph, struct node *node, const json_t *owners)
{
    json_t *readable = json_incref((json_t *)(uintptr_t)owners);
    node->owners = mem_array(json_object_size(owners) + 1, sizeof(*node->owners));
    const char *uid;
    json_t *blocks;
    json_object_foreach(readable, uid, blocks)
    {
        if (strcmp(uid, node->uid) == 0)
            continue;
        struct edge *edge = &node->owners[node->owner_count++];
        *edge = (struct edge){node_of(graph, uid), json_is_true(blocks)};
        map_put(edge->owner->dependents, node->uid, node);
        edge->owner->blocking += edge->blocks;
    }
    json_decref(readable);
}

static void detach(struct graph *graph, struct node *node)
{
    struct edge *edges = node->owners;
    size_t count = node->owner_count;
    node->owners = NULL;
    node->owner_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct node *owner = edges[i].owner;
        map_remove(owner->dependents, node->uid);
        owner->blocking -= edges[i].blocks;
        touch_released(graph, owner);
        prune(graph, owner);
    }
    free(edges);
}

static bool same_owners(const struct node *node, const json_t *owners)
{
    size_t others = json_object_get(owners, node->uid) ? 1 : 0;
    if (json_object_size(owners) - others != node->owner_count)
        return false;
    for (size_t i = 0; i < node->owner_count; i++) {
        const json_t *blocks = json_object_get(owners, node->owners[i].owner->uid);
        if (!blocks || json_is_true(blocks) != node->owners[i].blocks)
            return false;
    }
    return true;
}

/* The new edges come before the old ones go: an owner that stays is never without its dependent. */
static void set_owners(struct graph *graph, struct node *node, const json_t *owners)
{
    struct node old = {.uid = node->uid, .owners = node->owners, .owner_count = node->owner_count};
    node->owners = NULL;
    node->owner_count = 0;
    attach(graph, node, owners);
    for (size_t i = 0; i < old.owner_count; i++) {
        struct node *owner = old.owners[i].owner;
        owner->blocking -= old.owners[i].blocks;
        if (!json_object_get(owners, owner->uid))
            map_remove(owner->dependents, node->uid);
        touch_released(graph, owner);
        if (owner != node)
            prune(graph, owner);
    }
    free(old.owners);
}

/* ------------------------------------------------------------------------------------------ what
 * was seen */

static void identify(struct node *node, const struct observation *observation)
{
    node->revision = observation->revision;
    if (node->resource)
        return;
    node->resource = mem_strdup(observation->key.resource);
    node->ns = mem_strdup(observation->key.ns);
    node->name = mem_strdup(observation->key.name);
}

static void set_waiting(struct graph *graph, struct node *node,
                        const struct observation *observation)
{
    bool begins =
        (observation->foreground && !node->foreground) || (observation->orphan && !node->orphan);
    node->foreground = observation->foreground;
    node->orphan = observation->orphan;
    if (!begins)
        return;
    touch(graph, node);
    touch_dependents(graph, node);
}

void graph_observe(struct graph *graph, const struct observation *observation)
{
    bool matters =
        json_object_size(observation->owners) || observation->foreground || observation->orphan;
    struct node *node = map_get(graph->nodes, observation->uid);
    if ((!node && !matters) || (node && node->revision >= observation->revision))
        return;
    if (!node)
        node = node_of(graph, observation->uid);
    identify(node, observation);
    set_waiting(graph, node, observation);
    if (!same_owners(node, observation->owners)) {
        set_owners(graph, node, observation->owners);
        touch(graph, node);
    }
    prune(graph, node);
}

void graph_forget(struct graph *graph, const char *uid, int64_t revision)
{
    struct node *node = map_get(graph->nodes, uid);
    if (!node || node->revision >= revision)
        return;
    free(node->resource);
    free(node->ns);
    free(node->name);
    node->resource = node->ns = node->name = NULL;
    node->revision = revision;
    node->foreground = node->orphan = false;
    detach(graph, node);
    touch_dependents(graph, node);
    prune(graph, node);
}

/* ------------------------------------------------------------------------------------------ owners
 * that are not there */

void graph_begin_seeing(struct graph *graph)
{
    for (struct map_iter it = {0}; map_next(graph->nodes, &it);) {
        struct node *node = it.value;
        node->seen = false;
    }
}

void graph_see(struct graph *graph, const char *uid, const char *ns)
{
    struct node *node = map_get(graph->nodes, uid);
    if (!node)
        return;
    node->seen = true;
    for (struct map_iter it = {0}; *ns && map_next(node->dependents, &it);) {
        const struct node *dependent = it.value;
        if (dependent->ns && strcmp(dependent->ns, ns) != 0)
            touch(graph, dependent);
    }
}

void graph_touch_unseen(struct graph *graph)
{
    for (struct map_iter it = {0}; map_next(graph->nodes, &it);) {
        const struct node *node = it.value;
        if (!node->seen)
            touch_dependents(graph, node);
    }
}
