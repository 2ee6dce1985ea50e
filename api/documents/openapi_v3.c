#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/yaml.h>

#include "meta_embedded.h"
#include "openapi.h"

#define META "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1."

json_t *openapi_meta_schemas(struct err *err)
{
    struct yaml_documents documents;
    const struct embedded_file *file = &meta_embedded[0];
    if (yaml_parse(file->name, (const char *)file->text, file->len, &documents, err) != 0)
        return NULL;
    json_t *schemas = documents.count == 1 ? json_incref(documents.items[0].value) : NULL;
    yaml_documents_release(&documents);
    if (!schemas)
        err_set(err, ERR_INTERNAL, "%s: one document is expected", file->name);
    return schemas;
}

static void describe(json_t *properties, const char *name, const char *description)
{
    json_object_set_new(properties, name,
                        json_pack("{s:s, s:s}", "description", description, "type", "string"));
}

static void add_type_members(json_t *properties)
{
    describe(properties, "apiVersion",
             "The group and version of the schema that this object follows.");
    describe(properties, "kind", "The kind of this object, in CamelCase. It can't be changed.");
}

/* A reference may have no siblings in version 3: it is wrapped. */
static json_t *described_ref(const char *ref, const char *description)
{
    return json_pack("{s:s, s:[{s:s}]}", "description", description, "allOf", "$ref", ref);
}

static void set_kind(json_t *schema, const struct kind *kind, const char *name)
{
    json_object_set_new(schema, "x-kubernetes-group-version-kind",
                        json_pack("[{s:s, s:s, s:s}]", "group", kind->group, "version",
                                  kind->version, "kind", name));
}

/* Int-or-string says so in a way that tools understand without the extension. */
static void unfold(json_t *schema)
{
    const char *key;
    json_t *child;
    if (json_is_true(json_object_get(schema, "x-kubernetes-int-or-string")) &&
        !json_object_get(schema, "anyOf"))
        json_object_set_new(schema, "anyOf",
                            json_pack("[{s:s}, {s:s}]", "type", "integer", "type", "string"));
    json_object_foreach(json_object_get(schema, "properties"), key, child)
    {
        unfold(child);
    }
    child = json_object_get(schema, "additionalProperties");
    if (json_is_object(child))
        unfold(child);
    child = json_object_get(schema, "items");
    if (json_is_object(child))
        unfold(child);
}

static const json_t *find_schema(const struct kind *kind)
{
    size_t index;
    json_t *version;
    json_array_foreach(json_at(kind->definition, "spec.versions"), index, version)
    {
        const char *name = json_at_text(version, "name");
        if (name && strcmp(name, kind->version) == 0)
            return json_at(version, "schema.openAPIV3Schema");
    }
    return NULL;
}

/* Those that are fields of the object. */
static json_t *selectable_fields(const struct kind *kind)
{
    json_t *array = json_array();
    for (const char *const *field = kind->selectable_fields; *field; field++) {
        if ((*field)[object_field_name_len(*field)] == '\0')
            json_array_append_new(array, json_pack("{s:s}", "fieldPath", *field));
    }
    return array;
}

static json_t *kind_schema(const struct kind *kind)
{
    json_t *schema = json_deep_copy(find_schema(kind));
    if (!schema)
        schema = json_pack("{s:s}", "type", "object");
    unfold(schema);
    if (!json_is_object(json_object_get(schema, "properties")))
        json_object_set_new(schema, "properties", json_object());
    json_t *properties = json_object_get(schema, "properties");
    add_type_members(properties);
    json_object_set_new(
        properties, "metadata",
        described_ref(META "ObjectMeta",
                      "What all objects have: name, labels, and what the server keeps "
                      "about it."));
    set_kind(schema, kind, kind->kind);
    if (*kind->selectable_fields)
        json_object_set_new(schema, "x-kubernetes-selectable-fields", selectable_fields(kind));
    return schema;
}

static json_t *list_schema(const struct kind *kind)
{
    AUTO_FREE char *model = openapi_model_name(kind, kind->kind);
    AUTO_FREE char *description = mem_printf("%s is a list of %s", kind->list_kind, kind->kind);
    AUTO_FREE char *items = mem_printf("The %s.", kind->plural);
    json_t *properties = json_object();
    add_type_members(properties);
    json_object_set_new(properties, "items",
                        json_pack("{s:s, s:s, s:{s:s+}}", "description", items, "type", "array",
                                  "items", "$ref", "#/components/schemas/", model));
    json_object_set_new(
        properties, "metadata",
        described_ref(META "ListMeta", "The version of the list, and how to go on reading it."));
    json_t *schema = json_pack("{s:s, s:s, s:[s], s:o}", "description", description, "type",
                               "object", "required", "items", "properties", properties);
    set_kind(schema, kind, kind->list_kind);
    return schema;
}

/* The schemas that all kinds refer to; those of scales only where something scales. */
static void add_meta(json_t *schemas, const json_t *meta, bool scales)
{
    static const char scale[] = "io.k8s.api.autoscaling.";
    const char *name;
    json_t *schema;
    json_t *copy = json_deep_copy(meta); /* jansson iterates what may be changed only */
    json_object_foreach(copy, name, schema)
    {
        if (scales || strncmp(name, scale, strlen(scale)) != 0)
            json_object_set(schemas, name, schema);
    }
    json_decref(copy);
}

json_t *openapi_v3(const struct group_version *version, const json_t *meta)
{
    json_t *schemas = json_object();
    bool scales = false;
    for (size_t i = 0; i < version->kind_count; i++) {
        const struct kind *kind = version->kinds[i];
        AUTO_FREE char *model = openapi_model_name(kind, kind->kind);
        AUTO_FREE char *list = openapi_model_name(kind, kind->list_kind);
        json_object_set_new(schemas, model, kind_schema(kind));
        if (!kind->is_review)
            json_object_set_new(schemas, list, list_schema(kind));
        scales |= kind->has_scale;
    }
    add_meta(schemas, meta, scales);
    return json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.0.0", "info", "title",
                     "MoT", "version", "v" MOT_VERSION, "paths", openapi_paths(version),
                     "components", "schemas", schemas);
}
