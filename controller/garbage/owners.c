#include "owners.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define STRANGE_MAX 1000

struct fact {
    char *uid;              /* NULL: there is none of that name */
    enum owner_state state; /* of the one with that uid */
    json_t *elsewhere; /* uid → another namespace that has one of that name; NULL: not read */
};

static void fact_free(void *value)
{
    struct fact *fact = value;
    free(fact->uid);
    json_decref(fact->elsewhere);
    free(fact);
}

void owners_init(struct owners *owners, struct store *store, const struct stored_kinds *kinds,
                 struct recorder *recorder)
{
    *owners = (struct owners){.store = store,
                              .kinds = kinds,
                              .recorder = recorder,
                              .facts = map_new(fact_free),
                              .strange = map_new(NULL)};
}

void owners_release(struct owners *owners)
{
    map_free(owners->facts);
    map_free(owners->strange);
    *owners = (struct owners){0};
}

void owners_forget(struct owners *owners)
{
    map_clear(owners->facts);
}

static enum owner_state state_of(const json_t *owner)
{
    if (!object_deleting(owner))
        return OWNER_THERE;
    if (object_has_finalizer(owner, FINALIZER_ORPHAN))
        return OWNER_ORPHANS;
    return object_has_finalizer(owner, FINALIZER_FOREGROUND) ? OWNER_WAITS : OWNER_THERE;
}

static struct fact *read_fact(struct owners *owners, const struct store_key *key, struct err *err)
{
    AUTO_FREE char *id = mem_printf("%s\n%s/%s", key->resource, key->ns, key->name);
    struct fact *fact = map_get(owners->facts, id);
    if (fact)
        return fact;
    AUTO_FREE struct store_object *stored = store_get(owners->store, key, err);
    if (!stored && err->code != ERR_NOT_FOUND)
        return NULL;
    json_t *owner =
        stored ? object_decode(stored->body, stored->body_len, stored->revision, err) : NULL;
    if (stored && !owner)
        return NULL;
    fact = mem_zalloc(sizeof(*fact));
    fact->uid = stored ? mem_strdup(stored->uid) : NULL;
    fact->state = stored ? state_of(owner) : OWNER_GONE;
    json_decref(owner);
    map_put(owners->facts, id, fact);
    return fact;
}

/* ------------------------------------------------------------------------------------------ what
 * is said about */

static void complain_once(struct owners *owners, const json_t *object, const json_t *reference,
                          const char *what)
{
    const char *version = json_at_text(reference, "apiVersion");
    const char *kind = json_at_text(reference, "kind");
    AUTO_FREE char *id = mem_printf("%s %s/%s", what, version ? version : "", kind ? kind : "");
    if (map_has(owners->strange, id) || map_count(owners->strange) >= STRANGE_MAX)
        return;
    map_put(owners->strange, id, owners);
    log_warn(what, LOG_S("apiVersion", version), LOG_S("kind", kind),
             LOG_S("namespace", object_namespace(object)), LOG_S("name", object_name(object)));
}

static int note_elsewhere(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    json_object_set_new(context, object->uid, json_string(object->key.ns));
    return 0;
}

/* An owner in another namespace is none, as in Kubernetes; whoever wrote the reference should hear
 * of it. */
static int tell_of_foreign(struct owners *owners, struct fact *fact, const struct store_key *key,
                           const json_t *object, const json_t *reference, struct err *err)
{
    if (!fact->elsewhere) {
        struct store_list_query query = {
            .resource = key->resource, .name = key->name, .brief = true};
        json_t *found = json_object();
        int64_t revision;
        if (store_list(owners->store, &query, &revision, note_elsewhere, found, err)) {
            json_decref(found);
            return -1;
        }
        fact->elsewhere = found;
    }
    const char *uid = json_at_text(reference, "uid");
    if (json_object_get(fact->elsewhere, uid))
        recorder_tell(owners->recorder, object, EVENT_WARNING, "OwnerRefInvalidNamespace",
                      "ownerRef [%s/%s, namespace: %s, name: %s, uid: %s] does not exist in "
                      "namespace \"%s\"",
                      json_at_text(reference, "apiVersion"), json_at_text(reference, "kind"),
                      key->ns, key->name, uid, key->ns);
    return 0;
}

/* ------------------------------------------------------------------------------------------ one
 * reference */

static bool is_complete(const json_t *reference)
{
    static const char *const members[] = {"apiVersion", "kind", "name", "uid"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++) {
        const char *text = json_at_text(reference, members[i]);
        if (!text || !*text)
            return false;
    }
    return true;
}

int owners_state(struct owners *owners, const json_t *object, const json_t *reference,
                 enum owner_state *ret_state, struct err *err)
{
    *ret_state = OWNER_THERE;
    if (!is_complete(reference) || strcmp(json_at_text(reference, "uid"), object_uid(object)) == 0)
        return 0;
    const struct stored_kind *kind = stored_kinds_named(
        owners->kinds, json_at_text(reference, "apiVersion"), json_at_text(reference, "kind"));
    if (!kind) {
        complain_once(owners, object, reference, "an owner is of a kind that is not known here");
        return 0;
    }
    bool namespaced = kind->kind->namespaced;
    if (namespaced && !*object_namespace(object)) {
        complain_once(owners, object, reference,
                      "an owner has a namespace, its dependent has none");
        return 0;
    }
    struct store_key key = {kind->controlled.resource, namespaced ? object_namespace(object) : "",
                            json_at_text(reference, "name")};
    struct fact *fact = read_fact(owners, &key, err);
    if (!fact)
        return -1;
    bool there = fact->uid && strcmp(fact->uid, json_at_text(reference, "uid")) == 0;
    *ret_state = there ? fact->state : OWNER_GONE;
    if (there || fact->uid || !namespaced)
        return 0;
    return tell_of_foreign(owners, fact, &key, object, reference, err);
}
