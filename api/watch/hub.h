/*
 * Watches. One feed thread reads the change log into the window and wakes the watchers of what
 * changed; a few pump threads write events to live watchers; a few loader threads do what needs the
 * database: initial lists, and catching up of watchers whose revision is older than the window.
 *
 * A watcher holds a revision and no events: when its stream is full it waits for room, and reads on
 * from the window or from the change log. One that stays full is cut: its client resumes from the
 * last revision it has seen.
 */
#ifndef MOT_API_WATCH_HUB_H
#define MOT_API_WATCH_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "../api.h"
#include "../render.h"
#include "filter.h"

struct hub;
struct permit;
/* @api's gate is asked whether watches may go on; it must be ready, and outlive the hub. */
struct hub *hub_new(struct api *api, const struct api_options *options,
                    struct err *err) MOT_NODISCARD;
/* After the HTTP server was stopped: all streams must be closed. */
void hub_free(struct hub *hub);
/* @listener is called on the feed's thread with the resource of each change
 * ("deployments.mot.dev"), and must not block. One at most, and before there are watches. */
typedef void hub_listener(void *context, const char *resource);
void hub_listen(struct hub *hub, hub_listener *listener, void *context);
/* The feed has heard from the database lately, and is not far behind. */
bool hub_healthy(struct hub *hub);

struct watch_spec {
    struct renderer renderer;
    struct watch_filter filter; /* taken over */
    bool initial;     /* begin with ADDED for what there was at `revision`; and then, or else only,
                         what comes after it */
    bool initial_end; /* and mark the end of these */
    int64_t revision;
    bool bookmarks;
    int64_t timeout_ms;
    struct permit *permit; /* taken over */
};
/* Turns the response into a stream of events. @protocol: the WebSocket sub-protocol or NULL. */
void hub_watch(struct hub *hub, const struct http_request *request, struct http_response *response,
               const char *protocol, struct watch_spec *spec);

size_t hub_watchers(struct hub *hub);

struct hub_stats {
    size_t window_events, window_bytes;
    int64_t position;   /* the newest revision that the feed has read */
    int64_t lag_ms;     /* how old the last change was when it came */
    int64_t silent_ms;  /* since the feed has heard from the database */
    uint64_t withdrawn; /* watches that were ended because they were not allowed any more */
};
struct hub_stats hub_stats(struct hub *hub);
/* By the kind's place in the kinds: watches that are open, and events written to them so far. */
size_t hub_kind_watchers(struct hub *hub, size_t kind);
uint64_t hub_kind_delivered(const struct hub *hub, size_t kind);

#endif
