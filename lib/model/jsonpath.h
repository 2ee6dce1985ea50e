/* The JSONPath subset of CRD printer columns. */
#ifndef MOT_MODEL_JSONPATH_H
#define MOT_MODEL_JSONPATH_H

#include <jansson.h>

#include <mot/base/err.h>

struct jsonpath;

struct jsonpath *jsonpath_parse(const char *text, struct err *err) MOT_NODISCARD;
void jsonpath_free(struct jsonpath *path);
/* The first value that the path selects; NULL when there is none. Borrowed. */
const json_t *jsonpath_first(const struct jsonpath *path, const json_t *value);

#endif
