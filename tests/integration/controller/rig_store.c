/* The store as users of the API have it. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <controller/writes.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define DEPLOYMENTS "deployments.mot.dev"

static int64_t commit_one(struct rig *rig, struct writes *writes, struct err *err)
{
    int64_t revision = -1;
    if (writes->count && store_write(rig->store, &writes->items[0], err) == 0)
        revision = writes->items[0].revision;
    writes_clear(writes);
    free(writes);
    return revision;
}

int64_t rig_create(struct rig *rig, const char *name, unsigned regions)
{
    json_t *names = json_array();
    for (int i = 0; i < 3; i++) {
        if (regions & (1U << i))
            json_array_append_new(names, json_string(rig->regions[i]));
    }
    json_t *object = json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:{s:{s:{s:[{s:s, s:s}]}}, s:[{s:s, s:o, s:i}]}}", "apiVersion",
        "mot.dev/v1alpha1", "kind", "Deployment", "metadata", "name", name, "namespace", RIG_NS,
        "spec", "template", "spec", "containers", "name", "main", "image", "img:1", "placement",
        "name", "all", "regions", names, "replicasPerZone", 2);
    object_prepare_create(object);
    struct err err = {0};
    for (int64_t until = clock_ms() + RIG_WAIT_MS;;) {
        struct writes *writes = mem_zalloc(sizeof(*writes));
        writes_create(writes, &deployment_kind, object, NULL);
        int64_t revision = commit_one(rig, writes, &err);
        if (revision > 0) {
            json_decref(object);
            return revision;
        }
        if (err.code != ERR_TRANSIENT || clock_ms() > until)
            fail_msg("%s: %s", name, err.message);
        clock_sleep_ms(20);
    }
}

static const struct controlled_kind *kind_of(const char *resource)
{
    static const struct controlled_kind *const kinds[] = {&deployment_kind, &regional_kind,
                                                          &instance_kind, &region_kind};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i]->resource, resource) == 0)
            return kinds[i];
    }
    fail_msg("no kind %s", resource);
    return NULL;
}

int64_t rig_update(struct rig *rig, const char *resource, const char *ns, const char *name,
                   rig_change *change, const void *context)
{
    struct store_key key = {resource, ns, name};
    struct err err = {0};
    for (int64_t until = clock_ms() + RIG_WAIT_MS; clock_ms() < until;) {
        struct store_object *stored = store_get(rig->store, &key, &err);
        if (!stored) {
            assert_int_equal(err.code, ERR_TRANSIENT);
            clock_sleep_ms(20);
            continue;
        }
        json_t *old = object_decode(stored->body, stored->body_len, stored->revision, &err);
        json_t *object = json_deep_copy(old);
        change(object, context);
        if (!object_deleting(object) || object_deleting(old))
            object_prepare_update(object, old, true);
        struct writes *writes = mem_zalloc(sizeof(*writes));
        writes_update(writes, kind_of(resource), old, stored->revision, object, NULL);
        int64_t revision = commit_one(rig, writes, &err);
        json_decref(object);
        json_decref(old);
        free(stored);
        if (revision > 0)
            return revision;
    }
    fail_msg("%s can't be updated: %s", name, err.message);
    return -1;
}

void rig_set_image(json_t *deployment, const void *image)
{
    json_t *container = json_array_get(json_at(deployment, "spec.template.spec.containers"), 0);
    json_object_set_new(container, "image", json_string(image));
}

static void mark_deleted(json_t *object, const void *context)
{
    (void)context;
    object_mark_deleted(object);
}

void rig_delete(struct rig *rig, const char *name)
{
    rig_update(rig, DEPLOYMENTS, RIG_NS, name, mark_deleted, NULL);
}

json_t *rig_get(struct rig *rig, const char *resource, const char *ns, const char *name)
{
    struct store_key key = {resource, ns, name};
    struct err err = {0};
    struct store_object *stored = store_get(rig->store, &key, &err);
    if (!stored)
        return NULL;
    json_t *object = object_decode(stored->body, stored->body_len, stored->revision, &err);
    free(stored);
    return object;
}

int64_t rig_count(struct rig *rig, const char *resource)
{
    struct store_list_query query = {.resource = resource};
    struct err err = {0};
    int64_t count;
    if (store_count(rig->store, &query, &count, &err))
        fail_msg("%s", err.message);
    return count;
}

int64_t rig_revision(struct rig *rig)
{
    struct err err = {0};
    int64_t revision;
    if (store_revision(rig->store, &revision, &err))
        fail_msg("%s", err.message);
    return revision;
}

void rig_await_condition(struct rig *rig, const char *resource, const char *ns, const char *name,
                         const char *type, const char *status)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS;;) {
        json_t *object = rig_get(rig, resource, ns, name);
        const char *now =
            json_at_text(condition_get(json_object_get(object, "status"), type), "status");
        bool done = now && strcmp(now, status) == 0;
        if (!done && clock_ms() > until) {
            AUTO_FREE char *text = json_text(object);
            fail_msg("%s is not %s %s: %s", name, type, status, text);
        }
        json_decref(object);
        if (done)
            return;
        clock_sleep_ms(10);
    }
}

void rig_await(struct rig *rig, const char *resource, const char *ns, const char *name,
               const char *path, bool there)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS;;) {
        json_t *object = rig_get(rig, resource, ns, name);
        bool is = path ? json_at(object, path) != NULL : object != NULL;
        json_decref(object);
        if (is == there)
            return;
        if (clock_ms() > until)
            fail_msg("%s: %s is %sthere", name, path ? path : "it", is ? "" : "not ");
        clock_sleep_ms(10);
    }
}

void rig_await_count(struct rig *rig, const char *resource, int64_t count)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS; rig_count(rig, resource) != count;) {
        if (clock_ms() > until)
            fail_msg("%lld %s instead of %lld", (long long)rig_count(rig, resource), resource,
                     (long long)count);
        clock_sleep_ms(20);
    }
}
