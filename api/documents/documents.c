#include "documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>

#include "accept.h"
#include "discovery.h"
#include "openapi.h"

#define JSON_TYPE       "application/json"
#define AGGREGATED_TYPE "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define AGGREGATED_BETA_TYPE                                                                       \
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
/* Asked for with "@"; answered with ".", because Go can't parse the former as a media type. */
#define PROTOBUF_ASKED    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
#define PROTOBUF_ANSWERED "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#define V3_ASKED          "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"
#define V3_ANSWERED       "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"

#define OPENAPI_V3 "/openapi/v3"

struct form {
    const char *type; /* of the answer */
    char *body;
    size_t len;
    char etag[40]; /* with its quotes */
};

#define FORMS_MAX 3

/* One path, in one or more forms. */
struct document {
    char *path;
    struct form forms[FORMS_MAX];
    const struct offer *offers;
    size_t offer_count;
    const size_t *offer_forms; /* which form an offer is */
    bool hashed;               /* ?hash= makes the answer cacheable for ever */
};

struct documents {
    struct groups groups;
    struct document *items;
    size_t count;
    size_t capacity;
};

static const struct offer json_offers[] = {{JSON_TYPE, ""}};
static const size_t json_forms[] = {0};
static const struct offer discovery_offers[] = {
    {JSON_TYPE, ""},
    {JSON_TYPE, "as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2"},
    {JSON_TYPE, "as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2beta1"}};
static const size_t discovery_forms[] = {0, 1, 2};
static const struct offer swagger_offers[] = {
    {JSON_TYPE, ""}, {PROTOBUF_ASKED, ""}, {PROTOBUF_ANSWERED, ""}};
static const size_t protobuf_forms[] = {0, 1, 1};
static const struct offer v3_offers[] = {{JSON_TYPE, ""}, {V3_ASKED, ""}, {V3_ANSWERED, ""}};

/* ---- building ---- */

/* Takes @body. */
static struct form form_of(const char *type, char *body, size_t len)
{
    struct form form = {.type = type, .body = body, .len = len};
    uint64_t first = hash_bytes(body, len, HASH_SEED);
    uint64_t second = hash_bytes(body, len, first ^ UINT64_C(0x9e3779b97f4a7c15));
    snprintf(form.etag, sizeof(form.etag), "\"%016llX%016llX\"", (unsigned long long)first,
             (unsigned long long)second);
    return form;
}

/* Takes both. */
static struct document *add_json(struct documents *documents, char *path, char *body)
{
    mem_grow((void **)&documents->items, &documents->capacity, documents->count,
             sizeof(*documents->items));
    struct document *document = &documents->items[documents->count++];
    *document = (struct document){
        .path = path, .offers = json_offers, .offer_count = 1, .offer_forms = json_forms};
    document->forms[0] = form_of(JSON_TYPE, body, strlen(body));
    return document;
}

static void add_aggregated(struct document *document, const struct groups *groups, bool core)
{
    char *body = discovery_aggregated(groups, core, "v2");
    char *beta = discovery_aggregated(groups, core, "v2beta1");
    document->forms[1] = form_of(AGGREGATED_TYPE, body, strlen(body));
    document->forms[2] = form_of(AGGREGATED_BETA_TYPE, beta, strlen(beta));
    document->offers = discovery_offers;
    document->offer_count = MOT_ARRAY_SIZE(discovery_offers);
    document->offer_forms = discovery_forms;
}

static void add_discovery(struct documents *documents)
{
    const struct groups *groups = &documents->groups;
    add_aggregated(add_json(documents, mem_strdup("/api"), discovery_versions(groups)), groups,
                   true);
    add_aggregated(add_json(documents, mem_strdup("/apis"), discovery_groups(groups)), groups,
                   false);
    for (size_t i = 0; i < groups->group_count; i++) {
        const struct group *group = &groups->groups[i];
        if (*group->name)
            add_json(documents, mem_printf("/apis/%s", group->name),
                     discovery_group(groups, group));
    }
    for (size_t i = 0; i < groups->version_count; i++) {
        const struct group_version *version = &groups->versions[i];
        add_json(documents,
                 mem_printf("%s/%s", *version->group ? "/apis" : "/api", version->api_version),
                 discovery_resources(version));
    }
}

static void add_v2(struct documents *documents, const json_t *const *v3_documents, size_t count)
{
    struct buf protobuf;
    json_t *v2 = openapi_v2(v3_documents, count);
    struct document *document = add_json(documents, mem_strdup("/openapi/v2"), json_text(v2));
    buf_init(&protobuf, BUF_MAX_DEFAULT);
    openapi_v2_protobuf(&protobuf, v2);
    size_t len = protobuf.len;
    document->forms[1] = form_of(PROTOBUF_ANSWERED, buf_take(&protobuf), len);
    document->offers = swagger_offers;
    document->offer_count = MOT_ARRAY_SIZE(swagger_offers);
    document->offer_forms = protobuf_forms;
    json_decref(v2);
}

/* "apis/mot.dev/v1alpha1". */
static char *version_key(const struct group_version *version)
{
    return mem_printf("%s/%s", *version->group ? "apis" : "api", version->api_version);
}

/* The form has the ETag of the JSON, which is also its hash in the index. */
static void add_v3(struct documents *documents, const char *key, const json_t *v3)
{
    struct buf protobuf;
    struct document *document =
        add_json(documents, mem_printf(OPENAPI_V3 "/%s", key), json_text(v3));
    buf_init(&protobuf, BUF_MAX_DEFAULT);
    openapi_v3_protobuf(&protobuf, v3);
    size_t len = protobuf.len;
    document->forms[1] = form_of(V3_ANSWERED, buf_take(&protobuf), len);
    memcpy(document->forms[1].etag, document->forms[0].etag, sizeof(document->forms[0].etag));
    document->offers = v3_offers;
    document->offer_count = MOT_ARRAY_SIZE(v3_offers);
    document->offer_forms = protobuf_forms;
    document->hashed = true;
}

static void add_to_index(json_t *index, const char *key, const struct form *form)
{
    json_object_set_new(json_object_get(index, "paths"), key,
                        json_pack("{s:o}", "serverRelativeURL",
                                  json_sprintf(OPENAPI_V3 "/%s?hash=%.32s", key, form->etag + 1)));
}

static int add_openapi(struct documents *documents, struct err *err)
{
    const struct groups *groups = &documents->groups;
    json_t *meta = openapi_meta_schemas(err);
    if (!meta)
        return -1;
    json_t *index = json_pack("{s:{}}", "paths");
    const json_t **all = mem_array(groups->version_count + 1, sizeof(*all));
    json_t *keep = json_array();
    for (size_t i = 0; i < groups->version_count; i++) {
        AUTO_FREE char *key = version_key(&groups->versions[i]);
        json_t *v3 = openapi_v3(&groups->versions[i], meta);
        all[i] = v3;
        json_array_append_new(keep, v3);
        add_v3(documents, key, v3);
        add_to_index(index, key, &documents->items[documents->count - 1].forms[0]);
    }
    add_json(documents, mem_strdup(OPENAPI_V3), json_text(index));
    add_v2(documents, all, groups->version_count);
    free(all);
    json_decref(keep);
    json_decref(index);
    json_decref(meta);
    return 0;
}

struct documents *documents_new(const struct kinds *kinds, struct err *err)
{
    struct documents *documents = mem_zalloc(sizeof(*documents));
    api_groups_init(&documents->groups, kinds);
    add_discovery(documents);
    if (add_openapi(documents, err) == 0)
        return documents;
    documents_free(documents);
    return NULL;
}

void documents_free(struct documents *documents)
{
    if (!documents)
        return;
    for (size_t i = 0; i < documents->count; i++) {
        free(documents->items[i].path);
        for (size_t j = 0; j < FORMS_MAX; j++)
            free(documents->items[i].forms[j].body);
    }
    free(documents->items);
    api_groups_release(&documents->groups);
    free(documents);
}

/* ---- serving ---- */

/* Trailing slashes don't count. */
static const struct document *find(const struct documents *documents, const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    for (size_t i = 0; i < documents->count; i++) {
        const char *other = documents->items[i].path;
        if (strlen(other) == len && memcmp(other, path, len) == 0)
            return &documents->items[i];
    }
    return NULL;
}

static void refuse_accept(struct http_response *response)
{
    response->status = 406;
    response->content_type = JSON_TYPE;
    buf_adds(&response->body, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                              "\"status\":\"Failure\",\"message\":\"only the "
                              "following media types are accepted: "
                              "application/json\",\"reason\":\"NotAcceptable\",\"code\":406}\n");
}

/* "*" or one of the listed tags, weak or not. */
static bool etag_matches(const char *if_none_match, const char *etag)
{
    return if_none_match && (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag));
}

static void allow_caching_for_ever(struct http_response *response)
{
    char date[64];
    struct tm tm;
    time_t in_a_year = time(NULL) + 365 * 24 * 3600;
    gmtime_r(&in_a_year, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    http_response_header(response, "Cache-Control", "public, immutable");
    http_response_header(response, "Expires", date);
}

/* True when the client asked for another version of the document than there is: it is sent to this
 * one. */
static bool redirect_hash(const struct document *document, const struct form *form,
                          const struct http_request *request, struct http_response *response)
{
    AUTO_FREE char *hash = document->hashed ? http_query(request, "hash") : NULL;
    if (!hash || !*hash)
        return false;
    if (strncmp(hash, form->etag + 1, 32) == 0 && strlen(hash) == 32) {
        allow_caching_for_ever(response);
        return false;
    }
    AUTO_FREE char *location = mem_printf("%s?hash=%.32s", document->path, form->etag + 1);
    response->status = 301;
    http_response_header(response, "Location", location);
    return true;
}

static void serve_form(const struct document *document, const struct form *form,
                       const struct http_request *request, struct http_response *response)
{
    http_response_header(response, "Vary", "Accept");
    http_response_header(response, "ETag", form->etag);
    if (redirect_hash(document, form, request, response))
        return;
    if (etag_matches(http_header(request, "if-none-match"), form->etag)) {
        response->status = 304;
        return;
    }
    response->status = 200;
    response->content_type = form->type;
    buf_add(&response->body, form->body, form->len);
}

static bool has_old_name(const struct http_request *request)
{
    return strcmp(request->path, "/swagger-2.0.0.pb-v1") == 0;
}

static const struct document *find_asked(const struct documents *documents,
                                         const struct http_request *request)
{
    return find(documents, has_old_name(request) ? "/openapi/v2" : request->path);
}

bool documents_have(const struct documents *documents, const struct http_request *request)
{
    return find_asked(documents, request) != NULL;
}

void documents_serve(const struct documents *documents, const struct http_request *request,
                     struct http_response *response)
{
    const struct document *document = find_asked(documents, request);
    int chosen =
        accept_choose(http_header(request, "accept"), document->offers, document->offer_count);
    if (has_old_name(request))
        serve_form(document, &document->forms[1], request, response);
    else if (chosen < 0)
        refuse_accept(response);
    else
        serve_form(document, &document->forms[document->offer_forms[chosen]], request, response);
}
