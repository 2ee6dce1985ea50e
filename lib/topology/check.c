/* A topology file against its schema. The schema library wants an object with metadata, as all
 * kinds have it; a topology has none, so the document is checked as the spec of such an object. */
#include <string.h>

#include <mot/base/buf.h>
#include <mot/model/json.h>
#include <mot/model/schema.h>
#include <mot/model/yaml.h>

#include "internal.h"

#define WRAP     "spec."
#define WRAP_LEN (sizeof(WRAP) - 1)

int topology_line(const char *text, size_t len, const char *path)
{
    AUTO_FREE char *at = mem_strdup(path);
    for (;;) {
        int line = *at ? yaml_line_of(text, len, 0, at) : 0;
        if (line > 0)
            return line;
        char *dot = strrchr(at, '.');
        char *bracket = strrchr(at, '[');
        char *cut = dot > bracket ? dot : bracket;
        if (!cut)
            return 1;
        *cut = '\0';
    }
}

static json_t *wrapped_schema(struct err *err)
{
    struct yaml_documents documents = {0};
    const char *text = (const char *)topology_schema_text;
    if (yaml_parse("schemas/topology.yaml", text, topology_schema_len, &documents, err) < 0)
        return NULL;
    json_t *properties = json_object();
    json_object_set(properties, "spec", documents.items[0].value);
    yaml_documents_release(&documents);
    json_t *schema = json_object();
    json_object_set_new(schema, "type", json_string("object"));
    json_object_set_new(schema, "properties", properties);
    return schema;
}

static struct schema *compile(struct err *err)
{
    json_t *open_api = wrapped_schema(err);
    if (!open_api)
        return NULL;
    struct schema *schema = schema_compile(open_api, err);
    json_decref(open_api);
    return schema;
}

/* `unknown field "spec.regions[0].bogus"` → FILE:LINE: unknown key regions[0].bogus */
static int report_unknown(const char *name, const char *text, size_t len, const char *unknown,
                          struct err *err)
{
    const char *open = strchr(unknown, '"');
    AUTO_FREE char *path = mem_strdup(open ? open + 1 : unknown);
    char *end = strchr(path, '"');
    if (end)
        *end = '\0';
    const char *bare = strncmp(path, WRAP, WRAP_LEN) == 0 ? path + WRAP_LEN : path;
    return err_set(err, ERR_INVALID, "%s:%d: unknown key %s", name, topology_line(text, len, bare),
                   bare);
}

static int report_errors(const char *name, const char *text, size_t len,
                         const struct field_errors *errors, struct err *err)
{
    for (size_t i = 0; i < errors->count; i++) {
        const struct field_error *at = &errors->items[i];
        const char *field = at->field ? at->field : "";
        if (strncmp(field, WRAP, WRAP_LEN) != 0 && strcmp(field, "spec") != 0)
            continue; /* of the object around it */
        const char *bare = field[4] == '.' ? field + WRAP_LEN : "the file";
        return err_set(err, ERR_INVALID, "%s:%d: %s: %s", name, topology_line(text, len, bare),
                       bare, at->message);
    }
    return 0;
}

static int check_wrapped(const char *name, const char *text, size_t len,
                         const struct schema *schema, json_t *object, struct err *err)
{
    struct field_errors errors = {0};
    schema_validate(schema, object, &errors);
    int ret = report_errors(name, text, len, &errors, err);
    field_errors_release(&errors);
    if (ret < 0)
        return ret;

    struct texts unknown = {0};
    schema_prune(schema, object, &unknown);
    if (unknown.count > 0)
        ret = report_unknown(name, text, len, unknown.items[0], err);
    texts_release(&unknown);
    return ret;
}

int topology_check(const char *name, const char *text, size_t len, json_t *document,
                   struct err *err)
{
    struct schema *schema = compile(err);
    if (!schema)
        return -1;
    json_t *object = json_object();
    json_object_set_new(object, "apiVersion", json_string("mot.dev/v1alpha1"));
    json_object_set_new(object, "kind", json_string("Topology"));
    json_put(object, "metadata.name", json_string("topology"));
    json_object_set(object, "spec", document);
    int ret = check_wrapped(name, text, len, schema, object, err);
    json_decref(object);
    schema_free(schema);
    return ret;
}
