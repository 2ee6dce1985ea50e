/* The API reference, in Markdown, from the kinds' own files: `mot kinds --reference` writes
 * docs/reference.md. */
#include "cli/reference.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

static const char *text_or_empty(const json_t *schema, const char *name)
{
    const char *text = json_string_value(json_object_get(schema, name));
    return text ? text : "";
}

/* "string", "integer or string", "list of string", "map of string", … */
static void add_type(struct buf *out, const json_t *schema)
{
    const char *type = text_or_empty(schema, "type");
    if (json_is_true(json_object_get(schema, "x-kubernetes-int-or-string"))) {
        buf_adds(out, "integer or string");
    } else if (strcmp(type, "array") == 0) {
        buf_adds(out, "list of ");
        add_type(out, json_object_get(schema, "items"));
    } else if (json_is_object(json_object_get(schema, "additionalProperties"))) {
        buf_adds(out, "map of ");
        add_type(out, json_object_get(schema, "additionalProperties"));
    } else {
        buf_adds(out, type[0] ? type : "any");
        if (text_or_empty(schema, "format")[0])
            buf_addf(out, " (%s)", text_or_empty(schema, "format"));
    }
}

/* A bar would end the cell of the table, a line end the whole table. */
static void add_words(struct buf *out, const char *text)
{
    for (; *text; text++) {
        buf_adds(out, *text == '|' ? "\\" : "");
        buf_addc(out, *text == '\n' ? ' ' : *text);
    }
}

static void add_value(struct buf *out, const json_t *value)
{
    AUTO_FREE char *text = json_text(value);
    add_words(out, text);
}

static void add_enum(struct buf *out, const json_t *values)
{
    buf_adds(out, " One of ");
    for (size_t i = 0; i < json_array_size(values); i++) {
        buf_adds(out, i ? ", `" : "`");
        add_value(out, json_array_get(values, i));
        buf_adds(out, "`");
    }
    buf_adds(out, ".");
}

static void add_list_keys(struct buf *out, const json_t *schema)
{
    const char *type = text_or_empty(schema, "x-kubernetes-list-type");
    if (strcmp(type, "set") == 0)
        buf_adds(out, " No value twice.");
    if (strcmp(type, "map") != 0)
        return;
    const json_t *keys = json_object_get(schema, "x-kubernetes-list-map-keys");
    buf_adds(out, " Unique by ");
    for (size_t i = 0; i < json_array_size(keys); i++)
        buf_addf(out, "%s`%s`", i ? ", " : "", json_string_value(json_array_get(keys, i)));
    buf_adds(out, ".");
}

static void add_rules(struct buf *out, const json_t *schema)
{
    const struct {
        const char *name;
        const char *words;
    } bounds[] = {
        {"minimum",
         json_is_true(json_object_get(schema, "exclusiveMinimum")) ? "More than" : "At least"},
        {"maximum",
         json_is_true(json_object_get(schema, "exclusiveMaximum")) ? "Less than" : "At most"},
        {"multipleOf", "A multiple of"},
        {"minLength", "Characters, at least"},
        {"maxLength", "Characters, at most"},
        {"minItems", "Items, at least"},
        {"maxItems", "Items, at most"},
        {"minProperties", "Members, at least"},
        {"maxProperties", "Members, at most"},
        {"pattern", "Matches"},
        {"default", "Default"}};
    if (json_object_get(schema, "enum"))
        add_enum(out, json_object_get(schema, "enum"));
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        const json_t *value = json_object_get(schema, bounds[i].name);
        if (!value)
            continue;
        buf_addf(out, " %s `", bounds[i].words);
        add_value(out, value);
        buf_adds(out, "`.");
    }
    if (json_is_true(json_object_get(schema, "nullable")))
        buf_adds(out, " May be null.");
    add_list_keys(out, schema);
}

static bool is_required(const json_t *parent, const char *name)
{
    const json_t *names = json_object_get(parent, "required");
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    }
    return false;
}

static void add_fields(struct buf *out, const json_t *schema, const char *path);

static void add_field(struct buf *out, const json_t *parent, const char *path, const char *name,
                      const json_t *schema)
{
    AUTO_FREE char *full = path[0] ? mem_printf("%s.%s", path, name) : mem_strdup(name);
    buf_addf(out, "| `%s` | ", full);
    add_type(out, schema);
    buf_addf(out, "%s | ", is_required(parent, name) ? ", required" : "");
    add_words(out, text_or_empty(schema, "description"));
    add_rules(out, schema);
    buf_adds(out, " |\n");
    const json_t *items = json_object_get(schema, "items");
    const json_t *values = json_object_get(schema, "additionalProperties");
    AUTO_FREE char *each = mem_printf("%s[]", full);
    if (json_is_object(items))
        add_fields(out, items, each);
    else if (json_is_object(values))
        add_fields(out, values, each);
    else
        add_fields(out, schema, full);
}

static void add_fields(struct buf *out, const json_t *schema, const char *path)
{
    const char *name;
    json_t *child;
    json_object_foreach(json_object_get(schema, "properties"), name, child)
    {
        bool common =
            path[0] == '\0' && (strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
                                strcmp(name, "metadata") == 0);
        if (!common)
            add_field(out, schema, path, name, child);
    }
}

static const json_t *schema_of(const struct kind *kind)
{
    size_t index;
    json_t *version;
    json_array_foreach(json_at(kind->definition, "spec.versions"), index, version)
    {
        if (strcmp(text_or_empty(version, "name"), kind->version) == 0)
            return json_at(version, "schema.openAPIV3Schema");
    }
    return NULL;
}

static void add_names(struct buf *out, const char *title, const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++)
        buf_addf(out, "%s`%s`", i ? ", " : title, names[i]);
}

static void add_field_names(struct buf *out, const char *const *fields)
{
    for (size_t i = 0; fields[i]; i++)
        buf_addf(out, "%s`%.*s`",
                 i ? ", " : ". Field selectors: ", (int)object_field_name_len(fields[i]),
                 fields[i]);
}

/* What can be done with it besides the usual. */
static void add_abilities(struct buf *out, const struct kind *kind)
{
    const char *const subresources[] = {kind->has_status ? "status" : NULL,
                                        kind->has_scale ? "scale" : NULL,
                                        kind->has_finalize ? "finalize" : NULL};
    const char *title = ". Subresources: ";
    add_names(out, ". Short: ", kind->short_names);
    add_field_names(out, kind->selectable_fields);
    for (size_t i = 0; i < sizeof(subresources) / sizeof(subresources[0]); i++) {
        if (!subresources[i])
            continue;
        buf_addf(out, "%s`%s`", title, subresources[i]);
        title = ", ";
    }
    if (kind->is_review)
        buf_adds(out, ". It is answered and never stored: it can only be created");
    if (*kind->view_of)
        buf_addf(out, ". The same objects as `%s`, with other names", kind->view_of);
}

/* Other versions of the kind than its first are only named. */
static void add_kind(struct buf *out, const struct kinds *kinds, size_t index)
{
    const struct kind *kind = kinds_at(kinds, index);
    const json_t *schema = schema_of(kind);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(kinds_at(kinds, i)->resource, kind->resource) == 0)
            return;
    }
    buf_addf(out, "\n## %s\n\n%s\n\n`%s`, %s, `/%s/%s/%s%s`", kind->kind,
             text_or_empty(schema, "description"), kind->api_version,
             kind->namespaced ? "namespaced" : "cluster-wide", kind->group[0] ? "apis" : "api",
             kind->api_version, kind->namespaced ? "namespaces/NAMESPACE/" : "", kind->plural);
    for (size_t i = index + 1; i < kinds_count(kinds); i++) {
        if (strcmp(kinds_at(kinds, i)->resource, kind->resource) == 0)
            buf_addf(out, ", also `%s`", kinds_at(kinds, i)->version);
    }
    add_abilities(out, kind);
    buf_adds(out, ".\n\n| field | type | |\n| --- | --- | --- |\n");
    add_fields(out, schema, "");
}

void reference_write(struct buf *out, const struct kinds *kinds)
{
    buf_adds(out, "# API reference\n\nGenerated from `schemas/kinds/` by `mot kinds --reference`: "
                  "do not edit.\n\n"
                  "Every object has `apiVersion`, `kind` and Kubernetes' `metadata` besides.\n");
    for (size_t i = 0; i < kinds_count(kinds); i++)
        add_kind(out, kinds, i);
}
