/*
 * Compaction goes up from the floor in short transactions: of each object that changed in the next
 * few hundred revisions everything older than its last change there is dropped, and that last
 * change too if it is a deletion. The floor moves with it, so a reader's snapshot has either the
 * changes or the higher floor. Deleting below the floor never touches the newest change: revisions
 * are counted on from it.
 *
 * How large the history is, nobody keeps count of in the database: it is measured once, in pieces,
 * and from then on by what has come and what was dropped.
 */
#include "store_private.h"

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define STEP_CHANGES  500
#define STEP_MEASURED 20000
#define STEP_MARKS    1000
#define MARK_DAY_MS   86400000
/* Its short columns, the row's header and its place in the indexes. */
#define CHANGE_OVERHEAD "160"

/* What a change takes on the disk; texts count as they are stored, compressed. */
#define CHANGE_BYTES                                                                               \
    "coalesce(sum(" CHANGE_OVERHEAD " + pg_column_size(selectable) + pg_column_size(body)"         \
    " + coalesce(pg_column_size(previous), 0)), 0)::bigint"

struct compact {
    struct store_compaction *compaction;
    bool done;
};

/* ------------------------------------------------------------------------------- measuring */

static int read_floor(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    struct compact *compact = context;
    AUTO_ROWS struct pg_rows *rows = pg_exec(pg, "SELECT floor FROM history", deadline, err);
    int64_t floor;

    if (rows == NULL)
        return -1;
    floor = pg_get_number(rows, 0, 0);
    if (floor != compact->compaction->floor || compact->compaction->measured < floor) {
        /* The first time, or another process has compacted. */
        compact->compaction->floor = floor;
        compact->compaction->measured = floor;
        compact->compaction->bytes = 0;
    }
    return 0;
}

static int measure_step(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    struct compact *compact = context;
    struct store_compaction *compaction = compact->compaction;
    AUTO_FREE char *sql = mem_printf("SELECT " CHANGE_BYTES ", max(revision), count(*)"
                                     " FROM (SELECT * FROM change_log WHERE revision > %lld"
                                     " ORDER BY revision LIMIT %d) c",
                                     (long long)compaction->measured, STEP_MEASURED);
    AUTO_ROWS struct pg_rows *rows = pg_exec(pg, sql, deadline, err);

    if (rows == NULL)
        return -1;
    compact->done = pg_get_number(rows, 0, 2) < STEP_MEASURED;
    compaction->bytes += pg_get_number(rows, 0, 0);
    if (!pg_is_null(rows, 0, 1))
        compaction->measured = pg_get_number(rows, 0, 1);
    return 0;
}

static int measure(struct store *store, struct compact *compact, struct err *err)
{
    if (readers_run(store, read_floor, compact, NULL, err) < 0)
        return -1;
    compact->done = compact->compaction->max_bytes == 0;
    while (!compact->done)
        if (readers_run(store, measure_step, compact, NULL, err) < 0)
            return -1;
    return 0;
}

static bool is_too_large(const struct store_compaction *compaction)
{
    return compaction->max_bytes > 0 && compaction->bytes > compaction->max_bytes;
}

/* What the changes up to @next take, as far as they were measured. */
static int measure_dropped(struct pg *pg, const struct store_compaction *compaction, int64_t next,
                           int64_t deadline, int64_t *ret_bytes, struct err *err)
{
    AUTO_FREE char *sql =
        mem_printf("SELECT " CHANGE_BYTES " FROM change_log WHERE revision > %lld"
                   " AND revision <= least(%lld, %lld)",
                   (long long)compaction->floor, (long long)next, (long long)compaction->measured);
    AUTO_ROWS struct pg_rows *rows = NULL;

    *ret_bytes = 0;
    if (compaction->max_bytes == 0)
        return 0;
    rows = pg_exec(pg, sql, deadline, err);
    if (rows == NULL)
        return -1;
    *ret_bytes = pg_get_number(rows, 0, 0);
    return 0;
}

/* ------------------------------------------------------------------------------- dropping */

/* What is the highest revision that the floor may move to in this step? */
static int next_floor(struct pg *pg, struct store_compaction *compaction, int64_t deadline,
                      int64_t *ret_next, struct err *err)
{
    static const struct pg_statement statement = {
        STATEMENT_UNPREPARED,
        "SELECT h.floor, (SELECT min(value_number) FROM (SELECT"
        "  coalesce(substring(value FROM '^[0-9]{1,18}'), '0')::bigint AS value_number"
        "  FROM consumer_position WHERE $2::text IS NOT NULL AND starts_with(name, $2)) p),"
        " s.last, s.young, s.first, (SELECT max(revision) FROM change_log)"
        " FROM (SELECT floor FROM history FOR UPDATE) h,"
        " LATERAL (SELECT max(revision) AS last,"
        "  min(revision) FILTER (WHERE written_ms >= $1::bigint) AS young,"
        "  min(revision) AS first"
        "  FROM (SELECT revision, written_ms FROM change_log WHERE revision > h.floor"
        "  ORDER BY revision LIMIT $3::bigint) c) s"};
    struct pg_params params = {0};
    AUTO_ROWS struct pg_rows *rows = NULL;
    int64_t next;

    pg_number(&params, is_too_large(compaction) ? INT64_MAX : compaction->before_ms);
    pg_text(&params, compaction->keep_prefix);
    pg_number(&params, STEP_CHANGES);
    rows = pg_run(pg, &statement, &params, deadline, err);
    if (rows == NULL)
        return -1;
    compaction->floor = pg_get_number(rows, 0, 0);
    next = pg_is_null(rows, 0, 2) ? compaction->floor : pg_get_number(rows, 0, 2);
    if (!pg_is_null(rows, 0, 3) && next >= pg_get_number(rows, 0, 3))
        next = pg_get_number(rows, 0, 3) - 1;
    if (!pg_is_null(rows, 0, 3) && next < pg_get_number(rows, 0, 4))
        next = compaction->floor;
    if (!pg_is_null(rows, 0, 1) && next > pg_get_number(rows, 0, 1))
        next = pg_get_number(rows, 0, 1);
    if (!pg_is_null(rows, 0, 5) && next >= pg_get_number(rows, 0, 5))
        next = pg_get_number(rows, 0, 5) - 1;
    *ret_next = next;
    return 0;
}

static int drop_changes(struct pg *pg, int64_t floor, int64_t next, int64_t deadline,
                        struct err *err)
{
    AUTO_FREE char *sql = mem_printf(
        "WITH step AS MATERIALIZED (SELECT DISTINCT ON (resource, ns, name)"
        " resource, ns, name, revision, operation FROM change_log"
        " WHERE revision > %lld AND revision <= %lld"
        " ORDER BY resource, ns, name, revision DESC)"
        "DELETE FROM change_log c USING step s WHERE c.resource = s.resource AND c.ns = s.ns"
        " AND c.name = s.name AND c.revision <= s.revision"
        " AND (c.revision < s.revision OR s.operation = 2);"
        "UPDATE history SET floor = %lld; COMMIT",
        (long long)floor, (long long)next, (long long)next);

    return pg_do(pg, sql, deadline, err);
}

static int step(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    struct compact *compact = context;
    struct store_compaction *compaction = compact->compaction;
    int64_t next, bytes;

    if (pg_do(pg, "BEGIN", deadline, err) < 0 ||
        next_floor(pg, compaction, deadline, &next, err) < 0)
        return -1;
    if (next <= compaction->floor) {
        compact->done = true;
        return pg_do(pg, "ROLLBACK", deadline, err);
    }
    if (measure_dropped(pg, compaction, next, deadline, &bytes, err) < 0 ||
        drop_changes(pg, compaction->floor, next, deadline, err) < 0)
        return -1;
    compaction->floor = next;
    compaction->bytes -= bytes;
    if (compaction->measured < next)
        compaction->measured = next;
    return 0;
}

static int drop_marks(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    struct compact *compact = context;
    AUTO_FREE char *sql = mem_printf(
        "WITH dropped AS (DELETE FROM consumer_mark WHERE (scope, key) IN ("
        "SELECT scope, key FROM consumer_mark WHERE gone AND written_ms < %lld"
        " ORDER BY written_ms LIMIT %d) AND gone RETURNING 1) SELECT count(*) FROM dropped",
        (long long)(clock_wall_ms() - MARK_DAY_MS), STEP_MARKS);
    AUTO_ROWS struct pg_rows *rows = pg_exec(pg, sql, deadline, err);

    if (rows == NULL)
        return -1;
    compact->done = pg_get_number(rows, 0, 0) < STEP_MARKS;
    return 0;
}

int store_compact(struct store *store, struct store_compaction *compaction, struct err *err)
{
    struct compact compact = {.compaction = compaction};

    if (measure(store, &compact, err) < 0)
        return -1;
    compact.done = false;
    while (!compact.done)
        if (readers_run(store, step, &compact, NULL, err) < 0)
            return -1;
    compact.done = false;
    while (!compact.done)
        if (readers_run(store, drop_marks, &compact, NULL, err) < 0)
            return -1;
    return 0;
}
