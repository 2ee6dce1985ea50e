/* Manifests: files, folders and standard input, YAML or JSON, one or many documents, Lists opened.
 * Every object knows where it stands. */
#ifndef MOT_CLI_CLIENT_MANIFEST_H
#define MOT_CLI_CLIENT_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>
#include <mot/base/options.h>

struct manifest_file {
    char *name; /* "-" for standard input */
    char *text;
    size_t len;
};

struct manifest {
    json_t *object;                   /* owned */
    const struct manifest_file *file; /* borrowed from the set */
    size_t line;                      /* where its document begins */
    char *prefix;                     /* of its paths in the document: "items[2].", or "" */
};

struct manifests {
    struct manifest_file **files;
    size_t file_count;
    struct manifest *items;
    size_t count;
};

/* Errors are "FILE:LINE:COLUMN: what". manifests_release() it, also after an error. */
int manifests_load(const struct option_list *names, bool recursive, struct manifests *ret_manifests,
                   struct err *err) MOT_NODISCARD;
/* From a text in memory (tests). */
int manifests_add_text(struct manifests *manifests, const char *name, const char *text, size_t len,
                       struct err *err) MOT_NODISCARD;
void manifests_release(struct manifests *manifests);

/* The line of a field ("spec.placement[0].replicas"); of what it is in when it isn't there itself.
 */
int manifest_line(const struct manifest *manifest, const char *field);
/*
 * Prints what the server (or we) have against it, one line per problem: "FILE:LINE: spec.x: Invalid
 * value…". @status is the server's Status, or NULL.
 */
void manifest_complain(const struct manifest *manifest, const json_t *status,
                       const struct err *err);
/* The same into a buffer; for tests. */
struct buf;
void manifest_describe(const struct manifest *manifest, const json_t *status, const struct err *err,
                       struct buf *out);

#endif
