/*
 * What happens to an object between the wire and the store: decode, coerce metadata, prune,
 * default, validate.
 */
#ifndef MOT_API_ADMIT_H
#define MOT_API_ADMIT_H

#include <jansson.h>

#include <mot/model/texts.h>

#include "query.h"
#include "request.h"

/* The body of a POST or PUT, by its Content-Type, with apiVersion and kind checked. A new reference
 * in *ret_object. */
int admit_body(struct request *request, const struct write_options *options, json_t **ret_object,
               struct texts *findings) MOT_NODISCARD;
/* Coerces metadata, prunes, defaults; what was unknown goes to @findings. In place. */
int admit_normalize(struct request *request, const struct write_options *options, json_t *object,
                    struct texts *findings) MOT_NODISCARD;
/* A kind of Kubernetes itself, as against custom ones. */
bool admit_is_builtin(const struct kind *kind);
/* Fills in the defaults of the schema, and those that no schema can say. */
void admit_default(const struct kind *kind, json_t *object);
/* Strict: fails. Warn: Warning headers. Releases @findings. */
int admit_findings(struct request *request, const struct write_options *options,
                   struct texts *findings) MOT_NODISCARD;
/* 422 unless the object is valid. @old (may be NULL): what it becomes the next state of; what has
 * not changed is forgiven. */
int admit_validate(struct request *request, const json_t *object, const json_t *old) MOT_NODISCARD;

/* The text of a JSON error as Go's decoder has it: without " (line L, column C)". free() it. */
char *admit_without_position(const char *message) MOT_NODISCARD;

/* What Go's JSON decoder calls the type of a value: "number". */
const char *admit_go_type(const json_t *value);
/* The type that the real server decodes apiVersion and kind into, as its errors show it. */
#define ADMIT_TYPE_META                                                                            \
    "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "               \
    "\"json:\\\"kind,omitempty\\\"\" }"

/* One Warning header. */
void warn(struct request *request, const char *text);

#endif
