#include "roles.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/writer.h>
#include <mot/model/yaml.h>

#include "defaults_embedded.h"
#include "rules.h"

#define TRIES 5

/* Who owns what these writes set, in managedFields. */
#define MANAGER            "mot-api"
#define AGGREGATED_MANAGER "clusterrole-aggregation-controller" /* as in Kubernetes */

/* -------------------------------------------------------------------------------- what is missing
 */

/* Adds members of @wanted's object at @path that are missing. */
static bool add_members(json_t *object, const json_t *wanted, const char *path)
{
    const char *key;
    json_t *value;
    bool changed = false;
    json_t *members = json_at(wanted, path);
    json_object_foreach(members, key, value)
    {
        if (!json_at(object, path))
            json_put(object, path, json_object());
        if (json_object_get(json_at(object, path), key))
            continue;
        json_object_set_new(json_at(object, path), key, json_deep_copy(value));
        changed = true;
    }
    return changed;
}

/* Adds items of @wanted's array at @path that are missing. */
static bool add_items(json_t *object, const json_t *wanted, const char *path)
{
    bool changed = false;
    const json_t *items = json_at(wanted, path);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        json_t *present = json_at(object, path);
        bool found = false;
        for (size_t n = 0; n < json_array_size(present); n++)
            found = found || json_same(json_array_get(present, n), item);
        if (found)
            continue;
        if (!json_is_array(present))
            json_put(object, path, json_array());
        json_array_append_new(json_at(object, path), json_deep_copy(item));
        changed = true;
    }
    return changed;
}

static bool add_rules(json_t *object, const json_t *wanted)
{
    json_t *rules = json_object_get(object, "rules");
    json_t *missing = rules_missing(rules, json_object_get(wanted, "rules"));
    bool changed = json_array_size(missing) > 0;
    if (changed && !json_is_array(rules))
        json_object_set_new(object, "rules", json_array());
    if (changed)
        json_array_extend(json_object_get(object, "rules"), missing);
    json_decref(missing);
    return changed;
}

bool roles_reconcile(json_t *object, const json_t *wanted)
{
    const char *update = json_string_value(
        json_object_get(json_at(object, "metadata.annotations"), ROLES_AUTOUPDATE));
    if (update && strcmp(update, "false") == 0)
        return false;
    bool changed = add_members(object, wanted, "metadata.labels");
    changed |= add_members(object, wanted, "metadata.annotations");
    if (json_object_get(wanted, "aggregationRule"))
        changed |= add_items(object, wanted, "aggregationRule.clusterRoleSelectors");
    else if (json_object_get(wanted, "rules"))
        changed |= add_rules(object, wanted);
    changed |= add_items(object, wanted, "subjects");
    return changed;
}

/* -------------------------------------------------------------------------------- storing */

static struct store_key key_of(const json_t *object)
{
    bool binding = strcmp(json_at_text(object, "kind"), "ClusterRoleBinding") == 0;
    return (struct store_key){
        .resource = rbac_resource(binding ? RBAC_CLUSTER_ROLE_BINDINGS : RBAC_CLUSTER_ROLES),
        .ns = "",
        .name = object_name(object)};
}

/* Where the roles are, and what is known of their kinds. */
struct roles_store {
    struct store *store;
    const struct kinds *kinds;
};

static const struct kind *kind_of(const struct roles_store *place, const json_t *object)
{
    return kinds_find_kind(place->kinds, RBAC_GROUP "/v1", json_at_text(object, "kind"));
}

/* As the manager of the defaults: what differs from @old (NULL: all of it) belongs to it. */
static void sign(const struct roles_store *place, const json_t *old, json_t *object)
{
    const struct kind *kind = kind_of(place, object);
    if (kind)
        writer_sign(place->kinds, kind, MANAGER, clock_wall_ms() / 1000, old, object);
}

static int write_object(struct store *store, const struct store_object *stored,
                        const json_t *object, struct err *err)
{
    AUTO_FREE char *selectable = object_selectable(object, NULL);
    struct store_write write = {.operation = stored ? STORE_UPDATE : STORE_CREATE,
                                .key = key_of(object),
                                .uid = object_uid(object),
                                .expected = stored ? stored->revision : 0,
                                .selectable = selectable};
    AUTO_FREE char *body = object_encode(object, &write.body_len);
    write.body = body;
    if (stored && strcmp(stored->selectable, selectable) != 0)
        write.previous = stored->selectable;
    return store_write(store, &write, err);
}

static int create(const struct roles_store *place, const json_t *wanted, struct err *err)
{
    json_t *object = json_deep_copy(wanted);
    object_prepare_create(object);
    json_object_del(json_object_get(object, "metadata"), "generation");
    sign(place, NULL, object);
    int result = write_object(place->store, NULL, object, err);
    json_decref(object);
    return result;
}

/* A binding can't point elsewhere than it did: it is made anew. */
static int remove_other_role(struct store *store, const struct store_object *stored,
                             const json_t *object, const json_t *wanted, struct err *err)
{
    if (json_same(json_object_get(object, "roleRef"), json_object_get(wanted, "roleRef")))
        return 0;
    struct store_write write = {.operation = STORE_DELETE,
                                .key = stored->key,
                                .uid = stored->uid,
                                .expected = stored->revision,
                                .body = stored->body,
                                .body_len = stored->body_len,
                                .selectable = stored->selectable};
    if (store_write(store, &write, err) < 0)
        return -1;
    return err_set(err, ERR_CONFLICT, "the binding was removed to be made anew");
}

static int update(const struct roles_store *place, const struct store_object *stored,
                  const json_t *wanted, struct err *err)
{
    json_t *object = object_decode(stored->body, stored->body_len, stored->revision, err);
    if (!object)
        return -1;
    json_t *old = json_deep_copy(object);
    int result = 0;
    if (json_object_get(wanted, "roleRef"))
        result = remove_other_role(place->store, stored, object, wanted, err);
    if (result == 0 && roles_reconcile(object, wanted)) {
        sign(place, old, object);
        result = write_object(place->store, stored, object, err);
    }
    json_decref(old);
    json_decref(object);
    return result;
}

static int ensure_once(const struct roles_store *place, const json_t *wanted, struct err *err)
{
    struct store_key key = key_of(wanted);
    struct store_object *stored = store_get(place->store, &key, err);
    if (!stored)
        return err->code == ERR_NOT_FOUND ? create(place, wanted, err) : -1;
    int result = update(place, stored, wanted, err);
    free(stored);
    return result;
}

static int ensure(const struct roles_store *place, const json_t *wanted, struct err *err)
{
    int result = -1;
    for (int n = 0; n < TRIES; n++) {
        *err = (struct err){0};
        result = ensure_once(place, wanted, err);
        bool raced = result < 0 && (err->code == ERR_EXISTS || err->code == ERR_CONFLICT ||
                                    err->code == ERR_NOT_FOUND);
        if (!raced)
            break;
    }
    return result < 0 ? err_wrap(err, "default role %s", object_name(wanted)) : 0;
}

/* -------------------------------------------------------------------------------- defaults */

static void add_group(json_t *reference)
{
    const char *kind = json_at_text(reference, "kind");
    if (kind && strcmp(kind, "ServiceAccount") != 0)
        json_object_set_new(reference, "apiGroup", json_string(RBAC_GROUP));
}

/* What every one of them has. */
static void complete(json_t *wanted)
{
    size_t index;
    json_t *subject;
    json_object_set_new(wanted, "apiVersion", json_string(RBAC_GROUP "/v1"));
    json_t *metadata = json_object_get(wanted, "metadata");
    if (!json_object_get(metadata, "labels"))
        json_object_set_new(metadata, "labels", json_object());
    json_object_set_new(json_object_get(metadata, "labels"), "kubernetes.io/bootstrapping",
                        json_string("rbac-defaults"));
    json_object_set_new(metadata, "annotations", json_pack("{s:s}", ROLES_AUTOUPDATE, "true"));
    add_group(json_object_get(wanted, "roleRef"));
    json_array_foreach(json_object_get(wanted, "subjects"), index, subject)
    {
        add_group(subject);
    }
}

static int ensure_file(const struct roles_store *place, const struct embedded_roles *file,
                       struct err *err)
{
    struct yaml_documents documents = {0};
    if (yaml_parse(file->name, (const char *)file->text, file->len, &documents, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < documents.count; i++) {
        complete(documents.items[i].value);
        result = ensure(place, documents.items[i].value, err);
    }
    yaml_documents_release(&documents);
    return result;
}

int roles_ensure_defaults(struct store *store, const struct kinds *kinds, struct err *err)
{
    const struct roles_store place = {store, kinds};
    for (const struct embedded_roles *file = defaults_embedded; file->name; file++)
        if (ensure_file(&place, file, err) < 0)
            return -1;
    return 0;
}

/* -------------------------------------------------------------------------------- aggregated
 * rules */

struct roles {
    struct roles_store place;
    struct authorizer *authorizer;
    pthread_t thread;
};

/* @object with these rules: a server-side apply of them, which overrules everybody. */
static json_t *apply_rules(const struct roles *roles, const json_t *object, json_t *rules,
                           struct err *err)
{
    const struct kind *kind = kind_of(&roles->place, object);
    if (!kind) {
        err_set(err, ERR_INTERNAL, "the kinds of RBAC are not known");
        return NULL;
    }
    json_t *config = json_pack("{s:s, s:s, s:{s:s}, s:O}", "apiVersion", kind->api_version, "kind",
                               kind->kind, "metadata", "name", object_name(object), "rules", rules);
    struct managed_conflicts conflicts;
    struct writer writer;
    json_t *merged;
    bool changed;
    writer_init(&writer, roles->place.kinds, kind, AGGREGATED_MANAGER, "", clock_wall_ms() / 1000);
    if (managed_apply(&writer.managed, object, config, true, &merged, &changed, &conflicts, err) <
        0)
        merged = NULL;
    managed_conflicts_release(&conflicts);
    json_decref(config);
    return merged;
}

static int store_rules(struct roles *roles, const struct store_object *stored, const json_t *object,
                       json_t *rules, struct err *err)
{
    json_t *next = apply_rules(roles, object, rules, err);
    int result = next ? write_object(roles->place.store, stored, next, err) : -1;
    json_decref(next);
    return result;
}

/* What is stored may have changed since @item was put together: then the next list tells. */
static int write_rules(struct roles *roles, const json_t *item, struct err *err)
{
    struct store_key key = {.resource = rbac_resource(RBAC_CLUSTER_ROLES),
                            .ns = "",
                            .name = json_at_text(item, "name")};
    struct store_object *stored = store_get(roles->place.store, &key, err);
    if (!stored)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    json_t *object = object_decode(stored->body, stored->body_len, stored->revision, err);
    json_t *rules = json_object_get(item, "rules");
    int result = object ? 0 : -1;
    if (object && json_array_size(json_at(object, "aggregationRule.clusterRoleSelectors")) > 0 &&
        !json_same(json_object_get(object, "rules"), rules))
        result = store_rules(roles, stored, object, rules, err);
    json_decref(object);
    free(stored);
    return result < 0 && err->code == ERR_CONFLICT ? 0 : result;
}

static int write_all(struct roles *roles, const json_t *list, struct err *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < json_array_size(list); i++)
        result = write_rules(roles, json_array_get(list, i), err);
    return result;
}

/* A written role shows itself by the change feed; until then, and after a failure, it waits. */
static void *run(void *context)
{
    struct roles *roles = context;
    struct backoff failures = BACKOFF_INIT(50, 5000);
    struct backoff repeats = BACKOFF_INIT(5, 2000);
    int64_t not_before = 0;
    json_t *list;
    while ((list = authorizer_unsettled(roles->authorizer, not_before)) != NULL) {
        struct err err = {0};
        if (write_all(roles, list, &err) == 0) {
            int64_t revision = 0;
            bool seen = store_revision(roles->place.store, &revision, &err) == 0 &&
                        authorizer_await(roles->authorizer, revision, 1000);
            backoff_reset(&failures);
            if (seen)
                backoff_reset(&repeats);
            not_before = seen ? 0 : clock_ms() + backoff_next(&repeats);
        } else {
            log_warn("the rules of aggregated roles can't be written", LOG_S("why", err.message));
            not_before = clock_ms() + backoff_next(&failures);
        }
        json_decref(list);
    }
    return NULL;
}

struct roles *roles_start(struct store *store, const struct kinds *kinds,
                          struct authorizer *authorizer)
{
    struct roles *roles = mem_zalloc(sizeof(*roles));
    roles->place = (struct roles_store){store, kinds};
    roles->authorizer = authorizer;
    if (pthread_create(&roles->thread, NULL, run, roles) != 0)
        abort();
    return roles;
}

void roles_stop(struct roles *roles)
{
    if (!roles)
        return;
    authorizer_stop(roles->authorizer);
    pthread_join(roles->thread, NULL);
    free(roles);
}
