#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/object.h>

#include "../continue.h"
#include "../query.h"
#include "../respond.h"
#include "delete.h"
#include "write.h"

/* Objects that are deleted by one commit. */
#define BATCH 256

/* One object of a batch: as it was, and what is to be written. */
struct victim {
    struct store_object *object;
    char *body; /* NULL: it is removed */
    char *selectable;
};

struct sweep {
    const struct delete_options *options;
    const struct list_options *list;
    struct victim victims[BATCH];
    size_t count;
    size_t left;      /* how many more may go */
    bool more;        /* the batch ended before the list did */
    size_t written;   /* into the answer */
    int64_t revision; /* of the first list */
    char *ns, *name;  /* the last that was taken */
};

static void forget_victims(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->count; i++) {
        free(sweep->victims[i].object);
        free(sweep->victims[i].body);
        free(sweep->victims[i].selectable);
    }
    sweep->count = 0;
}

static int add_victim(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    struct sweep *sweep = context;
    if (!list_options_match(sweep->list, object->selectable))
        return 0;
    if (sweep->count == BATCH || sweep->left == 0) {
        sweep->more = true;
        return 1;
    }
    sweep->victims[sweep->count++] = (struct victim){.object = store_object_copy(object)};
    sweep->left--;
    free(sweep->ns);
    free(sweep->name);
    sweep->ns = mem_strdup(object->key.ns);
    sweep->name = mem_strdup(object->key.name);
    return 0;
}

/* The next objects after those that are done. */
static int find_victims(struct request *request, struct sweep *sweep)
{
    struct store_list_query query = {.resource = kind_stored(request->kind)->resource,
                                     .ns = request->route.ns,
                                     .after_ns = sweep->ns,
                                     .after_name = sweep->name,
                                     .batch = BATCH};
    struct err err = {0};
    int64_t revision = 0;
    sweep->more = false;
    AUTO_FREE char *ns = sweep->ns;
    AUTO_FREE char *name = sweep->name;
    sweep->ns = ns ? mem_strdup(ns) : NULL;
    sweep->name = name ? mem_strdup(name) : NULL;
    if (store_list(request->api->store, &query, &revision, add_victim, sweep, &err) < 0)
        return fail_err(request, &err);
    if (sweep->revision == 0)
        sweep->revision = revision;
    return 0;
}

/* Whether it may hold finalizers, before anything is parsed. */
static bool may_stay(const struct delete_options *options, const struct store_object *object)
{
    static const char member[] = "\"finalizers\":[";
    bool adds = options->has_orphan ? options->orphan
                                    : options->policy && strcmp(options->policy, "Background") != 0;
    return adds || memmem(object->body, object->body_len, member, sizeof(member) - 1);
}

/* False: it is marked already, there is nothing to write. */
static bool plan(const struct request *request, const struct sweep *sweep, struct victim *victim,
                 struct store_write *write)
{
    const struct store_object *object = victim->object;
    struct err err = {0};
    *write = (struct store_write){.operation = STORE_DELETE,
                                  .key = object->key,
                                  .uid = object->uid,
                                  .expected = object->revision,
                                  .body = object->body,
                                  .body_len = object->body_len,
                                  .selectable = object->selectable};
    if (!may_stay(sweep->options, object))
        return true;
    json_t *next = object_decode(object->body, object->body_len, object->revision, &err);
    bool gone = false;
    bool changed = next && delete_mark(request, sweep->options, next, &gone);
    if (changed && !gone) {
        victim->body = object_encode(next, &write->body_len);
        victim->selectable = object_selectable(next, kind_stored(request->kind)->selectable_fields);
        write->operation = STORE_UPDATE;
        write->body = victim->body;
        write->selectable = victim->selectable;
        write->previous = object->selectable;
    }
    json_decref(next);
    return changed;
}

/* Somebody was faster with this one: by itself, with as many tries as a DELETE of it has. */
static int delete_one(struct request *request, const struct delete_options *options,
                      const char *name)
{
    struct deleted deleted = {0};
    free(request->route.name);
    request->route.name = mem_strdup(name);
    int result = delete_object(request, options, &deleted);
    deleted_release(&deleted);
    if (result == 0 || request->status.code != 404)
        return result;
    status_release(&request->status);
    return 0;
}

static int delete_victims(struct request *request, struct sweep *sweep)
{
    struct store_write writes[BATCH];
    struct store_commit commit = {.writes = writes};
    struct err err = {0};
    for (size_t i = 0; i < sweep->count; i++)
        commit.write_count += plan(request, sweep, &sweep->victims[i], &writes[commit.write_count]);
    if (commit.write_count == 0)
        return 0;
    if (store_commit(request->api->store, &commit, &err) < 0)
        return fail_err(request, &err);
    for (size_t i = 0; i < commit.write_count; i++)
        if (writes[i].result == ERR_CONFLICT &&
            delete_one(request, sweep->options, writes[i].key.name) < 0)
            return -1;
    return 0;
}

/* Preconditions are about one object: each is looked at by itself. */
static int delete_each(struct request *request, const struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->count; i++)
        if (delete_one(request, sweep->options, sweep->victims[i].object->key.name) < 0)
            return -1;
    return 0;
}

/* The answer has the objects as they were. */
static void write_victims(struct request *request, struct sweep *sweep)
{
    struct renderer renderer = request_renderer(request, INCLUDE_METADATA);
    for (size_t i = 0; i < sweep->count; i++) {
        const struct store_object *object = sweep->victims[i].object;
        buf_adds(&request->response->body, sweep->written++ > 0 ? "," : "");
        render_item(&request->response->body, &renderer, object->body, object->body_len,
                    object->revision);
    }
}

static int sweep_once(struct request *request, struct sweep *sweep)
{
    const struct delete_options *options = sweep->options;
    if (find_victims(request, sweep) < 0)
        return -1;
    write_victims(request, sweep);
    if (options->uid || options->revision)
        return delete_each(request, sweep);
    return options->write.dry_run ? 0 : delete_victims(request, sweep);
}

/* As in a list: how many are left, unless selectors keep it from being known. -1: unknown. */
static int64_t count_left(struct request *request, const struct sweep *sweep)
{
    const struct list_options *list = sweep->list;
    struct store_list_query query = {.resource = kind_stored(request->kind)->resource,
                                     .ns = request->route.ns,
                                     .after_ns = sweep->ns,
                                     .after_name = sweep->name};
    struct err err = {0};
    int64_t count = -1;
    if (!sweep->more || !selector_is_everything(list->labels) ||
        !selector_is_everything(list->fields) ||
        store_count(request->api->store, &query, &count, &err) < 0)
        return -1;
    return count;
}

static void finish(struct request *request, const struct sweep *sweep)
{
    struct continuation next = {.revision = sweep->revision, .ns = sweep->ns, .name = sweep->name};
    AUTO_FREE char *token = sweep->more ? continue_encode(&next) : NULL;
    struct renderer renderer = request_renderer(request, INCLUDE_METADATA);
    render_list_tail(&request->response->body, &renderer, sweep->revision, token,
                     count_left(request, sweep));
    respond_json(request, 200);
}

static int start(struct request *request, struct sweep *sweep)
{
    struct renderer renderer = request_renderer(request, INCLUDE_METADATA);
    struct continuation from = {0};
    struct err err = {0};
    if (sweep->list->token && continue_decode(sweep->list->token, &from, &err) < 0)
        return fail(request, 400, "BadRequest", "%s", err.message);
    sweep->ns = from.ns;
    sweep->name = from.name;
    sweep->left = sweep->list->limit > 0 ? (size_t)sweep->list->limit : SIZE_MAX;
    render_list_head(&request->response->body, &renderer);
    return 0;
}

static int run(struct request *request, struct sweep *sweep)
{
    int result = start(request, sweep);
    for (bool more = true; result == 0 && more; more = sweep->more && sweep->left > 0) {
        forget_victims(sweep);
        result = sweep_once(request, sweep);
    }
    if (result == 0)
        finish(request, sweep);
    forget_victims(sweep);
    free(sweep->ns);
    free(sweep->name);
    return result;
}

int verb_delete_collection(struct request *request)
{
    struct delete_options options;
    struct list_options list = {0};
    int result = delete_options_read(request, &options);
    if (result == 0)
        result = list_options_parse(request, &list);
    options.only = &list;
    if (result == 0) {
        struct sweep *sweep = mem_zalloc(sizeof(*sweep));
        sweep->options = &options;
        sweep->list = &list;
        result = run(request, sweep);
        free(sweep);
    }
    list_options_release(&list);
    delete_options_release(&options);
    return result;
}
