#include "protobuf_types.h"

#include <stddef.h>
#include <string.h>

#include <mot/base/mem.h>

/* clang-format off */
#define TEXT(number, name)              {number, name, FIELD_TEXT, false, NULL}
#define OPTIONAL_TEXT(number, name)     {number, name, FIELD_TEXT, true, NULL}
#define INT(number, name)               {number, name, FIELD_INT, false, NULL}
#define OPTIONAL_INT(number, name)      {number, name, FIELD_INT, true, NULL}
#define BOOL(number, name)              {number, name, FIELD_BOOL, false, NULL}
#define OPTIONAL_BOOL(number, name)     {number, name, FIELD_BOOL, true, NULL}
#define TEXTS(number, name)             {number, name, FIELD_TEXTS, false, NULL}
#define TEXT_MAP(number, name)          {number, name, FIELD_TEXT_MAP, false, NULL}
#define TEXTS_MAP(number, name)         {number, name, FIELD_TEXTS_MAP, false, NULL}
#define TIME(number, name)              {number, name, FIELD_TIME, false, NULL}
#define MICRO_TIME(number, name)        {number, name, FIELD_MICRO_TIME, false, NULL}
#define JSON(number, name)              {number, name, FIELD_JSON, false, NULL}
#define MESSAGE(number, name, fields)   {number, name, FIELD_MESSAGE, false, fields}
#define MESSAGES(number, name, fields)  {number, name, FIELD_MESSAGES, false, fields}
#define END                             {0, NULL, FIELD_TEXT, false, NULL}

/* -------------------------------------------------------------------------------- metadata */

static const struct field owner_reference[] = {
    TEXT(1, "kind"), TEXT(3, "name"), TEXT(4, "uid"), TEXT(5, "apiVersion"),
    OPTIONAL_BOOL(6, "controller"), OPTIONAL_BOOL(7, "blockOwnerDeletion"), END};

static const struct field managed_fields[] = {
    TEXT(1, "manager"), TEXT(2, "operation"), TEXT(3, "apiVersion"), TIME(4, "time"),
    TEXT(6, "fieldsType"), JSON(7, "fieldsV1"), TEXT(8, "subresource"), END};

static const struct field object_meta[] = {
    TEXT(1, "name"), TEXT(2, "generateName"), TEXT(3, "namespace"), TEXT(4, "selfLink"),
    TEXT(5, "uid"), TEXT(6, "resourceVersion"), INT(7, "generation"),
    TIME(8, "creationTimestamp"), TIME(9, "deletionTimestamp"),
    OPTIONAL_INT(10, "deletionGracePeriodSeconds"), TEXT_MAP(11, "labels"),
    TEXT_MAP(12, "annotations"), MESSAGES(13, "ownerReferences", owner_reference),
    TEXTS(14, "finalizers"), MESSAGES(17, "managedFields", managed_fields), END};

static const struct field preconditions[] = {
    OPTIONAL_TEXT(1, "uid"), OPTIONAL_TEXT(2, "resourceVersion"), END};

static const struct field delete_options[] = {
    OPTIONAL_INT(1, "gracePeriodSeconds"), MESSAGE(2, "preconditions", preconditions),
    OPTIONAL_BOOL(3, "orphanDependents"), OPTIONAL_TEXT(4, "propagationPolicy"),
    TEXTS(5, "dryRun"), END};

static const struct field requirement[] = {
    TEXT(1, "key"), TEXT(2, "operator"), TEXTS(3, "values"), END};

static const struct field label_selector[] = {
    TEXT_MAP(1, "matchLabels"), MESSAGES(2, "matchExpressions", requirement), END};

/* -------------------------------------------------------------------------------- core */

static const struct field namespace_spec[] = {TEXTS(1, "finalizers"), END};
static const struct field namespace_condition[] = {
    TEXT(1, "type"), TEXT(2, "status"), TIME(4, "lastTransitionTime"), TEXT(5, "reason"),
    TEXT(6, "message"), END};
static const struct field namespace_status[] = {
    TEXT(1, "phase"), MESSAGES(2, "conditions", namespace_condition), END};
static const struct field namespace_fields[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "spec", namespace_spec),
    MESSAGE(3, "status", namespace_status), END};

static const struct field object_reference[] = {
    TEXT(1, "kind"), TEXT(2, "namespace"), TEXT(3, "name"), TEXT(4, "uid"),
    TEXT(5, "apiVersion"), TEXT(6, "resourceVersion"), TEXT(7, "fieldPath"), END};
static const struct field event_source[] = {TEXT(1, "component"), TEXT(2, "host"), END};
static const struct field event_series[] = {
    INT(1, "count"), MICRO_TIME(2, "lastObservedTime"), END};

static const struct field core_event[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "involvedObject", object_reference),
    TEXT(3, "reason"), TEXT(4, "message"), MESSAGE(5, "source", event_source),
    TIME(6, "firstTimestamp"), TIME(7, "lastTimestamp"), INT(8, "count"), TEXT(9, "type"),
    MICRO_TIME(10, "eventTime"), MESSAGE(11, "series", event_series), TEXT(12, "action"),
    MESSAGE(13, "related", object_reference), TEXT(14, "reportingComponent"),
    TEXT(15, "reportingInstance"), END};

static const struct field event[] = {
    MESSAGE(1, "metadata", object_meta), MICRO_TIME(2, "eventTime"),
    MESSAGE(3, "series", event_series), TEXT(4, "reportingController"),
    TEXT(5, "reportingInstance"), TEXT(6, "action"), TEXT(7, "reason"),
    MESSAGE(8, "regarding", object_reference), MESSAGE(9, "related", object_reference),
    TEXT(10, "note"), TEXT(11, "type"), MESSAGE(12, "deprecatedSource", event_source),
    TIME(13, "deprecatedFirstTimestamp"), TIME(14, "deprecatedLastTimestamp"),
    INT(15, "deprecatedCount"), END};

static const struct field lease_spec[] = {
    OPTIONAL_TEXT(1, "holderIdentity"), OPTIONAL_INT(2, "leaseDurationSeconds"),
    MICRO_TIME(3, "acquireTime"), MICRO_TIME(4, "renewTime"),
    OPTIONAL_INT(5, "leaseTransitions"), OPTIONAL_TEXT(6, "strategy"),
    OPTIONAL_TEXT(7, "preferredHolder"), END};
static const struct field lease[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "spec", lease_spec), END};

/* -------------------------------------------------------------------------------- RBAC */

static const struct field policy_rule[] = {
    TEXTS(1, "verbs"), TEXTS(2, "apiGroups"), TEXTS(3, "resources"), TEXTS(4, "resourceNames"),
    TEXTS(5, "nonResourceURLs"), END};
static const struct field aggregation_rule[] = {
    MESSAGES(1, "clusterRoleSelectors", label_selector), END};
static const struct field subject[] = {
    TEXT(1, "kind"), TEXT(2, "apiGroup"), TEXT(3, "name"), TEXT(4, "namespace"), END};
static const struct field role_ref[] = {
    TEXT(1, "apiGroup"), TEXT(2, "kind"), TEXT(3, "name"), END};

static const struct field role[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGES(2, "rules", policy_rule), END};
static const struct field cluster_role[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGES(2, "rules", policy_rule),
    MESSAGE(3, "aggregationRule", aggregation_rule), END};
static const struct field role_binding[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGES(2, "subjects", subject),
    MESSAGE(3, "roleRef", role_ref), END};

/* -------------------------------------------------------------------------------- reviews: what
 * they ask; what they answer is filled in here */

static const struct field selector_attributes[] = {
    TEXT(1, "rawSelector"), MESSAGES(2, "requirements", requirement), END};
static const struct field resource_attributes[] = {
    TEXT(1, "namespace"), TEXT(2, "verb"), TEXT(3, "group"), TEXT(4, "version"),
    TEXT(5, "resource"), TEXT(6, "subresource"), TEXT(7, "name"),
    MESSAGE(8, "fieldSelector", selector_attributes),
    MESSAGE(9, "labelSelector", selector_attributes), END};
static const struct field path_attributes[] = {TEXT(1, "path"), TEXT(2, "verb"), END};

static const struct field self_access_spec[] = {
    MESSAGE(1, "resourceAttributes", resource_attributes),
    MESSAGE(2, "nonResourceAttributes", path_attributes), END};
static const struct field self_access_review[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "spec", self_access_spec), END};
static const struct field access_spec[] = {
    MESSAGE(1, "resourceAttributes", resource_attributes),
    MESSAGE(2, "nonResourceAttributes", path_attributes), TEXT(3, "user"), TEXTS(4, "groups"),
    TEXTS_MAP(5, "extra"), TEXT(6, "uid"), END};
static const struct field access_review[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "spec", access_spec), END};
static const struct field rules_spec[] = {TEXT(1, "namespace"), END};
static const struct field rules_review[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "spec", rules_spec), END};
static const struct field token_spec[] = {TEXT(1, "token"), TEXTS(2, "audiences"), END};
static const struct field token_review[] = {
    MESSAGE(1, "metadata", object_meta), MESSAGE(2, "spec", token_spec), END};
static const struct field self_review[] = {MESSAGE(1, "metadata", object_meta), END};

/* -------------------------------------------------------------------------------- types */

static const struct {
    const char *api_version; /* NULL: of any */
    const char *kind;
    const struct field *fields;
} types[] = {
    {"v1", "Namespace", namespace_fields},
    {"v1", "Event", core_event},
    {"events.k8s.io/v1", "Event", event},
    {"coordination.k8s.io/v1", "Lease", lease},
    {"rbac.authorization.k8s.io/v1", "Role", role},
    {"rbac.authorization.k8s.io/v1", "ClusterRole", cluster_role},
    {"rbac.authorization.k8s.io/v1", "RoleBinding", role_binding},
    {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", role_binding},
    {"authorization.k8s.io/v1", "SelfSubjectAccessReview", self_access_review},
    {"authorization.k8s.io/v1", "SubjectAccessReview", access_review},
    {"authorization.k8s.io/v1", "LocalSubjectAccessReview", access_review},
    {"authorization.k8s.io/v1", "SelfSubjectRulesReview", rules_review},
    {"authentication.k8s.io/v1", "TokenReview", token_review},
    {"authentication.k8s.io/v1", "SelfSubjectReview", self_review},
    {"authentication.k8s.io/v1beta1", "SelfSubjectReview", self_review},
    {"authentication.k8s.io/v1alpha1", "SelfSubjectReview", self_review},
    /* of the group of what is deleted */
    {NULL, "DeleteOptions", delete_options},
};
/* clang-format on */

const struct field *protobuf_fields(const char *api_version, const char *kind)
{
    for (size_t i = 0; api_version && kind && i < MOT_ARRAY_SIZE(types); i++)
        if (strcmp(types[i].kind, kind) == 0 &&
            (!types[i].api_version || strcmp(types[i].api_version, api_version) == 0))
            return types[i].fields;
    return NULL;
}
