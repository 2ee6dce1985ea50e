/* Arbitrary JSON from a tape. */
#ifndef MOT_TESTS_PROPERTY_MODEL_VALUES_H
#define MOT_TESTS_PROPERTY_MODEL_VALUES_H

#include <jansson.h>

#include <lib/tape.h>

/* Any value, nested at most @depth deep; keys from a small set, so that objects meet. A new
 * reference. */
json_t *draw_value(struct tape *tape, int depth);
json_t *draw_object(struct tape *tape, int depth);
/* A key that draw_value uses. */
const char *draw_key(struct tape *tape);

#endif
