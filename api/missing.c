#include "missing.h"

#include <string.h>

#include <mot/base/mem.h>

#include "admit.h"

static bool is_builtin_group(const struct kinds *kinds, const char *name, size_t len)
{
    for (size_t i = 0; i < kinds_count(kinds); i++) {
        const struct kind *kind = kinds_at(kinds, i);
        if (strlen(kind->group) == len && memcmp(kind->group, name, len) == 0 &&
            admit_is_builtin(kind))
            return true;
    }
    return false;
}

static bool is_below(const char *path, const char *root)
{
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Of what a kube-apiserver has handlers for by itself. */
static bool is_builtin_path(const struct request *request)
{
    static const char groups[] = "/apis/";
    const char *path = request->http->path;
    if (strncmp(path, groups, sizeof(groups) - 1) == 0) {
        const char *group = path + sizeof(groups) - 1;
        return is_builtin_group(request->api->kinds, group, strcspn(group, "/"));
    }
    return is_below(path, "/api") || is_below(path, "/version");
}

bool missing_is_strict(const struct request *request)
{
    static const char groups[] = "/apis/";
    const char *path = request->http->path;
    if (!is_builtin_path(request))
        return false;
    if (strncmp(path, groups, sizeof(groups) - 1) != 0)
        return true;
    const char *version = strchr(path + sizeof(groups) - 1, '/');
    return version && version[1];
}

int missing_path(struct request *request)
{
    fail(request, 404, "NotFound", "the server could not find the requested resource");
    request->status.details = true;
    request->status.page = !is_builtin_path(request);
    return -1;
}

int missing_method(struct request *request)
{
    static const char *const actions[][2] = {{"POST", "create"},
                                             {"PUT", "update"},
                                             {"PATCH", "patch"},
                                             {"DELETE", "delete"},
                                             {"GET", "get"}};
    const char *method = request->http->method;
    if (!request->kind || admit_is_builtin(request->kind)) {
        fail(request, 405, "MethodNotAllowed",
             "the server does not allow this method on the requested resource");
        request->status.details = true;
        return -1;
    }
    for (size_t i = 0; i < MOT_ARRAY_SIZE(actions); i++)
        if (strcmp(method, actions[i][0]) == 0)
            return fail_action(request, actions[i][1]);
    return fail_action(request, "");
}

int missing_subresource(struct request *request)
{
    return admit_is_builtin(request->kind) ? missing_path(request)
                                           : fail_not_found(request, request->route.name);
}
