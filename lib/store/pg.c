#include "pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

struct pg {
    PGconn *conn;
    bool broken;
    bool notified;
    uint64_t prepared;
};

/* ------------------------------------------------------------------------------- errors */

static enum err_code code_of(const char *state)
{
    static const char *const transient[] = {"08", "40", "53", "57", "58", "25006", "55P03"};
    static const char *const invalid[] = {"22", "54"};

    if (state == NULL)
        return ERR_TRANSIENT;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(transient); i++)
        if (strncmp(state, transient[i], strlen(transient[i])) == 0)
            return ERR_TRANSIENT;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(invalid); i++)
        if (strncmp(state, invalid[i], strlen(invalid[i])) == 0)
            return ERR_INVALID;
    return ERR_INTERNAL;
}

static int fail_broken(struct pg *pg, struct err *err)
{
    const char *text = PQerrorMessage(pg->conn);
    size_t len = strcspn(text, "\n");

    pg->broken = true;
    if (len == 0)
        return err_set(err, ERR_TRANSIENT, "postgresql: the connection is lost");
    return err_set(err, ERR_TRANSIENT, "postgresql: %.*s", (int)len, text);
}

static int fail_deadline(struct pg *pg, struct err *err)
{
    pg->broken = true;
    return err_set(err, ERR_TIMEOUT, "postgresql: no answer within the deadline");
}

static int fail_result(struct pg *pg, const PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (PQstatus(pg->conn) != CONNECTION_OK || (state != NULL && strncmp(state, "57P", 3) == 0))
        pg->broken = true;
    if (text == NULL)
        return fail_broken(pg, err);
    /* A server that became read-only is the old primary: look for the new one. */
    if (state != NULL && strcmp(state, "25006") == 0)
        pg->broken = true;
    return err_set(err, code_of(state), "postgresql: %s (%s)", text, state ? state : "-");
}

/* ------------------------------------------------------------------------------- waiting */

/* 1 when ready, 0 at the deadline. */
static int wait_socket(int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd pollfd = {.fd = fd, .events = events};
        int64_t left = deadline - clock_ms();
        int ready = poll(&pollfd, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);

        if (ready > 0)
            return 1;
        if (ready == 0 && clock_ms() >= deadline)
            return 0;
        if (ready < 0 && errno != EINTR)
            return 1;
    }
}

static int flush(struct pg *pg, int64_t deadline, struct err *err)
{
    for (;;) {
        int rest = PQflush(pg->conn);

        if (rest == 0)
            return 0;
        if (rest < 0)
            return fail_broken(pg, err);
        if (!wait_socket(PQsocket(pg->conn), POLLIN | POLLOUT, deadline))
            return fail_deadline(pg, err);
        if (!PQconsumeInput(pg->conn))
            return fail_broken(pg, err);
    }
}

static void take_notifies(struct pg *pg)
{
    for (PGnotify *notify; (notify = PQnotifies(pg->conn)) != NULL; PQfreemem(notify))
        pg->notified = true;
}

/* *ret_result is NULL at the end of a statement's results. */
static int next_result(struct pg *pg, int64_t deadline, PGresult **ret_result, struct err *err)
{
    while (PQisBusy(pg->conn)) {
        if (!wait_socket(PQsocket(pg->conn), POLLIN, deadline))
            return fail_deadline(pg, err);
        if (!PQconsumeInput(pg->conn))
            return fail_broken(pg, err);
    }
    take_notifies(pg);
    *ret_result = PQgetResult(pg->conn);
    return 0;
}

/* ------------------------------------------------------------------------------- connections */

static bool looks_like_conninfo(const char *url)
{
    return strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0 ||
           strchr(url, '=') != NULL;
}

static int check_url(const char *url, struct err *err)
{
    char *why = NULL;
    PQconninfoOption *options;

    if (!looks_like_conninfo(url))
        return 0;
    options = PQconninfoParse(url, &why);
    PQfreemem(why);
    if (options == NULL)
        return err_set(err, ERR_INVALID, "postgresql: the connection string can't be parsed");
    PQconninfoFree(options);
    return 0;
}

static void no_notices(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

static int connect_poll(struct pg *pg, int64_t deadline, struct err *err)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    while (state != PGRES_POLLING_OK) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        if (state == PGRES_POLLING_FAILED || PQstatus(pg->conn) == CONNECTION_BAD)
            return fail_broken(pg, err);
        if (!wait_socket(PQsocket(pg->conn), events, deadline))
            return fail_deadline(pg, err);
        state = PQconnectPoll(pg->conn);
    }
    return 0;
}

/*
 * All our statements look rows up by key or read an index in order; a planner without statistics
 * must not think otherwise, and its penalties must not start the JIT compiler. The server gives
 * up on a silent client (and frees its locks) later than the client gives up on the server.
 */
static int session_setup(struct pg *pg, const struct pg_options *options, int64_t deadline,
                         struct err *err)
{
    AUTO_FREE char *sql = mem_printf(
        "SET statement_timeout = %lld; SET idle_in_transaction_session_timeout = 15000;"
        "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
        "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off;"
        "SET enable_material = off; SET max_parallel_workers_per_gather = 0; SET work_mem = '16MB';"
        "SET default_transaction_isolation = 'read committed'; SET lock_timeout = 0;"
        "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5;"
        "SET tcp_keepalives_count = 3; SET client_connection_check_interval = 5000;"
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') IN ('off', 'local')",
        (long long)options->statement_ms);

    return pg_do(pg, sql, deadline, err);
}

struct pg *pg_connect(const struct pg_options *options, int64_t deadline, struct err *err)
{
    const char *const keywords[] = {"application_name", "keepalives_idle",  "keepalives_interval",
                                    "keepalives_count", "tcp_user_timeout", "connect_timeout",
                                    "dbname",           "client_encoding",  NULL};
    const char *const values[] = {options->name, "5",          "2",    "3", "10000",
                                  "10",          options->url, "UTF8", NULL};
    struct pg *pg;

    if (check_url(options->url, err) < 0)
        return NULL;
    pg = mem_zalloc(sizeof(*pg));
    pg->conn = PQconnectStartParams(keywords, values, 1);
    if (pg->conn == NULL) {
        free(pg);
        (void)err_set(err, ERR_TRANSIENT, "postgresql: out of memory");
        return NULL;
    }
    PQsetNoticeReceiver(pg->conn, no_notices, NULL);
    if (connect_poll(pg, deadline, err) < 0 || PQsetnonblocking(pg->conn, 1) != 0 ||
        session_setup(pg, options, deadline, err) < 0) {
        pg_close(pg);
        return NULL;
    }
    return pg;
}

void pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    PQfinish(pg->conn);
    free(pg);
}

/* A farewell of the server stands before the end of the stream: read until nothing is left. */
bool pg_usable(struct pg *pg)
{
    struct pollfd pollfd = {.fd = PQsocket(pg->conn), .events = POLLIN};

    while (!pg->broken && PQstatus(pg->conn) == CONNECTION_OK && poll(&pollfd, 1, 0) > 0) {
        if (!PQconsumeInput(pg->conn))
            pg->broken = true;
        else
            take_notifies(pg);
    }
    return !pg->broken && PQstatus(pg->conn) == CONNECTION_OK;
}

bool pg_in_transaction(const struct pg *pg)
{
    return PQtransactionStatus(pg->conn) != PQTRANS_IDLE;
}

int pg_socket(const struct pg *pg)
{
    return PQsocket(pg->conn);
}

int pg_backend(const struct pg *pg)
{
    return PQbackendPID(pg->conn);
}

/* ------------------------------------------------------------------------------- statements */

static const struct pg_params no_params;

/* Sends @statement, prepared when it has an id. */
static int send_statement(struct pg *pg, const struct pg_statement *statement,
                          const struct pg_params *params, struct err *err)
{
    char name[16];
    int sent;

    if (params == NULL)
        params = &no_params;
    if (statement->id == 0) {
        sent = PQsendQueryParams(pg->conn, statement->sql, params->count, NULL, params->values,
                                 params->lengths, params->formats, 0);
    } else {
        (void)snprintf(name, sizeof(name), "s%u", statement->id);
        sent = PQsendQueryPrepared(pg->conn, name, params->count, params->values, params->lengths,
                                   params->formats, 0);
    }
    return sent ? 0 : fail_broken(pg, err);
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE;
}

/* The last of the results; the first error wins. */
static PGresult *collect(struct pg *pg, int64_t deadline, struct err *err)
{
    PGresult *last = NULL, *result = NULL;
    bool failed = false;

    if (flush(pg, deadline, err) < 0)
        return NULL;
    for (;;) {
        if (next_result(pg, deadline, &result, err) < 0) {
            PQclear(last);
            return NULL;
        }
        if (result == NULL)
            break;
        PQclear(last);
        last = result;
        if (!is_good(result) && !failed) {
            (void)fail_result(pg, result, err);
            failed = true;
        }
    }
    if (failed || last == NULL) {
        PQclear(last);
        if (!failed)
            (void)fail_broken(pg, err);
        return NULL;
    }
    return last;
}

int pg_prepare(struct pg *pg, const struct pg_statement *statement, int64_t deadline,
               struct err *err)
{
    uint64_t bit = UINT64_C(1) << statement->id;
    PGresult *result;
    char name[16];

    if (statement->id == 0 || (pg->prepared & bit) != 0)
        return 0;
    (void)snprintf(name, sizeof(name), "s%u", statement->id);
    if (!PQsendPrepare(pg->conn, name, statement->sql, 0, NULL))
        return fail_broken(pg, err);
    result = collect(pg, deadline, err);
    if (result == NULL)
        return -1;
    PQclear(result);
    pg->prepared |= bit;
    return 0;
}

struct pg_rows *pg_run(struct pg *pg, const struct pg_statement *statement,
                       const struct pg_params *params, int64_t deadline, struct err *err)
{
    if (pg_prepare(pg, statement, deadline, err) < 0 ||
        send_statement(pg, statement, params, err) < 0)
        return NULL;
    return (struct pg_rows *)collect(pg, deadline, err);
}

struct pg_rows *pg_exec(struct pg *pg, const char *sql, int64_t deadline, struct err *err)
{
    if (!PQsendQuery(pg->conn, sql)) {
        (void)fail_broken(pg, err);
        return NULL;
    }
    return (struct pg_rows *)collect(pg, deadline, err);
}

int pg_do(struct pg *pg, const char *sql, int64_t deadline, struct err *err)
{
    struct pg_rows *rows = pg_exec(pg, sql, deadline, err);

    pg_rows_free(rows);
    return rows == NULL ? -1 : 0;
}

int pg_stream(struct pg *pg, const struct pg_statement *statement, const struct pg_params *params,
              int64_t deadline, pg_visit *visit, void *context, struct err *err)
{
    PGresult *result = NULL;
    int outcome = 0;

    if (pg_prepare(pg, statement, deadline, err) < 0 ||
        send_statement(pg, statement, params, err) < 0)
        return -1;
    (void)PQsetSingleRowMode(pg->conn);
    if (flush(pg, deadline, err) < 0)
        return -1;
    for (;;) {
        if (next_result(pg, deadline, &result, outcome < 0 ? NULL : err) < 0)
            return -1;
        if (result == NULL)
            return outcome;
        if (!is_good(result) && outcome >= 0)
            outcome = fail_result(pg, result, err);
        else if (PQresultStatus(result) == PGRES_SINGLE_TUPLE && outcome == 0)
            outcome = visit(context, (const struct pg_rows *)result, err);
        PQclear(result);
    }
}

/* ------------------------------------------------------------------------------- rows */

void pg_rows_free(struct pg_rows *rows)
{
    PQclear((PGresult *)rows);
}

void pg_rows_freep(struct pg_rows **rows)
{
    pg_rows_free(*rows);
}

int pg_count(const struct pg_rows *rows)
{
    return PQntuples((const PGresult *)rows);
}

const char *pg_get(const struct pg_rows *rows, int row, int column)
{
    return PQgetvalue((const PGresult *)rows, row, column);
}

size_t pg_get_len(const struct pg_rows *rows, int row, int column)
{
    return (size_t)PQgetlength((const PGresult *)rows, row, column);
}

int64_t pg_get_number(const struct pg_rows *rows, int row, int column)
{
    return strtoll(pg_get(rows, row, column), NULL, 10);
}

bool pg_get_bool(const struct pg_rows *rows, int row, int column)
{
    return pg_get(rows, row, column)[0] == 't';
}

bool pg_is_null(const struct pg_rows *rows, int row, int column)
{
    return PQgetisnull((const PGresult *)rows, row, column) != 0;
}

/* ------------------------------------------------------------------------------- pipelines */

int pg_pipeline_begin(struct pg *pg, struct err *err)
{
    return PQenterPipelineMode(pg->conn) ? 0 : fail_broken(pg, err);
}

int pg_pipeline_send(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_params *params, struct err *err)
{
    return send_statement(pg, statement, params, err);
}

int pg_pipeline_sync(struct pg *pg, struct err *err)
{
    return PQpipelineSync(pg->conn) ? 0 : fail_broken(pg, err);
}

enum pg_step pg_pipeline_next(struct pg *pg, int64_t deadline, struct pg_rows **ret_rows,
                              struct err *err)
{
    PGresult *result = NULL;
    enum pg_step step = PG_ROWS;

    if (flush(pg, deadline, err) < 0)
        return PG_BROKEN;
    while (result == NULL) {
        if (next_result(pg, deadline, &result, err) < 0)
            return PG_BROKEN;
        if (result == NULL && PQstatus(pg->conn) != CONNECTION_OK) {
            (void)fail_broken(pg, err);
            return PG_BROKEN;
        }
    }
    if (is_good(result)) {
        *ret_rows = (struct pg_rows *)result;
        return PG_ROWS;
    }
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        step = PG_SYNC;
    else if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED)
        step = PG_SKIPPED;
    else {
        (void)fail_result(pg, result, err);
        step = pg->broken ? PG_BROKEN : PG_FAILED;
    }
    PQclear(result);
    return step;
}

int pg_pipeline_end(struct pg *pg, struct err *err)
{
    return PQexitPipelineMode(pg->conn) ? 0 : fail_broken(pg, err);
}

/* ------------------------------------------------------------------------------- notifications */

int pg_wait(struct pg *pg, int wake_fd, int64_t deadline, struct err *err)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = PQsocket(pg->conn), .events = POLLIN},
                                {.fd = wake_fd, .events = POLLIN}};
        int64_t left = deadline - clock_ms();

        if (pg->notified)
            return 1;
        if (fds[0].fd < 0)
            return fail_broken(pg, err);
        if (poll(fds, 2,
                 left < 0           ? 0
                 : left > INT32_MAX ? INT32_MAX
                                    : (int)left) < 0 &&
            errno != EINTR)
            return fail_broken(pg, err);
        if (fds[1].revents != 0)
            return 2;
        if (fds[0].revents != 0 && !PQconsumeInput(pg->conn))
            return fail_broken(pg, err);
        take_notifies(pg);
        if (!pg->notified && clock_ms() >= deadline)
            return 0;
    }
}

bool pg_notified(struct pg *pg)
{
    bool notified = pg->notified;

    pg->notified = false;
    return notified;
}
