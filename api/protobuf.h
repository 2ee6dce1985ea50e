/*
 * Kubernetes protobuf bodies to JSON, by tables of fields. Typed clients since Kubernetes 1.32 send
 * built-in types so, and a 415 does not make them fall back. Pure.
 */
#ifndef MOT_API_PROTOBUF_H
#define MOT_API_PROTOBUF_H

#include <jansson.h>
#include <stddef.h>

#include <mot/base/err.h>

/* The object in an envelope ("k8s\0", runtime.Unknown) with apiVersion and kind; ERR_UNSUPPORTED
 * for types without a table. Fields that no table names are left out. A new reference. */
json_t *protobuf_decode(const char *data, size_t len, struct err *err) MOT_NODISCARD;

#endif
