#include "event.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

/* A frame in one of the forms that somebody asked for. */
struct cached {
    struct cached *next;
    const struct kind *kind; /* a view of the event's, or another version of it */
    enum form form;
    enum include_object include;
    enum watch_type type;
    bool columns;
    struct http_frame *frame;
};

struct watch_event {
    atomic_size_t refs;
    enum store_operation operation;
    int64_t at_ms;
    struct store_object *object;
    char *previous_text; /* NULL: as now */
    /* Under the lock, made when they are first asked for. */
    pthread_mutex_t lock;
    json_t *selectable;
    json_t *previous;
    struct store_object *before; /* as it was, once recalled */
    struct cached *frames;
};

struct watch_event *watch_event_new(const struct store_change *change)
{
    struct watch_event *event = mem_zalloc(sizeof(*event));
    atomic_init(&event->refs, 1);
    event->operation = change->operation;
    event->at_ms = clock_ms();
    event->object = store_object_copy(&change->object);
    if (change->previous)
        event->previous_text = mem_strdup(change->previous);
    pthread_mutex_init(&event->lock, NULL);
    return event;
}

struct watch_event *watch_event_ref(struct watch_event *event)
{
    atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
    return event;
}

void watch_event_unref(struct watch_event *event)
{
    if (!event || atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) > 1)
        return;
    while (event->frames) {
        struct cached *next = event->frames->next;
        http_frame_unref(event->frames->frame);
        free(event->frames);
        event->frames = next;
    }
    pthread_mutex_destroy(&event->lock);
    json_decref(event->selectable);
    json_decref(event->previous);
    free(event->previous_text);
    free(event->before);
    free(event->object);
    free(event);
}

int64_t watch_event_revision(const struct watch_event *event)
{
    return event->object->revision;
}

int64_t watch_event_at_ms(const struct watch_event *event)
{
    return event->at_ms;
}

const char *watch_event_ns(const struct watch_event *event)
{
    return event->object->key.ns;
}

const char *watch_event_name(const struct watch_event *event)
{
    return event->object->key.name;
}

size_t watch_event_bytes(const struct watch_event *event)
{
    return sizeof(*event) + 2 * event->object->body_len + 2 * strlen(event->object->selectable) +
           512;
}

static void decode(struct watch_event *event)
{
    pthread_mutex_lock(&event->lock);
    if (!event->selectable) {
        event->selectable = json_loads(event->object->selectable, 0, NULL);
        if (event->previous_text)
            event->previous = json_loads(event->previous_text, 0, NULL);
    }
    pthread_mutex_unlock(&event->lock);
}

enum watch_type watch_event_judge(struct watch_event *event, const struct watch_filter *filter)
{
    if (!watch_filter_may_match(filter, event->object->key.ns, event->object->key.name))
        return WATCH_NOTHING;
    if (watch_filter_selects_all(filter))
        return watch_filter_judge(filter, event->operation, NULL, NULL);
    decode(event);
    return watch_filter_judge(filter, event->operation, event->selectable, event->previous);
}

bool watch_left_selection(enum store_operation operation, enum watch_type type)
{
    return type == WATCH_DELETED && operation == STORE_UPDATE;
}

struct store_object *watch_recall(struct store *store, const struct store_object *now,
                                  struct err *err)
{
    struct err local = {0};
    struct store_object *before = store_get_at(store, &now->key, now->revision - 1, &local);
    if (!before && local.code == ERR_NOT_FOUND) /* forgotten: better as it is than not at all */
        return store_object_copy(now);
    if (!before)
        *err = local;
    return before;
}

int watch_event_recall(struct watch_event *event, struct store *store, enum watch_type type,
                       struct err *err)
{
    if (!watch_left_selection(event->operation, type))
        return 0;
    pthread_mutex_lock(&event->lock);
    if (!event->before)
        event->before = watch_recall(store, event->object, err);
    int result = event->before ? 0 : -1;
    pthread_mutex_unlock(&event->lock);
    return result;
}

struct http_frame *watch_event_frame(struct watch_event *event, const struct renderer *renderer,
                                     enum watch_type type, bool columns)
{
    columns = columns && renderer->form == FORM_TABLE;
    pthread_mutex_lock(&event->lock);
    struct cached *cached = event->frames;
    while (cached && (cached->kind != renderer->kind || cached->form != renderer->form ||
                      cached->include != renderer->include || cached->type != type ||
                      cached->columns != columns))
        cached = cached->next;
    if (!cached) {
        cached = mem_zalloc(sizeof(*cached));
        *cached = (struct cached){.next = event->frames,
                                  .kind = renderer->kind,
                                  .form = renderer->form,
                                  .include = renderer->include,
                                  .type = type,
                                  .columns = columns};
        const struct store_object *shown =
            watch_left_selection(event->operation, type) ? event->before : event->object;
        cached->frame = watch_frame(renderer, type, shown->body, shown->body_len,
                                    event->object->revision, columns);
        event->frames = cached;
    }
    struct http_frame *frame = http_frame_ref(cached->frame);
    pthread_mutex_unlock(&event->lock);
    return frame;
}

/* -------------------------------------------------------------------------------- frames */

static struct http_frame *close_frame(struct buf *buf)
{
    buf_adds(buf, "}\n");
    size_t len = buf->len;
    return http_frame_new(mem_resize(buf_take(buf), len, 1), len);
}

static void open_frame(struct buf *buf, const char *type)
{
    buf_init(buf, BUF_MAX_DEFAULT);
    buf_adds(buf, "{\"type\":\"");
    buf_adds(buf, type);
    buf_adds(buf, "\",\"object\":");
}

struct http_frame *watch_frame(const struct renderer *renderer, enum watch_type type,
                               const char *body, size_t len, int64_t revision, bool columns)
{
    struct buf buf;
    open_frame(&buf, watch_type_name(type));
    render_object(&buf, renderer, body, len, revision, columns);
    return close_frame(&buf);
}

struct http_frame *watch_bookmark_frame(const struct renderer *renderer, int64_t revision,
                                        bool initial_end, bool columns)
{
    struct buf buf;
    open_frame(&buf, "BOOKMARK");
    render_bookmark(&buf, renderer, revision, initial_end, columns);
    return close_frame(&buf);
}

struct http_frame *watch_error_frame(const struct status *status)
{
    struct buf buf;
    open_frame(&buf, "ERROR");
    status_write(&buf, status, false);
    return close_frame(&buf);
}
