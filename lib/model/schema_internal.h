/* The compiled form of a structural schema, and what its passes share. */
#ifndef MOT_MODEL_SCHEMA_INTERNAL_H
#define MOT_MODEL_SCHEMA_INTERNAL_H

#include <regex.h>
#include <stdint.h>

#include <mot/model/schema.h>

#include "internal.h"

#define SCHEMA_DEPTH_MAX 64

enum schema_type {
    TYPE_ANY = 0,
    TYPE_OBJECT,
    TYPE_ARRAY,
    TYPE_STRING,
    TYPE_INTEGER,
    TYPE_NUMBER,
    TYPE_BOOLEAN,
    TYPE_INT_OR_STRING,
};

enum list_type { LIST_ATOMIC = 0, LIST_SET, LIST_MAP };

enum additional {
    ADDITIONAL_ABSENT = 0,
    ADDITIONAL_FALSE,
    ADDITIONAL_TRUE,
    ADDITIONAL_SCHEMA,
};

struct node;
struct map;

struct property {
    char *name;
    struct node *node;
};

struct node_list {
    struct node **items;
    size_t count;
};

struct name_list {
    char **items;
    size_t count;
};

/* A missing bound has its flag unset. */
struct bound {
    bool set;
    double value;
};

struct limit {
    bool set;
    int64_t value;
};

typedef bool (*format_check)(const char *text, size_t len);

struct node {
    enum schema_type type;
    enum list_type list_type;
    enum additional additional;
    bool nullable;
    bool preserve_unknown;
    bool embedded_resource;
    bool exclusive_minimum;
    bool exclusive_maximum;
    bool has_defaults; /* here or anywhere below */
    bool has_lists;    /* a set or a map list here or below */
    bool has_embedded; /* an embedded resource here or below */
    json_t *fallback;  /* the default */
    json_t *choices;   /* enum */
    char *format;      /* NULL when there is none */
    format_check check_format;
    char *pattern;
    regex_t *regex;
    struct bound minimum;
    struct bound maximum;
    struct bound multiple_of;
    struct limit min_length;
    struct limit max_length;
    struct limit min_items;
    struct limit max_items;
    struct limit min_properties;
    struct limit max_properties;
    struct property *properties; /* sorted by name */
    size_t property_count;
    struct node *additional_node;
    struct node *items;
    struct name_list required; /* in the order of the schema */
    struct name_list map_keys;
    struct node_list all_of;
    struct node_list any_of;
    struct node_list one_of;
    struct node *not_node;
};

/* What a name has to be: the format of metadata.name in the schema. */
enum name_format {
    NAME_SUBDOMAIN = 0, /* none, or k8s-long-name */
    NAME_LABEL,         /* k8s-short-name */
    NAME_PATH_SEGMENT,  /* path-segment: whatever can stand in a URL */
};

struct schema {
    struct node *root;
    enum name_format name_format;
    char *scale_spec; /* paths of schema_set_scale; NULL without a scale subresource */
    char *scale_status;
    char *scale_selector;
};

/* ERR_INVALID, with the path, unless a CRD may have this schema. */
int check_structure(const json_t *open_api, struct err *err);
/* The defaults below a value, in place. */
void fill_defaults(json_t *value, const struct node *node);

/* "integer"; "" for none. */
const char *type_name(enum schema_type type);
/* The node at a path of properties, "spec.replicas"; NULL when it isn't declared. */
const struct node *node_at(const struct node *node, const char *path);
const struct node *node_property(const struct node *node, const char *name);
/* The node of a member: its property's, or that of additionalProperties; NULL when there is none.
 */
const struct node *node_member(const struct node *node, const char *name);
/* What Go's url.ParseRequestURI takes: an absolute URI or an absolute path. */
bool is_uri(const char *text, size_t len);
/* NULL when the format is unknown or not checked. */
format_check find_format_check(const char *name);
/* RE2 → POSIX ERE; NULL with the error set when it can't be said in it. free() it. @ret_flags: for
 * regcomp. */
char *translate_pattern(const char *pattern, int *ret_flags, struct err *err);

/* Where a pass is: linked from the leaf to the root, on the stack; becomes text only when there is
 * something to say. */
struct path {
    const struct path *parent;
    const char *key; /* NULL: @index counts */
    size_t index;
    bool is_map_key; /* printed as [key] */
};
/* "spec.list[0].x" */
char *path_text(const struct path *path);

/* The field of an error at @path: "<nil>" for the root. free() it. */
char *path_field(const struct path *path);

/* A value as an error shows it: strings quoted as in Go, others plain, containers as JSON. */
void write_bad_value(struct buf *buf, const json_t *value);
/* Nothing more is taken: callers need not put it into words. */
bool field_errors_full(const struct field_errors *errors);
/* Takes over what @from holds. */
void field_errors_merge(struct field_errors *errors, struct field_errors *from);
/* "n" becomes "status.n", "<nil>" becomes "status". */
void field_errors_prefix(struct field_errors *errors, const char *prefix);
/* Forgets all but the first @count. */
void field_errors_truncate(struct field_errors *errors, size_t count);

/* What is wrong with the metadata of a new object. */
void validate_metadata(const json_t *object, enum name_format name_format,
                       struct field_errors *errors);
/* What is wrong with the metadata of @object as the next state of @old, with the repetitions of the
 * real server. @clean: validate_metadata had nothing to say, so that is not looked at again. */
void validate_metadata_update(const json_t *object, const json_t *old, bool clean,
                              struct field_errors *errors);
/* @parent: where @object is, NULL for the root. */
void prune_metadata(json_t *object, const struct path *parent, struct texts *unknown);
/* Wrong types in embedded objects: ERR_INVALID. */
int check_embedded_types(const struct node *root, const json_t *object, struct err *err);
void prune_embedded(const struct node *root, json_t *object, struct texts *unknown);
void validate_embedded(const struct node *root, const json_t *object, struct field_errors *errors);
/* The numbers of the scale subresource. */
void validate_scale(const struct schema *schema, const json_t *object, bool status_only,
                    struct field_errors *errors);
/* Values against their schema; @old: see check() in schema_validate.c. */
void validate_values(const struct node *node, const json_t *value, const json_t *old,
                     struct field_errors *errors);

/*
 * What an old value has to do with a new one (ratcheting): members by name, items of map lists by
 * their keys; items of other lists not at all. All take NULL for "there was none" and give it back.
 */
const json_t *find_old_member(const struct node *node, const json_t *old, const char *key);
/* The items of a map list by key; map_free() it. NULL for other lists. */
struct map *index_old_items(const struct node *node, const json_t *old);
const json_t *find_old_item(const struct node *node, const struct map *old_items,
                            const json_t *item);
/* Whether nothing has changed but the order of map lists. What the schema doesn't declare counts as
 * changed. */
bool is_unchanged(const struct node *node, const json_t *value, const json_t *old);

/* Duplicates in sets and map lists. */
void validate_lists(const struct node *node, const json_t *object, struct field_errors *errors);

#endif
