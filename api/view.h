/*
 * Views: kinds that show the stored objects of another kind with other names for some top-level
 * members (events.k8s.io Events are the core group's). Objects are converted where they come out of
 * the store and where they go into it; everything between knows only the names of the view. For
 * kinds that are no views all of this changes nothing. Pure.
 */
#ifndef MOT_API_VIEW_H
#define MOT_API_VIEW_H

#include <jansson.h>

#include <mot/base/buf.h>
#include <mot/model/kind.h>
#include <mot/model/selector.h>

/* In place: the members' names, apiVersion and kind. Doing it twice does no harm. */
void view_from_stored(const struct kind *kind, json_t *object);
void view_to_stored(const struct kind *kind, json_t *object);

/* object_encode() and object_selectable() of an object of @kind, as it is to be stored. free()
 * them.
 */
char *view_encode(const struct kind *kind, const json_t *object, size_t *ret_len) MOT_NODISCARD;
char *view_selectable(const struct kind *kind, const json_t *object) MOT_NODISCARD;

/* A stored body as one of @kind: a copy, free() it; NULL when @kind is no view and @body is it. */
char *view_body(const struct kind *kind, const char *body, size_t len,
                size_t *ret_len) MOT_NODISCARD;

/* A field selector in the view's names says the stored ones. */
void view_rename_fields(const struct kind *kind, struct selector *fields);

#endif
