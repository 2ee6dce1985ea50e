#include "health.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/texts.h>

#include "auth/authorize.h"
#include "missing.h"
#include "watch/hub.h"

/* The Kubernetes version whose API this server speaks; clients compare it with their own. */
#define KUBERNETES_MAJOR "1"
#define KUBERNETES_MINOR "35"

static const char *compiler(void)
{
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

int health_version(struct request *request)
{
    if (strcmp(request->http->method, "GET") != 0)
        return missing_method(request);
    struct utsname system;
    uname(&system);
    buf_addf(&request->response->body,
             "{\"major\":\"" KUBERNETES_MAJOR "\",\"minor\":\"" KUBERNETES_MINOR
             "\",\"gitVersion\":\"v" KUBERNETES_MAJOR "." KUBERNETES_MINOR ".0+mot-" MOT_VERSION
             "\",\"gitCommit\":\"\",\"gitTreeState\":\"\",\"buildDate\":\"\",\"goVersion\":\"\","
             "\"compiler\":\"%s\",\"platform\":\"linux/%s\"}",
             compiler(), system.machine);
    request->response->status = 200;
    request->response->content_type = "application/json";
    return 0;
}

struct check {
    const char *name;
    bool only_ready;
    bool (*run)(struct api *api);
};

static bool check_ping(struct api *api)
{
    (void)api;
    return true;
}

static bool check_store(struct api *api)
{
    struct err err = {0};
    return store_ping(api->store, &err) == 0;
}

static bool check_feed(struct api *api)
{
    return hub_healthy(api->hub);
}

/* Until the roles are known nobody but the masters may do anything. */
static bool check_roles(struct api *api)
{
    return !api->authorizer || authorizer_ready(api->authorizer);
}

static const struct check checks[] = {
    {"ping", false, check_ping},
    {"postgres", true, check_store},
    {"feed", true, check_feed},
    {"rbac", true, check_roles},
};

/* A database that is away makes the server not ready; it is alive all the same, and a restart would
 * not help. */
static bool applies(const struct request *request, const struct check *check)
{
    return !check->only_ready || strcmp(request->route.name, "livez") != 0;
}

/* The values of ?exclude=, which may come several times. */
static void read_excluded(const struct http_request *http, struct texts *excluded)
{
    static const char name[] = "exclude=";
    for (const char *at = http->query; *at;) {
        size_t len = strcspn(at, "&");
        if (len >= sizeof(name) - 1 && strncmp(at, name, sizeof(name) - 1) == 0) {
            char *value = http_decode(at + sizeof(name) - 1, len - (sizeof(name) - 1));
            if (value)
                texts_add(excluded, value);
        }
        at += len + (at[len] == '&');
    }
}

/* Takes @name out of the list. */
static bool take_excluded(struct texts *excluded, const char *name)
{
    bool found = false;
    size_t kept = 0;
    for (size_t i = 0; i < excluded->count; i++) {
        if (strcmp(excluded->items[i], name) != 0) {
            excluded->items[kept++] = excluded->items[i];
            continue;
        }
        found = true;
        free(excluded->items[i]);
    }
    excluded->count = kept;
    return found;
}

static void add_unknown(struct buf *report, struct texts *excluded)
{
    if (excluded->count == 0)
        return;
    texts_sort(excluded);
    buf_adds(report, "warn: some health checks cannot be excluded: no matches for ");
    for (size_t i = 0; i < excluded->count; i++) {
        AUTO_FREE char *quoted = go_quoted(excluded->items[i]);
        buf_addf(report, "%s%s", i > 0 ? "," : "", quoted);
    }
    buf_addc(report, '\n');
}

static void answer(struct request *request, bool good)
{
    request->response->status = good ? 200 : 500;
    request->response->content_type = "text/plain; charset=utf-8";
}

/* /readyz/<check> */
static int check_single(struct request *request)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(checks); i++) {
        if (!applies(request, &checks[i]) ||
            strcmp(request->route.subresource, checks[i].name) != 0)
            continue;
        bool good = checks[i].run(request->api);
        buf_adds(&request->response->body,
                 good ? "ok" : "internal server error: reason withheld\n");
        answer(request, good);
        return 0;
    }
    return missing_path(request);
}

/* True when all is well. */
static bool check_all(struct request *request, struct texts *excluded, struct buf *report)
{
    bool good = true;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(checks); i++) {
        if (!applies(request, &checks[i]))
            continue;
        if (take_excluded(excluded, checks[i].name)) {
            buf_addf(report, "[+]%s excluded: ok\n", checks[i].name);
        } else if (checks[i].run(request->api)) {
            buf_addf(report, "[+]%s ok\n", checks[i].name);
        } else {
            buf_addf(report, "[-]%s failed: reason withheld\n", checks[i].name);
            good = false;
        }
    }
    add_unknown(report, excluded);
    return good;
}

int health_check(struct request *request)
{
    if (*request->route.subresource)
        return check_single(request);
    struct texts excluded = {0};
    struct buf report;
    buf_init(&report, 64 << 10);
    read_excluded(request->http, &excluded);
    bool good = check_all(request, &excluded, &report);
    AUTO_FREE char *text = buf_take(&report);
    AUTO_FREE char *verbose = http_query(request->http, "verbose");
    if (!good || verbose)
        buf_addf(&request->response->body, "%s%s check %s\n", text, request->route.name,
                 good ? "passed" : "failed");
    else
        buf_adds(&request->response->body, "ok");
    http_response_header(request->response, "X-Content-Type-Options", "nosniff");
    answer(request, good);
    texts_release(&excluded);
    return 0;
}
