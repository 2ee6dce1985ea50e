/* Whether a client is connected, for logs and for those who ask. librdkafka retries for ever; here
 * only changes count. */
#include <stdio.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "internal.h"

void link_init(struct link *link, const char *name, const char *cluster, const char *bootstrap)
{
    pthread_mutex_init(&link->lock, NULL);
    link->name = mem_strdup(name);
    link->cluster = mem_strdup(cluster);
    link->bootstrap = mem_strdup(bootstrap);
    link->state = (struct bus_state){.since_ms = clock_wall_ms()};
    link->reported = false;
    atomic_init(&link->up, false);
    atomic_init(&link->fatal, false);
}

void link_release(struct link *link)
{
    free(link->name);
    free(link->cluster);
    free(link->bootstrap);
    pthread_mutex_destroy(&link->lock);
}

/* True when this is news. */
static bool change(struct link *link, bool up, const char *reason)
{
    pthread_mutex_lock(&link->lock);
    bool changed = link->state.connected != up;
    bool news = changed || !link->reported;
    if (changed) {
        link->state.connected = up;
        link->state.since_ms = clock_wall_ms();
        atomic_store(&link->up, up);
    }
    if (reason)
        snprintf(link->state.last_error, sizeof(link->state.last_error), "%s", reason);
    link->reported = true;
    pthread_mutex_unlock(&link->lock);
    return news;
}

void link_up(struct link *link)
{
    if (atomic_load_explicit(&link->up, memory_order_relaxed))
        return;
    if (change(link, true, NULL))
        log_info("kafka connected", LOG_S("client", link->name), LOG_S("cluster", link->cluster),
                 LOG_S("bootstrap", link->bootstrap));
}

void link_down(struct link *link, const char *reason)
{
    if (change(link, false, reason))
        log_warn("kafka not reachable, trying on", LOG_S("client", link->name),
                 LOG_S("cluster", link->cluster), LOG_S("bootstrap", link->bootstrap),
                 LOG_S("error", reason));
}

void link_note(struct link *link, const char *reason)
{
    pthread_mutex_lock(&link->lock);
    snprintf(link->state.last_error, sizeof(link->state.last_error), "%s", reason);
    pthread_mutex_unlock(&link->lock);
}

struct bus_state link_state(struct link *link)
{
    pthread_mutex_lock(&link->lock);
    struct bus_state state = link->state;
    pthread_mutex_unlock(&link->lock);
    return state;
}
