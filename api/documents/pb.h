/* Writing protobuf from JSON, for the OpenAPI documents in the form of gnostic. */
#ifndef MOT_API_DOCUMENTS_PB_H
#define MOT_API_DOCUMENTS_PB_H

#include <jansson.h>
#include <stdbool.h>

#include <mot/base/buf.h>

/* Writes the members of a message. */
typedef void pb_writer(struct buf *buf, const json_t *value);

/* As proto3 has it, these write nothing for NULL, "", false, 0 and what has another type. */
void pb_put_text(struct buf *buf, unsigned field, const char *text);
void pb_put_bool(struct buf *buf, unsigned field, bool value);
void pb_put_int(struct buf *buf, unsigned field, const json_t *value);
void pb_put_double(struct buf *buf, unsigned field, const json_t *value);
void pb_put_texts(struct buf *buf, unsigned field, const json_t *array);

/* What is chosen of several is written even when it is false, 0 or "". */
void pb_choose_bool(struct buf *buf, unsigned field, bool value);
void pb_choose_double(struct buf *buf, unsigned field, double value);
void pb_choose_text(struct buf *buf, unsigned field, const char *text);

/* A message inside a message; nothing for NULL. */
void pb_put_message(struct buf *buf, unsigned field, pb_writer *write, const json_t *value);
/* One for each item of an array. */
void pb_put_messages(struct buf *buf, unsigned field, pb_writer *write, const json_t *array);
/* A message {name = 1, value = 2} for each member of an object. */
void pb_put_all_named(struct buf *buf, unsigned field, pb_writer *write, const json_t *object);
/* The same for the members whose names begin with "x-", as texts. */
void pb_put_extensions(struct buf *buf, unsigned field, const json_t *object);
/* Any: YAML text; JSON is YAML. */
pb_writer pb_write_any;

#endif
