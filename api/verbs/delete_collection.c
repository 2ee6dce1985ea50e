#include "verbs.h"

#include <stdlib.h>

#include <mot/base/mem.h>
#include <mot/model/object.h>

#include "../namespaces.h"
#include "../query.h"
#include "../respond.h"
#include "delete.h"

/* The names that are to go, from one snapshot. */
struct names {
    const struct list_options *options;
    char **items;
    size_t count, capacity;
};

static int add_name(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    struct names *names = context;
    if (!list_options_match(names->options, object->selectable))
        return 0;
    void *items = names->items;
    mem_grow(&items, &names->capacity, names->count, sizeof(*names->items));
    names->items = items;
    names->items[names->count++] = mem_strdup(object->key.name);
    return 0;
}

static void release_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

/* One object, and into the answer; one that is gone already is none of ours. */
static int delete_one(struct request *request, const struct delete_options *options, char *name,
                      size_t *written)
{
    struct deleted deleted = {0};
    free(request->route.name);
    request->route.name = mem_strdup(name);
    int result = 0;
    if (namespace_kind(request->kind))
        result = namespace_check_delete(request, name);
    if (result == 0)
        result = delete_object(request, options, &deleted);
    if (result == 0) {
        size_t len;
        AUTO_FREE char *body = object_encode(deleted.object, &len);
        struct renderer renderer = request_renderer(request, INCLUDE_METADATA);
        buf_adds(&request->response->body, (*written)++ > 0 ? "," : "");
        render_item(&request->response->body, &renderer, body, len, deleted.revision);
    } else if (request->status.code == 404) {
        status_release(&request->status);
        result = 0;
    }
    deleted_release(&deleted);
    return result;
}

static int delete_all(struct request *request, const struct delete_options *options,
                      const struct names *names, int64_t revision)
{
    struct renderer renderer = request_renderer(request, INCLUDE_METADATA);
    size_t written = 0;
    render_list_head(&request->response->body, &renderer);
    for (size_t i = 0; i < names->count; i++)
        if (delete_one(request, options, names->items[i], &written) < 0)
            return -1;
    render_list_tail(&request->response->body, &renderer, revision, NULL, -1);
    respond_json(request, 200);
    return 0;
}

static int run(struct request *request, const struct delete_options *options,
               const struct list_options *list)
{
    struct names names = {.options = list};
    struct store_list_query query = {.resource = request->kind->resource, .ns = request->route.ns};
    struct err err = {0};
    int64_t revision;
    int result = store_list(request->api->store, &query, &revision, add_name, &names, &err);
    if (result < 0)
        fail_err(request, &err);
    else
        result = delete_all(request, options, &names, revision);
    release_names(&names);
    return result;
}

int verb_delete_collection(struct request *request)
{
    struct delete_options options;
    struct list_options list = {0};
    int result = delete_options_read(request, &options);
    if (result == 0)
        result = list_options_parse(request, &list);
    if (result == 0)
        result = run(request, &options, &list);
    list_options_release(&list);
    delete_options_release(&options);
    return result;
}
