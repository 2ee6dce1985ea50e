/*
 * One batch is one transaction, sent as a pipeline: the lock, one statement for all writes, one
 * each for marks and positions if there are any, and the sync that commits. All are acknowledged
 * after that.
 *
 * A batch with fenced positions needs an answer in between (who is fenced off), so it begins with
 * BEGIN: an open transaction whose client has stopped is ended by the server, a half-sent pipeline
 * is not.
 *
 * When the connection breaks, the changes and positions carry the batch's id: whether they are
 * there is the answer. The process of the broken connection is ended first, or what it still has in
 * its socket could be committed after we looked.
 */
#include "store_private.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "keyset.h"

#define ARRAY_KEPT ((size_t)512 << 10)

static const struct pg_statement begin_statement = {STATEMENT_BEGIN, "BEGIN"};
static const struct pg_statement commit_statement = {STATEMENT_COMMIT, "COMMIT"};
static const struct pg_statement lock_statement = {STATEMENT_LOCK,
                                                   "SELECT pg_advisory_xact_lock(" WRITE_LOCK ")"};

/* Is the namespace of a new object there and staying? A selectable is JSON without blanks, and a
 * quote inside its strings is escaped: the text can be nothing but the member. */
#define HAS_HOME                                                                                   \
    " (NOT t.in_namespace OR EXISTS (SELECT FROM object h WHERE h.resource = 'namespaces'"         \
    " AND h.ns = '' AND h.name = t.ns AND position('\"deleting\":true' IN h.selectable) = 0))"

/* numbered: each item with what is stored now, whether it may be written, and its revision if so.
 * A namespace may be marked, but not removed, by the statement that creates something in it: what
 * removes one has seen its mark, and that nothing is in it, before. */
static const struct pg_statement write_statement = {
    STATEMENT_WRITE,
    "WITH base AS MATERIALIZED ("
    " SELECT coalesce((SELECT max(revision) FROM change_log), 1) AS revision,"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now),"
    "numbered AS MATERIALIZED ("
    " SELECT i.*, base.now, base.revision + count(*) FILTER (WHERE i.good)"
    " OVER (ORDER BY i.ord ROWS UNBOUNDED PRECEDING) AS revision FROM base, ("
    "  SELECT t.*, o.ctid AS place, CASE WHEN t.operation = 0 THEN o.revision IS NULL AND" HAS_HOME
    "  ELSE coalesce(o.revision = t.expected AND (o.uid = t.uid OR t.uid = ''), false) END AS good,"
    "  o.revision IS NULL AS absent, coalesce(nullif(t.uid, ''), o.uid, '') AS real_uid"
    "  FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],"
    "  $7::text[], $8::text[], $9::text[], $10::boolean[]) WITH ORDINALITY"
    "  AS t(operation, resource, ns, name, uid, expected, body, selectable, previous,"
    "  in_namespace, ord)"
    "  LEFT JOIN object o ON o.resource = t.resource AND o.ns = t.ns AND o.name = t.name) i),"
    "created AS (INSERT INTO object (resource, ns, name, uid, revision, selectable, body)"
    " SELECT resource, ns, name, real_uid, revision, selectable, body FROM numbered"
    " WHERE good AND operation = 0),"
    "updated AS (UPDATE object o SET revision = n.revision, selectable = n.selectable,"
    " body = n.body FROM numbered n WHERE n.good AND n.operation = 1 AND o.ctid = n.place),"
    "deleted AS (DELETE FROM object o USING numbered n"
    " WHERE n.good AND n.operation = 2 AND o.ctid = n.place),"
    "logged AS (INSERT INTO change_log (revision, batch, written_ms, operation, resource, ns, name,"
    " uid, selectable, previous, body) SELECT revision, $11::bigint, now, operation, resource, ns,"
    " name, real_uid, selectable, previous, body FROM numbered WHERE good)"
    "SELECT ord, good, absent, revision,"
    " (SELECT pg_notify('" CHANNEL "', '') FROM numbered WHERE good LIMIT 1) FROM numbered"};

static const struct pg_statement marks_statement = {
    STATEMENT_SET_MARKS,
    "INSERT INTO consumer_mark AS m (scope, key, epoch, sequence, gone, written_ms)"
    " SELECT DISTINCT ON (scope, key) scope, key, epoch, sequence, gone,"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[])"
    " AS t(scope, key, epoch, sequence, gone)"
    " ORDER BY scope, key, epoch DESC, sequence DESC"
    " ON CONFLICT (scope, key) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence,"
    " gone = excluded.gone, written_ms = excluded.written_ms"
    " WHERE (m.epoch, m.sequence) <= (excluded.epoch, excluded.sequence)"};

static const struct pg_statement positions_statement = {
    STATEMENT_SET_POSITIONS,
    "INSERT INTO consumer_position (name, value, batch)"
    " SELECT name, value, $3::bigint FROM unnest($1::text[], $2::text[]) AS t(name, value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value, batch = excluded.batch"};

static const struct pg_statement fence_statement = {
    STATEMENT_FENCE,
    "SELECT t.ord FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(name, expected, ord)"
    " LEFT JOIN consumer_position p ON p.name = t.name WHERE coalesce(p.value, '') <> t.expected"};

/* Those of the guarded writes that can't be done, as write_statement decides it. */
static const struct pg_statement guard_statement = {
    STATEMENT_GUARD,
    "SELECT t.ord, o.revision IS NULL AS absent"
    " FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],"
    " $7::boolean[])"
    " WITH ORDINALITY AS t(operation, resource, ns, name, uid, expected, in_namespace, ord)"
    " LEFT JOIN object o ON o.resource = t.resource AND o.ns = t.ns AND o.name = t.name"
    " WHERE NOT CASE WHEN t.operation = 0 THEN o.revision IS NULL AND" HAS_HOME
    " ELSE coalesce(o.revision = t.expected AND (o.uid = t.uid OR t.uid = ''), false) END"};

void batch_writer_init(struct batch_writer *writer)
{
    memset(writer, 0, sizeof(*writer));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(writer->arrays); i++)
        buf_init(&writer->arrays[i], BUF_MAX_DEFAULT);
}

void batch_writer_shrink(struct batch_writer *writer)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(writer->arrays); i++)
        if (writer->arrays[i].cap > ARRAY_KEPT) {
            buf_release(&writer->arrays[i]);
            buf_init(&writer->arrays[i], BUF_MAX_DEFAULT);
        }
}

void batch_writer_release(struct batch_writer *writer)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(writer->arrays); i++)
        buf_release(&writer->arrays[i]);
    pg_close(writer->pg);
}

/* ------------------------------------------------------------------------------- sending */

static size_t count_of(const struct batch *batch, size_t (*count)(const struct store_commit *))
{
    size_t total = 0;

    for (const struct request *r = batch->first; r != NULL; r = r->next)
        if (r->written)
            total += count(r->commit);
    return total;
}

static size_t writes_of(const struct store_commit *commit)
{
    return commit->write_count;
}

static size_t positions_of(const struct store_commit *commit)
{
    return commit->position_count;
}

static size_t marks_of(const struct store_commit *commit)
{
    return commit->mark_count;
}

static size_t fences_of(const struct store_commit *commit)
{
    size_t count = 0;

    for (size_t i = 0; i < commit->position_count; i++)
        if (commit->positions[i].expected != NULL)
            count++;
    return count;
}

static size_t guarded_of(const struct store_commit *commit)
{
    return commit->all_or_nothing ? commit->write_count : 0;
}

static void add_text(struct buf *array, const char *text)
{
    pg_array_text(array, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static void begin_arrays(struct batch_writer *writer, const enum pg_type *types, size_t columns,
                         size_t rows)
{
    for (size_t i = 0; i < columns; i++)
        pg_array_begin(&writer->arrays[i], types[i], rows);
}

static void add_write(struct buf *arrays, const struct store_write *write)
{
    pg_array_i16(&arrays[0], (int16_t)write->operation);
    add_text(&arrays[1], write->key.resource);
    add_text(&arrays[2], write->key.ns);
    add_text(&arrays[3], write->key.name);
    add_text(&arrays[4], write->uid);
    pg_array_i64(&arrays[5], write->expected);
    pg_array_text(&arrays[6], write->body, write->body_len);
    add_text(&arrays[7], write->selectable != NULL ? write->selectable : "{}");
    if (write->previous != NULL)
        add_text(&arrays[8], write->previous);
    else
        pg_array_null(&arrays[8]);
    pg_array_bool(&arrays[9], write->in_namespace);
}

static int send_arrays(struct batch_writer *writer, const struct pg_statement *statement,
                       int columns, bool with_id, struct err *err)
{
    struct pg_params params = {0};

    for (int i = 0; i < columns; i++) {
        if (buf_failed(&writer->arrays[i]))
            return err_set(err, ERR_TOO_LARGE, "a batch of writes is too large");
        pg_binary(&params, &writer->arrays[i]);
    }
    if (with_id)
        pg_number(&params, writer->id);
    return pg_pipeline_send(writer->pg, statement, &params, err);
}

static int send_writes(struct batch_writer *writer, const struct batch *batch, struct err *err)
{
    static const enum pg_type types[] = {PG_SMALLINT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT,
                                         PG_BIGINT,   PG_TEXT, PG_TEXT, PG_TEXT, PG_BOOL};

    size_t count = 0;

    begin_arrays(writer, types, MOT_ARRAY_SIZE(types), count_of(batch, writes_of));
    for (const struct request *r = batch->first; r != NULL; r = r->next)
        for (size_t i = 0; r->written && i < r->commit->write_count; i++) {
            writer->writes[count++] = &r->commit->writes[i];
            add_write(writer->arrays, &r->commit->writes[i]);
        }
    return send_arrays(writer, &write_statement, MOT_ARRAY_SIZE(types), true, err);
}

static int send_marks(struct batch_writer *writer, const struct batch *batch, struct err *err)
{
    static const enum pg_type types[] = {PG_TEXT, PG_TEXT, PG_BIGINT, PG_BIGINT, PG_BOOL};
    struct buf *arrays = writer->arrays;

    begin_arrays(writer, types, MOT_ARRAY_SIZE(types), count_of(batch, marks_of));
    for (const struct request *r = batch->first; r != NULL; r = r->next)
        for (size_t i = 0; r->written && i < r->commit->mark_count; i++) {
            const struct store_mark *mark = &r->commit->marks[i];

            add_text(&arrays[0], mark->scope);
            add_text(&arrays[1], mark->key);
            pg_array_i64(&arrays[2], mark->epoch);
            pg_array_i64(&arrays[3], mark->sequence);
            pg_array_bool(&arrays[4], mark->gone);
        }
    return send_arrays(writer, &marks_statement, MOT_ARRAY_SIZE(types), false, err);
}

static int send_positions(struct batch_writer *writer, const struct batch *batch, struct err *err)
{
    static const enum pg_type types[] = {PG_TEXT, PG_TEXT};

    begin_arrays(writer, types, MOT_ARRAY_SIZE(types), count_of(batch, positions_of));
    for (const struct request *r = batch->first; r != NULL; r = r->next)
        for (size_t i = 0; r->written && i < r->commit->position_count; i++) {
            add_text(&writer->arrays[0], r->commit->positions[i].name);
            add_text(&writer->arrays[1], r->commit->positions[i].value);
        }
    return send_arrays(writer, &positions_statement, MOT_ARRAY_SIZE(types), true, err);
}

static int send_fences(struct batch_writer *writer, const struct batch *batch, struct err *err)
{
    static const enum pg_type types[] = {PG_TEXT, PG_TEXT};

    begin_arrays(writer, types, MOT_ARRAY_SIZE(types), count_of(batch, fences_of));
    for (const struct request *r = batch->first; r != NULL; r = r->next)
        for (size_t i = 0; i < r->commit->position_count; i++)
            if (r->commit->positions[i].expected != NULL) {
                add_text(&writer->arrays[0], r->commit->positions[i].name);
                add_text(&writer->arrays[1], r->commit->positions[i].expected);
            }
    return send_arrays(writer, &fence_statement, MOT_ARRAY_SIZE(types), false, err);
}

static int send_guards(struct batch_writer *writer, const struct batch *batch, struct err *err)
{
    static const enum pg_type types[] = {PG_SMALLINT, PG_TEXT,   PG_TEXT, PG_TEXT,
                                         PG_TEXT,     PG_BIGINT, PG_BOOL};

    begin_arrays(writer, types, MOT_ARRAY_SIZE(types), count_of(batch, guarded_of));
    for (const struct request *r = batch->first; r != NULL; r = r->next)
        for (size_t i = 0; i < guarded_of(r->commit); i++) {
            const struct store_write *write = &r->commit->writes[i];

            pg_array_i16(&writer->arrays[0], (int16_t)write->operation);
            add_text(&writer->arrays[1], write->key.resource);
            add_text(&writer->arrays[2], write->key.ns);
            add_text(&writer->arrays[3], write->key.name);
            add_text(&writer->arrays[4], write->uid);
            pg_array_i64(&writer->arrays[5], write->expected);
            pg_array_bool(&writer->arrays[6], write->in_namespace);
        }
    return send_arrays(writer, &guard_statement, MOT_ARRAY_SIZE(types), false, err);
}

/* ------------------------------------------------------------------------------- answers */

/* Reads answers up to the sync; @rows gets those of the statements @first and, if @count is 2, the
 * one after it. */
static enum batch_outcome read_answers(struct batch_writer *writer, int64_t deadline, int first,
                                       int count, struct pg_rows **ret_rows, struct err *err)
{
    bool refused = false;

    for (int i = 0;; i++) {
        struct pg_rows *rows = NULL;
        struct err local = {.code = ERR_NONE};
        enum pg_step step = pg_pipeline_next(writer->pg, deadline, &rows, &local);

        if (step == PG_ROWS && i >= first && i < first + count)
            ret_rows[i - first] = rows;
        else
            pg_rows_free(rows);
        if (step == PG_BROKEN || (step == PG_FAILED && !refused))
            (void)err_set(err, local.code, "%s", local.message);
        if (step == PG_BROKEN)
            return BATCH_UNKNOWN;
        refused |= step == PG_FAILED;
        if (step == PG_SYNC)
            break;
    }
    if (pg_pipeline_end(writer->pg, err) < 0)
        return BATCH_UNKNOWN;
    return refused ? BATCH_REFUSED : BATCH_DONE;
}

static enum err_code failure_of(const struct store_write *write, bool absent)
{
    if (write->operation == STORE_CREATE)
        return absent ? ERR_FORBIDDEN : ERR_EXISTS;
    return absent ? ERR_NOT_FOUND : ERR_CONFLICT;
}

static void take_results(struct batch_writer *writer, const struct pg_rows *rows)
{
    for (int row = 0; row < pg_count(rows); row++) {
        struct store_write *write = writer->writes[pg_get_number(rows, row, 0) - 1];

        if (pg_get_bool(rows, row, 1)) {
            write->result = ERR_NONE;
            write->revision = pg_get_number(rows, row, 3);
            if (write->revision > writer->revision)
                writer->revision = write->revision;
        } else {
            write->result = failure_of(write, pg_get_bool(rows, row, 2));
        }
    }
}

/* ------------------------------------------------------------------------------- writing */

static int prepare_all(struct batch_writer *writer, const struct batch *batch, struct err *err)
{
    const struct pg_statement *const statements[] = {
        &begin_statement, &commit_statement, &lock_statement,      &write_statement,
        &marks_statement, &fence_statement,  &positions_statement, &guard_statement};

    for (size_t i = 0; i < MOT_ARRAY_SIZE(statements); i++)
        if (pg_prepare(writer->pg, statements[i], batch->deadline, err) < 0)
            return -1;
    return 0;
}

static void forget_results(struct request *request)
{
    for (size_t i = 0; i < request->commit->write_count; i++)
        request->commit->writes[i].result = ERR_NONE;
}

static void fence_off(const struct batch *batch, int64_t index)
{
    for (struct request *r = batch->first; r != NULL; r = r->next) {
        int64_t count = (int64_t)fences_of(r->commit);

        if (index >= 0 && index < count) {
            forget_results(r);
            r->written = false;
            r->code = ERR_CONFLICT;
            (void)err_set(r->err, ERR_CONFLICT, "a position is not the expected one");
        }
        index -= count;
    }
}

static void undo_guarded(const struct batch *batch, int64_t index, bool absent)
{
    for (struct request *r = batch->first; r != NULL; r = r->next) {
        int64_t count = (int64_t)guarded_of(r->commit);

        if (index >= 0 && index < count) {
            struct store_write *write = &r->commit->writes[index];

            write->result = failure_of(write, absent);
            r->written = false;
            r->code = ERR_CONFLICT;
            (void)err_set(r->err, ERR_CONFLICT, "%s %s was changed by somebody else",
                          write->key.resource, write->key.name);
        }
        index -= count;
    }
}

/* BEGIN, the lock, and the questions who is fenced off and which guarded write can't be done. What
 * they find stays true: nobody else writes before the lock is given back. */
static enum batch_outcome check_fences(struct batch_writer *writer, struct batch *batch,
                                       struct err *err)
{
    struct pg_rows *rows[2] = {NULL, NULL};
    bool guarded = count_of(batch, guarded_of) > 0;
    enum batch_outcome outcome;

    if (pg_pipeline_begin(writer->pg, err) < 0 ||
        pg_pipeline_send(writer->pg, &begin_statement, NULL, err) < 0 ||
        pg_pipeline_send(writer->pg, &lock_statement, NULL, err) < 0 ||
        send_fences(writer, batch, err) < 0 || (guarded && send_guards(writer, batch, err) < 0) ||
        pg_pipeline_sync(writer->pg, err) < 0)
        return BATCH_UNKNOWN;
    outcome = read_answers(writer, batch->deadline, 2, 2, rows, err);
    for (int row = 0; rows[1] != NULL && row < pg_count(rows[1]); row++)
        undo_guarded(batch, pg_get_number(rows[1], row, 0) - 1, pg_get_bool(rows[1], row, 1));
    for (int row = 0; rows[0] != NULL && row < pg_count(rows[0]); row++)
        fence_off(batch, pg_get_number(rows[0], row, 0) - 1);
    pg_rows_free(rows[0]);
    pg_rows_free(rows[1]);
    return outcome;
}

static enum batch_outcome write_all(struct batch_writer *writer, struct batch *batch, bool fenced,
                                    struct err *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    bool writes = count_of(batch, writes_of) > 0;
    enum batch_outcome outcome;

    if (pg_pipeline_begin(writer->pg, err) < 0 ||
        (!fenced && pg_pipeline_send(writer->pg, &lock_statement, NULL, err) < 0) ||
        (writes && send_writes(writer, batch, err) < 0) ||
        (count_of(batch, marks_of) > 0 && send_marks(writer, batch, err) < 0) ||
        (count_of(batch, positions_of) > 0 && send_positions(writer, batch, err) < 0) ||
        (fenced && pg_pipeline_send(writer->pg, &commit_statement, NULL, err) < 0) ||
        pg_pipeline_sync(writer->pg, err) < 0)
        return BATCH_UNKNOWN;
    outcome = read_answers(writer, batch->deadline, fenced ? 0 : 1, writes ? 1 : 0, &rows, err);
    if (outcome == BATCH_DONE && rows != NULL)
        take_results(writer, rows);
    return outcome;
}

static void new_id(struct batch_writer *writer)
{
    random_bytes(&writer->id, sizeof(writer->id));
}

enum batch_outcome batch_write(struct batch_writer *writer, struct batch *batch, struct err *err)
{
    bool fenced;
    enum batch_outcome outcome = BATCH_DONE;

    for (struct request *r = batch->first; r != NULL; r = r->next) {
        r->written = true;
        r->code = ERR_NONE;
        forget_results(r);
    }
    new_id(writer);
    fenced = count_of(batch, fences_of) > 0 || count_of(batch, guarded_of) > 0;
    if (prepare_all(writer, batch, err) < 0)
        return pg_usable(writer->pg) ? BATCH_REFUSED : BATCH_UNSENT;
    if (fenced)
        outcome = check_fences(writer, batch, err);
    if (outcome == BATCH_UNKNOWN)
        return BATCH_UNSENT;
    if (outcome == BATCH_DONE)
        outcome = write_all(writer, batch, fenced, err);
    if (outcome == BATCH_REFUSED && pg_in_transaction(writer->pg) &&
        pg_do(writer->pg, "ROLLBACK", batch->deadline, NULL) < 0)
        return BATCH_UNSENT;
    return outcome;
}

/* ------------------------------------------------------------------------------- finding out */

static int end_backend(struct batch_writer *writer, int backend, const char *started,
                       int64_t deadline, struct err *err)
{
    AUTO_FREE char *sql = mem_printf("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
                                     " WHERE pid = %d AND backend_start::text = '%s'",
                                     backend, started);

    return pg_do(writer->pg, sql, deadline, err);
}

static void take_found(const struct batch *batch, const struct pg_rows *rows)
{
    for (struct request *r = batch->first; r != NULL; r = r->next)
        for (size_t i = 0; r->written && i < r->commit->write_count; i++) {
            struct store_write *write = &r->commit->writes[i];
            uint64_t hash = keyset_of_object(&write->key);

            write->result = write->operation == STORE_CREATE ? ERR_EXISTS : ERR_CONFLICT;
            for (int row = 0; row < pg_count(rows); row++) {
                struct store_key key = {pg_get(rows, row, 1), pg_get(rows, row, 2),
                                        pg_get(rows, row, 3)};

                if (keyset_of_object(&key) != hash)
                    continue;
                write->result = ERR_NONE;
                write->revision = pg_get_number(rows, row, 0);
            }
        }
}

enum batch_outcome batch_resolve(struct batch_writer *writer, struct batch *batch, int old_backend,
                                 const char *old_started, struct err *err)
{
    AUTO_FREE char *find =
        mem_printf("SELECT revision, resource, ns, name FROM change_log"
                   " WHERE revision > %lld AND batch = %lld UNION ALL"
                   " SELECT 0, '', '', name FROM consumer_position WHERE batch = %lld",
                   (long long)writer->revision, (long long)writer->id, (long long)writer->id);
    AUTO_ROWS struct pg_rows *rows = NULL;
    bool found;

    if (end_backend(writer, old_backend, old_started, batch->deadline, err) < 0 ||
        pg_do(writer->pg, "BEGIN; SELECT pg_advisory_xact_lock(" WRITE_LOCK ")", batch->deadline,
              err) < 0)
        return BATCH_UNKNOWN;
    rows = pg_exec(writer->pg, find, batch->deadline, err);
    if (rows == NULL || pg_do(writer->pg, "COMMIT", batch->deadline, err) < 0)
        return BATCH_UNKNOWN;
    found = pg_count(rows) > 0;
    if (found)
        take_found(batch, rows);
    return found ? BATCH_DONE : BATCH_REFUSED;
}
