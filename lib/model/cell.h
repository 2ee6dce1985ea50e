/*
 * What a printer column shows of an object. The JSONPath subset of CRDs and, for kinds of
 * Kubernetes itself whose columns are computed there:
 *     ".series.count | .count"                    the first that is there and not empty
 *     "{.involvedObject.kind}/{.involvedObject.name}"  texts put together; there if all of them are
 */
#ifndef MOT_MODEL_CELL_H
#define MOT_MODEL_CELL_H

#include <jansson.h>
#include <stdbool.h>

#include <mot/base/err.h>

struct cell;

/* @computed: the latter two forms are allowed. */
struct cell *cell_parse(const char *text, bool computed, struct err *err) MOT_NODISCARD;
void cell_free(struct cell *cell);
/* A new reference; NULL when there is nothing to show. */
json_t *cell_value(const struct cell *cell, const json_t *object) MOT_NODISCARD;

#endif
