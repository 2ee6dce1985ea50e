#include "cli/client/watch.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>

#include "cli/client/lines.h"
#include "cli/client/resource.h"

struct run {
    struct session *session;
    const struct watch_query *query;
    watch_visit *visit;
    void *context;
    struct lines lines;
    char *revision;  /* where to go on; NULL: with a list */
    bool progressed; /* since the last failure */
};

static int time_left(const struct run *run, int64_t *ret_ms, struct err *err)
{
    *ret_ms = 0;
    if (run->query->deadline_ms == 0)
        return 0;
    *ret_ms = run->query->deadline_ms - clock_ms();
    return *ret_ms > 0 ? 0 : err_set(err, ERR_TIMEOUT, "timed out");
}

static void set_revision(struct run *run, const char *revision)
{
    if (!revision || !*revision)
        return;
    free(run->revision);
    run->revision = mem_strdup(revision);
}

/* The revision of an event's object; a Table has it in its own metadata or in that of its row. */
static const char *revision_of(const json_t *object)
{
    const json_t *row = json_array_get(json_object_get(object, "rows"), 0);
    const char *revision = row ? json_at_text(row, "object.metadata.resourceVersion") : NULL;
    return revision ? revision : json_at_text(object, "metadata.resourceVersion");
}

static int on_line(void *context, const char *line, size_t len, struct err *err)
{
    struct run *run = context;
    json_t *event = json_parse(line, len, false, err);
    if (!event)
        return err_wrap(err, "an event of the watch");
    const char *type = json_at_text(event, "type");
    const json_t *object = json_object_get(event, "object");
    int rc = 0;
    if (!type || !object) {
        rc = err_set(err, ERR_TRANSIENT, "an event of the watch has no type or object");
    } else if (strcmp(type, "ERROR") == 0) {
        rc = session_status_error((int)json_at_int(object, "code", 500), object, "", err);
    } else {
        set_revision(run, revision_of(object));
        run->progressed = true;
        if (strcmp(type, "BOOKMARK") != 0)
            rc = run->visit(run->context, type, object, err);
    }
    json_decref(event);
    int64_t left;
    return rc != 0 ? rc : time_left(run, &left, err);
}

static int on_data(void *context, const char *data, size_t len, struct err *err)
{
    struct run *run = context;
    return lines_add(&run->lines, data, len, on_line, run, err);
}

static int list(struct run *run, struct err *err)
{
    struct call call = {.path = run->query->path, .accept = run->query->accept};
    json_t *body = NULL;
    int rc = session_call(run->session, &call, &body, err);
    if (rc == 0) {
        set_revision(run, json_at_text(body, "metadata.resourceVersion"));
        run->progressed = true;
        rc = run->visit(run->context, "LIST", body, err);
        if (rc == 0 && !run->revision)
            rc = err_set(err, ERR_UNSUPPORTED, "the server's list has no resourceVersion");
    }
    json_decref(body);
    return rc;
}

struct ending {
    struct run *run;
    bool by_visitor;
};

static int on_data_until_end(void *context, const char *data, size_t len, struct err *err)
{
    struct ending *ending = context;
    int rc = on_data(ending->run, data, len, err);
    ending->by_visitor = rc == 1;
    return rc;
}

/* 1 when the visitor ended it, 0 when the server did. */
static int watch(struct run *run, struct err *err)
{
    int64_t left;
    if (time_left(run, &left, err) != 0)
        return -1;
    AUTO_FREE char *path =
        mem_printf("%s%cwatch=true&allowWatchBookmarks=true&resourceVersion=%s", run->query->path,
                   strchr(run->query->path, '?') ? '&' : '?', run->revision);
    struct http_request request = {.path = path, .accept = run->query->accept, .idle_ms = left};
    struct http_response response;
    struct ending ending = {.run = run};
    lines_init(&run->lines);
    int rc = run->query->websocket ? http_websocket(run->session->http, &request, on_data_until_end,
                                                    &ending, &response, err)
                                   : http_stream(run->session->http, &request, on_data_until_end,
                                                 &ending, &response, err);
    if (rc == 0 && response.status != (run->query->websocket ? 101 : 200)) {
        const char *text = http_response_text(&response);
        json_t *status = json_parse(text, response.body.len, false, NULL);
        rc = session_status_error(response.status, status, text, err);
        json_decref(status);
    }
    http_response_release(&response);
    lines_release(&run->lines);
    return rc == 0 && ending.by_visitor ? 1 : rc;
}

/* After a failure: 0 to try again, -1 to give up. */
static int recover(struct run *run, struct backoff *backoff, struct err *err)
{
    int64_t left;
    struct err timeout = {0};
    if (stop_requested())
        return -1;
    if (time_left(run, &left, &timeout) != 0)
        return err_set(err, ERR_TIMEOUT, "timed out");
    if (err->code == ERR_GONE) {
        free(run->revision);
        run->revision = NULL;
        return 0;
    }
    /* A server that was never reached is an error at once; one that was may be restarting. */
    if (err->code != ERR_TRANSIENT || !run->revision)
        return -1;
    if (run->progressed)
        backoff_reset(backoff);
    run->progressed = false;
    return stop_wait(backoff_next(backoff)) ? -1 : 0;
}

int watch_run(struct session *session, const struct watch_query *query, watch_visit *visit,
              void *context, struct err *err)
{
    struct run run = {.session = session, .query = query, .visit = visit, .context = context};
    struct backoff backoff = BACKOFF_INIT(100, 5000);
    int rc = 0;
    while (rc == 0) {
        rc = run.revision ? watch(&run, err) : list(&run, err);
        if (rc < 0)
            rc = recover(&run, &backoff, err);
    }
    free(run.revision);
    return rc == 1 ? 0 : -1;
}

/* ---------------------------------------------------------------------------------- one object */

struct one {
    watch_one_visit *visit;
    void *context;
};

static int visit_one(void *context, const char *type, const json_t *object, struct err *err)
{
    struct one *one = context;
    if (strcmp(type, "LIST") == 0)
        object = json_array_get(json_object_get(object, "items"), 0);
    else if (strcmp(type, "DELETED") == 0)
        object = NULL;
    return one->visit(one->context, object, err);
}

int watch_one(struct session *session, const struct kind *kind, const char *ns, const char *name,
              int64_t deadline_ms, watch_one_visit *visit, void *context, struct err *err)
{
    AUTO_FREE char *path = resource_path_named(kind, ns, name);
    struct watch_query query = {.path = path, .deadline_ms = deadline_ms};
    struct one one = {.visit = visit, .context = context};
    return watch_run(session, &query, visit_one, &one, err);
}
