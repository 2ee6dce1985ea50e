/* OpenAPI documents from kinds, as JSON and in gnostic's protobuf forms. Version 3 per
 * group-version, as a kube-apiserver publishes CRDs; version 2 is made from all of them, for
 * clients up to 1.28 and for lists. */
#ifndef MOT_API_DOCUMENTS_OPENAPI_H
#define MOT_API_DOCUMENTS_OPENAPI_H

#include <jansson.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

#include "groups.h"

/* The schemas of meta.v1 by name: what all kinds refer to. A new reference. */
json_t *openapi_meta_schemas(struct err *err) MOT_NODISCARD;
/* "paths" of one group-version. A new reference. */
json_t *openapi_paths(const struct group_version *version);
/* A whole document of version 3; @meta from openapi_meta_schemas. A new reference. */
json_t *openapi_v3(const struct group_version *version, const json_t *meta);
/* The document of version 2 that says the same as the @count documents of version 3. A new
 * reference. */
json_t *openapi_v2(const json_t *const *v3_documents, size_t count);
/* A document of version 2 as a message openapi.v2.Document. */
void openapi_v2_protobuf(struct buf *buf, const json_t *v2_document);
/* A document of version 3 as a message openapi.v3.Document. */
void openapi_v3_protobuf(struct buf *buf, const json_t *v3_document);

/* "dev.mot.v1alpha1.Deployment", "io.k8s.api.core.v1.Namespace", "io.k8s.api.rbac.v1.Role"; free()
 * it. */
char *openapi_model_name(const struct kind *kind, const char *kind_name);

#endif
