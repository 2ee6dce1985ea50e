#include "health.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <mot/base/mem.h>

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
        return fail(request, 405, "MethodNotAllowed",
                    "the server does not allow this method on the requested resource");
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

static const struct check checks[] = {
    {"ping", false, check_ping},
    {"postgresql", true, check_store},
    {"watch-feed", true, check_feed},
};

/* A database that is away makes the server not ready; it is alive all the same. */
static bool applies(const struct request *request, const struct check *check)
{
    if (*request->route.subresource)
        return strcmp(request->route.subresource, check->name) == 0;
    return !check->only_ready || strcmp(request->route.name, "livez") != 0;
}

int health_check(struct request *request)
{
    struct buf report;
    buf_init(&report, 64 << 10);
    size_t run = 0;
    size_t failed = 0;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(checks); i++) {
        if (!applies(request, &checks[i]))
            continue;
        bool good = checks[i].run(request->api);
        run++;
        failed += !good;
        buf_addf(&report, "[%c]%s %s\n", good ? '+' : '-', checks[i].name,
                 good ? "ok" : "failed: reason withheld");
    }
    AUTO_FREE char *text = buf_take(&report);
    if (run == 0)
        return fail(request, 404, "NotFound", "there is no check \"%s\"",
                    request->route.subresource);
    AUTO_FREE char *verbose = http_query(request->http, "verbose");
    if (failed > 0)
        buf_addf(&request->response->body, "%s%s check failed\n", text, request->route.name);
    else if (verbose)
        buf_addf(&request->response->body, "%s%s check passed\n", text, request->route.name);
    else
        buf_adds(&request->response->body, "ok");
    request->response->status = failed > 0 ? 500 : 200;
    request->response->content_type = "text/plain; charset=utf-8";
    return 0;
}
