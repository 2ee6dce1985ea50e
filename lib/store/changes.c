#include "store_private.h"

#include <mot/base/clock.h>
#include <mot/base/mem.h>

/* One statement is one snapshot: the floor, the newest revision and the changes fit together. The
 * row without a change is there so that an empty answer has them, too. */
static const struct pg_statement changes_statement = {
    STATEMENT_CHANGES,
    "SELECT h.floor, h.head, c.operation, c.resource, c.ns, c.name, c.written_ms, c.previous,"
    " c.uid, c.revision, c.selectable,"
    " CASE WHEN $5::bigint = 0 OR strpos(c.selectable, '\"deleting\":true') > 0 THEN c.body ELSE ''"
    " END"
    " FROM (SELECT floor, coalesce((SELECT max(revision) FROM change_log), 1) AS head FROM "
    "history) h"
    " LEFT JOIN LATERAL (SELECT * FROM change_log WHERE h.floor <= $1::bigint AND revision > $1"
    " AND revision <= least($2::bigint, h.head) AND ($4::text IS NULL OR resource = "
    "ANY(string_to_array($4, ',')))"
    " ORDER BY revision LIMIT $3::bigint) c ON true"};

static int visit_change(void *context, const struct pg_rows *row, struct err *err)
{
    struct changes_query *query = context;
    struct store_change change = {.operation = (enum store_operation)pg_get_number(row, 0, 2)};
    struct store_object *object = &change.object;
    int64_t floor = pg_get_number(row, 0, 0);
    int result;

    if (query->after < floor)
        return err_set_gone(err, floor, "revision %lld is too old, the history begins at %lld",
                            (long long)query->after, (long long)floor);
    if (pg_is_null(row, 0, 2)) {
        query->position = pg_get_number(row, 0, 1);
        return 0;
    }
    object->key.resource = pg_get(row, 0, 3);
    object->key.ns = pg_get(row, 0, 4);
    object->key.name = pg_get(row, 0, 5);
    change.written_ms = pg_get_number(row, 0, 6);
    change.previous = pg_is_null(row, 0, 7) ? NULL : pg_get(row, 0, 7);
    object->uid = pg_get(row, 0, 8);
    object->revision = pg_get_number(row, 0, 9);
    object->selectable = pg_get(row, 0, 10);
    object->body = pg_get(row, 0, 11);
    object->body_len = pg_get_len(row, 0, 11);
    query->started = true;
    result = query->visit(query->context, &change, err);
    if (result < 0)
        return -1;
    query->visited++;
    query->position = object->revision;
    /* The last row of a full answer is where we are; of one that isn't full, the newest revision.
     */
    if (query->visited == query->max || result > 0)
        query->more = true;
    else
        query->head = pg_get_number(row, 0, 1);
    return result;
}

int changes_read(struct pg *pg, struct changes_query *query, int64_t deadline, struct err *err)
{
    struct pg_params params = {0};
    int result;

    query->position = query->after;
    query->head = 0;
    query->visited = 0;
    query->more = false;
    pg_number(&params, query->after);
    pg_number(&params, query->until > 0 ? query->until : INT64_MAX);
    pg_number(&params, (int64_t)query->max);
    pg_text(&params, query->resource);
    pg_number(&params, query->brief);
    result = pg_stream(pg, &changes_statement, &params, deadline, visit_change, query, err);
    if (result < 0)
        return -1;
    if (!query->more && query->head > query->position)
        query->position = query->head;
    if (!query->more && query->until > 0 && query->position > query->until)
        query->position = query->until;
    if (query->position < query->after)
        query->position = query->after;
    return 0;
}

static int read_changes(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    return changes_read(pg, context, deadline, err);
}

int store_changes(struct store *store, const char *resource, int64_t after, int64_t until,
                  size_t max, int64_t *ret_revision, store_change_visit *visit, void *context,
                  struct err *err)
{
    struct changes_query query = {.resource = resource,
                                  .after = after,
                                  .until = until,
                                  .max = max,
                                  .visit = visit,
                                  .context = context};

    if (readers_run(store, read_changes, &query, &query.started, err) < 0)
        return -1;
    *ret_revision = query.position;
    return 0;
}
