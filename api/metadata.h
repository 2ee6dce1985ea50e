/* What Go's ObjectMeta makes of a client's metadata: types are checked, what is empty disappears.
 * Pure. */
#ifndef MOT_API_METADATA_H
#define MOT_API_METADATA_H

#include <jansson.h>

#include <mot/base/err.h>

/* Changes @object in place; ERR_INVALID with Go's text, "json: cannot unmarshal …". */
int metadata_coerce(json_t *object, struct err *err) MOT_NODISCARD;

#endif
