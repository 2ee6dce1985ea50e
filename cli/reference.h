/* The API reference, from the kinds' own files. */
#ifndef MOT_CLI_REFERENCE_H
#define MOT_CLI_REFERENCE_H

#include <mot/base/buf.h>
#include <mot/model/kind.h>

/* Markdown. */
void reference_write(struct buf *out, const struct kinds *kinds);

#endif
