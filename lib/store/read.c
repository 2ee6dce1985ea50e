/*
 * Reading objects. A list is read in batches by key in one REPEATABLE READ transaction, each batch
 * streamed row by row: memory holds one row, and a visitor that has enough costs at most the rest
 * of a batch.
 *
 * A list at an older revision: an object that has not changed since is still in its table; of the
 * others the change log has the newest state up to then. Which objects there were: those that are,
 * and those deleted since.
 */
#include "store_private.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/utf8.h>

#define BATCH_DEFAULT 1000

/* PostgreSQL refuses to compare with what is no UTF-8. Nothing is called so, nor "/". */
static const char *key_text(const char *text)
{
    return utf8_valid(text) ? text : "/";
}

/* ------------------------------------------------------------------------------- get */

struct get {
    const struct store_key *key;
    int64_t revision; /* of get_at() */
    struct store_object *found;
};

static void object_from(const struct pg_rows *rows, int row, int column, struct store_object *ret)
{
    ret->uid = pg_get(rows, row, column);
    ret->revision = pg_get_number(rows, row, column + 1);
    ret->selectable = pg_get(rows, row, column + 2);
    ret->body = pg_get(rows, row, column + 3);
    ret->body_len = pg_get_len(rows, row, column + 3);
}

static int get(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    static const struct pg_statement statement = {
        STATEMENT_GET, "SELECT uid, revision, selectable, body FROM object"
                       " WHERE resource = $1 AND ns = $2 AND name = $3"};
    struct get *get = context;
    struct store_object object = {.key = *get->key};
    struct pg_params params = {0};
    AUTO_ROWS struct pg_rows *rows = NULL;

    pg_text(&params, get->key->resource);
    pg_text(&params, get->key->ns != NULL ? key_text(get->key->ns) : "");
    pg_text(&params, key_text(get->key->name));
    rows = pg_run(pg, &statement, &params, deadline, err);
    if (rows == NULL)
        return -1;
    if (pg_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "not found");
    object_from(rows, 0, 0, &object);
    get->found = store_object_copy(&object);
    return 0;
}

/* In the change log, which has the newest change of every object that is there, however old. */
static int get_at(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    static const struct pg_statement statement = {
        STATEMENT_GET_AT, "SELECT uid, revision, selectable, body, operation FROM change_log"
                          " WHERE resource = $1 AND ns = $2 AND name = $3 AND revision <= $4"
                          " ORDER BY resource, ns, name, revision DESC LIMIT 1"};
    struct get *get = context;
    struct store_object object = {.key = *get->key};
    struct pg_params params = {0};
    AUTO_ROWS struct pg_rows *rows = NULL;

    pg_text(&params, get->key->resource);
    pg_text(&params, key_text(get->key->ns));
    pg_text(&params, key_text(get->key->name));
    pg_number(&params, get->revision);
    rows = pg_run(pg, &statement, &params, deadline, err);
    if (rows == NULL)
        return -1;
    if (pg_count(rows) == 0 || pg_get_number(rows, 0, 4) == STORE_DELETE)
        return err_set(err, ERR_NOT_FOUND, "not found");
    object_from(rows, 0, 0, &object);
    get->found = store_object_copy(&object);
    return 0;
}

struct store_object *store_get_at(struct store *store, const struct store_key *key,
                                  int64_t revision, struct err *err)
{
    struct get context = {.key = key, .revision = revision};

    return readers_run(store, get_at, &context, NULL, err) < 0 ? NULL : context.found;
}

struct store_object *store_get(struct store *store, const struct store_key *key, struct err *err)
{
    struct get context = {.key = key};

    return readers_run(store, get, &context, NULL, err) < 0 ? NULL : context.found;
}

/* ------------------------------------------------------------------------------- list */

struct list {
    struct store *store;
    const struct store_list_query *query;
    int64_t *ret_revision;
    store_visit *visit;
    void *context;

    bool past;    /* at an older revision */
    bool started; /* something was handed out */
    size_t batch;
    size_t keys;    /* of the batch under way */
    char *after_ns; /* NULL before the first row */
    char *after_name;
};

/* " AND …" for the keys of @table; the parameters are added once and named again for a second
 * table. */
struct filter {
    struct pg_params params;
    bool all; /* resources */
    int ns, name, after;
};

static void filter_init(struct filter *filter, const struct list *list)
{
    const struct store_list_query *query = list->query;

    memset(filter, 0, sizeof(*filter));
    filter->all = query->resource == NULL;
    pg_text(&filter->params, query->resource);
    if (query->ns != NULL) {
        pg_text(&filter->params, key_text(query->ns));
        filter->ns = filter->params.count;
    }
    if (query->name != NULL) {
        pg_text(&filter->params, key_text(query->name));
        filter->name = filter->params.count;
    }
    if (list->after_ns != NULL) {
        pg_text(&filter->params, list->after_ns);
        pg_text(&filter->params, list->after_name);
        filter->after = filter->params.count;
    }
}

static void add_filter(struct buf *sql, const struct filter *filter)
{
    buf_adds(sql, filter->all ? " WHERE $1::text IS NULL" : " WHERE resource = $1");
    if (filter->ns > 0)
        buf_addf(sql, " AND ns = $%d", filter->ns);
    if (filter->name > 0)
        buf_addf(sql, " AND name = $%d", filter->name);
    if (filter->after > 0)
        buf_addf(sql, " AND (ns, name) > ($%d, $%d)", filter->after - 1, filter->after);
}

static void present_sql(struct buf *sql, struct filter *filter, const struct list *list)
{
    buf_addf(sql, "SELECT ns, name, uid, revision, selectable, %s FROM object",
             list->query->brief ? "''" : "body");
    add_filter(sql, filter);
    pg_number(&filter->params, (int64_t)list->batch);
    buf_addf(sql, " ORDER BY ns, name LIMIT $%d::bigint", filter->params.count);
}

/* A key that did not exist then comes with revision NULL: it still moves the list on. */
static void past_sql(struct buf *sql, struct filter *filter, const struct list *list)
{
    int at, limit;

    pg_number(&filter->params, list->query->at);
    at = filter->params.count;
    pg_number(&filter->params, (int64_t)list->batch);
    limit = filter->params.count;
    buf_adds(sql, "SELECT k.ns, k.name, v.uid, v.revision, v.selectable, v.body FROM ("
                  "(SELECT ns, name FROM object");
    add_filter(sql, filter);
    buf_addf(sql, " ORDER BY ns, name LIMIT $%d::bigint) UNION (SELECT ns, name FROM change_log",
             limit);
    add_filter(sql, filter);
    buf_addf(sql, " AND operation = 2 AND revision > $%d::bigint", at);
    buf_addf(sql, " ORDER BY ns, name LIMIT $%d::bigint) ORDER BY ns, name LIMIT $%d::bigint) k",
             limit, limit);
    buf_addf(sql,
             " LEFT JOIN LATERAL ((SELECT uid, revision, selectable, body FROM object o"
             " WHERE o.resource = $1 AND o.ns = k.ns AND o.name = k.name AND o.revision <= $%d)"
             " UNION ALL (SELECT uid, revision, selectable, body FROM (SELECT * FROM change_log c"
             " WHERE c.resource = $1 AND c.ns = k.ns AND c.name = k.name AND c.revision <= $%d"
             " ORDER BY c.resource, c.ns, c.name, c.revision DESC LIMIT 1) newest"
             " WHERE operation <> 2) LIMIT 1) v ON true ORDER BY k.ns, k.name",
             at, at);
}

static int visit_row(void *context, const struct pg_rows *row, struct err *err)
{
    struct list *list = context;
    struct store_object object = {.key = {.resource = list->query->resource}};

    object.key.ns = pg_get(row, 0, 0);
    object.key.name = pg_get(row, 0, 1);
    list->keys++;
    if (list->keys == list->batch) {
        free(list->after_ns);
        free(list->after_name);
        list->after_ns = mem_strdup(object.key.ns);
        list->after_name = mem_strdup(object.key.name);
    }
    if (pg_is_null(row, 0, 3))
        return 0;
    object_from(row, 0, 2, &object);
    list->started = true;
    return list->visit(list->context, &object, err);
}

static int list_batch(struct pg *pg, struct list *list, struct err *err)
{
    struct buf sql;
    struct filter filter;
    int result;

    buf_init(&sql, BUF_MAX_DEFAULT);
    filter_init(&filter, list);
    if (list->past)
        past_sql(&sql, &filter, list);
    else
        present_sql(&sql, &filter, list);
    list->keys = 0;
    result = pg_stream(pg, &(struct pg_statement){STATEMENT_UNPREPARED, sql.data}, &filter.params,
                       clock_ms() + list->store->deadline_ms, visit_row, list, err);
    buf_release(&sql);
    return result;
}

static int begin_list(struct pg *pg, struct list *list, int64_t deadline, struct err *err)
{
    AUTO_ROWS struct pg_rows *rows =
        pg_exec(pg,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                "SELECT coalesce((SELECT max(revision) FROM change_log), 1), floor FROM history",
                deadline, err);
    int64_t now, floor, at = list->query->at;

    if (rows == NULL)
        return -1;
    now = pg_get_number(rows, 0, 0);
    floor = pg_get_number(rows, 0, 1);
    if (at > now)
        return err_set(err, ERR_INVALID, "revision %lld lies in the future, it is %lld",
                       (long long)at, (long long)now);
    if (at > 0 && at < floor)
        return err_set_gone(err, floor, "revision %lld is too old, the history begins at %lld",
                            (long long)at, (long long)floor);
    list->past = at > 0 && at < now;
    *list->ret_revision = at > 0 ? at : now;
    return 0;
}

static int list_rows(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    struct list *list = context;
    int result = begin_list(pg, list, deadline, err);

    while (result == 0) {
        result = list_batch(pg, list, err);
        if (list->keys < list->batch)
            break;
    }
    if (pg_usable(pg) &&
        pg_do(pg, "COMMIT", clock_ms() + list->store->deadline_ms, result < 0 ? NULL : err) < 0)
        return -1;
    return result < 0 ? -1 : 0;
}

int store_list(struct store *store, const struct store_list_query *query, int64_t *ret_revision,
               store_visit *visit, void *context, struct err *err)
{
    struct list list = {.store = store,
                        .query = query,
                        .ret_revision = ret_revision,
                        .visit = visit,
                        .context = context,
                        .batch = query->batch > 0 ? query->batch : BATCH_DEFAULT};
    int result;

    if (query->after_ns != NULL || query->after_name != NULL) {
        list.after_ns = mem_strdup(query->after_ns);
        list.after_name = mem_strdup(query->after_name);
    }
    result = readers_run(store, list_rows, &list, &list.started, err);
    free(list.after_ns);
    free(list.after_name);
    return result;
}

/* ------------------------------------------------------------------------------- count */

/* At an older revision: what has not changed since, and of what has, that which was there then. */
static void count_sql(struct buf *sql, struct filter *filter, const struct list *list)
{
    int at;

    buf_adds(sql, "SELECT (SELECT count(*) FROM object");
    add_filter(sql, filter);
    if (list->query->at == 0) {
        buf_adds(sql, ")");
        return;
    }
    pg_number(&filter->params, list->query->at);
    at = filter->params.count;
    buf_addf(sql,
             " AND revision <= $%d::bigint)"
             " + (SELECT count(*) FROM (SELECT DISTINCT ns, name FROM change_log",
             at);
    add_filter(sql, filter);
    buf_addf(sql,
             " AND revision > $%d) k CROSS JOIN LATERAL (SELECT operation FROM change_log c"
             " WHERE c.resource = $1 AND c.ns = k.ns AND c.name = k.name AND c.revision <= $%d"
             " ORDER BY c.resource, c.ns, c.name, c.revision DESC LIMIT 1) v"
             " WHERE v.operation <> 2)",
             at, at);
}

static int count_rows(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    struct list *list = context;
    struct filter filter;
    AUTO_ROWS struct pg_rows *rows = NULL;
    struct buf sql;

    buf_init(&sql, BUF_MAX_DEFAULT);
    filter_init(&filter, list);
    count_sql(&sql, &filter, list);
    rows = pg_run(pg, &(struct pg_statement){STATEMENT_UNPREPARED, sql.data}, &filter.params,
                  deadline, err);
    buf_release(&sql);
    if (rows == NULL)
        return -1;
    *list->ret_revision = pg_get_number(rows, 0, 0);
    return 0;
}

int store_count(struct store *store, const struct store_list_query *query, int64_t *ret_count,
                struct err *err)
{
    struct list list = {.query = query, .ret_revision = ret_count};
    int result;

    if (query->after_ns != NULL || query->after_name != NULL) {
        list.after_ns = mem_strdup(query->after_ns);
        list.after_name = mem_strdup(query->after_name);
    }
    result = readers_run(store, count_rows, &list, NULL, err);
    free(list.after_ns);
    free(list.after_name);
    return result;
}

/* ------------------------------------------------------------------------------- positions, marks
 */

struct position_get {
    const char *name;
    char *value;
};

static int position_get(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    static const struct pg_statement statement = {
        STATEMENT_POSITION, "SELECT value FROM consumer_position WHERE name = $1"};
    struct position_get *position = context;
    struct pg_params params = {0};
    AUTO_ROWS struct pg_rows *rows = NULL;

    pg_text(&params, position->name);
    rows = pg_run(pg, &statement, &params, deadline, err);
    if (rows == NULL)
        return -1;
    position->value = mem_strdup(pg_count(rows) > 0 ? pg_get(rows, 0, 0) : "");
    return 0;
}

char *store_position_get(struct store *store, const char *name, struct err *err)
{
    struct position_get context = {.name = name};

    return readers_run(store, position_get, &context, NULL, err) < 0 ? NULL : context.value;
}

struct marks {
    struct store_mark mark;
    store_mark_visit *visit;
    void *context;
    bool started;
};

static int visit_mark(void *context, const struct pg_rows *row, struct err *err)
{
    struct marks *marks = context;

    (void)err;
    marks->mark.key = pg_get(row, 0, 0);
    marks->mark.epoch = pg_get_number(row, 0, 1);
    marks->mark.sequence = pg_get_number(row, 0, 2);
    marks->mark.gone = pg_get_bool(row, 0, 3);
    marks->started = true;
    marks->visit(marks->context, &marks->mark);
    return 0;
}

static int read_marks(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    static const struct pg_statement statement = {
        STATEMENT_MARKS, "SELECT key, epoch, sequence, gone FROM consumer_mark WHERE scope = $1"
                         " ORDER BY scope, key"};
    struct marks *marks = context;
    struct pg_params params = {0};

    pg_text(&params, marks->mark.scope);
    return pg_stream(pg, &statement, &params, deadline, visit_mark, marks, err);
}

int store_marks(struct store *store, const char *scope, store_mark_visit *visit, void *context,
                struct err *err)
{
    struct marks marks = {.mark = {.scope = scope}, .visit = visit, .context = context};

    return readers_run(store, read_marks, &marks, &marks.started, err);
}
