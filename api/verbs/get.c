#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include "../query.h"
#include "../respond.h"
#include "scale.h"

int verb_get(struct request *request)
{
    int64_t revision;
    if (query_revision(request, &revision) < 0 || await_revision(request, revision) < 0)
        return -1;
    if (strcmp(request->route.subresource, "scale") == 0)
        return scale_get(request);
    struct store_key key = request_key(request, request->route.name);
    struct err err = {0};
    struct store_object *object = store_get(request->api->store, &key, &err);
    if (!object && err.code == ERR_NOT_FOUND)
        return fail_not_found(request, request->route.name);
    if (!object)
        return fail_err(request, &err);
    int result = respond_object(request, 200, object->body, object->body_len, object->revision);
    free(object);
    return result;
}
