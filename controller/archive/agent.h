/* One archival agent: a region's flow, and what is known of its keys. Used by one thread. */
#ifndef MOT_CONTROLLER_ARCHIVE_AGENT_H
#define MOT_CONTROLLER_ARCHIVE_AGENT_H

#include <mot/base/map.h>
#include <mot/bus/bus.h>
#include <mot/store/store.h>
#include <mot/topology/topology.h>

#include "record.h"

enum archive_flow { ARCHIVE_STATE, ARCHIVE_INSTANCE, ARCHIVE_COMPLETE, ARCHIVE_HEARTBEAT };

struct archive_position {
    char *name;   /* of the position in the store */
    char *stored; /* its value: "<cluster id>:<next offset>", "" for nothing */
    int64_t next; /* after what was read; -1: nothing read since the last commit */
};

struct archive_agent {
    enum archive_flow flow;
    const struct route *route;
    char *scope;       /* of its marks */
    struct map *marks; /* key → struct known_record */
    int64_t prune_at;  /* clock_ms() */
    struct archive_position *partitions;
    int partition_count;
};

/* Loads marks and positions. */
int archive_agent_open(struct archive_agent *agent, enum archive_flow flow,
                       const struct route *route, int partitions, struct store *store,
                       struct err *err) MOT_NODISCARD;
void archive_agent_release(struct archive_agent *agent);
/* The offset to begin at in the cluster with this id. */
int64_t archive_agent_offset(const struct archive_agent *agent, int partition,
                             const char *cluster_id);
/* Is it newer than what is known of its key? */
bool archive_agent_is_news(const struct archive_agent *agent, const struct bus_record *record);
/* @gone: it is a tombstone, which is remembered for a day, as in the store. */
void archive_agent_note(struct archive_agent *agent, const char *key, struct record_order order,
                        bool gone);

#endif
