#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "../auth/permit.h"
#include "../query.h"
#include "../respond.h"
#include "../watch/event.h"
#include "../watch/handshake.h"
#include "../watch/hub.h"

/* How the watch begins. What is there at first is what is there now, not when a loader comes to it:
 * who has seen the head of the answer will see every change from then on. */
static int read_start(struct request *request, const struct list_options *options,
                      struct watch_spec *spec)
{
    struct err err = {0};
    spec->revision = options->revision;
    spec->initial = options->initial_events;
    if (options->initial_events && await_revision(request, options->revision) < 0)
        return -1;
    if (options->revision > 0 && !options->initial_events)
        return 0;
    if (!options->initial_events_set)
        spec->initial = true;
    if (store_revision(request->api->store, &spec->revision, &err) < 0)
        return fail_err(request, &err);
    return 0;
}

static char *copy_or_null(const char *text)
{
    return text && *text ? mem_strdup(text) : NULL;
}

static void read_filter(const struct request *request, struct list_options *options,
                        struct watch_filter *filter)
{
    const char *ns = request->route.ns;
    const char *name = request->route.name; /* of /watch/…/NAME */
    if (!*ns)
        ns = selector_exact(options->fields, "metadata.namespace");
    if (!*name)
        name = selector_exact(options->fields, "metadata.name");
    filter->ns = copy_or_null(ns);
    filter->name = copy_or_null(name);
    filter->labels = options->labels;
    filter->fields = options->fields;
    options->labels = NULL;
    options->fields = NULL;
}

/* Paths with a name, and selectors that name one. */
static int check_name(struct request *request, const struct list_options *options)
{
    const char *name = request->route.name;
    const char *selected = selector_exact(options->fields, "metadata.name");
    if (!*name || selector_is_everything(options->fields) ||
        (selected && strcmp(selected, name) == 0))
        return 0;
    return fail(request, 400, "BadRequest",
                "fieldSelector metadata.name doesn't match requested name");
}

static int read_handshake(struct request *request, char **ret_protocol)
{
    const struct http_request *http = request->http;
    *ret_protocol = NULL;
    if (!http->websocket)
        return 0;
    if (!watch_origin_allowed(http_header(http, "origin"), http_header(http, "host"),
                              request->api->allowed_origins))
        return fail(request, 403, "Forbidden", "this origin may not open WebSockets here");
    if (!watch_protocol(http_header(http, "sec-websocket-protocol"), ret_protocol))
        return fail(request, 400, "BadRequest",
                    "of several WebSocket sub-protocols one must be base64.binary.k8s.io or "
                    "binary.k8s.io");
    return 0;
}

/* Nobody has a watch for ever: one that is to go on for longer than any may ends when one does that
 * says nothing, at random, so that not all clients come back at once. */
static int64_t asked_ms(const struct request *request, const struct list_options *options)
{
    int64_t min_ms = request->api->min_timeout_ms;
    if (options->timeout_s > 0 && options->timeout_s <= 2 * min_ms / 1000)
        return options->timeout_s * 1000;
    return min_ms + (int64_t)random_below((uint64_t)min_ms);
}

/* Nor for longer than the credentials are good: with newer ones the client goes on where it was. */
static int64_t timeout_ms(const struct request *request, const struct list_options *options)
{
    const struct caller *caller = &request->caller;
    const struct identity *sender =
        caller->impersonator.name ? &caller->impersonator : &caller->user;
    int64_t asked = asked_ms(request, options);
    if (sender->until_wall_ms == 0)
        return asked;
    int64_t left = sender->until_wall_ms - clock_wall_ms();
    return left < 0 ? 0 : left < asked ? left : asked;
}

static void begin_stream(struct request *request)
{
    request->response->status = 200;
    request->response->content_type = "application/json";
}

/* What is wrong with a watch that is asked for rightly is told in its stream. */
static int stream_failure(struct request *request, const char *protocol)
{
    static const struct http_stream_events nothing = {0};
    struct http_frame *frame = watch_error_frame(&request->status);
    begin_stream(request);
    struct http_stream *stream =
        http_stream_begin(request->http, request->response, protocol, &nothing, NULL);
    (void)http_stream_write(stream, frame);
    http_stream_end(stream);
    http_frame_unref(frame);
    return 0;
}

static int begin(struct request *request, struct list_options *options)
{
    enum include_object include;
    struct watch_spec spec = {.initial_end = options->bookmarks,
                              .bookmarks = options->bookmarks,
                              .timeout_ms = timeout_ms(request, options)};
    AUTO_FREE char *protocol = NULL;
    if (check_name(request, options) < 0 || query_include_object(request, &include) < 0 ||
        read_handshake(request, &protocol) < 0)
        return -1;
    if (read_start(request, options, &spec) < 0)
        return request->status.code == 504 ? stream_failure(request, protocol) : -1;
    spec.initial_end = spec.initial_end && spec.initial;
    spec.renderer = request_renderer(request, include);
    read_filter(request, options, &spec.filter);
    spec.permit = permit_new(request);
    begin_stream(request);
    hub_watch(request->api->hub, request->http, request->response, protocol, &spec);
    return 0;
}

int verb_watch(struct request *request)
{
    struct list_options options;
    int result = list_options_parse(request, &options);
    if (result == 0)
        result = begin(request, &options);
    list_options_release(&options);
    return result;
}
