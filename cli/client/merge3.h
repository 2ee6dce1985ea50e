/*
 * The three-way merge of `apply`, as kubectl does it for custom resources: what the user took out
 * of the manifest since the last apply is deleted, what it says is set, and what others wrote
 * stays.
 */
#ifndef MOT_CLI_CLIENT_MERGE3_H
#define MOT_CLI_CLIENT_MERGE3_H

#include <jansson.h>
#include <stdbool.h>

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* Adds the annotation that holds @manifest itself (without that annotation). A new value. */
json_t *apply_with_annotation(const json_t *manifest);
/* When both annotations mean the same, @wanted takes the text that @current has: no reason for a
 * write. */
void apply_keep_annotation(json_t *wanted, const json_t *current);
/* What the annotation of @current holds, or NULL. A new reference. */
json_t *apply_last_applied(const json_t *current);

/*
 * A JSON merge patch that brings @current to what @modified says; members of @original (may be
 * NULL) that @modified no longer has become null. An empty object when nothing is to be done. A new
 * value.
 */
json_t *apply_merge3(const json_t *original, const json_t *modified, const json_t *current);

#endif
