/*
 * The store: objects and their change log in PostgreSQL.
 *
 * Every write gets the next revision. There is one counter for the whole database; revision order
 * is the order in which commits become visible, without gaps. A revision is the resourceVersion of
 * objects and lists, the position of watches, and the version that travels in launch events.
 *
 * Writes of all callers are queued, and one writer connection per store commits them in groups; a
 * call returns once its commit is durable. Any number of processes may open the same database: an
 * advisory lock orders their batches. Every function may be called from any thread and blocks until
 * done or until the deadline.
 *
 * Bodies are JSON objects as text that begin with {"apiVersion":"…","kind":"…","metadata":{ and
 * carry no resourceVersion: object_write() in mot/model/object.h adds it on the way out.
 *
 * Errors that a caller can act on: ERR_TRANSIENT (PostgreSQL is away or the queue is full; nothing
 * was written), ERR_TIMEOUT (the connection broke in the middle of a commit and the outcome could
 * not be found out).
 */
#ifndef MOT_STORE_STORE_H
#define MOT_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>
#include <mot/base/metric.h>

struct store;

struct store_options {
    const char *url;     /* a libpq connection string or URI; never logged */
    const char *name;    /* application_name in pg_stat_activity: "mot-api" */
    int readers;         /* connections for reads; 0: 4 */
    size_t queue_max;    /* writes waiting for the writer; 0: 4096 */
    int64_t deadline_ms; /* for every call; 0: 10000 */
};

/* Connects and brings the tables up to date; safe when several processes do so at once. */
struct store *store_open(const struct store_options *options, struct err *err) MOT_NODISCARD;
/* Waits for writes under way; later ones fail with ERR_TRANSIENT. */
void store_close(struct store *store);
/* One cheap round trip; for readiness checks. */
int store_ping(struct store *store, struct err *err) MOT_NODISCARD;

/* Numbers for whoever watches the process. */
struct store_metrics {
    struct histogram commit_us;    /* of store_commit(), from the call to its end */
    struct histogram batch_writes; /* how many writes went in one transaction */
    atomic_ullong failures;        /* commits that ended with an error */
};
/* Lives as long as the store, and goes on counting. */
const struct store_metrics *store_metrics(const struct store *store);
/* How many writes wait for the writer. */
size_t store_queued(struct store *store);
/* The revision of the newest visible commit; 1 in a new database. */
int store_revision(struct store *store, int64_t *ret_revision, struct err *err) MOT_NODISCARD;

/* ------------------------------------------------------------------------------------------
 * objects */

struct store_key {
    const char *resource; /* "<plural>.<group>", or the plural alone for the core group:
                             "deployments.mot.dev" */
    const char *ns;       /* "" for what has no namespace */
    const char *name;
};

struct store_object {
    struct store_key key;
    const char *uid;
    int64_t revision;
    const char *body;
    size_t body_len;
    const char *selectable; /* see mot/model/object.h; a JSON object */
};

/* A copy on the heap in one allocation; free() it. */
struct store_object *store_object_copy(const struct store_object *object) MOT_NODISCARD;

/* ERR_NOT_FOUND without more words when there is none. free() the object. */
struct store_object *store_get(struct store *store, const struct store_key *key,
                               struct err *err) MOT_NODISCARD;

/* The object as it was at that revision; ERR_NOT_FOUND when there was none, or that is forgotten.
 * free() it. */
struct store_object *store_get_at(struct store *store, const struct store_key *key,
                                  int64_t revision, struct err *err) MOT_NODISCARD;

/* Called per row, in the order of (ns, name), bytewise; @object is valid during the call. Returns 0
 * to go on, 1 to stop (enough rows), -1 with @err to give up. */
typedef int store_visit(void *context, const struct store_object *object, struct err *err);

struct store_list_query {
    const char *resource;
    const char *ns;       /* NULL: all namespaces */
    const char *name;     /* NULL: all names */
    const char *after_ns; /* NULL, or: only what comes after (after_ns, after_name) */
    const char *after_name;
    int64_t at; /* 0: now; else the state as it was at this revision (ERR_GONE when compacted away,
                   ERR_INVALID when it lies in the future) */
    size_t batch; /* rows per round trip; 0: 1000 */
    bool brief;   /* without bodies: "" in their place; only now, not @at a revision */
};

/*
 * All rows come from one snapshot, whose revision is in *ret_revision before the first visit. The
 * deadline is for each batch; @visit must not take longer, and holds one of the connections for
 * reads.
 */
int store_list(struct store *store, const struct store_list_query *query, int64_t *ret_revision,
               store_visit *visit, void *context, struct err *err) MOT_NODISCARD;
/* How many objects the query would visit; an estimate if history was dropped meanwhile. At the
 * present the resource may be NULL: objects of all of them. */
int store_count(struct store *store, const struct store_list_query *query, int64_t *ret_count,
                struct err *err) MOT_NODISCARD;

/* ------------------------------------------------------------------------------------------ writes
 */

enum store_operation { STORE_CREATE, STORE_UPDATE, STORE_DELETE };

struct store_write {
    enum store_operation operation;
    struct store_key key;
    const char *uid;  /* of the object; UPDATE and DELETE check it */
    int64_t expected; /* UPDATE and DELETE: the revision the object must have now */
    const char *body; /* CREATE, UPDATE: the new state; DELETE: the last state, for watchers */
    size_t body_len;
    const char *selectable; /* that of @body */
    const char *previous;   /* UPDATE: the selectable before, if it differs; else NULL */
    bool in_namespace; /* CREATE: only if the namespace @key.ns is there and is not being deleted as
                          of this very commit; so nothing appears in one that was found empty */

    /* Filled in: ERR_NONE, or ERR_EXISTS or ERR_FORBIDDEN (CREATE; the latter: @in_namespace),
     * ERR_NOT_FOUND or ERR_CONFLICT (UPDATE, DELETE). */
    enum err_code result;
    int64_t revision; /* of this write */
};

/* A named position of a consumer, kept with what it wrote. */
struct store_position {
    const char *name;     /* "launch/test-us-east-1", "archive/<region>/<topic>/<partition>" */
    const char *value;    /* opaque text */
    const char *expected; /* what must be stored now ("" for nothing); NULL: anything. It fences off
                             a second consumer that believes it is alone: when it differs, nothing
                             of the call is written. */
};

/*
 * The newest record of a key that a consumer has taken in. A replayed, duplicated or reordered
 * record shows itself by an (epoch, sequence) that is not newer.
 */
struct store_mark {
    const char *scope; /* "archive/<region>/<topic>" */
    const char *key;
    int64_t epoch;
    int64_t sequence;
    bool gone; /* the record was a tombstone: such marks are dropped after a day */
};

struct store_commit {
    struct store_write *writes;
    size_t write_count;
    const struct store_position *positions;
    size_t position_count;
    const struct store_mark *marks;
    size_t mark_count;
    bool all_or_nothing; /* a write that can't be done undoes the whole call: ERR_CONFLICT, and the
                            writes' results say which */
};

/*
 * Commits everything in one transaction; 0 when that happened, whatever the single writes' results
 * (one item's conflict does not fail the others; look at write.result). ERR_CONFLICT when a
 * position was not the expected one; ERR_INVALID when two writes of one call name the same object.
 * At most 512 writes a call.
 */
int store_commit(struct store *store, struct store_commit *commit, struct err *err) MOT_NODISCARD;

/* The short form for one write: its result becomes the error. */
int store_write(struct store *store, struct store_write *write, struct err *err) MOT_NODISCARD;

/* free() the value; "" when there is none. */
char *store_position_get(struct store *store, const char *name, struct err *err) MOT_NODISCARD;
typedef void store_mark_visit(void *context, const struct store_mark *mark);
int store_marks(struct store *store, const char *scope, store_mark_visit *visit, void *context,
                struct err *err) MOT_NODISCARD;

/* ------------------------------------------------------------------------------------------ change
 * feed */

struct store_change {
    enum store_operation operation;
    struct store_object object; /* .revision is that of the change; for DELETE the last state */
    const char *previous;       /* the selectable before an UPDATE, when it differs; else NULL */
    int64_t written_ms;         /* wall clock of the commit */
};

/* Returns 0 to go on, 1 to stop after this change, -1 with @err. */
typedef int store_change_visit(void *context, const struct store_change *change, struct err *err);

/* Changes with after < revision <= until (0: the newest) of one resource (NULL: all; or several,
 * separated by commas), in order, at most @max. ERR_GONE, with the floor, when @after is older than
 * the history that is kept. *ret_revision: everything up to it has been visited. */
int store_changes(struct store *store, const char *resource, int64_t after, int64_t until,
                  size_t max, int64_t *ret_revision, store_change_visit *visit, void *context,
                  struct err *err) MOT_NODISCARD;

/* A feed has a connection of its own (LISTEN) and belongs to one thread, but for store_feed_wake.
 */
struct store_feed;
/* @resource as in store_changes. */
struct store_feed *store_feed_open(struct store *store, const char *resource,
                                   int64_t after) MOT_NODISCARD;
/* The same for who lives by the selectable: only what is being deleted comes with its body, all
 * else with "" in its place. */
struct store_feed *store_feed_open_brief(struct store *store, const char *resource,
                                         int64_t after) MOT_NODISCARD;
void store_feed_close(struct store_feed *feed);
/*
 * Visits what is new, waiting up to @timeout_ms for it. 1: something was visited or the position
 * advanced; 0: nothing new; -1: ERR_TRANSIENT (call again: it reconnects with back-off and goes on
 * where it was) or ERR_GONE.
 */
int store_feed_next(struct store_feed *feed, int64_t timeout_ms, store_change_visit *visit,
                    void *context, struct err *err) MOT_NODISCARD;
/* Everything up to this revision has been visited. */
int64_t store_feed_position(const struct store_feed *feed);
/* Makes store_feed_next return soon; any thread. */
void store_feed_wake(struct store_feed *feed);

/* What of the history is to go, and how far that has come. */
struct store_compaction {
    int64_t before_ms; /* changes written before it (wall clock) */
    int64_t max_bytes; /* and the oldest, while all of them take more than this; 0: no bound */
    /* But never above the lowest position whose name begins so (NULL: none), read as the number
     * that its value begins with (no number: nothing is dropped). */
    const char *keep_prefix;

    /* Filled in, and kept by the caller from one call to the next; zero at first. */
    int64_t floor; /* the oldest revision that a watch may start from */
    int64_t bytes; /* of the changes after it up to `measured`; only with max_bytes */
    int64_t measured;
};

/*
 * Drops history: the changes that @compaction names and that a newer change of the same object
 * supersedes. Also drops marks of records gone for a day. Works in short transactions, a few
 * hundred changes each; by size it drops that many at a time.
 */
int store_compact(struct store *store, struct store_compaction *compaction,
                  struct err *err) MOT_NODISCARD;

/* ------------------------------------------------------------------------------------------
 * leadership */

struct store_lease;
/* Waits up to @timeout_ms to become the one holder of @name (an advisory lock of a connection of
 * its own). NULL with ERR_TIMEOUT when somebody else holds it. */
struct store_lease *store_lease_acquire(struct store *store, const char *name, int64_t timeout_ms,
                                        struct err *err) MOT_NODISCARD;
/* False as soon as the connection is lost; any thread. A socket check, no round trip. */
bool store_lease_held(struct store_lease *lease);
void store_lease_release(struct store_lease *lease);

#endif
