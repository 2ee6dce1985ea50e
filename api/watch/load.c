/* Loaders: initial lists, and catching up from the change log to the window. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "watcher.h"

#define ROWS     200
#define ROWS_MIN 4

struct load {
    struct hub *hub;
    struct watcher *watcher;
    size_t rows; /* gone by in this turn */
    bool refused;
    struct store_object *left; /* it stopped matching: it is told as it was before */
};

/* The rest of a batch that the stream refused is read for nothing: for a slow reader of large
 * objects the next one is as small as what it took. */
static enum turn refused(struct load *load)
{
    size_t rows = load->rows < ROWS_MIN ? ROWS_MIN : load->rows;
    load->watcher->batch = rows < ROWS ? rows : ROWS;
    return TURN_FULL;
}

/* Takes over @message. */
static enum turn fail_with(struct watcher *watcher, int code, const char *reason, char *message)
{
    struct status status = {.code = code, .reason = reason, .message = message};
    watcher_fail(watcher, &status);
    status_release(&status);
    return TURN_END;
}

static enum turn fail_load(struct watcher *watcher, const struct err *err)
{
    if (err->code == ERR_GONE)
        return fail_with(watcher, 410, "Expired",
                         mem_printf("too old resource version: %" PRId64 " (%" PRId64 ")",
                                    watcher->cursor, err->floor));
    if (err->code == ERR_TRANSIENT || err->code == ERR_TIMEOUT)
        return TURN_RETRY;
    log_error("a watch failed", LOG_S("resource", watcher->renderer.kind->resource),
              LOG_S("why", err->message));
    return fail_with(watcher, 500, "InternalError", mem_strdup(err->message));
}

static void set_stage(struct hub *hub, struct watcher *watcher, enum watcher_stage stage)
{
    pthread_mutex_lock(&hub->lock);
    watcher->stage = stage;
    pthread_mutex_unlock(&hub->lock);
}

/* False: refused. */
static bool write_state(struct watcher *watcher, enum watch_type type,
                        const struct store_object *object, int64_t revision)
{
    struct http_frame *frame = watch_frame(&watcher->renderer, type, object->body, object->body_len,
                                           revision, !watcher->columns_written);
    if (!watcher_write_once(watcher, frame))
        return false;
    watcher->columns_written = true;
    watcher_delivered(watcher);
    return true;
}

/* -------------------------------------------------------------------------------- initial list */

static bool selected(const struct watch_filter *filter, const char *selectable)
{
    if (watch_filter_selects_all(filter))
        return true;
    json_t *values = json_loads(selectable, 0, NULL);
    bool matches = watch_filter_matches(filter, values);
    json_decref(values);
    return matches;
}

static int visit_initial(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    struct load *load = context;
    struct watcher *watcher = load->watcher;
    if (selected(&watcher->filter, object->selectable) &&
        !write_state(watcher, WATCH_ADDED, object, object->revision)) {
        load->refused = true;
        return 1;
    }
    load->rows++;
    buf_clear(&watcher->after_ns);
    buf_clear(&watcher->after_name);
    buf_adds(&watcher->after_ns, object->key.ns);
    buf_adds(&watcher->after_name, object->key.name);
    return 0;
}

/* Pages of one snapshot: it goes on at the same revision after the stream had no room. */
static enum turn load_initial(struct hub *hub, struct watcher *watcher)
{
    struct load load = {.hub = hub, .watcher = watcher};
    struct store_list_query query = {.resource = kind_stored(watcher->renderer.kind)->resource,
                                     .ns = watcher->filter.ns,
                                     .name = watcher->filter.name,
                                     .at = watcher->initial_revision,
                                     .batch = watcher->batch ? watcher->batch : ROWS};
    if (watcher->after_name.len > 0) {
        query.after_ns = watcher->after_ns.data;
        query.after_name = watcher->after_name.data;
    }
    struct err err = {0};
    int64_t revision = watcher->initial_revision;
    int result = store_list(hub->store, &query, &revision, visit_initial, &load, &err);
    watcher->initial_revision = revision;
    if (result < 0) {
        watcher->cursor = revision;
        return fail_load(watcher, &err);
    }
    if (load.refused)
        return refused(&load);
    watcher->cursor = revision;
    set_stage(hub, watcher, STAGE_LIVE);
    return TURN_MORE;
}

/* -------------------------------------------------------------------------------- catching up */

static enum watch_type judge(const struct watch_filter *filter, const struct store_change *change)
{
    if (watch_filter_selects_all(filter))
        return watch_filter_judge(filter, change->operation, NULL, NULL);
    json_t *now = json_loads(change->object.selectable, 0, NULL);
    json_t *before = change->previous ? json_loads(change->previous, 0, NULL) : NULL;
    enum watch_type type = watch_filter_judge(filter, change->operation, now, before);
    json_decref(now);
    json_decref(before);
    return type;
}

static int visit_change(void *context, const struct store_change *change, struct err *err)
{
    (void)err;
    struct load *load = context;
    struct watcher *watcher = load->watcher;
    const struct store_object *object = &change->object;
    if (watch_filter_may_match(&watcher->filter, object->key.ns, object->key.name)) {
        enum watch_type type = judge(&watcher->filter, change);
        if (watch_left_selection(change->operation, type)) {
            load->left = store_object_copy(object);
            return 1;
        }
        if (type != WATCH_NOTHING && !write_state(watcher, type, object, object->revision)) {
            load->refused = true;
            return 1;
        }
    }
    load->rows++;
    watcher->cursor = object->revision;
    return 0;
}

/* Only now that the connection of the log is free again. */
static enum turn write_left(struct hub *hub, struct load *load)
{
    struct watcher *watcher = load->watcher;
    struct err err = {0};
    int64_t revision = load->left->revision;
    struct store_object *before = watch_recall(hub->store, load->left, &err);
    free(load->left);
    if (!before)
        return fail_load(watcher, &err);
    bool written = write_state(watcher, WATCH_DELETED, before, revision);
    free(before);
    if (!written)
        return refused(load);
    watcher->cursor = revision;
    return TURN_MORE;
}

static bool in_window(struct hub *hub, struct watcher *watcher)
{
    pthread_mutex_lock(&hub->lock);
    bool inside = watcher->cursor >= watcher->ring->start;
    if (inside)
        watcher->stage = STAGE_LIVE;
    pthread_mutex_unlock(&hub->lock);
    return inside;
}

static enum turn load_changes(struct hub *hub, struct watcher *watcher)
{
    if (in_window(hub, watcher))
        return TURN_MORE;
    struct load load = {.hub = hub, .watcher = watcher};
    struct err err = {0};
    int64_t revision = watcher->cursor;
    size_t batch = watcher->batch ? watcher->batch : ROWS;
    int result = store_changes(hub->store, kind_stored(watcher->renderer.kind)->resource,
                               watcher->cursor, 0, batch, &revision, visit_change, &load, &err);
    if (result < 0) {
        free(load.left);
        return fail_load(watcher, &err);
    }
    if (load.left)
        return write_left(hub, &load);
    if (load.refused)
        return refused(&load);
    watcher->batch = batch < ROWS / 2 ? 2 * batch : ROWS;
    if (revision > watcher->cursor)
        watcher->cursor = revision;
    in_window(hub, watcher);
    return TURN_MORE;
}

enum turn load_turn(struct hub *hub, struct watcher *watcher)
{
    if (watcher->stage == STAGE_INITIAL)
        return load_initial(hub, watcher);
    return load_changes(hub, watcher);
}
