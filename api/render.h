/*
 * Stored bodies in the form that was negotiated. The plain form copies bytes; PartialObjectMetadata
 * cuts the metadata out of them; only Table parses.
 */
#ifndef MOT_API_RENDER_H
#define MOT_API_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/model/kind.h>
#include <mot/model/table.h>
#include <mot/store/store.h>

#include "negotiate.h"

/* includeObject of tables. */
enum include_object { INCLUDE_METADATA, INCLUDE_OBJECT, INCLUDE_NONE };

struct renderer {
    const struct kind *kind;
    const struct table *table; /* of the kind */
    enum form form;
    enum include_object include; /* of tables */
};

/* One object: itself, its metadata, or a Table with one row; @columns: with the column definitions
 * (else null). */
void render_object(struct buf *buf, const struct renderer *renderer, const char *body, size_t len,
                   int64_t revision, bool columns);
/* An element of a list: for a Table, a row. */
void render_item(struct buf *buf, const struct renderer *renderer, const char *body, size_t len,
                 int64_t revision);
/* `{"kind":"DeploymentList","apiVersion":"…",` … up to and with the [ that the items follow. */
void render_list_head(struct buf *buf, const struct renderer *renderer);
/* The ] and the list's metadata; @token may be NULL, @remaining -1. */
void render_list_tail(struct buf *buf, const struct renderer *renderer, int64_t revision,
                      const char *token, int64_t remaining);
/* The object of a BOOKMARK; @initial_end: with the annotation that ends the initial events. */
void render_bookmark(struct buf *buf, const struct renderer *renderer, int64_t revision,
                     bool initial_end, bool columns);

#endif
