#include "batch.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "spec.h"

#define CONFLICT_TRIES 20

/* What a replacement must carry over, and be decided on. */
struct stored_instance {
    char *uid;
    char *created;
    char *region;
    char *selectable;
    int64_t revision;
    uint64_t hash; /* of the body */
    struct instance_facts facts;
};

/* An object that records of the batch change. */
struct target {
    const struct controlled_kind *kind;
    bool exists;
    json_t *old; /* NULL: it does not exist, or can't be read */
    json_t *object;
    int64_t revision;
};

static void stored_free(void *value)
{
    struct stored_instance *stored = value;
    free(stored->uid);
    free(stored->created);
    free(stored->region);
    free(stored->selectable);
    free(stored);
}

static void target_free(void *value)
{
    struct target *target = value;
    json_decref(target->old);
    json_decref(target->object);
    free(target);
}

/* ------------------------------------------------------------------------------------------ known
 * instances */

static void remember_instance(struct archive_batch *batch, const char *key, const json_t *object,
                              int64_t revision, const char *selectable, uint64_t hash)
{
    struct stored_instance *stored = mem_zalloc(sizeof(*stored));
    stored->uid = mem_strdup(object_uid(object));
    stored->created = mem_strdup(json_at_text(object, "metadata.creationTimestamp"));
    stored->region = mem_strdup(json_at_text(object, "spec.region"));
    stored->selectable = mem_strdup(selectable);
    stored->revision = revision;
    stored->hash = hash;
    stored->facts = instance_facts_of(object);
    map_put(batch->instances, key, stored);
}

static int load_instance(void *context, const struct store_object *object, struct err *err)
{
    json_t *decoded = object_decode(object->body, object->body_len, object->revision, err);
    if (!decoded)
        return -1;
    AUTO_FREE char *key = mem_printf("%s/%s", object->key.ns, object->key.name);
    remember_instance(context, key, decoded, object->revision, object->selectable,
                      hash_bytes(object->body, object->body_len, HASH_SEED));
    json_decref(decoded);
    return 0;
}

struct loading {
    struct archive_batch *batch;
    struct map *regions;
};

/* Those of other regions only take memory here. */
static int load_own_instance(void *context, const struct store_object *object, struct err *err)
{
    const struct loading *loading = context;
    struct err ignored;
    json_t *selectable =
        json_parse(object->selectable, strlen(object->selectable), false, &ignored);
    const char *region =
        json_string_value(json_object_get(json_object_get(selectable, "fields"), "spec.region"));
    bool own = region && map_has(loading->regions, region);
    json_decref(selectable);
    return own ? load_instance(loading->batch, object, err) : 0;
}

/* After somebody else wrote it: as it is now. */
static int reload_instance(struct archive_batch *batch, const char *ns, const char *name,
                           struct err *err)
{
    struct store_key key = {instance_kind.resource, ns, name};
    AUTO_FREE char *text = mem_printf("%s/%s", ns, name);
    struct store_object *object = store_get(batch->store, &key, err);
    if (!object) {
        map_remove(batch->instances, text);
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    }
    int rc = load_instance(batch, object, err);
    free(object);
    return rc;
}

/* ------------------------------------------------------------------------------------------ life
 */

int archive_batch_init(struct archive_batch *batch, struct store *store,
                       const struct archive_agent *agents, size_t agent_count, struct err *err)
{
    *batch = (struct archive_batch){.store = store};
    batch->index = map_new(NULL);
    batch->targets = map_new(target_free);
    batch->instances = map_new(stored_free);
    batch->written = map_new(NULL);
    batch->homeless = map_new(NULL);
    batch->writes = mem_zalloc(sizeof(*batch->writes));
    struct loading loading = {batch, map_new(NULL)};
    for (size_t i = 0; i < agent_count; i++)
        map_put(loading.regions, agents[i].route->region->name, batch);
    struct store_list_query query = {.resource = instance_kind.resource};
    int64_t revision;
    int rc = store_list(store, &query, &revision, load_own_instance, &loading, err);
    map_free(loading.regions);
    return rc;
}

static void clear_items(struct archive_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->items[i].key);
        free(batch->items[i].value);
    }
    batch->count = 0;
    batch->taken = 0;
    map_clear(batch->index);
}

void archive_batch_release(struct archive_batch *batch)
{
    clear_items(batch);
    writes_clear(batch->writes);
    free(batch->writes);
    map_free(batch->index);
    map_free(batch->targets);
    map_free(batch->instances);
    map_free(batch->written);
    map_free(batch->homeless);
}

bool archive_batch_full(const struct archive_batch *batch)
{
    return batch->count == BATCH_RECORDS || batch->taken >= BATCH_TAKEN;
}

/* Keys are made of names. Anything else is nobody's state, and the database might refuse it. */
static bool is_key(const struct bus_record *record)
{
    bool good = record->key_len > 0 && strlen(record->key) == record->key_len;
    for (const char *c = record->key; good && *c; c++)
        good = *c > ' ' && *c < 127;
    return good;
}

void archive_batch_add(struct archive_batch *batch, struct archive_agent *agent,
                       const struct bus_record *record)
{
    agent->partitions[record->partition].next = record->offset + 1;
    batch->taken++;
    if (!is_key(record) || !archive_agent_is_news(agent, record))
        return;
    struct record_order order = {record->headers.epoch, record->headers.sequence};
    AUTO_FREE char *id = mem_printf("%s\n%s", agent->scope, record->key);
    struct archive_item *item = map_get(batch->index, id);
    if (item && !record_newer(order, item->order))
        return;
    if (item) {
        free(item->value);
    } else {
        item = &batch->items[batch->count++];
        *item = (struct archive_item){.agent = agent, .key = mem_strdup(record->key)};
        map_put(batch->index, id, item);
    }
    item->value = record->value ? mem_strndup(record->value, record->value_len) : NULL;
    item->value_len = record->value_len;
    item->order = order;
    item->revision = record->headers.revision;
}

/* ------------------------------------------------------------------------------------------
 * instances */

/* Is the name free for this region: not stored, and not written by this batch, as another's? */
static bool may_write(struct archive_batch *batch, const struct archive_item *item)
{
    const char *region = item->agent->route->region->name;
    const struct stored_instance *stored = map_get(batch->instances, item->key);
    if (!map_has(batch->written, item->key) && (!stored || strcmp(stored->region, region) == 0))
        return true;
    log_warn("two regions report an instance of one name", LOG_S("key", item->key),
             LOG_S("region", region));
    return false;
}

static int delete_instance(struct archive_batch *batch, const struct archive_item *item,
                           struct err *err)
{
    const struct stored_instance *stored = map_get(batch->instances, item->key);
    const char *slash = strchr(item->key, '/');
    if (!stored || !slash || !may_write(batch, item))
        return 0;
    AUTO_FREE char *ns = mem_strndup(item->key, (size_t)(slash - item->key));
    struct store_key key = {instance_kind.resource, ns, slash + 1};
    AUTO_FREE struct store_object *object = store_get(batch->store, &key, err);
    if (!object)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    json_t *decoded = object_decode(object->body, object->body_len, object->revision, err);
    if (!decoded)
        return -1;
    writes_delete(batch->writes, &instance_kind, decoded, object->revision, item->key);
    map_put(batch->written, item->key, batch);
    json_decref(decoded);
    return 0;
}

/* What is stored already is not written again: a region that begins anew says everything anew. */
static bool is_stored(const struct stored_instance *stored, const json_t *object)
{
    size_t len;
    AUTO_FREE char *body = object_encode(object, &len);
    return hash_bytes(body, len, HASH_SEED) == stored->hash;
}

static void replace_instance(struct archive_batch *batch, const struct archive_item *item,
                             const struct stored_instance *stored, json_t *object)
{
    json_put(object, "metadata.uid", json_string(stored->uid));
    json_put(object, "metadata.creationTimestamp", json_string(stored->created));
    json_put(object, "metadata.generation", json_integer(1));
    if (!is_stored(stored, object))
        writes_replace(batch->writes, &instance_kind, object, stored->revision, stored->selectable,
                       item->key);
}

/* The record must be about the key and the region that it came under. */
static bool names_itself(const struct archive_item *item, const json_t *object)
{
    AUTO_FREE char *key = mem_printf("%s/%s", object_namespace(object), object_name(object));
    const char *region = json_at_text(object, "spec.region");
    return strcmp(key, item->key) == 0 && strcmp(region, item->agent->route->region->name) == 0;
}

static void write_instance(struct archive_batch *batch, const struct archive_item *item,
                           const json_t *info)
{
    json_t *object = record_instance(info);
    const struct stored_instance *stored = map_get(batch->instances, item->key);
    if (!object || !names_itself(item, object)) {
        log_warn("record names no instance of its region", LOG_S("scope", item->agent->scope),
                 LOG_S("key", item->key));
    } else if (may_write(batch, item)) {
        if (stored) {
            replace_instance(batch, item, stored, object);
        } else if (!map_has(batch->homeless, item->key)) {
            object_prepare_create(object);
            writes_create(batch->writes, &instance_kind, object, item->key);
        }
        map_put(batch->written, item->key, batch);
    }
    json_decref(object);
}

/* ------------------------------------------------------------------------------------------
 * objects with a status */

/* The object that records change, as read from the store or as the batch has changed it already. */
static struct target *target_of(struct archive_batch *batch, const struct controlled_kind *kind,
                                const char *ns, const char *name, struct err *err)
{
    AUTO_FREE char *id = mem_printf("%s\n%s/%s", kind->resource, ns, name);
    struct target *target = map_get(batch->targets, id);
    if (target)
        return target;
    struct store_key key = {kind->resource, ns, name};
    struct store_object *object = store_get(batch->store, &key, err);
    if (!object && err->code != ERR_NOT_FOUND)
        return NULL;
    target = mem_zalloc(sizeof(*target));
    target->kind = kind;
    if (object) {
        target->exists = true;
        target->old = object_decode(object->body, object->body_len, object->revision, err);
        target->object = json_deep_copy(target->old);
        target->revision = object->revision;
        free(object);
    }
    map_put(batch->targets, id, target);
    return target;
}

static void apply_to_part(const struct archive_item *item, json_t *object, const json_t *record)
{
    bool is_state = item->agent->flow == ARCHIVE_STATE;
    bool ours = true;
    if (!record)
        record_clear(object, is_state);
    else
        ours =
            is_state ? record_apply_state(object, record) : record_apply_complete(object, record);
    if (!ours)
        log_debug("record of another incarnation", LOG_S("key", item->key),
                  LOG_S("region", item->agent->route->region->name));
}

/* @record: NULL for a tombstone. */
static int write_part(struct archive_batch *batch, const struct archive_item *item,
                      const json_t *record, struct err *err)
{
    const char *region = item->agent->route->region->name;
    const char *slash = strchr(item->key, '/');
    if (!slash)
        return 0;
    AUTO_FREE char *ns = mem_strndup(item->key, (size_t)(slash - item->key));
    AUTO_FREE char *name = part_name(slash + 1, region);
    struct target *target = target_of(batch, &regional_kind, ns, name, err);
    if (!target)
        return -1;
    if (!target->exists && record && item->agent->flow == ARCHIVE_STATE &&
        !json_at_bool(record, "gone", false))
        return batch->unknown(batch->context, region, item->key, item->revision, err);
    if (target->object)
        apply_to_part(item, target->object, record);
    return 0;
}

static int write_region(struct archive_batch *batch, const struct archive_item *item,
                        const json_t *heartbeat, struct err *err)
{
    struct target *target =
        target_of(batch, &region_kind, "", item->agent->route->region->name, err);
    if (!target)
        return -1;
    if (target->object)
        record_apply_heartbeat(target->object, heartbeat, &batch->heartbeats, clock_wall_ms());
    return 0;
}

/* ------------------------------------------------------------------------------------------ the
 * commit */

static int write_tombstone(struct archive_batch *batch, const struct archive_item *item,
                           struct err *err)
{
    if (item->agent->flow == ARCHIVE_INSTANCE)
        return delete_instance(batch, item, err);
    return item->agent->flow == ARCHIVE_HEARTBEAT ? 0 : write_part(batch, item, NULL, err);
}

static int write_item(struct archive_batch *batch, const struct archive_item *item, struct err *err)
{
    if (!item->value)
        return write_tombstone(batch, item, err);
    struct err bad = {0};
    json_t *record = json_parse(item->value, item->value_len, false, &bad);
    if (!record) {
        log_warn("record can't be read", LOG_S("scope", item->agent->scope),
                 LOG_S("key", item->key), LOG_S("error", bad.message));
        return 0;
    }
    int rc = 0;
    switch (item->agent->flow) {
    case ARCHIVE_INSTANCE:
        write_instance(batch, item, record);
        break;
    case ARCHIVE_STATE:
    case ARCHIVE_COMPLETE:
        rc = write_part(batch, item, record, err);
        break;
    case ARCHIVE_HEARTBEAT:
        rc = write_region(batch, item, record, err);
        break;
    }
    json_decref(record);
    return rc;
}

static int build_writes(struct archive_batch *batch, struct err *err)
{
    writes_clear(batch->writes);
    map_clear(batch->targets);
    map_clear(batch->written);
    for (size_t i = 0; i < batch->count; i++) {
        if (write_item(batch, &batch->items[i], err))
            return -1;
    }
    for (struct map_iter it = {0}; map_next(batch->targets, &it);) {
        const struct target *target = it.value;
        if (target->object)
            writes_update(batch->writes, target->kind, target->old, target->revision,
                          target->object, NULL);
    }
    return 0;
}

/* What changed meanwhile is read again when the writes are built anew: instances are remembered, so
 * they are here. One that has no namespace to be in is left out. */
static int reload_conflicts(struct archive_batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->writes->count; i++) {
        const struct store_write *write = &batch->writes->items[i];
        if (write->result == ERR_FORBIDDEN)
            map_put(batch->homeless, batch->writes->owners[i], batch);
        else if (write->result != ERR_NONE &&
                 strcmp(write->key.resource, instance_kind.resource) == 0 &&
                 reload_instance(batch, write->key.ns, write->key.name, err))
            return -1;
    }
    return 0;
}

static bool has_conflict(const struct archive_batch *batch)
{
    for (size_t i = 0; i < batch->writes->count; i++) {
        if (batch->writes->items[i].result != ERR_NONE)
            return true;
    }
    return false;
}

static void tell_change(const struct archive_batch *batch, const char *key, const json_t *object)
{
    const struct stored_instance *before = map_get(batch->instances, key);
    if (before && batch->changed)
        batch->changed(batch->context, &before->facts, object);
}

static void remember_written(struct archive_batch *batch)
{
    for (size_t i = 0; i < batch->writes->count; i++) {
        const struct store_write *write = &batch->writes->items[i];
        if (strcmp(write->key.resource, instance_kind.resource) != 0)
            continue;
        AUTO_FREE char *key = mem_printf("%s/%s", write->key.ns, write->key.name);
        struct err err;
        json_t *object = write->operation == STORE_DELETE
                             ? NULL
                             : object_decode(write->body, write->body_len, write->revision, &err);
        if (object) {
            tell_change(batch, key, object);
            remember_instance(batch, key, object, write->revision, write->selectable,
                              hash_bytes(write->body, write->body_len, HASH_SEED));
        } else {
            map_remove(batch->instances, key);
        }
        json_decref(object);
    }
}

/* The positions that moved, in three arrays of the caller's. */
static size_t collect_positions(struct archive_agent *agents, size_t agent_count,
                                const char *cluster_id, struct store_position *positions,
                                char **values, struct archive_position **moved)
{
    size_t count = 0;
    for (size_t a = 0; a < agent_count; a++) {
        for (int p = 0; p < agents[a].partition_count; p++) {
            struct archive_position *position = &agents[a].partitions[p];
            if (position->next < 0)
                continue;
            values[count] = mem_printf("%s:%lld", cluster_id, (long long)position->next);
            positions[count] =
                (struct store_position){position->name, values[count], position->stored};
            moved[count++] = position;
        }
    }
    return count;
}

static struct store_mark *collect_marks(const struct archive_batch *batch)
{
    struct store_mark *marks = mem_array(batch->count + 1, sizeof(*marks));
    for (size_t i = 0; i < batch->count; i++) {
        const struct archive_item *item = &batch->items[i];
        marks[i] = (struct store_mark){item->agent->scope, item->key, item->order.epoch,
                                       item->order.sequence, item->value == NULL};
    }
    return marks;
}

/* Tries until nobody else's write comes in between. */
static int commit_writes(struct archive_batch *batch, struct store_commit *commit, struct err *err)
{
    map_clear(batch->homeless);
    for (int i = 0; i < CONFLICT_TRIES; i++) {
        if (build_writes(batch, err))
            return -1;
        commit->writes = batch->writes->items;
        commit->write_count = batch->writes->count;
        if (store_commit(batch->store, commit, err) == 0)
            return 0;
        if (err->code != ERR_CONFLICT || !has_conflict(batch))
            return -1;
        if (reload_conflicts(batch, err))
            return -1;
    }
    return err_set(err, ERR_TRANSIENT, "other writers were always faster");
}

int archive_batch_commit(struct archive_batch *batch, struct archive_agent *agents,
                         size_t agent_count, const char *cluster_id, struct err *err)
{
    size_t most = 1;
    for (size_t i = 0; i < agent_count; i++)
        most += (size_t)agents[i].partition_count;
    struct store_position *positions = mem_array(most, sizeof(*positions));
    char **values = mem_array(most, sizeof(*values));
    struct archive_position **moved = mem_array(most, sizeof(struct archive_position *));
    struct store_mark *marks = collect_marks(batch);
    struct store_commit commit = {
        .positions = positions, .marks = marks, .mark_count = batch->count, .all_or_nothing = true};
    commit.position_count =
        collect_positions(agents, agent_count, cluster_id, positions, values, moved);
    int rc = commit_writes(batch, &commit, err);
    if (rc == 0) {
        remember_written(batch);
        for (size_t i = 0; i < batch->count; i++)
            archive_agent_note(batch->items[i].agent, batch->items[i].key, batch->items[i].order,
                               batch->items[i].value == NULL);
        for (size_t i = 0; i < commit.position_count; i++) {
            free(moved[i]->stored);
            moved[i]->stored = mem_take(&values[i]);
            moved[i]->next = -1;
        }
        clear_items(batch);
    }
    writes_clear(batch->writes);
    for (size_t i = 0; i < commit.position_count; i++)
        free(values[i]);
    free(marks);
    free(moved);
    free(values);
    free(positions);
    return rc;
}
