#include "migration.h"

#include <mot/base/mem.h>

#include "pg.h"

#define LOCK_SQL "SELECT pg_advisory_xact_lock(7237954630966000001)"

static int newest_version(void)
{
    int version = 0;

    for (const struct migration *m = migrations; m->name != NULL; m++)
        version = m->version;
    return version;
}

/* 0 when nothing was ever applied. */
static int stored_version(struct pg *pg, int64_t deadline, int *ret_version, struct err *err)
{
    AUTO_ROWS struct pg_rows *table = NULL, *version = NULL;

    *ret_version = 0;
    /* Not to_regclass(): it may answer from a cache that knows nothing of the lock's last holder.
     */
    table = pg_exec(pg,
                    "SELECT count(*) > 0 FROM pg_class WHERE relname = 'schema_migration'"
                    " AND pg_table_is_visible(oid)",
                    deadline, err);
    if (table == NULL)
        return -1;
    if (!pg_get_bool(table, 0, 0))
        return 0;
    version = pg_exec(pg, "SELECT coalesce(max(version), 0) FROM schema_migration", deadline, err);
    if (version == NULL)
        return -1;
    *ret_version = (int)pg_get_number(version, 0, 0);
    return 0;
}

static int apply(struct pg *pg, const struct migration *migration, int64_t deadline,
                 struct err *err)
{
    AUTO_FREE char *note =
        mem_printf("INSERT INTO schema_migration (version, name) VALUES (%d, '%s')",
                   migration->version, migration->name);

    if (pg_do(pg, migration->sql, deadline, err) < 0 || pg_do(pg, note, deadline, err) < 0)
        return err_wrap(err, "migration %s", migration->name);
    return 0;
}

static int apply_missing(struct pg *pg, int64_t deadline, struct err *err)
{
    int version;

    if (pg_do(pg, "BEGIN; SET LOCAL statement_timeout = 0; " LOCK_SQL, deadline, err) < 0 ||
        stored_version(pg, deadline, &version, err) < 0)
        return -1;
    if (version == 0 && pg_do(pg,
                              "CREATE TABLE schema_migration (version integer PRIMARY KEY,"
                              " name text NOT NULL, applied timestamptz NOT NULL DEFAULT now())",
                              deadline, err) < 0)
        return -1;
    for (const struct migration *m = migrations; m->name != NULL; m++)
        if (m->version > version && apply(pg, m, deadline, err) < 0)
            return -1;
    return pg_do(pg, "COMMIT", deadline, err);
}

int migrate(struct pg *pg, int64_t deadline, struct err *err)
{
    int version;

    if (stored_version(pg, deadline, &version, err) < 0)
        return -1;
    /* A database of a newer program is fine: migrations only add. */
    if (version >= newest_version())
        return 0;
    return apply_missing(pg, deadline, err);
}
