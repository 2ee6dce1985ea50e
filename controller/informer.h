/*
 * What the controllers know of the objects: deployments, their regional parts and the regions, kept
 * in memory from a list and the change feed after it. One thread. It may lag behind the store;
 * writes carry the revision they were decided on, so that a decision on old knowledge fails and is
 * taken again.
 */
#ifndef MOT_CONTROLLER_INFORMER_H
#define MOT_CONTROLLER_INFORMER_H

#include <jansson.h>

#include <mot/base/map.h>
#include <mot/store/store.h>

/* The resources it watches, as store_feed_open and store_changes take them. */
#define INFORMER_RESOURCES "deployments.mot.dev,regionaldeployments.mot.dev,regions.mot.dev"

struct entry {
    char *key;        /* "<ns>/<name>"; regions: "/<name>" */
    char *deployment; /* regional parts: the key of their deployment; else NULL */
    char *region;     /* regional parts: their region; else NULL */
    int64_t revision;
    size_t body_len;
    char body[];
};

struct informer {
    struct store *store;
    struct store_feed *feed;
    struct map *deployments; /* struct entry by key */
    struct map *parts;       /* RegionalDeployments by key */
    struct map *parts_of; /* deployment key → struct map of part key → struct entry (borrowed) */
    struct map *regions;  /* by "/<name>" */
    /* Told of every change: the deployment concerned, or NULL and the region. */
    void (*changed)(void *context, const char *deployment, const char *region);
    void *context;
};

/* Lists everything; @changed is told of all of it. */
int informer_open(struct informer *informer, struct store *store,
                  void (*changed)(void *context, const char *deployment, const char *region),
                  void *context, struct err *err) MOT_NODISCARD;
void informer_close(struct informer *informer);
/* As store_feed_next. After ERR_GONE it lists again by itself. */
int informer_next(struct informer *informer, int64_t timeout_ms, struct err *err) MOT_NODISCARD;
/* Takes in what the caller has just committed (not deletions), without waiting for the feed and
 * without telling of it. */
void informer_written(struct informer *informer, const struct store_write *write);
/* Decodes; a new reference, NULL when it can't be decoded. */
json_t *entry_object(const struct entry *entry);
/* The parts of a deployment; NULL: none. */
const struct map *informer_parts(const struct informer *informer, const char *deployment);

#endif
