#include "reviews.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "../admit.h"
#include "../respond.h"
#include "authenticate.h"
#include "authorize.h"
#include "gate.h"

#define RESOURCE     "spec.resourceAttributes"
#define NON_RESOURCE "spec.nonResourceAttributes"

static const char *text_at(const json_t *object, const char *path)
{
    const char *text = json_at_text(object, path);
    return text ? text : "";
}

/* -------------------------------------------------------------------------------- access */

static void check_one_of(const json_t *review, struct field_errors *errors)
{
    const json_t *resource = json_at(review, RESOURCE);
    const json_t *path = json_at(review, NON_RESOURCE);
    if (resource && path) {
        AUTO_FREE char *text = json_text(path);
        field_errors_add(errors, NON_RESOURCE, "FieldValueInvalid",
                         "Invalid value: %s: cannot be specified in combination with "
                         "resourceAttributes",
                         text);
    }
    if (!resource && !path)
        field_errors_add(errors, RESOURCE, "FieldValueInvalid",
                         "Invalid value: null: exactly one of nonResourceAttributes or "
                         "resourceAttributes must be specified");
}

static void check_subject(const json_t *review, struct field_errors *errors)
{
    if (!*text_at(review, "spec.user") && json_array_size(json_at(review, "spec.groups")) == 0)
        field_errors_add(errors, "spec.user", "FieldValueInvalid",
                         "Invalid value: \"\": at least one of user or group must be specified");
}

static void check_namespace(const struct request *request, const json_t *review,
                            struct field_errors *errors)
{
    const char *ns = text_at(review, RESOURCE ".namespace");
    if (json_at(review, RESOURCE) && strcmp(ns, request->route.ns) != 0)
        field_errors_add(errors, RESOURCE ".namespace", "FieldValueInvalid",
                         "Invalid value: \"%s\": must match metadata.namespace", ns);
    const json_t *path = json_at(review, NON_RESOURCE);
    AUTO_FREE char *text = path ? json_text(path) : NULL;
    if (text)
        field_errors_add(errors, NON_RESOURCE, "FieldValueInvalid",
                         "Invalid value: %s: disallowed on this kind of request", text);
}

/* 422 if there is something. */
static int finish_checks(struct request *request, struct field_errors *errors)
{
    int result = errors->count > 0 ? fail_invalid(request, "", errors) : 0;
    field_errors_release(errors);
    return result;
}

static struct attributes attributes_from(const json_t *review, const struct identity *user)
{
    if (json_at(review, NON_RESOURCE)) {
        struct attributes attributes =
            attributes_of(user, text_at(review, NON_RESOURCE ".verb"), "", "", "", "");
        attributes.path = text_at(review, NON_RESOURCE ".path");
        return attributes;
    }
    struct attributes attributes =
        attributes_of(user, text_at(review, RESOURCE ".verb"), text_at(review, RESOURCE ".group"),
                      text_at(review, RESOURCE ".resource"), text_at(review, RESOURCE ".namespace"),
                      text_at(review, RESOURCE ".name"));
    attributes.version = text_at(review, RESOURCE ".version");
    attributes.subresource = text_at(review, RESOURCE ".subresource");
    return attributes;
}

/* A path is never "": it would be taken for a resource. */
static void answer_access(struct request *request, json_t *review, const struct identity *user)
{
    struct attributes attributes = attributes_from(review, user);
    if (json_at(review, NON_RESOURCE) && !*attributes.path)
        attributes.path = "/";
    char *reason = NULL;
    bool allowed = gate_allows(request->api, &attributes, &reason);
    json_t *status = json_pack("{s:b}", "allowed", allowed);
    if (reason)
        json_object_set_new(status, "reason", json_string(reason));
    json_object_set_new(review, "status", status);
    free(reason);
}

static int review_self_access(struct request *request, json_t *review)
{
    struct field_errors errors = {0};
    check_one_of(review, &errors);
    if (finish_checks(request, &errors) < 0)
        return -1;
    answer_access(request, review, &request->caller.user);
    return 0;
}

static int review_access(struct request *request, json_t *review)
{
    struct field_errors errors = {0};
    check_one_of(review, &errors);
    check_subject(review, &errors);
    if (request->kind->namespaced)
        check_namespace(request, review, &errors);
    if (finish_checks(request, &errors) < 0)
        return -1;
    struct identity user = identity_new(text_at(review, "spec.user"), text_at(review, "spec.uid"));
    const json_t *groups = json_at(review, "spec.groups");
    for (size_t i = 0; i < json_array_size(groups); i++)
        identity_add_group(&user, json_string_value(json_array_get(groups, i)));
    answer_access(request, review, &user);
    identity_release(&user);
    return 0;
}

/* -------------------------------------------------------------------------------- rules */

static void copy_members(json_t *to, const json_t *rule, const char *const *members)
{
    for (; *members; members++) {
        json_t *list = json_object_get(rule, *members);
        if (json_array_size(list) > 0)
            json_object_set(to, *members, list);
    }
}

static void add_rule(json_t *status, const json_t *rule)
{
    static const char *const resource[] = {"verbs", "apiGroups", "resources", "resourceNames",
                                           NULL};
    static const char *const path[] = {"verbs", "nonResourceURLs", NULL};
    json_t *copy = json_object();
    if (json_array_size(json_object_get(rule, "resources")) > 0) {
        copy_members(copy, rule, resource);
        json_array_append(json_object_get(status, "resourceRules"), copy);
    } else if (json_array_size(json_object_get(rule, "nonResourceURLs")) > 0) {
        copy_members(copy, rule, path);
        json_array_append(json_object_get(status, "nonResourceRules"), copy);
    }
    json_decref(copy);
}

static int review_rules(struct request *request, json_t *review)
{
    const char *ns = text_at(review, "spec.namespace");
    if (!*ns)
        return fail(request, 400, "BadRequest", "no namespace on request");
    char *errors = NULL;
    json_t *rules = request->api->authorizer ? authorizer_rules(request->api->authorizer,
                                                                &request->caller.user, ns, &errors)
                                             : json_array();
    json_t *status = json_pack("{s:[], s:[], s:b}", "resourceRules", "nonResourceRules",
                               "incomplete", errors != NULL);
    for (size_t i = 0; i < json_array_size(rules); i++)
        add_rule(status, json_array_get(rules, i));
    if (errors)
        json_object_set_new(status, "evaluationError", json_string(errors));
    json_object_set_new(review, "status", status);
    json_decref(rules);
    free(errors);
    return 0;
}

/* -------------------------------------------------------------------------------- identities */

static json_t *user_info(const struct identity *user)
{
    json_t *info = json_pack("{s:s}", "username", user->name);
    if (*user->uid)
        json_object_set_new(info, "uid", json_string(user->uid));
    if (json_array_size(user->groups) > 0)
        json_object_set_new(info, "groups", json_deep_copy(user->groups));
    if (json_object_size(user->extra) > 0)
        json_object_set_new(info, "extra", json_deep_copy(user->extra));
    return info;
}

static int review_self(struct request *request, json_t *review)
{
    json_object_set_new(review, "status",
                        json_pack("{s:o}", "userInfo", user_info(&request->caller.user)));
    return 0;
}

static int review_token(struct request *request, json_t *review)
{
    const char *token = text_at(review, "spec.token");
    if (!*token)
        return fail(request, 400, "BadRequest",
                    "token is required for TokenReview in authentication");
    struct identity user = {0};
    struct err err = {0};
    json_t *status;
    if (!request->api->authenticator)
        status = json_pack("{s:{}}", "user");
    else if (authenticate_token(request->api->authenticator, token, &user, &err) == 0)
        status = json_pack("{s:b, s:o}", "authenticated", 1, "user", user_info(&user));
    else
        status = json_pack("{s:{}, s:s}", "user", "error", err.message);
    json_object_set_new(review, "status", status);
    identity_release(&user);
    return 0;
}

/* -------------------------------------------------------------------------------- dispatch */

static const struct {
    const char *group, *kind;
    int (*answer)(struct request *request, json_t *review);
} reviews[] = {
    {"authorization.k8s.io", "SelfSubjectAccessReview", review_self_access},
    {"authorization.k8s.io", "SubjectAccessReview", review_access},
    {"authorization.k8s.io", "LocalSubjectAccessReview", review_access},
    {"authorization.k8s.io", "SelfSubjectRulesReview", review_rules},
    {"authentication.k8s.io", "SelfSubjectReview", review_self},
    {"authentication.k8s.io", "TokenReview", review_token},
};

static int answer(struct request *request, json_t *review)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(reviews); i++)
        if (strcmp(reviews[i].group, request->kind->group) == 0 &&
            strcmp(reviews[i].kind, request->kind->kind) == 0)
            return reviews[i].answer(request, review);
    return fail(request, 404, "NotFound", "the server could not find the requested resource");
}

static int settle_namespace(struct request *request, json_t *review)
{
    const char *ns = text_at(review, "metadata.namespace");
    if (*ns && strcmp(ns, request->route.ns) != 0)
        return fail(request, 400, "BadRequest",
                    "the namespace of the provided object does not match the namespace sent on the "
                    "request");
    if (request->kind->namespaced)
        json_put(review, "metadata.namespace", json_string(request->route.ns));
    return 0;
}

static int read_review(struct request *request, const struct write_options *options,
                       json_t **ret_review)
{
    struct texts findings = {0};
    int result = admit_body(request, options, ret_review, &findings);
    if (result == 0)
        result = admit_normalize(request, options, *ret_review, &findings);
    if (result == 0)
        result = settle_namespace(request, *ret_review);
    if (result == 0)
        result = admit_findings(request, options, &findings);
    texts_release(&findings);
    return result;
}

int review_answer(struct request *request)
{
    struct write_options options;
    json_t *review = NULL;
    int result = write_options_parse(request, "CreateOptions", &options);
    if (result == 0)
        result = read_review(request, &options, &review);
    if (result == 0)
        result = answer(request, review);
    if (result == 0) {
        json_write(&request->response->body, review);
        respond_json(request, 201);
    }
    json_decref(review);
    write_options_release(&options);
    return result;
}
