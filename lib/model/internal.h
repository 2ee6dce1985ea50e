/* What the files of lib/model share and nobody else needs. */
#ifndef MOT_MODEL_INTERNAL_H
#define MOT_MODEL_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

#define MODEL_DEPTH_MAX 100

/* jansson's iterators ask for a mutable object even to read it. */
static inline json_t *json_mutable(const json_t *value)
{
    json_t *result;
    memcpy(&result, &value, sizeof(result));
    return result;
}

struct json_entry {
    const char *key;
    json_t *value;
};
/* The members of an object in byte order of their keys; an array of json_object_size(), free() it.
 */
struct json_entry *json_sorted_entries(const json_t *object);

enum json_style {
    JSON_STYLE_FAITHFUL = 0,
    JSON_STYLE_SORTED = 1, /* keys in byte order */
    JSON_STYLE_GO = 2,     /* 1.0 is written as 1 */
};
void json_write_style(struct buf *buf, const json_t *value, unsigned style);
/* The shortest text that reads back as @number, as Go writes it: 0.1, 1e+21, 1e-7, 1. */
void json_write_real(struct buf *buf, double number);

/* As json_parse, but each string and number becomes a string that holds its own JSON text: `"a"`
 * with its quotes, `1.0`. A new reference. */
json_t *json_parse_raw(const char *text, size_t len, struct err *err) MOT_NODISCARD;

/* A number as Go's %v prints it. */
void write_go_number(struct buf *buf, double number);
enum go_style {
    GO_VALUE,       /* %v */
    GO_SOURCE,      /* %#v of what was read from JSON */
    GO_YAML_SOURCE, /* %#v of what was read from YAML: its keys may be anything */
};
/* A decoded value as Go prints it; maps sorted. */
void write_as_go(struct buf *buf, const json_t *value, enum go_style style);

/* Whether @value nests at most @depth containers. */
bool json_depth_within(const json_t *value, int depth);
/* The number of values in it, itself included; stops counting above @limit. */
size_t json_count_within(const json_t *value, size_t limit);
/* About the length of its text; stops counting above @limit. */
size_t json_bytes_within(const json_t *value, size_t limit);

/* A Go string literal: "a\n\"b\"". */
void write_go_quoted(struct buf *buf, const char *text, size_t len);
/* ERR_INVALID, with Go's words, unless Go takes the text for a time of RFC 3339. */
int check_go_time(const char *text, struct err *err);
/* The length of the UTF-8 character at @text, 1 to 4; 0 when it is not well-formed. */
size_t utf8_char(const char *text, size_t len);

/* A plain scalar as go-yaml v2 resolves it (YAML 1.1): a new reference; NULL for .inf and .nan. */
json_t *yaml_resolve_plain(const char *text, size_t len);

/* Kubernetes' checks of names; each adds what is wrong with @text. */
struct name_problems {
    char *texts[6];
    size_t count;
};
void name_problems_release(struct name_problems *problems);
void check_qualified_name(const char *text, struct name_problems *problems);
void check_label_value(const char *text, struct name_problems *problems);
void check_dns_subdomain(const char *text, struct name_problems *problems);
void check_dns_label(const char *text, struct name_problems *problems);
void check_dns1035_label(const char *text, struct name_problems *problems);
/* What can't stand as one part of a URL's path; @is_prefix: something follows it. */
void check_path_segment(const char *text, bool is_prefix, struct name_problems *problems);

#endif
