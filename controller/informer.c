#include "informer.h"

#include <string.h>

#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "writes.h"

static void entry_free(void *value)
{
    struct entry *entry = value;
    free(entry->key);
    free(entry->deployment);
    free(entry->region);
    free(entry);
}

static void map_free_value(void *value)
{
    map_free(value);
}

static char *key_of(const struct store_object *object)
{
    return mem_printf("%s/%s", object->key.ns, object->key.name);
}

static struct entry *entry_new(const struct store_object *object)
{
    struct entry *entry = mem_zalloc(sizeof(*entry) + object->body_len + 1);
    entry->key = key_of(object);
    entry->revision = object->revision;
    entry->body_len = object->body_len;
    memcpy(entry->body, object->body, object->body_len);
    return entry;
}

json_t *entry_object(const struct entry *entry)
{
    struct err err = {0};
    json_t *object = object_decode(entry->body, entry->body_len, entry->revision, &err);
    if (!object)
        log_error("stored object can't be read", LOG_S("object", entry->key),
                  LOG_S("error", err.message));
    return object;
}

const struct map *informer_parts(const struct informer *informer, const char *deployment)
{
    return map_get(informer->parts_of, deployment);
}

static void drop_part(struct informer *informer, const char *key)
{
    struct entry *entry = map_get(informer->parts, key);
    if (!entry)
        return;
    struct map *siblings = map_get(informer->parts_of, entry->deployment);
    if (siblings) {
        map_remove(siblings, key);
        if (map_count(siblings) == 0)
            map_remove(informer->parts_of, entry->deployment);
    }
    map_remove(informer->parts, key);
}

/* Its deployment and region are in the selectable, which is much shorter than the body. */
static void read_part(struct entry *entry, const struct store_object *object)
{
    struct err err;
    json_t *selectable = json_parse(object->selectable, strlen(object->selectable), false, &err);
    const json_t *fields = json_object_get(selectable, "fields");
    const char *deployment = json_string_value(json_object_get(fields, "spec.deployment"));
    entry->deployment = mem_printf("%s/%s", object->key.ns, deployment ? deployment : "");
    entry->region = mem_strdup(json_string_value(json_object_get(fields, "spec.region")));
    json_decref(selectable);
}

static void keep_part(struct informer *informer, struct entry *entry)
{
    const struct entry *before = map_get(informer->parts, entry->key);
    if (before && strcmp(before->deployment, entry->deployment) != 0)
        informer->changed(informer->context, before->deployment, NULL);
    drop_part(informer, entry->key);
    struct map *siblings = map_get(informer->parts_of, entry->deployment);
    if (!siblings) {
        siblings = map_new(NULL);
        map_put(informer->parts_of, entry->deployment, siblings);
    }
    map_put(siblings, entry->key, entry);
    map_put(informer->parts, entry->key, entry);
}

static struct map *map_of(const struct informer *informer, const char *resource)
{
    if (strcmp(resource, regional_kind.resource) == 0)
        return informer->parts;
    return strcmp(resource, deployment_kind.resource) == 0 ? informer->deployments
                                                           : informer->regions;
}

/* False when this, or something newer, is known: the controller's own writes come back. */
static bool is_news(const struct informer *informer, const struct store_object *object)
{
    AUTO_FREE char *key = key_of(object);
    const struct entry *known = map_get(map_of(informer, object->key.resource), key);
    return !known || known->revision < object->revision;
}

static void tell(struct informer *informer, const struct entry *entry, const struct map *kind)
{
    if (kind == informer->regions)
        informer->changed(informer->context, NULL, entry->key + 1);
    else
        informer->changed(informer->context, entry->deployment ? entry->deployment : entry->key,
                          NULL);
}

static void forget(struct informer *informer, const struct store_object *object)
{
    if (!is_news(informer, object))
        return;
    struct map *kind = map_of(informer, object->key.resource);
    struct entry *entry = entry_new(object);
    if (kind == informer->parts) {
        read_part(entry, object);
        drop_part(informer, entry->key);
    } else {
        map_remove(kind, entry->key);
    }
    tell(informer, entry, kind);
    entry_free(entry);
}

static struct entry *keep(struct informer *informer, const struct store_object *object)
{
    struct map *kind = map_of(informer, object->key.resource);
    struct entry *entry = entry_new(object);
    if (kind == informer->parts) {
        read_part(entry, object);
        keep_part(informer, entry);
    } else {
        map_put(kind, entry->key, entry);
    }
    return entry;
}

static void remember(struct informer *informer, const struct store_object *object)
{
    if (is_news(informer, object))
        tell(informer, keep(informer, object), map_of(informer, object->key.resource));
}

void informer_written(struct informer *informer, const struct store_write *write)
{
    const struct store_object object = {
        .key = write->key,
        .uid = write->uid,
        .revision = write->revision,
        .body = write->body,
        .body_len = write->body_len,
        .selectable = write->selectable,
    };
    if (write->operation != STORE_DELETE && is_news(informer, &object))
        keep(informer, &object);
}

static int on_listed(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    remember(context, object);
    return 0;
}

static int on_change(void *context, const struct store_change *change, struct err *err)
{
    (void)err;
    if (change->operation == STORE_DELETE)
        forget(context, &change->object);
    else
        remember(context, &change->object);
    return 0;
}

static void clear(struct informer *informer)
{
    map_clear(informer->parts_of);
    map_clear(informer->parts);
    map_clear(informer->deployments);
    map_clear(informer->regions);
}

/*
 * Each list is a snapshot of its own; the feed begins at the oldest of them, and seeing a change
 * twice does no harm. The order matters: nothing may look as if its region or its deployment did
 * not exist, only because that came later than its list.
 */
static int list_all(struct informer *informer, struct err *err)
{
    const char *const resources[] = {regional_kind.resource, deployment_kind.resource,
                                     region_kind.resource};
    int64_t oldest = 0;
    clear(informer);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(resources); i++) {
        struct store_list_query query = {.resource = resources[i]};
        int64_t revision;
        if (store_list(informer->store, &query, &revision, on_listed, informer, err))
            return -1;
        if (i == 0 || revision < oldest)
            oldest = revision;
    }
    if (informer->feed)
        store_feed_close(informer->feed);
    informer->feed = store_feed_open(informer->store, INFORMER_RESOURCES, oldest);
    return 0;
}

int informer_open(struct informer *informer, struct store *store,
                  void (*changed)(void *context, const char *deployment, const char *region),
                  void *context, struct err *err)
{
    *informer = (struct informer){.store = store, .changed = changed, .context = context};
    informer->deployments = map_new(entry_free);
    informer->parts = map_new(entry_free);
    informer->parts_of = map_new(map_free_value);
    informer->regions = map_new(entry_free);
    if (list_all(informer, err)) {
        informer_close(informer);
        return -1;
    }
    return 0;
}

void informer_close(struct informer *informer)
{
    if (informer->feed)
        store_feed_close(informer->feed);
    map_free(informer->parts_of);
    map_free(informer->parts);
    map_free(informer->deployments);
    map_free(informer->regions);
    *informer = (struct informer){0};
}

int informer_next(struct informer *informer, int64_t timeout_ms, struct err *err)
{
    int n = store_feed_next(informer->feed, timeout_ms, on_change, informer, err);
    if (n < 0 && err->code == ERR_GONE)
        return list_all(informer, err) ? -1 : 1;
    return n;
}
