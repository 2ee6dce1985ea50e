/*
 * A lease is an advisory lock of a session. The holder looks at its socket; it gives up on a silent
 * server (keepalives of pg.c: 11 s) before the server gives up on it and hands the lock to the next
 * (30 s).
 */
#include "store_private.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

struct store_lease {
    struct pg *pg;
    int fd;
    atomic_bool lost;
};

static int lock(struct pg *pg, const char *name, int64_t timeout_ms, int64_t deadline,
                struct err *err)
{
    AUTO_FREE char *full = mem_printf("lease/%s", name);
    AUTO_FREE char *limit = mem_printf("SET statement_timeout = %lld", (long long)timeout_ms);
    AUTO_FREE char *sql =
        mem_printf("SELECT %s(%lld)", timeout_ms > 0 ? "pg_advisory_lock" : "pg_try_advisory_lock",
                   (long long)hash_text(full));
    AUTO_ROWS struct pg_rows *rows = NULL;

    /* In a statement of its own: it counts from the start of the next one. */
    if (timeout_ms > 0 && pg_do(pg, limit, deadline, err) < 0)
        return -1;
    rows = pg_exec(pg, sql, deadline, err);
    if (rows == NULL && !pg_usable(pg))
        return -1;
    /* The blocking form has no value of its own: it was cancelled, or it has the lock. */
    if (rows == NULL || (timeout_ms <= 0 && !pg_get_bool(rows, 0, 0)))
        return err_set(err, ERR_TIMEOUT, "somebody else holds %s", name);
    return 0;
}

struct store_lease *store_lease_acquire(struct store *store, const char *name, int64_t timeout_ms,
                                        struct err *err)
{
    int64_t start = clock_ms();
    struct pg *pg = store_connect(store, start + store->deadline_ms, err);
    struct store_lease *lease;

    if (pg == NULL)
        return NULL;
    if (lock(pg, name, timeout_ms, start + timeout_ms + store->deadline_ms, err) < 0) {
        pg_close(pg);
        return NULL;
    }
    lease = mem_zalloc(sizeof(*lease));
    lease->pg = pg;
    lease->fd = pg_socket(pg);
    return lease;
}

/* Nothing is expected on this connection: an end, an error or a farewell means that it is lost. */
bool store_lease_held(struct store_lease *lease)
{
    char byte;

    if (atomic_load(&lease->lost))
        return false;
    if (recv(lease->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
        (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    atomic_store(&lease->lost, true);
    return false;
}

void store_lease_release(struct store_lease *lease)
{
    if (lease == NULL)
        return;
    pg_close(lease->pg);
    free(lease);
}
