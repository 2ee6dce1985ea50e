#include "memory_store.h"

#include <stdio.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

static char *id_of(const struct store_key *key)
{
    return mem_printf("%s\n%s/%s", key->resource, key->ns, key->name);
}

static char *add(char **end, const char *text)
{
    char *start = *end;
    *end = stpcpy(start, text) + 1;
    return start;
}

struct store_object *store_object_copy(const struct store_object *object)
{
    size_t len = strlen(object->key.resource) + strlen(object->key.ns) + strlen(object->key.name) +
                 strlen(object->uid) + object->body_len + strlen(object->selectable) + 6;
    struct store_object *copy = mem_zalloc(sizeof(*copy) + len);
    char *end = (char *)(copy + 1);
    *copy = *object;
    copy->key.resource = add(&end, object->key.resource);
    copy->key.ns = add(&end, object->key.ns);
    copy->key.name = add(&end, object->key.name);
    copy->uid = add(&end, object->uid);
    copy->body = add(&end, object->body);
    copy->selectable = add(&end, object->selectable);
    return copy;
}

void memory_store_init(struct store *store)
{
    *store = (struct store){.objects = map_new(free),
                            .positions = map_new(free),
                            .marks = map_new(free),
                            .revision = 1};
}

void memory_store_release(struct store *store)
{
    map_free(store->objects);
    map_free(store->positions);
    map_free(store->marks);
}

static void put(struct store *store, const struct store_key *key, const char *uid, const char *body,
                const char *selectable)
{
    AUTO_FREE char *id = id_of(key);
    const struct store_object object = {.key = *key,
                                        .uid = uid,
                                        .revision = ++store->revision,
                                        .body = body,
                                        .body_len = strlen(body),
                                        .selectable = selectable};
    map_put(store->objects, id, store_object_copy(&object));
}

void memory_store_put(struct store *store, const struct store_key *key, const char *body,
                      const char *selectable)
{
    put(store, key, "", body, selectable);
}

/* ------------------------------------------------------------------------------------------ reads
 */

struct store_object *store_get(struct store *store, const struct store_key *key, struct err *err)
{
    AUTO_FREE char *id = id_of(key);
    const struct store_object *object = map_get(store->objects, id);
    if (!object) {
        err_set(err, ERR_NOT_FOUND, "not found");
        return NULL;
    }
    return store_object_copy(object);
}

int store_list(struct store *store, const struct store_list_query *query, int64_t *ret_revision,
               store_visit *visit, void *context, struct err *err)
{
    *ret_revision = store->revision;
    for (struct map_iter it = {0}; map_next(store->objects, &it);) {
        const struct store_object *object = it.value;
        if (strcmp(object->key.resource, query->resource) == 0 && visit(context, object, err))
            return -1;
    }
    return 0;
}

char *store_position_get(struct store *store, const char *name, struct err *err)
{
    (void)err;
    return mem_strdup(map_get(store->positions, name));
}

int store_marks(struct store *store, const char *scope, store_mark_visit *visit, void *context,
                struct err *err)
{
    (void)err;
    for (struct map_iter it = {0}; map_next(store->marks, &it);) {
        struct store_mark mark = *(const struct store_mark *)it.value;
        size_t len = strlen(scope);
        if (strncmp(it.key, scope, len) != 0 || it.key[len] != '\n')
            continue;
        mark.scope = scope;
        mark.key = it.key + len + 1;
        visit(context, &mark);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * commits */

static enum err_code judge(struct store *store, const struct store_write *write)
{
    AUTO_FREE char *id = id_of(&write->key);
    const struct store_object *object = map_get(store->objects, id);
    if (write->operation == STORE_CREATE)
        return object ? ERR_EXISTS : ERR_NONE;
    if (!object)
        return ERR_NOT_FOUND;
    return object->revision == write->expected ? ERR_NONE : ERR_CONFLICT;
}

/* Somebody else was faster with one of the objects. */
static void meddle(struct store *store, const struct store_commit *commit)
{
    if (commit->write_count == 0)
        return;
    const struct store_write *write =
        &commit->writes[tape_below(store->faults, commit->write_count)];
    AUTO_FREE char *id = id_of(&write->key);
    struct store_object *object = map_get(store->objects, id);
    if (object)
        object->revision = ++store->revision;
}

static bool named_twice(const struct store_commit *commit)
{
    struct map *seen = map_new(NULL);
    bool twice = false;
    for (size_t i = 0; i < commit->write_count; i++) {
        AUTO_FREE char *id = id_of(&commit->writes[i].key);
        twice |= map_has(seen, id);
        map_put(seen, id, seen);
    }
    map_free(seen);
    return twice;
}

static int check(struct store *store, struct store_commit *commit, struct err *err)
{
    bool refused = false;
    if (named_twice(commit))
        return err_set(err, ERR_INVALID, "two writes name one object");
    for (size_t i = 0; i < commit->position_count; i++) {
        const char *stored = map_get(store->positions, commit->positions[i].name);
        if (strcmp(stored ? stored : "", commit->positions[i].expected) != 0)
            return err_set(err, ERR_CONFLICT, "fenced off");
    }
    for (size_t i = 0; i < commit->write_count; i++) {
        commit->writes[i].result = judge(store, &commit->writes[i]);
        refused |= commit->writes[i].result != ERR_NONE;
    }
    return refused ? err_set(err, ERR_CONFLICT, "a write can't be done") : 0;
}

static void do_writes(struct store *store, struct store_commit *commit)
{
    for (size_t i = 0; i < commit->write_count; i++) {
        struct store_write *write = &commit->writes[i];
        AUTO_FREE char *id = id_of(&write->key);
        store->writes++;
        if (write->operation == STORE_DELETE)
            map_remove(store->objects, id);
        else
            put(store, &write->key, write->uid, write->body, write->selectable);
        write->revision = store->revision;
    }
}

int store_commit(struct store *store, struct store_commit *commit, struct err *err)
{
    size_t fault = store->faults ? tape_below(store->faults, 8) : 0;
    if (fault == 1)
        return err_set(err, ERR_TRANSIENT, "away");
    if (fault == 2)
        meddle(store, commit);
    if (check(store, commit, err))
        return -1;
    do_writes(store, commit);
    for (size_t i = 0; i < commit->position_count; i++)
        map_put(store->positions, commit->positions[i].name,
                mem_strdup(commit->positions[i].value));
    for (size_t i = 0; i < commit->mark_count; i++) {
        AUTO_FREE char *id = mem_printf("%s\n%s", commit->marks[i].scope, commit->marks[i].key);
        struct store_mark *mark = mem_zalloc(sizeof(*mark));
        *mark = commit->marks[i];
        map_put(store->marks, id, mark);
    }
    return fault == 3 ? err_set(err, ERR_TIMEOUT, "written, but nobody knows") : 0;
}

/* ------------------------------------------------------------------------------------------ not
 * called */

struct store_feed *store_feed_open(struct store *store, const char *resource, int64_t after)
{
    (void)store;
    (void)resource;
    (void)after;
    return NULL;
}

struct store_feed *store_feed_open_brief(struct store *store, const char *resource, int64_t after)
{
    return store_feed_open(store, resource, after);
}

void store_feed_close(struct store_feed *feed)
{
    (void)feed;
}

int store_feed_next(struct store_feed *feed, int64_t timeout_ms, store_change_visit *visit,
                    void *context, struct err *err)
{
    (void)feed;
    (void)timeout_ms;
    (void)visit;
    (void)context;
    return err_set(err, ERR_UNSUPPORTED, "no feed");
}
