#include "rbac.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/selector.h>

#include "rules.h"

#define SERVICE_ACCOUNT_PREFIX "system:serviceaccount:"

struct role {
    char *name;
    json_t *own;   /* the rules as they are stored */
    json_t *rules; /* those that count; the same unless it is aggregated */
    json_t *labels;
    struct selector **selectors; /* of an aggregated cluster role */
    size_t selector_count;
};

struct binding {
    char *ns; /* "" of a cluster role binding */
    char *name;
    char *role_kind;
    char *role_name;
    json_t *subjects;
};

/* A binding, as one of its subjects sees it. */
struct grant {
    const struct binding *binding;
    size_t subject;
};

struct grants {
    struct grant *items;
    size_t count;
    size_t capacity;
};

struct rbac {
    struct map *cluster_roles; /* name → struct role */
    struct map *roles;         /* "ns/name" → struct role */
    struct map *bindings;      /* "ns/name", "/name" of cluster role bindings → struct binding */
    struct map *subjects;      /* subject_key() → struct grants */
    bool unsettled;
};

const char *rbac_plural(enum rbac_kind kind)
{
    static const char *const names[] = {"roles", "clusterroles", "rolebindings",
                                        "clusterrolebindings"};
    return kind < RBAC_KINDS ? names[kind] : "";
}

const char *rbac_resource(enum rbac_kind kind)
{
    static const char *const names[] = {"roles." RBAC_GROUP, "clusterroles." RBAC_GROUP,
                                        "rolebindings." RBAC_GROUP,
                                        "clusterrolebindings." RBAC_GROUP};
    return kind < RBAC_KINDS ? names[kind] : "";
}

/* -------------------------------------------------------------------------------- roles */

static void role_free(void *value)
{
    struct role *role = value;
    for (size_t i = 0; i < role->selector_count; i++)
        selector_free(role->selectors[i]);
    free(role->selectors);
    free(role->name);
    json_decref(role->own);
    json_decref(role->rules);
    json_decref(role->labels);
    free(role);
}

/* A selector that can't be read selects nothing. */
static void load_selectors(struct role *role, const json_t *object)
{
    const json_t *list = json_at(object, "aggregationRule.clusterRoleSelectors");
    role->selectors = mem_array(json_array_size(list) + 1, sizeof(struct selector *));
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct err err = {0};
        struct selector *selector = selector_from_object(json_array_get(list, i), &err);
        if (selector)
            role->selectors[role->selector_count++] = selector;
    }
}

static bool is_aggregated(const json_t *object)
{
    return json_array_size(json_at(object, "aggregationRule.clusterRoleSelectors")) > 0;
}

static struct role *role_new(const char *name, const json_t *object)
{
    struct role *role = mem_zalloc(sizeof(*role));
    role->name = mem_strdup(name);
    role->own = json_deep_copy(json_object_get(object, "rules"));
    if (!json_is_array(role->own)) {
        json_decref(role->own);
        role->own = json_array();
    }
    role->rules = json_incref(role->own);
    role->labels = json_deep_copy(json_at(object, "metadata.labels"));
    if (is_aggregated(object))
        load_selectors(role, object);
    return role;
}

/* -------------------------------------------------------------------------------- bindings */

static void binding_free(void *value)
{
    struct binding *binding = value;
    free(binding->ns);
    free(binding->name);
    free(binding->role_kind);
    free(binding->role_name);
    json_decref(binding->subjects);
    free(binding);
}

static char *text_copy(const json_t *object, const char *path)
{
    return mem_strdup(json_at_text(object, path));
}

static struct binding *binding_new(const char *ns, const char *name, const json_t *object)
{
    struct binding *binding = mem_zalloc(sizeof(*binding));
    binding->ns = mem_strdup(ns);
    binding->name = mem_strdup(name);
    binding->role_kind = text_copy(object, "roleRef.kind");
    binding->role_name = text_copy(object, "roleRef.name");
    binding->subjects = json_deep_copy(json_object_get(object, "subjects"));
    return binding;
}

static void grants_free(void *value)
{
    struct grants *grants = value;
    free(grants->items);
    free(grants);
}

/* Where the bindings of a user ('U') or group ('G') stand that count in @ns. */
static void subject_key(struct buf *key, const char *ns, char type, const char *name)
{
    buf_clear(key);
    buf_addf(key, "%s/%c%s", ns, type, name);
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* False for a subject that stands for nobody. A service account is the user of its name. */
static bool key_of(const struct binding *binding, size_t index, struct buf *key)
{
    const json_t *subject = json_array_get(binding->subjects, index);
    const char *kind = text_of(subject, "kind");
    const char *name = text_of(subject, "name");
    if (strcmp(kind, "User") == 0) {
        subject_key(key, binding->ns, 'U', name);
        return true;
    }
    if (strcmp(kind, "Group") == 0) {
        subject_key(key, binding->ns, 'G', name);
        return true;
    }
    const char *ns = *text_of(subject, "namespace") ? text_of(subject, "namespace") : binding->ns;
    if (strcmp(kind, "ServiceAccount") != 0 || !*ns)
        return false;
    AUTO_FREE char *user = mem_printf(SERVICE_ACCOUNT_PREFIX "%s:%s", ns, name);
    subject_key(key, binding->ns, 'U', user);
    return true;
}

static void grants_add(struct rbac *rbac, const char *key, struct grant grant)
{
    struct grants *grants = map_get(rbac->subjects, key);
    if (!grants) {
        grants = mem_zalloc(sizeof(*grants));
        map_put(rbac->subjects, key, grants);
    }
    mem_grow((void **)&grants->items, &grants->capacity, grants->count, sizeof(*grants->items));
    grants->items[grants->count++] = grant;
}

static void grants_remove(struct rbac *rbac, const char *key, const struct binding *binding)
{
    struct grants *grants = map_get(rbac->subjects, key);
    size_t kept = 0;
    for (size_t i = 0; grants && i < grants->count; i++)
        if (grants->items[i].binding != binding)
            grants->items[kept++] = grants->items[i];
    if (grants)
        grants->count = kept;
    if (grants && kept == 0)
        map_remove(rbac->subjects, key);
}

static void index_binding(struct rbac *rbac, const struct binding *binding, bool present)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < json_array_size(binding->subjects); i++) {
        if (!key_of(binding, i, &key))
            continue;
        if (present)
            grants_add(rbac, key.data, (struct grant){binding, i});
        else
            grants_remove(rbac, key.data, binding);
    }
    buf_release(&key);
}

/* -------------------------------------------------------------------------------- the index */

struct rbac *rbac_new(void)
{
    struct rbac *rbac = mem_zalloc(sizeof(*rbac));
    rbac->cluster_roles = map_new(role_free);
    rbac->roles = map_new(role_free);
    rbac->bindings = map_new(binding_free);
    rbac->subjects = map_new(grants_free);
    return rbac;
}

void rbac_free(struct rbac *rbac)
{
    if (!rbac)
        return;
    map_free(rbac->cluster_roles);
    map_free(rbac->roles);
    map_free(rbac->bindings);
    map_free(rbac->subjects);
    free(rbac);
}

static void put_role(struct map *roles, const char *key, const char *name, const json_t *object)
{
    if (object)
        map_put(roles, key, role_new(name, object));
    else
        map_remove(roles, key);
}

static void put_binding(struct rbac *rbac, const char *ns, const char *name, const json_t *object)
{
    AUTO_FREE char *key = mem_printf("%s/%s", ns, name);
    struct binding *old = map_get(rbac->bindings, key);
    if (old)
        index_binding(rbac, old, false);
    map_remove(rbac->bindings, key);
    if (!object)
        return;
    struct binding *binding = binding_new(ns, name, object);
    map_put(rbac->bindings, key, binding);
    index_binding(rbac, binding, true);
}

void rbac_put(struct rbac *rbac, enum rbac_kind kind, const char *ns, const char *name,
              const json_t *object)
{
    AUTO_FREE char *key = mem_printf("%s/%s", ns, name);
    switch (kind) {
    case RBAC_ROLES:
        put_role(rbac->roles, key, name, object);
        return;
    case RBAC_CLUSTER_ROLES:
        put_role(rbac->cluster_roles, name, name, object);
        rbac->unsettled = true;
        return;
    case RBAC_ROLE_BINDINGS:
        put_binding(rbac, ns, name, object);
        return;
    case RBAC_CLUSTER_ROLE_BINDINGS:
        put_binding(rbac, "", name, object);
        return;
    case RBAC_KINDS:
        return;
    }
}

/* -------------------------------------------------------------------------------- aggregation */

/* The roles that have contributed, the rules so far, and their texts. */
struct gathering {
    const struct rbac *rbac;
    const char **names; /* of all cluster roles, sorted */
    struct map *visited;
    struct map *known;
    json_t *rules;
};

static void gather_rules(struct gathering *gathering, const json_t *rules)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        json_t *rule = json_array_get(rules, i);
        AUTO_FREE char *text = json_text(rule);
        if (map_has(gathering->known, text))
            continue;
        map_put(gathering->known, text, NULL);
        json_array_append(gathering->rules, rule);
    }
}

/* Roles that are aggregated themselves stand in a list instead of on the stack: nobody limits how
 * long a chain of them is. */
struct pending {
    const struct role **items;
    size_t count;
    size_t capacity;
};

static void gather_role(struct gathering *gathering, const struct role *role,
                        struct pending *pending)
{
    for (size_t s = 0; s < role->selector_count; s++) {
        for (size_t n = 0; n < map_count(gathering->rbac->cluster_roles); n++) {
            const char *name = gathering->names[n];
            const struct role *other = map_get(gathering->rbac->cluster_roles, name);
            if (map_has(gathering->visited, name) ||
                !selector_matches(role->selectors[s], other->labels))
                continue;
            map_put(gathering->visited, name, NULL);
            if (!other->selectors) {
                gather_rules(gathering, other->own);
                continue;
            }
            mem_grow((void **)&pending->items, &pending->capacity, pending->count,
                     sizeof(const struct role *));
            pending->items[pending->count++] = other;
        }
    }
}

/* A new array: the rules of all roles that can be reached from @role, each once. */
static json_t *gather(const struct rbac *rbac, const char **names, const struct role *role)
{
    struct gathering gathering = {.rbac = rbac,
                                  .names = names,
                                  .visited = map_new(NULL),
                                  .known = map_new(NULL),
                                  .rules = json_array()};
    struct pending pending = {0};
    map_put(gathering.visited, role->name, NULL);
    gather_role(&gathering, role, &pending);
    for (size_t i = 0; i < pending.count; i++)
        gather_role(&gathering, pending.items[i], &pending);
    free(pending.items);
    map_free(gathering.visited);
    map_free(gathering.known);
    return gathering.rules;
}

void rbac_settle(struct rbac *rbac)
{
    if (!rbac->unsettled)
        return;
    const char **names = map_sorted_keys(rbac->cluster_roles);
    for (struct map_iter it = {0}; map_next(rbac->cluster_roles, &it);) {
        struct role *role = it.value;
        if (!role->selectors)
            continue;
        json_t *rules = gather(rbac, names, role);
        json_decref(role->rules);
        role->rules = rules;
    }
    free(names);
    rbac->unsettled = false;
}

json_t *rbac_unsettled(const struct rbac *rbac)
{
    json_t *list = NULL;
    for (struct map_iter it = {0}; map_next(rbac->cluster_roles, &it);) {
        const struct role *role = it.value;
        if (json_same(role->own, role->rules))
            continue;
        if (!list)
            list = json_array();
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", role->name, "rules",
                                              json_deep_copy(role->rules)));
    }
    return list;
}

/* -------------------------------------------------------------------------------- questions */

const json_t *rbac_role_rules(const struct rbac *rbac, enum rbac_kind kind, const char *ns,
                              const char *name)
{
    AUTO_FREE char *key = mem_printf("%s/%s", ns, name);
    const struct role *role =
        kind == RBAC_ROLES ? map_get(rbac->roles, key) : map_get(rbac->cluster_roles, name);
    return role ? role->rules : NULL;
}

/* Called with each grant that counts; its rules are NULL when the role is missing. False ends it.
 */
typedef bool visit_grant(void *context, const struct grant *grant, const json_t *rules);

static const json_t *rules_of(const struct rbac *rbac, const struct binding *binding)
{
    if (strcmp(binding->role_kind, "Role") == 0)
        return rbac_role_rules(rbac, RBAC_ROLES, binding->ns, binding->role_name);
    if (strcmp(binding->role_kind, "ClusterRole") == 0)
        return rbac_role_rules(rbac, RBAC_CLUSTER_ROLES, "", binding->role_name);
    return NULL;
}

static bool visit_key(const struct rbac *rbac, const char *key, visit_grant *visit, void *context)
{
    const struct grants *grants = map_get(rbac->subjects, key);
    for (size_t i = 0; grants && i < grants->count; i++)
        if (!visit(context, &grants->items[i], rules_of(rbac, grants->items[i].binding)))
            return false;
    return true;
}

static bool visit_scope(const struct rbac *rbac, const struct identity *user, const char *ns,
                        visit_grant *visit, void *context)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    subject_key(&key, ns, 'U', user->name);
    bool more = visit_key(rbac, key.data, visit, context);
    for (size_t i = 0; more && i < json_array_size(user->groups); i++) {
        subject_key(&key, ns, 'G', json_string_value(json_array_get(user->groups, i)));
        more = visit_key(rbac, key.data, visit, context);
    }
    buf_release(&key);
    return more;
}

/* What holds everywhere, then what holds in the namespace. */
static void visit_grants(const struct rbac *rbac, const struct identity *user, const char *ns,
                         visit_grant *visit, void *context)
{
    if (visit_scope(rbac, user, "", visit, context) && *ns)
        visit_scope(rbac, user, ns, visit, context);
}

/* -------------------------------------------------------------------------------- reasons */

/* Roles that bindings name and that don't exist, each once. */
struct errors {
    struct map *seen;
    char *text;
    size_t count;
};

static void errors_add(struct errors *errors, const struct binding *binding)
{
    bool cluster = strcmp(binding->role_kind, "ClusterRole") == 0;
    AUTO_FREE char *line = mem_printf("%s." RBAC_GROUP " \"%s\" not found",
                                      cluster ? "clusterrole" : "role", binding->role_name);
    if (!errors->seen)
        errors->seen = map_new(NULL);
    if (map_has(errors->seen, line))
        return;
    map_put(errors->seen, line, NULL);
    char *text = errors->text ? mem_printf("%s, %s", errors->text, line) : mem_strdup(line);
    free(errors->text);
    errors->text = text;
    errors->count++;
}

/* As Go prints an aggregate of errors; NULL for none. Releases @errors. */
static char *errors_take(struct errors *errors)
{
    char *text = errors->text;
    if (errors->count > 1) {
        text = mem_printf("[%s]", errors->text);
        free(errors->text);
    }
    if (errors->seen)
        map_free(errors->seen);
    *errors = (struct errors){0};
    return text;
}

static char *describe_subject(const struct grant *grant)
{
    const json_t *subject = json_array_get(grant->binding->subjects, grant->subject);
    const char *kind = text_of(subject, "kind");
    const char *name = text_of(subject, "name");
    if (strcmp(kind, "ServiceAccount") != 0)
        return mem_printf("%s \"%s\"", kind, name);
    const char *ns = text_of(subject, "namespace");
    return mem_printf("%s \"%s/%s\"", kind, name, *ns ? ns : grant->binding->ns);
}

static char *describe(const struct grant *grant)
{
    const struct binding *binding = grant->binding;
    AUTO_FREE char *subject = describe_subject(grant);
    return mem_printf("RBAC: allowed by %s \"%s%s%s\" of %s \"%s\" to %s",
                      *binding->ns ? "RoleBinding" : "ClusterRoleBinding", binding->name,
                      *binding->ns ? "/" : "", binding->ns, binding->role_kind, binding->role_name,
                      subject);
}

struct question {
    const struct attributes *attributes;
    const struct grant *allowed_by;
    struct errors errors;
};

static bool ask(void *context, const struct grant *grant, const json_t *rules)
{
    struct question *question = context;
    if (!rules)
        errors_add(&question->errors, grant->binding);
    for (size_t i = 0; i < json_array_size(rules); i++) {
        if (!rule_allows(json_array_get(rules, i), question->attributes))
            continue;
        question->allowed_by = grant;
        return false;
    }
    return true;
}

bool rbac_allows(const struct rbac *rbac, const struct attributes *attributes, char **ret_reason)
{
    struct question question = {.attributes = attributes};
    visit_grants(rbac, attributes->user, attributes->ns, ask, &question);
    AUTO_FREE char *errors = errors_take(&question.errors);
    if (!ret_reason)
        return question.allowed_by != NULL;
    *ret_reason = NULL;
    if (question.allowed_by)
        *ret_reason = describe(question.allowed_by);
    else if (errors)
        *ret_reason = mem_printf("RBAC: %s", errors);
    return question.allowed_by != NULL;
}

struct collection {
    struct map *seen; /* bindings that have been taken in, by "ns/name" */
    json_t *rules;
    struct errors errors;
};

static bool collect(void *context, const struct grant *grant, const json_t *rules)
{
    struct collection *collection = context;
    AUTO_FREE char *key = mem_printf("%s/%s", grant->binding->ns, grant->binding->name);
    if (map_has(collection->seen, key))
        return true;
    map_put(collection->seen, key, NULL);
    if (!rules)
        errors_add(&collection->errors, grant->binding);
    for (size_t i = 0; i < json_array_size(rules); i++)
        json_array_append_new(collection->rules, json_deep_copy(json_array_get(rules, i)));
    return true;
}

json_t *rbac_rules(const struct rbac *rbac, const struct identity *user, const char *ns,
                   char **ret_errors)
{
    struct collection collection = {.seen = map_new(NULL), .rules = json_array()};
    visit_grants(rbac, user, ns, collect, &collection);
    map_free(collection.seen);
    *ret_errors = errors_take(&collection.errors);
    return collection.rules;
}
