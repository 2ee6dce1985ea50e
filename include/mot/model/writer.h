/* Field ownership for who knows the kinds: struct managed_writer of one of them. Pure. */
#ifndef MOT_MODEL_WRITER_H
#define MOT_MODEL_WRITER_H

#include <jansson.h>
#include <stdint.h>

#include <mot/model/kind.h>
#include <mot/model/managed.h>

#define WRITER_VERSIONS_MAX 8
struct writer {
    struct managed_writer managed;
    struct managed_version versions[WRITER_VERSIONS_MAX];
};

/* *writer must not be moved; @manager and @subresource ("" on the main path) are borrowed, as the
 * kinds are. @now_s: wall clock. */
void writer_init(struct writer *writer, const struct kinds *kinds, const struct kind *kind,
                 const char *manager, const char *subresource, int64_t now_s);

/*
 * The managedFields of @object after a write of this server's own, of @manager, over @old (NULL: it
 * is created): what it changed belongs to it now, in the status as if that had been written through
 * the subresource. @object has those of @old. Where nobody's fields are tracked, that stays so.
 */
void writer_sign(const struct kinds *kinds, const struct kind *kind, const char *manager,
                 int64_t now_s, const json_t *old, json_t *object);

#endif
