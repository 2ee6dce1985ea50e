/*
 * libpq with a deadline on everything. A connection belongs to one thread at a time. Deadlines are
 * points of clock_ms().
 *
 * Errors: ERR_TRANSIENT when the connection broke or the server is busy or going away, ERR_TIMEOUT
 * at the deadline (the connection is then broken too), ERR_INVALID for data that PostgreSQL
 * refuses, ERR_INTERNAL for the rest. They never contain the connection string.
 */
#ifndef STORE_PG_H
#define STORE_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

struct pg;
struct pg_rows;

struct pg_options {
    const char *url;
    const char *name;     /* application_name */
    int64_t statement_ms; /* statement_timeout; 0: none */
};

struct pg *pg_connect(const struct pg_options *options, int64_t deadline,
                      struct err *err) MOT_NODISCARD;
/* NULL is fine. */
void pg_close(struct pg *pg);
/* False once the connection is lost, as far as can be told without a round trip. */
bool pg_usable(struct pg *pg);
bool pg_in_transaction(const struct pg *pg);
int pg_socket(const struct pg *pg);
int pg_backend(const struct pg *pg);

/* ---------------------------------------------------------------------------- statements */

#define PG_PARAMS_MAX 12

struct pg_params {
    int count;
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX];
    char numbers[PG_PARAMS_MAX][24];
};

/* The text must outlive the call that uses the parameters; NULL is SQL's NULL. */
void pg_text(struct pg_params *params, const char *text);
void pg_number(struct pg_params *params, int64_t number);
void pg_binary(struct pg_params *params, const struct buf *binary);

/* Arrays in PostgreSQL's binary form: begin, then @count items. */
enum pg_type { PG_SMALLINT = 21, PG_BIGINT = 20, PG_TEXT = 25, PG_BOOL = 16 };
void pg_array_begin(struct buf *array, enum pg_type type, size_t count);
void pg_array_text(struct buf *array, const char *text, size_t len);
void pg_array_null(struct buf *array);
void pg_array_i64(struct buf *array, int64_t number);
void pg_array_i16(struct buf *array, int16_t number);
void pg_array_bool(struct buf *array, bool value);

/* Prepared on first use in each connection. @id is below 64 and the statement's own. */
struct pg_statement {
    unsigned id;
    const char *sql;
};

int pg_prepare(struct pg *pg, const struct pg_statement *statement, int64_t deadline,
               struct err *err) MOT_NODISCARD;
struct pg_rows *pg_run(struct pg *pg, const struct pg_statement *statement,
                       const struct pg_params *params, int64_t deadline,
                       struct err *err) MOT_NODISCARD;
/* Several statements without parameters; the rows of the last one. */
struct pg_rows *pg_exec(struct pg *pg, const char *sql, int64_t deadline,
                        struct err *err) MOT_NODISCARD;
/* The same for nothing but its effect. */
int pg_do(struct pg *pg, const char *sql, int64_t deadline, struct err *err) MOT_NODISCARD;

/* One row at a time, never more in memory. Returns as store_visit does; after 1 the rest is read
 * and dropped. @statement is prepared when it has an id above 0. */
typedef int pg_visit(void *context, const struct pg_rows *row, struct err *err);
int pg_stream(struct pg *pg, const struct pg_statement *statement, const struct pg_params *params,
              int64_t deadline, pg_visit *visit, void *context, struct err *err) MOT_NODISCARD;

void pg_rows_free(struct pg_rows *rows);
#define AUTO_ROWS __attribute__((cleanup(pg_rows_freep)))
void pg_rows_freep(struct pg_rows **rows);
int pg_count(const struct pg_rows *rows);
/* "" for NULL */
const char *pg_get(const struct pg_rows *rows, int row, int column);
size_t pg_get_len(const struct pg_rows *rows, int row, int column);
int64_t pg_get_number(const struct pg_rows *rows, int row, int column);
bool pg_get_bool(const struct pg_rows *rows, int row, int column);
bool pg_is_null(const struct pg_rows *rows, int row, int column);

/* ---------------------------------------------------------------------------- pipelines */

/* begin, send …, sync; then next for each statement until it says PG_SYNC; then end. Without BEGIN
 * in it, everything up to the sync is one transaction. */
int pg_pipeline_begin(struct pg *pg, struct err *err) MOT_NODISCARD;
int pg_pipeline_send(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_params *params, struct err *err) MOT_NODISCARD;
int pg_pipeline_sync(struct pg *pg, struct err *err) MOT_NODISCARD;

enum pg_step { PG_BROKEN = -1, PG_ROWS, PG_FAILED, PG_SKIPPED, PG_SYNC };
/* PG_ROWS hands out *ret_rows; PG_FAILED sets @err; PG_SKIPPED: one before it failed. */
enum pg_step pg_pipeline_next(struct pg *pg, int64_t deadline, struct pg_rows **ret_rows,
                              struct err *err) MOT_NODISCARD;
int pg_pipeline_end(struct pg *pg, struct err *err) MOT_NODISCARD;

/* ---------------------------------------------------------------------------- notifications */

/* Waits for a notification (1), for @wake_fd to become readable (2), or the deadline (0). */
int pg_wait(struct pg *pg, int wake_fd, int64_t deadline, struct err *err) MOT_NODISCARD;
/* Whether one came since; forgets it. */
bool pg_notified(struct pg *pg);

#endif
