#include "admission.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "authorize.h"
#include "gate.h"
#include "rules.h"

static bool rbac_kind_of(const struct kind *kind, enum rbac_kind *ret_kind)
{
    for (int i = 0; i < RBAC_KINDS; i++) {
        *ret_kind = (enum rbac_kind)i;
        if (strcmp(kind->resource, rbac_resource(*ret_kind)) == 0)
            return true;
    }
    return false;
}

static bool is_binding(enum rbac_kind kind)
{
    return kind == RBAC_ROLE_BINDINGS || kind == RBAC_CLUSTER_ROLE_BINDINGS;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* -------------------------------------------------------------------------------- defaults */

void admission_default(const struct kind *kind, json_t *object)
{
    enum rbac_kind rbac_kind;
    size_t index;
    json_t *subject;
    if (!rbac_kind_of(kind, &rbac_kind) || !is_binding(rbac_kind))
        return;
    json_array_foreach(json_object_get(object, "subjects"), index, subject)
    {
        const char *type = text_of(subject, "kind");
        if (json_is_object(subject) && !*text_of(subject, "apiGroup") &&
            (strcmp(type, "User") == 0 || strcmp(type, "Group") == 0))
            json_object_set_new(subject, "apiGroup", json_string(RBAC_GROUP));
    }
}

/* -------------------------------------------------------------------------------- rules */

/* One problem with PATH.MEMBER. */
static void add_error(struct field_errors *errors, const char *path, const char *member,
                      const char *reason, const char *message)
{
    AUTO_FREE char *field = mem_printf("%s%s%s", path, *path ? "." : "", member);
    field_errors_add(errors, field, reason, "%s", message);
}

static void add_required(struct field_errors *errors, const char *path, const char *member,
                         const char *detail)
{
    AUTO_FREE char *message = mem_printf("Required value%s%s", *detail ? ": " : "", detail);
    add_error(errors, path, member, "FieldValueRequired", message);
}

static void add_invalid(struct field_errors *errors, const char *path, const char *member,
                        const json_t *value, const char *detail)
{
    AUTO_FREE char *text = json_text(value);
    AUTO_FREE char *message = mem_printf("Invalid value: %s: %s", text, detail);
    add_error(errors, path, member, "FieldValueInvalid", message);
}

/* @supported: quoted and separated. */
static void add_unsupported(struct field_errors *errors, const char *path, const char *member,
                            const char *value, const char *supported)
{
    AUTO_FREE char *message =
        mem_printf("Unsupported value: \"%s\": supported values: %s", value, supported);
    add_error(errors, path, member, "FieldValueNotSupported", message);
}

static size_t count_of(const json_t *rule, const char *member)
{
    return json_array_size(json_object_get(rule, member));
}

static void validate_urls(const json_t *rule, bool namespaced, const char *path,
                          struct field_errors *errors)
{
    const json_t *urls = json_object_get(rule, "nonResourceURLs");
    if (namespaced)
        add_invalid(errors, path, "nonResourceURLs", urls,
                    "namespaced rules cannot apply to non-resource URLs");
    if (count_of(rule, "apiGroups") + count_of(rule, "resources") +
            count_of(rule, "resourceNames") >
        0)
        add_invalid(errors, path, "nonResourceURLs", urls,
                    "rules cannot apply to both regular resources and non-resource URLs");
}

static void validate_rule(const json_t *rule, bool namespaced, const char *path,
                          struct field_errors *errors)
{
    if (count_of(rule, "verbs") == 0)
        add_required(errors, path, "verbs", "verbs must contain at least one value");
    if (count_of(rule, "nonResourceURLs") > 0) {
        validate_urls(rule, namespaced, path, errors);
        return;
    }
    if (count_of(rule, "apiGroups") == 0)
        add_required(errors, path, "apiGroups",
                     "resource rules must supply at least one api group");
    if (count_of(rule, "resources") == 0)
        add_required(errors, path, "resources", "resource rules must supply at least one resource");
}

static void validate_rules(const json_t *object, bool namespaced, struct field_errors *errors)
{
    const json_t *rules = json_object_get(object, "rules");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        AUTO_FREE char *path = mem_printf("rules[%zu]", i);
        validate_rule(json_array_get(rules, i), namespaced, path, errors);
    }
}

/* -------------------------------------------------------------------------------- bindings */

/* Names of roles: whatever can be a segment of a path. */
static void validate_segment(const char *name, const char *path, struct field_errors *errors)
{
    json_t *value = json_string(name);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        AUTO_FREE char *detail = mem_printf("may not be '%s'", name);
        add_invalid(errors, path, "name", value, detail);
    }
    if (strchr(name, '/'))
        add_invalid(errors, path, "name", value, "may not contain '/'");
    if (strchr(name, '%'))
        add_invalid(errors, path, "name", value, "may not contain '%'");
    json_decref(value);
}

static void validate_role(const json_t *object, bool namespaced, struct field_errors *errors)
{
    const json_t *role = json_object_get(object, "roleRef");
    const char *kind = text_of(role, "kind");
    bool known = strcmp(kind, "ClusterRole") == 0 || (namespaced && strcmp(kind, "Role") == 0);
    if (strcmp(text_of(role, "apiGroup"), RBAC_GROUP) != 0)
        add_unsupported(errors, "roleRef", "apiGroup", text_of(role, "apiGroup"),
                        "\"" RBAC_GROUP "\"");
    if (!known)
        add_unsupported(errors, "roleRef", "kind", kind,
                        namespaced ? "\"Role\", \"ClusterRole\"" : "\"ClusterRole\"");
    if (*text_of(role, "name"))
        validate_segment(text_of(role, "name"), "roleRef", errors);
    else
        add_required(errors, "roleRef", "name", "");
}

static void validate_account(const json_t *subject, bool namespaced, const char *path,
                             struct field_errors *errors)
{
    if (*text_of(subject, "apiGroup"))
        add_unsupported(errors, path, "apiGroup", text_of(subject, "apiGroup"), "\"\"");
    if (!namespaced && !*text_of(subject, "namespace"))
        add_required(errors, path, "namespace", "");
}

static void validate_person(const json_t *subject, const char *type, const char *path,
                            struct field_errors *errors)
{
    if (!*text_of(subject, "name")) {
        AUTO_FREE char *detail = mem_printf("%s name cannot be empty", type);
        json_t *empty = json_string("");
        add_invalid(errors, path, "name", empty, detail);
        json_decref(empty);
    }
    if (strcmp(text_of(subject, "apiGroup"), RBAC_GROUP) != 0)
        add_unsupported(errors, path, "apiGroup", text_of(subject, "apiGroup"),
                        "\"" RBAC_GROUP "\"");
}

static void validate_subject(const json_t *subject, bool namespaced, const char *path,
                             struct field_errors *errors)
{
    const char *kind = text_of(subject, "kind");
    if (!*text_of(subject, "name"))
        add_required(errors, path, "name", "");
    if (strcmp(kind, "ServiceAccount") == 0)
        validate_account(subject, namespaced, path, errors);
    else if (strcmp(kind, "User") == 0)
        validate_person(subject, "user", path, errors);
    else if (strcmp(kind, "Group") == 0)
        validate_person(subject, "group", path, errors);
    else
        add_unsupported(errors, path, "kind", kind, "\"ServiceAccount\", \"User\", \"Group\"");
}

/* With the names that the members have inside of Kubernetes. */
static void add_role_changed(const json_t *role, struct field_errors *errors)
{
    json_t *value = json_pack("{s:s, s:s, s:s}", "APIGroup", text_of(role, "apiGroup"), "Kind",
                              text_of(role, "kind"), "Name", text_of(role, "name"));
    add_invalid(errors, "", "roleRef", value, "cannot change roleRef");
    json_decref(value);
}

static bool same_role(const json_t *a, const json_t *b)
{
    static const char *const members[] = {"apiGroup", "kind", "name"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++)
        if (strcmp(text_of(a, members[i]), text_of(b, members[i])) != 0)
            return false;
    return true;
}

static void validate_binding(const json_t *object, const json_t *old, bool namespaced,
                             struct field_errors *errors)
{
    const json_t *subjects = json_object_get(object, "subjects");
    const json_t *role = json_object_get(object, "roleRef");
    validate_role(object, namespaced, errors);
    for (size_t i = 0; i < json_array_size(subjects); i++) {
        AUTO_FREE char *path = mem_printf("subjects[%zu]", i);
        validate_subject(json_array_get(subjects, i), namespaced, path, errors);
    }
    if (old && !same_role(role, json_object_get(old, "roleRef")))
        add_role_changed(role, errors);
}

void admission_validate(const struct kind *kind, const json_t *object, const json_t *old,
                        struct field_errors *errors)
{
    enum rbac_kind rbac_kind;
    if (!rbac_kind_of(kind, &rbac_kind))
        return;
    if (is_binding(rbac_kind))
        validate_binding(object, old, kind->namespaced, errors);
    else
        validate_rules(object, kind->namespaced, errors);
}

/* -------------------------------------------------------------------------------- escalation */

/* 403 unless the caller has all of @rules in the request's namespace. @why: instead of saying which
 * are missing; NULL. */
static int check_rules(struct request *request, const json_t *object, const json_t *rules,
                       const char *why)
{
    const struct identity *user = &request->caller.user;
    AUTO_FREE char *errors = NULL;
    json_t *held = authorizer_rules(request->api->authorizer, user, request->route.ns, &errors);
    json_t *missing = rules_missing(held, rules);
    int result = 0;
    if (json_array_size(missing) > 0) {
        AUTO_FREE char *groups = texts_quoted(user->groups);
        AUTO_FREE char *list = rules_text(missing);
        AUTO_FREE char *text =
            mem_printf("user \"%s\" (groups=%s) is attempting to grant RBAC permissions not "
                       "currently held:\n%s%s%s%s",
                       user->name, groups, list, errors ? "; resolution errors: [" : "",
                       errors ? errors : "", errors ? "]" : "");
        result = gate_forbid_object(request, object_name(object), why ? why : text);
    }
    json_decref(held);
    json_decref(missing);
    return result;
}

static bool may(struct request *request, const char *verb, const char *resource, const char *name)
{
    struct attributes attributes =
        attributes_of(&request->caller.user, verb, RBAC_GROUP, resource, request->route.ns, name);
    attributes.version = "v1";
    return gate_allows(request->api, &attributes, NULL);
}

static bool is_aggregated(const json_t *object)
{
    return json_array_size(json_at(object, "aggregationRule.clusterRoleSelectors")) > 0;
}

/* Whoever sets an aggregation rule gets what others put into it later. */
static int check_aggregation(struct request *request, const json_t *object, const json_t *old)
{
    if (!is_aggregated(object) && !(old && is_aggregated(old)))
        return 0;
    json_t *everything =
        json_pack("[{s:[s], s:[s], s:[s]}, {s:[s], s:[s]}]", "verbs", "*", "apiGroups", "*",
                  "resources", "*", "verbs", "*", "nonResourceURLs", "*");
    int result = check_rules(request, object, everything,
                             "must have cluster-admin privileges to use the aggregationRule");
    json_decref(everything);
    return result;
}

static int check_role(struct request *request, const json_t *object, const json_t *old)
{
    if (may(request, "escalate", request->kind->plural, request->route.name))
        return 0;
    if (check_rules(request, object, json_object_get(object, "rules"), NULL) < 0)
        return -1;
    return check_aggregation(request, object, old);
}

static int fail_no_role(struct request *request, const char *plural, const char *name)
{
    fail(request, 404, "NotFound", "%s." RBAC_GROUP " \"%s\" not found", plural, name);
    request->status.name = mem_strdup(name);
    request->status.group = RBAC_GROUP;
    request->status.kind = plural;
    return -1;
}

/* What else is wrong with a reference is found when it is validated. */
static int check_binding(struct request *request, const json_t *object)
{
    const json_t *role = json_object_get(object, "roleRef");
    const char *name = text_of(role, "name");
    bool in_namespace = strcmp(text_of(role, "kind"), "Role") == 0;
    enum rbac_kind kind = in_namespace ? RBAC_ROLES : RBAC_CLUSTER_ROLES;
    if ((!in_namespace && strcmp(text_of(role, "kind"), "ClusterRole") != 0) || !*name ||
        may(request, "bind", rbac_plural(kind), name))
        return 0;
    json_t *rules = authorizer_role_rules(request->api->authorizer, kind, request->route.ns, name);
    int result = rules ? check_rules(request, object, rules, NULL)
                       : fail_no_role(request, rbac_plural(kind), name);
    json_decref(rules);
    return result;
}

/* A garbage collector, and whoever removes a finalizer, gives nothing away. */
static json_t *without_ownership(const json_t *object)
{
    static const char *const members[] = {"ownerReferences", "finalizers", "managedFields"};
    json_t *copy = json_deep_copy(object);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++)
        json_object_del(json_object_get(copy, "metadata"), members[i]);
    return copy;
}

static bool changes_ownership_only(const json_t *object, const json_t *old)
{
    json_t *left = without_ownership(object);
    json_t *right = without_ownership(old);
    bool same = json_same(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

int admission_check(struct request *request, const json_t *object, const json_t *old)
{
    enum rbac_kind kind;
    if (!*request->route.name && !request->caller.object_name)
        request->caller.object_name = mem_strdup(object_name(object));
    if (!rbac_kind_of(request->kind, &kind) || !request->api->authorizer ||
        identity_in_group(&request->caller.user, GROUP_MASTERS))
        return 0;
    if (old && changes_ownership_only(object, old))
        return 0;
    return is_binding(kind) ? check_binding(request, object) : check_role(request, object, old);
}
