/* Schemas, and values that fit them, from a tape. Nothing drawn holds null: what applies leave
 * behind as null is what validation refuses. */
#ifndef MOT_TESTS_PROPERTY_MANAGED_DRAWN_H
#define MOT_TESTS_PROPERTY_MANAGED_DRAWN_H

#include <jansson.h>
#include <stdbool.h>

#include <lib/model/managed/walks.h>
#include <lib/tape.h>

/* The openAPIV3Schema of a kind whose spec has the drawn properties a to f, and the text "keep". A
 * new reference. */
json_t *draw_kind(struct tape *tape);
/*
 * An object of it: apiVersion, kind, name, and a spec with some of the properties, all of them from
 * @names. A new reference.
 */
json_t *draw_object_of(struct tape *tape, const json_t *kind, const char *names);
/* Takes out members that are empty maps and lists: these are owned or not in ways of their own. */
void drop_empty(json_t *value);
/* A set of paths. */
const struct field_set *draw_set(struct tape *tape, struct arena *arena);

#endif
