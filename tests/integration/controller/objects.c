#include "objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <controller/decide/garbage.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

void objects_open(struct objects *objects, const char *url)
{
    struct err err = {0};
    struct store_options options = {.url = url, .name = "test"};
    *objects = (struct objects){.store = store_open(&options, &err)};
    if (!objects->store)
        fail_msg("%s", err.message);
    objects->kinds = kinds_load(&err);
    if (!objects->kinds)
        fail_msg("%s", err.message);
    stored_kinds_init(&objects->stored, objects->kinds);
}

void objects_close(struct objects *objects)
{
    stored_kinds_release(&objects->stored);
    kinds_free(objects->kinds);
    store_close(objects->store);
}

static const struct stored_kind *kind_of(const struct objects *objects, const char *resource)
{
    const struct stored_kind *kind = stored_kinds_find(&objects->stored, resource);
    assert_non_null(kind);
    return kind;
}

/* One write of a batch that is made for it; the write's result. */
static enum err_code commit(struct objects *objects, struct writes *writes)
{
    struct err err = {0};
    int rc = store_write(objects->store, &writes->items[0], &err);
    writes_clear(writes);
    free(writes);
    if (rc && (err.code == ERR_TRANSIENT || err.code == ERR_TIMEOUT || err.code == ERR_INVALID))
        fail_msg("%s", err.message);
    return rc ? err.code : ERR_NONE;
}

void objects_namespace(struct objects *objects, const char *name)
{
    struct writes *writes = mem_zalloc(sizeof(*writes));
    json_t *object = json_pack("{s:s, s:s, s:{s:s}, s:{s:[s]}, s:{s:s}}", "apiVersion", "v1",
                               "kind", "Namespace", "metadata", "name", name, "spec", "finalizers",
                               FINALIZER_NAMESPACE, "status", "phase", "Active");
    object_prepare_create(object);
    writes_create(writes, &kind_of(objects, NAMESPACES)->controlled, object, NULL);
    json_decref(object);
    assert_int_equal(commit(objects, writes), ERR_NONE);
}

static json_t *reference_to(struct objects *objects, const struct new_object *new,
                            const struct owner *owner)
{
    json_t *object = objects_get(objects, new->resource, new->ns, owner->name);
    if (!object)
        fail_msg("there is no %s", owner->name);
    json_t *reference =
        json_pack("{s:s, s:s, s:s, s:s, s:b}", "apiVersion", json_at_text(object, "apiVersion"),
                  "kind", json_at_text(object, "kind"), "name", owner->name, "uid",
                  object_uid(object), "blockOwnerDeletion", owner->blocks);
    json_decref(object);
    return reference;
}

bool objects_create(struct objects *objects, struct new_object new)
{
    const struct stored_kind *kind = kind_of(objects, new.resource);
    json_t *references = new.references ? new.references : json_array();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(new.owners) && new.owners[i].name; i++)
        json_array_append_new(references, reference_to(objects, &new, &new.owners[i]));
    json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s*, s:o}, s:{}}", "apiVersion",
                               kind->controlled.api_version, "kind", kind->controlled.kind,
                               "metadata", "name", new.name, "namespace", *new.ns ? new.ns : NULL,
                               "ownerReferences", references, "spec");
    if (new.finalizer)
        object_add_finalizer(object, new.finalizer);
    object_prepare_create(object);
    struct writes *writes = mem_zalloc(sizeof(*writes));
    writes_create(writes, &kind->controlled, object, NULL);
    json_decref(object);
    enum err_code code = commit(objects, writes);
    assert_true(code == ERR_NONE || code == ERR_FORBIDDEN);
    return code == ERR_NONE;
}

/* Reads, changes and writes it, until nobody came in between. */
static void change(struct objects *objects, const char *resource, const char *ns, const char *name,
                   void (*act)(struct writes *writes, const struct stored_kind *kind,
                               const json_t *old, json_t *object, int64_t revision,
                               const void *context),
                   const void *context)
{
    const struct stored_kind *kind = kind_of(objects, resource);
    enum err_code code;
    do {
        json_t *old = objects_get(objects, resource, ns, name);
        if (!old)
            fail_msg("there is no %s %s", resource, name);
        json_t *object = json_deep_copy(old);
        struct writes *writes = mem_zalloc(sizeof(*writes));
        act(writes, kind, old, object, object_revision(old), context);
        code = commit(objects, writes);
        json_decref(object);
        json_decref(old);
    } while (code == ERR_CONFLICT);
    assert_int_equal(code, ERR_NONE);
}

static void act_delete(struct writes *writes, const struct stored_kind *kind, const json_t *old,
                       json_t *object, int64_t revision, const void *context)
{
    enum policy policy = *(const enum policy *)context;
    if (policy == FOREGROUND)
        object_add_finalizer(object, FINALIZER_FOREGROUND);
    if (policy == ORPHAN)
        object_add_finalizer(object, FINALIZER_ORPHAN);
    assert_true(stored_delete(writes, kind, old, revision, object, NULL));
}

void objects_delete(struct objects *objects, const char *resource, const char *ns, const char *name,
                    enum policy policy)
{
    change(objects, resource, ns, name, act_delete, &policy);
}

static void act_release(struct writes *writes, const struct stored_kind *kind, const json_t *old,
                        json_t *object, int64_t revision, const void *context)
{
    assert_true(object_remove_finalizer(object, context));
    assert_true(stored_finish(writes, kind, old, revision, object, NULL));
}

void objects_remove_finalizer(struct objects *objects, const char *resource, const char *ns,
                              const char *name, const char *finalizer)
{
    change(objects, resource, ns, name, act_release, finalizer);
}

/* ------------------------------------------------------------------------------------------
 * looking */

json_t *objects_get(struct objects *objects, const char *resource, const char *ns, const char *name)
{
    struct store_key key = {resource, ns, name};
    struct err err = {0};
    struct store_object *stored = store_get(objects->store, &key, &err);
    if (!stored && err.code != ERR_NOT_FOUND)
        fail_msg("%s", err.message);
    json_t *object =
        stored ? object_decode(stored->body, stored->body_len, stored->revision, &err) : NULL;
    free(stored);
    return object;
}

int64_t objects_count(struct objects *objects, const char *resource, const char *ns)
{
    struct store_list_query query = {.resource = resource, .ns = ns};
    struct err err = {0};
    int64_t count;
    if (store_count(objects->store, &query, &count, &err))
        fail_msg("%s", err.message);
    return count;
}

void objects_await_count(struct objects *objects, const char *resource, const char *ns,
                         int64_t count)
{
    for (int64_t until = clock_ms() + OBJECTS_WAIT_MS;
         objects_count(objects, resource, ns) != count; clock_sleep_ms(10)) {
        if (clock_ms() > until)
            fail_msg("%lld %s instead of %lld", (long long)objects_count(objects, resource, ns),
                     resource, (long long)count);
    }
}

/* Until @is says so. */
static void await(struct objects *objects, const char *resource, const char *ns, const char *name,
                  bool (*is)(const json_t *object, const void *context), const void *context)
{
    for (int64_t until = clock_ms() + OBJECTS_WAIT_MS;; clock_sleep_ms(10)) {
        json_t *object = objects_get(objects, resource, ns, name);
        bool done = is(object, context);
        if (!done && clock_ms() > until) {
            AUTO_FREE char *text = object ? json_text(object) : NULL;
            fail_msg("%s %s is not as it should be: %s", resource, name, text ? text : "gone");
        }
        json_decref(object);
        if (done)
            return;
    }
}

static bool is_gone(const json_t *object, const void *context)
{
    (void)context;
    return !object;
}

void objects_await_gone(struct objects *objects, const char *resource, const char *ns,
                        const char *name)
{
    await(objects, resource, ns, name, is_gone, NULL);
}

static bool has_references(const json_t *object, const void *context)
{
    return object &&
           json_array_size(json_at(object, "metadata.ownerReferences")) == *(const size_t *)context;
}

void objects_await_released(struct objects *objects, const char *resource, const char *ns,
                            const char *name, size_t references)
{
    await(objects, resource, ns, name, has_references, &references);
}

static bool has_reason(const json_t *object, const void *context)
{
    const char *const *wanted = context;
    const char *reason =
        json_at_text(condition_get(json_object_get(object, "status"), wanted[0]), "reason");
    return reason && strcmp(reason, wanted[1]) == 0;
}

void objects_await_reason(struct objects *objects, const char *resource, const char *ns,
                          const char *name, const char *type, const char *reason)
{
    const char *const wanted[] = {type, reason};
    await(objects, resource, ns, name, has_reason, wanted);
}

struct search {
    const char *name;
    int64_t revision;
};

static int visit(void *context, const struct store_change *change, struct err *err)
{
    struct search *search = context;
    (void)err;
    if (change->operation == STORE_DELETE && strcmp(change->object.key.name, search->name) == 0)
        search->revision = change->object.revision;
    return 0;
}

int64_t objects_deleted_at(struct objects *objects, const char *resource, const char *name)
{
    struct search search = {.name = name};
    struct err err = {0};
    int64_t revision;
    if (store_changes(objects->store, resource, 1, 0, 1000000, &revision, visit, &search, &err))
        fail_msg("%s", err.message);
    return search.revision;
}
