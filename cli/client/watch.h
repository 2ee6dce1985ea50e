/*
 * List, then watch, for as long as it takes: a watch that the server ends is taken up where it was,
 * one that is too old (410) begins with a list again. No polling: between two changes nothing is
 * sent.
 */
#ifndef MOT_CLI_CLIENT_WATCH_H
#define MOT_CLI_CLIENT_WATCH_H

#include "cli/client/session.h"

struct watch_query {
    const char *path;    /* of the collection, with its selectors */
    const char *accept;  /* NULL: application/json */
    int64_t deadline_ms; /* clock_ms(); 0: none. When it passes: ERR_TIMEOUT */
    bool websocket;      /* over a WebSocket, as browsers do, instead of an answer without end */
};

/*
 * @type is "LIST" with a list (or Table), or ADDED, MODIFIED, DELETED with an object (or Table with
 * one row). 0 to go on, 1 to end well, -1 with @err.
 */
typedef int watch_visit(void *context, const char *type, const json_t *object, struct err *err);

/* 0 when the visitor ended it; a stop of the process is ERR_TRANSIENT. */
int watch_run(struct session *session, const struct watch_query *query, watch_visit *visit,
              void *context, struct err *err) MOT_NODISCARD;

/* One object of a watch of one name: NULL when it is not there (or no longer). Same returns. */
typedef int watch_one_visit(void *context, const json_t *object, struct err *err);
int watch_one(struct session *session, const struct kind *kind, const char *ns, const char *name,
              int64_t deadline_ms, watch_one_visit *visit, void *context,
              struct err *err) MOT_NODISCARD;

#endif
