#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/metric.h>

#include "auth/record.h"
#include "watch/hub.h"

/* The names that dashboards for kube-apiserver know. */
static const char *const verbs[] = {
    "GET", "LIST", "WATCH", "POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION", "other"};
enum { VERB_LABEL_OTHER = MOT_ARRAY_SIZE(verbs) - 1 };

static const char *const subresources[] = {"", "status", "scale", "finalize", "other"};

/* What is asked of the server itself stands where a subresource would, as for kube-apiserver. */
static const char *const places[] = {"/healthz", "/livez",   "/readyz", "/metrics",
                                     "/version", "/openapi", "/api",    "other"};

#define PLACES MOT_ARRAY_SIZE(places) /* the longer of the two lists */
_Static_assert(MOT_ARRAY_SIZE(subresources) <= PLACES, "cells are numbered by the longer list");

static const int codes[] = {101, 200, 201, 202, 304, 400, 401, 403, 404, 405, 406, 408,
                            409, 410, 413, 415, 422, 429, 500, 501, 503, 504, 0 /* all others */};

static const int64_t bounds_us[] = {5000,     25000,    50000,    100000,   200000,  400000,
                                    600000,   800000,   1000000,  1250000,  1500000, 2000000,
                                    3000000,  4000000,  5000000,  6000000,  8000000, 10000000,
                                    15000000, 20000000, 30000000, 45000000, 60000000};

/* Requests of one kind (or of none), verb and subresource. */
struct cell {
    atomic_ullong codes[MOT_ARRAY_SIZE(codes)];
    struct histogram took_us;
};

struct metrics {
    const struct kinds *kinds;
    size_t kind_count;
    /* [kind][verb][subresource], made when it is first needed; the last kind is none. */
    _Atomic(struct cell *) *cells;
    atomic_int reading, writing;
};

static size_t cell_count(const struct metrics *metrics)
{
    return (metrics->kind_count + 1) * MOT_ARRAY_SIZE(verbs) * PLACES;
}

struct metrics *metrics_new(const struct kinds *kinds)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    metrics->kinds = kinds;
    metrics->kind_count = kinds_count(kinds);
    metrics->cells = mem_zalloc(cell_count(metrics) * sizeof(*metrics->cells));
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < cell_count(metrics); i++)
        free(atomic_load(&metrics->cells[i]));
    free(metrics->cells);
    free(metrics);
}

/* ------------------------------------------------------------------------------- counting */

static size_t find_text(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return count - 1;
}

static size_t kind_of(const struct metrics *metrics, const struct request *request)
{
    for (size_t i = 0; request->kind && i < metrics->kind_count; i++)
        if (kinds_at(metrics->kinds, i) == request->kind)
            return i;
    return metrics->kind_count;
}

static const char *verb_label(const struct request *request)
{
    const char *type = http_header(request->http, "content-type");
    switch (request->route.verb) {
    case VERB_GET:
        return "GET";
    case VERB_LIST:
        return "LIST";
    case VERB_WATCH:
        return "WATCH";
    case VERB_CREATE:
        return "POST";
    case VERB_UPDATE:
        return "PUT";
    case VERB_PATCH:
        return negotiate_content_type(type) == MEDIA_APPLY_PATCH ? "APPLY" : "PATCH";
    case VERB_DELETE:
        return "DELETE";
    case VERB_DELETE_COLLECTION:
        return "DELETECOLLECTION";
    case VERB_NONE:
        break;
    }
    return request->route.type == ROUTE_RESOURCE ? "other" : request->http->method;
}

/* "/apis/mot.dev" and "/api/v1" both count for "/api". */
static size_t place_of(const char *path)
{
    for (size_t i = 0; i < PLACES - 1; i++)
        if (strncmp(path, places[i], strlen(places[i])) == 0)
            return i;
    return PLACES - 1;
}

static struct cell *cell_of(struct metrics *metrics, const struct request *request)
{
    size_t kind = kind_of(metrics, request);
    size_t verb = find_text(verbs, MOT_ARRAY_SIZE(verbs), verb_label(request));
    size_t last =
        kind == metrics->kind_count
            ? place_of(request->http->path)
            : find_text(subresources, MOT_ARRAY_SIZE(subresources), request->route.subresource);
    _Atomic(struct cell *) *slot =
        &metrics->cells[(kind * MOT_ARRAY_SIZE(verbs) + verb) * PLACES + last];
    struct cell *cell = atomic_load_explicit(slot, memory_order_acquire);
    if (cell)
        return cell;
    struct cell *fresh = mem_zalloc(sizeof(*fresh));
    histogram_init(&fresh->took_us, bounds_us, MOT_ARRAY_SIZE(bounds_us));
    if (atomic_compare_exchange_strong(slot, &cell, fresh))
        return fresh;
    free(fresh);
    return cell;
}

static size_t code_of(int status)
{
    size_t i = 0;
    while (codes[i] != 0 && codes[i] != status)
        i++;
    return i;
}

static bool only_reads(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static atomic_int *in_flight(struct metrics *metrics, const struct http_request *request)
{
    return only_reads(request->method) ? &metrics->reading : &metrics->writing;
}

void metrics_begin(struct metrics *metrics, const struct http_request *request)
{
    atomic_fetch_add_explicit(in_flight(metrics, request), 1, memory_order_relaxed);
}

void metrics_end(struct metrics *metrics, const struct request *request, int64_t took_us)
{
    struct cell *cell = cell_of(metrics, request);
    size_t code = code_of(request->response->status);
    atomic_fetch_add_explicit(&cell->codes[code], 1, memory_order_relaxed);
    if (!request->response->stream) /* a watch takes as long as it was asked to */
        histogram_add(&cell->took_us, took_us);
    atomic_fetch_sub_explicit(in_flight(metrics, request->http), 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------- the answer */

static char *labels_of_kind(const struct metrics *metrics, size_t index)
{
    const struct kind *kind = kinds_at(metrics->kinds, index);
    return mem_printf("group=\"%s\",version=\"%s\",resource=\"%s\"", kind->group, kind->version,
                      kind->plural);
}

static char *labels_of_cell(const struct metrics *metrics, size_t index)
{
    size_t last = index % PLACES;
    size_t verb = index / PLACES % MOT_ARRAY_SIZE(verbs);
    size_t kind = index / PLACES / MOT_ARRAY_SIZE(verbs);
    AUTO_FREE char *of_kind = kind < metrics->kind_count
                                  ? labels_of_kind(metrics, kind)
                                  : mem_strdup("group=\"\",version=\"\",resource=\"\"");
    return mem_printf("verb=\"%s\",%s,subresource=\"%s\"", verbs[verb], of_kind,
                      kind < metrics->kind_count ? subresources[last] : places[last]);
}

static void add_codes(struct buf *buf, const struct cell *cell, const char *labels)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(codes); i++) {
        unsigned long long count = atomic_load_explicit(&cell->codes[i], memory_order_relaxed);
        if (count == 0)
            continue;
        AUTO_FREE char *code = codes[i] ? mem_printf("%d", codes[i]) : mem_strdup("other");
        AUTO_FREE char *all = mem_printf("%s,code=\"%s\"", labels, code);
        metric_add(buf, "apiserver_request_total", all, (double)count);
    }
}

static void add_requests(struct buf *buf, const struct metrics *metrics)
{
    metric_head(buf, "apiserver_request_total", "counter",
                "Requests by verb, resource and the code of the answer.");
    for (size_t i = 0; i < cell_count(metrics); i++) {
        const struct cell *cell = atomic_load_explicit(&metrics->cells[i], memory_order_acquire);
        AUTO_FREE char *labels = cell ? labels_of_cell(metrics, i) : NULL;
        if (cell)
            add_codes(buf, cell, labels);
    }
    metric_head(buf, "apiserver_request_duration_seconds", "histogram",
                "How long requests took, but for watches.");
    for (size_t i = 0; i < cell_count(metrics); i++) {
        const struct cell *cell = atomic_load_explicit(&metrics->cells[i], memory_order_acquire);
        AUTO_FREE char *labels = cell ? labels_of_cell(metrics, i) : NULL;
        if (cell)
            metric_add_histogram(buf, "apiserver_request_duration_seconds", labels, &cell->took_us,
                                 1e6);
    }
    metric_head(buf, "apiserver_current_inflight_requests", "gauge",
                "Requests that are being handled.");
    metric_add(buf, "apiserver_current_inflight_requests", "request_kind=\"readOnly\"",
               atomic_load(&metrics->reading));
    metric_add(buf, "apiserver_current_inflight_requests", "request_kind=\"mutating\"",
               atomic_load(&metrics->writing));
}

static void add_watches(struct buf *buf, const struct metrics *metrics, struct hub *hub)
{
    struct hub_stats stats = hub_stats(hub);
    metric_head(buf, "apiserver_longrunning_requests", "gauge", "Watches that are open.");
    for (size_t i = 0; i < metrics->kind_count; i++) {
        AUTO_FREE char *kind = labels_of_kind(metrics, i);
        AUTO_FREE char *labels = mem_printf("verb=\"WATCH\",%s,subresource=\"\"", kind);
        metric_add(buf, "apiserver_longrunning_requests", labels,
                   (double)hub_kind_watchers(hub, i));
    }
    metric_head(buf, "apiserver_watch_events_total", "counter", "Events written to watches.");
    for (size_t i = 0; i < metrics->kind_count; i++) {
        AUTO_FREE char *labels = labels_of_kind(metrics, i);
        metric_add(buf, "apiserver_watch_events_total", labels, (double)hub_kind_delivered(hub, i));
    }
    metric_single(buf, "mot_watch_window_events", "gauge", "Recent changes held in memory.",
                  (double)stats.window_events);
    metric_single(buf, "mot_watch_window_bytes", "gauge", "What these take.",
                  (double)stats.window_bytes);
    metric_single(buf, "mot_watch_revision", "gauge", "The newest revision that watches have seen.",
                  (double)stats.position);
    metric_single(buf, "mot_watch_feed_lag_seconds", "gauge",
                  "How old the last change was when it reached the watches.",
                  (double)stats.lag_ms / 1e3);
    metric_single(buf, "mot_watch_feed_silent_seconds", "gauge",
                  "How long ago the feed has heard from the database.",
                  (double)stats.silent_ms / 1e3);
    metric_single(buf, "mot_watch_withdrawn_total", "counter",
                  "Watches that were ended because they were not allowed any more.",
                  (double)stats.withdrawn);
}

static void add_store(struct buf *buf, struct store *store)
{
    const struct store_metrics *metrics = store_metrics(store);
    metric_head(buf, "mot_store_commit_duration_seconds", "histogram",
                "How long commits took, the wait for their turn included.");
    metric_add_histogram(buf, "mot_store_commit_duration_seconds", "", &metrics->commit_us, 1e6);
    metric_head(buf, "mot_store_batch_writes", "histogram",
                "How many writes went in one transaction.");
    metric_add_histogram(buf, "mot_store_batch_writes", "", &metrics->batch_writes, 1);
    metric_single(buf, "mot_store_commit_failures_total", "counter",
                  "Commits that ended with an error.", (double)atomic_load(&metrics->failures));
    metric_single(buf, "mot_store_queue_writes", "gauge", "Writes that wait for their turn.",
                  (double)store_queued(store));
}

static void add_http(struct buf *buf, struct http_server *server)
{
    struct http_server_counts counts = http_server_counts(server);
    metric_single(buf, "mot_http_connections", "gauge", "Open connections.",
                  (double)counts.connections);
    metric_single(buf, "mot_http_streams", "gauge", "Answers that go on.", (double)counts.streams);
    metric_single(buf, "mot_http_requests_in_flight", "gauge",
                  "Requests that wait for a thread or are in one.",
                  (double)counts.requests_in_flight);
    metric_single(buf, "mot_http_requests_total", "counter", "Requests that were understood.",
                  (double)counts.requests);
    metric_single(buf, "mot_http_refused_total", "counter",
                  "Requests refused before they were handled: malformed, too large, too many.",
                  (double)counts.refused);
}

static void add_record(struct buf *buf, struct record *record)
{
    struct record_counts counts = record_counts(record);
    metric_single(buf, "mot_credentials_refused_total", "counter",
                  "Requests with wrong credentials.", (double)counts.credentials);
    metric_single(buf, "mot_audit_held_back_total", "counter",
                  "Refusals that are not in the audit log because there were too many.",
                  (double)counts.held_back);
}

int metrics_serve(struct request *request)
{
    struct api *api = request->api;
    struct buf *buf = &request->response->body;
    if (!only_reads(request->http->method))
        return fail(request, 405, "MethodNotAllowed",
                    "the server does not allow this method on the requested resource");
    add_requests(buf, api->metrics);
    add_watches(buf, api->metrics, api->hub);
    add_store(buf, api->store);
    add_record(buf, api->record);
    if (api->server)
        add_http(buf, api->server);
    metric_single(buf, "mot_answers_held_bytes", "gauge",
                  "What large answers that were not sent yet hold in memory.",
                  (double)atomic_load(&api->answers.held));
    metric_process(buf);
    request->response->status = 200;
    request->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return 0;
}
