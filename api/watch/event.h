/*
 * One change, shared by all watchers: immutable but for the frames, which are rendered once per
 * output form and kept as long as the event. Reference-counted; any thread.
 */
#ifndef MOT_API_WATCH_EVENT_H
#define MOT_API_WATCH_EVENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/store/store.h>

#include "../http/server.h"
#include "../render.h"
#include "../status.h"
#include "filter.h"

struct watch_event;
struct watch_event *watch_event_new(const struct store_change *change) MOT_NODISCARD;
struct watch_event *watch_event_ref(struct watch_event *event);
void watch_event_unref(struct watch_event *event);

int64_t watch_event_revision(const struct watch_event *event);
/* When it was made, by clock_ms(). */
int64_t watch_event_at_ms(const struct watch_event *event);
const char *watch_event_ns(const struct watch_event *event);
const char *watch_event_name(const struct watch_event *event);
/* What it costs to keep, frames included (as far as one can know before). */
size_t watch_event_bytes(const struct watch_event *event);
enum watch_type watch_event_judge(struct watch_event *event, const struct watch_filter *filter);
/*
 * An object that stops matching is told as it was while it matched: this reads that state, once for
 * all watchers. Needed before the frame of a WATCH_DELETED; may ask the database.
 */
int watch_event_recall(struct watch_event *event, struct store *store, enum watch_type type,
                       struct err *err) MOT_NODISCARD;
/* A reference for the caller. */
struct http_frame *watch_event_frame(struct watch_event *event, const struct renderer *renderer,
                                     enum watch_type type, bool columns) MOT_NODISCARD;

/* The same for what is no event of the window. */
bool watch_left_selection(enum store_operation operation, enum watch_type type);
/* The state before @now's change; free() it. */
struct store_object *watch_recall(struct store *store, const struct store_object *now,
                                  struct err *err) MOT_NODISCARD;
struct http_frame *watch_frame(const struct renderer *renderer, enum watch_type type,
                               const char *body, size_t len, int64_t revision,
                               bool columns) MOT_NODISCARD;
struct http_frame *watch_bookmark_frame(const struct renderer *renderer, int64_t revision,
                                        bool initial_end, bool columns) MOT_NODISCARD;
/* An ERROR event. */
struct http_frame *watch_error_frame(const struct status *status) MOT_NODISCARD;

#endif
