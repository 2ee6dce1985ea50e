/*
 * Tables as kubectl prints them: the printer columns of a kind, and what an object has in them.
 * Immutable after table_new; any thread.
 */
#ifndef MOT_MODEL_TABLE_H
#define MOT_MODEL_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>
#include <mot/model/kind.h>

struct table;

/* Name and the kind's printer columns; Name and Age when it has none. The kind must live longer.
 * ERR_INVALID when one of the JSON paths is beyond the subset of CRDs: .a.b, .a\.b, ['a'], [0],
 * [-1], [*], [?(@.type=="Ready")].
 *
 * Kinds of Kubernetes itself (in the core group, or one of k8s.io) have computed columns: ".a | .b"
 * (the first that is there), "{.a}/{.b}" (both, with a slash between them); in lower case with the
 * format "lower"; one with the format "name" takes the place of Name. */
struct table *table_new(const struct kind *kind, struct err *err) MOT_NODISCARD;
void table_free(struct table *table);
size_t table_column_count(const struct table *table);
/* The value of "columnDefinitions":
 * [{"name":…,"type":…,"format":…,"description":…,"priority":0},…]. */
void table_write_columns(struct buf *buf, const struct table *table);
/* The value of "cells" for an object: ["web",3,null,"5m37s"]. Dates become ages at @now_wall_ms. */
void table_write_cells(struct buf *buf, const struct table *table, const json_t *object,
                       int64_t now_wall_ms);
/* The cells of a bookmark: ["",null,null]. */
void table_write_empty_cells(struct buf *buf, const struct table *table);

#endif
