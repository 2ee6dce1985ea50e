#include "impersonate.h"

#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

#include "gate.h"

#define AUTHENTICATION_GROUP "authentication.k8s.io"
#define EXTRA_PREFIX         "impersonate-extra-"
#define SERVICE_ACCOUNTS     "system:serviceaccounts"
#define SERVICE_ACCOUNT      "system:serviceaccount:"

/* Somebody, or something of somebody, that the request wants to be. */
struct part {
    const char *kind; /* "User", …: for messages */
    const char *group;
    const char *resource;
    char *subresource; /* the key of an extra; "" */
    char *ns;          /* of a service account; "" */
    char *name;
};

struct parts {
    struct part *items;
    size_t count;
    size_t capacity;
};

static void add(struct parts *parts, struct part part)
{
    mem_grow((void **)&parts->items, &parts->capacity, parts->count, sizeof(*parts->items));
    parts->items[parts->count++] = part;
}

static void parts_release(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->items[i].subresource);
        free(parts->items[i].ns);
        free(parts->items[i].name);
    }
    free(parts->items);
}

/* -------------------------------------------------------------------------------- headers */

static void add_user(struct parts *parts, const char *name)
{
    size_t prefix = strlen(SERVICE_ACCOUNT);
    const char *colon =
        strncmp(name, SERVICE_ACCOUNT, prefix) == 0 ? strchr(name + prefix, ':') : NULL;
    if (colon && colon > name + prefix && colon[1] && !strchr(colon + 1, ':'))
        add(parts, (struct part){"ServiceAccount", "", "serviceaccounts", mem_strdup(""),
                                 mem_strndup(name + prefix, (size_t)(colon - name) - prefix),
                                 mem_strdup(colon + 1)});
    else
        add(parts,
            (struct part){"User", "", "users", mem_strdup(""), mem_strdup(""), mem_strdup(name)});
}

static void add_groups(struct parts *parts, const struct http_request *http)
{
    for (size_t i = 0; i < http->header_count; i++)
        if (strcmp(http->headers[i].name, "impersonate-group") == 0)
            add(parts, (struct part){"Group", "", "groups", mem_strdup(""), mem_strdup(""),
                                     mem_strdup(http->headers[i].value)});
}

static void add_extras(struct parts *parts, const struct http_request *http)
{
    size_t prefix = strlen(EXTRA_PREFIX);
    for (size_t i = 0; i < http->header_count; i++) {
        const struct http_header *header = &http->headers[i];
        if (strncmp(header->name, EXTRA_PREFIX, prefix) != 0)
            continue;
        const char *encoded = header->name + prefix;
        char *key = http_decode(encoded, strlen(encoded));
        add(parts, (struct part){"UserExtra", AUTHENTICATION_GROUP, "userextras",
                                 key ? key : mem_strdup(encoded), mem_strdup(""),
                                 mem_strdup(header->value)});
    }
}

/* The user comes first, when there is one. */
static void read_headers(struct parts *parts, const struct http_request *http)
{
    const char *user = http_header(http, "impersonate-user");
    const char *uid = http_header(http, "impersonate-uid");
    if (user && *user)
        add_user(parts, user);
    add_groups(parts, http);
    add_extras(parts, http);
    if (uid && *uid)
        add(parts, (struct part){"UID", AUTHENTICATION_GROUP, "uids", mem_strdup(""),
                                 mem_strdup(""), mem_strdup(uid)});
}

/* As Go prints the list of references that stand for the parts. */
static int fail_without_user(struct request *request, const struct parts *parts)
{
    struct buf list;
    buf_init(&list, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->items[i];
        buf_addf(&list, "%s{%s %s %s  %s%s  %s}", i > 0 ? " " : "", part->kind, part->ns,
                 part->name, part->group, *part->group ? "/v1" : "", part->subresource);
    }
    AUTO_FREE char *text = buf_take(&list);
    return fail(request, 400, "BadRequest", "requested [%s] without impersonating a user", text);
}

/* -------------------------------------------------------------------------------- permission */

static int check(struct request *request, const struct part *part)
{
    struct attributes attributes = attributes_of(&request->caller.user, "impersonate", part->group,
                                                 part->resource, part->ns, part->name);
    attributes.subresource = part->subresource;
    attributes.version = "v1";
    char *reason = NULL;
    int result = 0;
    if (!gate_allows(request->api, &attributes, &reason)) {
        request->caller.decision = "forbid";
        result = gate_forbid(request, &attributes, reason);
        /* What the details borrow must outlive the parts. */
        request->status.group = part->group;
        request->status.kind = part->resource;
    }
    free(reason);
    return result;
}

static int check_all(struct request *request, const struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (check(request, &parts->items[i]) < 0)
            return -1;
    return 0;
}

/* -------------------------------------------------------------------------------- the other
 * identity */

static void add_extra(struct identity *identity, const char *key, const char *text)
{
    if (!identity->extra)
        identity->extra = json_object();
    if (!json_object_get(identity->extra, key))
        json_object_set_new(identity->extra, key, json_array());
    json_array_append_new(json_object_get(identity->extra, key), json_string(text));
}

static bool has_groups(const struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (strcmp(parts->items[i].resource, "groups") == 0)
            return true;
    return false;
}

static struct identity user_of(const struct parts *parts)
{
    const struct part *user = &parts->items[0];
    if (!*user->ns)
        return identity_new(user->name, "");
    AUTO_FREE char *name = mem_printf(SERVICE_ACCOUNT "%s:%s", user->ns, user->name);
    struct identity identity = identity_new(name, "");
    if (!has_groups(parts)) {
        AUTO_FREE char *group = mem_printf(SERVICE_ACCOUNTS ":%s", user->ns);
        identity_add_group(&identity, SERVICE_ACCOUNTS);
        identity_add_group(&identity, group);
    }
    return identity;
}

static void set_uid(struct identity *identity, const char *uid)
{
    free(identity->uid);
    identity->uid = mem_strdup(uid);
}

static struct identity identity_of(const struct parts *parts)
{
    struct identity identity = user_of(parts);
    for (size_t i = 1; i < parts->count; i++) {
        const struct part *part = &parts->items[i];
        if (strcmp(part->resource, "groups") == 0)
            identity_add_group(&identity, part->name);
        else if (strcmp(part->resource, "userextras") == 0)
            add_extra(&identity, part->subresource, part->name);
        else
            set_uid(&identity, part->name);
    }
    if (strcmp(identity.name, USER_ANONYMOUS) == 0)
        identity_add_group(&identity, GROUP_UNAUTHENTICATED);
    else if (!identity_in_group(&identity, GROUP_UNAUTHENTICATED))
        identity_add_group(&identity, GROUP_AUTHENTICATED);
    return identity;
}

int impersonate(struct request *request)
{
    struct parts parts = {0};
    read_headers(&parts, request->http);
    int result = 0;
    if (parts.count > 0) {
        bool user = *parts.items[0].kind == 'S' || strcmp(parts.items[0].kind, "User") == 0;
        result = user ? check_all(request, &parts) : fail_without_user(request, &parts);
        if (result == 0) {
            request->caller.impersonator = request->caller.user;
            request->caller.user = identity_of(&parts);
        }
    }
    parts_release(&parts);
    return result;
}
