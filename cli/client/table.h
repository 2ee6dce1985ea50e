/* Columns as kubectl prints them: three spaces between, the last one as it is; columns never become
 * narrower. */
#ifndef MOT_CLI_CLIENT_TABLE_H
#define MOT_CLI_CLIENT_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <mot/base/buf.h>

struct table {
    size_t *widths; /* of the columns so far, padding included */
    size_t columns;
    bool headed; /* the header was printed */

    bool wide;           /* with the columns of lower priority */
    bool with_namespace; /* in a column of its own */
    bool no_headers;
    const char *name_prefix; /* before each name: "deployment.mot.dev/"; NULL for none */
    json_t *definitions;     /* of the newest meta.k8s.io Table that had some */
};

void table_release(struct table *table);
/* Adds a block of rows: an array of arrays of strings. */
void table_rows(struct table *table, const json_t *rows, struct buf *out);
/* Adds a meta.k8s.io/v1 Table: its header when there was none yet, and its rows. */
void table_add(struct table *table, const json_t *meta_table, struct buf *out);

#endif
