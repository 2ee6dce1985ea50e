#include <mot/model/kind.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/managed.h>
#include <mot/model/object.h>
#include <mot/model/yaml.h>

#include "internal.h"
#include "kinds_embedded.h"

struct kinds {
    struct kind *items;
    size_t count;
    size_t capacity;
    json_t *documents; /* everything that the kinds borrow their texts from */
};

/* Owned by the kind, unlike its texts. */
static void kind_release(struct kind *kind)
{
    const void *owned[] = {kind->resource,   kind->api_version,       kind->short_names,
                           kind->categories, kind->selectable_fields, kind->columns};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(owned); i++) {
        void *pointer;
        memcpy(&pointer, &owned[i], sizeof(pointer));
        free(pointer);
    }
    schema_free(kind->schema);
    field_types_free(kind->types);
}

void kinds_free(struct kinds *kinds)
{
    if (!kinds)
        return;
    for (size_t i = 0; i < kinds->count; i++)
        kind_release(&kinds->items[i]);
    free(kinds->items);
    json_decref(kinds->documents);
    free(kinds);
}

static const char *text_or(const json_t *object, const char *path, const char *fallback)
{
    const char *text = json_at_text(object, path);
    return text ? text : fallback;
}

static const char **string_list(const json_t *array)
{
    const char **list = mem_array(json_array_size(array) + 1, sizeof(*list));
    size_t index;
    size_t count = 0;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        if (json_is_string(item))
            list[count++] = json_string_value(item);
    }
    return list;
}

/* ".spec.replicas" → "spec.replicas". */
static const char *without_dot(const char *path)
{
    return path + (*path == '.');
}

static const char *annotated_field(const json_t *definition)
{
    const json_t *notes = json_at(definition, "metadata.annotations");
    const char *text = json_string_value(json_object_get(notes, "mot.dev/selectable-field"));
    return text ? text : "";
}

/* The paths of "jsonPath: .spec.region", …, and @more unless it is "". */
static const char **selectable_list(const json_t *array, const char *more)
{
    const char **list = mem_array(json_array_size(array) + 2, sizeof(*list));
    size_t index;
    size_t count = 0;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        const char *path = json_at_text(item, "jsonPath");
        if (path)
            list[count++] = without_dot(path);
    }
    if (*more)
        list[count] = more;
    return list;
}

static void load_columns(struct kind *kind, const json_t *array)
{
    struct printer_column *columns = mem_array(json_array_size(array) + 1, sizeof(*columns));
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        columns[index] = (struct printer_column){
            .name = text_or(item, "name", ""),
            .type = text_or(item, "type", "string"),
            .format = text_or(item, "format", ""),
            .description = text_or(item, "description", ""),
            .priority = (int)json_at_int(item, "priority", 0),
            .json_path = text_or(item, "jsonPath", ""),
        };
    }
    kind->columns = columns;
    kind->column_count = json_array_size(array);
}

static void load_subresources(struct kind *kind, const json_t *subresources)
{
    const json_t *scale = json_object_get(subresources, "scale");
    kind->has_status = json_object_get(subresources, "status") != NULL;
    kind->has_scale = scale != NULL;
    kind->scale = (struct kind_scale){
        .spec_replicas = without_dot(text_or(scale, "specReplicasPath", "")),
        .status_replicas = without_dot(text_or(scale, "statusReplicasPath", "")),
        .label_selector = without_dot(text_or(scale, "labelSelectorPath", "")),
    };
}

static void load_annotations(struct kind *kind, const json_t *definition)
{
    const json_t *notes = json_at(definition, "metadata.annotations");
    struct {
        const char *name, *value;
    } defaults[] = {{"mot.dev/generation", "true"}, {"mot.dev/unconditional-update", "false"},
                    {"mot.dev/review", "false"},    {"mot.dev/view-of", ""},
                    {"mot.dev/view-fields", ""},    {"mot.dev/finalize", "false"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(defaults); i++) {
        const char *value = json_string_value(json_object_get(notes, defaults[i].name));
        if (value)
            defaults[i].value = value;
    }
    kind->has_generation = strcmp(defaults[0].value, "true") == 0;
    kind->unconditional_update = strcmp(defaults[1].value, "true") == 0;
    kind->is_review = strcmp(defaults[2].value, "true") == 0;
    kind->view_of = defaults[3].value;
    kind->view_fields = defaults[4].value;
    kind->has_finalize = strcmp(defaults[5].value, "true") == 0;
}

static void load_names(struct kind *kind, const json_t *definition)
{
    kind->group = text_or(definition, "spec.group", "");
    kind->kind = text_or(definition, "spec.names.kind", "");
    kind->plural = text_or(definition, "spec.names.plural", "");
    kind->list_kind = text_or(definition, "spec.names.listKind", "");
    kind->singular = text_or(definition, "spec.names.singular", "");
    kind->namespaced = strcmp(text_or(definition, "spec.scope", ""), "Namespaced") == 0;
    kind->short_names = string_list(json_at(definition, "spec.names.shortNames"));
    kind->categories = string_list(json_at(definition, "spec.names.categories"));
    bool core = *kind->group == '\0';
    kind->resource =
        core ? mem_strdup(kind->plural) : mem_printf("%s.%s", kind->plural, kind->group);
}

static int check_names(const struct kind *kind, struct err *err)
{
    const char *const needed[] = {kind->kind, kind->plural, kind->list_kind, kind->singular,
                                  kind->version};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(needed); i++) {
        if (*needed[i] == '\0')
            return err_set(err, ERR_INVALID, "kind %s: a name is missing", kind->resource);
    }
    return 0;
}

static int check_selectable_path(const struct kind *kind, const char *path, struct err *err)
{
    const char *type = schema_type_at(kind->schema, path);
    if (!type)
        return err_set(err, ERR_INVALID, "selectableFields: .%s is not declared", path);
    if (strcmp(type, "string") != 0 && strcmp(type, "integer") != 0 && strcmp(type, "boolean") != 0)
        return err_set(err, ERR_INVALID, "selectableFields: .%s is no string, integer or boolean",
                       path);
    return 0;
}

/* What a field selector names must be a scalar of the schema. */
static int check_selectable(const struct kind *kind, struct err *err)
{
    for (const char *const *field = kind->selectable_fields; *field; field++) {
        size_t name = object_field_name_len(*field);
        for (const char *at = *field + ((*field)[name] ? name + 1 : 0); *at;) {
            size_t len = strcspn(at, "|");
            AUTO_FREE char *path = mem_strndup(at, len);
            if (check_selectable_path(kind, path, err) != 0)
                return -1;
            at += len + (at[len] == '|');
        }
    }
    return 0;
}

static int set_scale(struct kind *kind, struct err *err)
{
    const struct kind_scale *scale = &kind->scale;
    if (!kind->has_scale)
        return 0;
    return schema_set_scale(kind->schema, scale->spec_replicas, scale->status_replicas,
                            scale->label_selector, err);
}

static int load_version(struct kinds *kinds, json_t *definition, const json_t *version,
                        struct err *err)
{
    mem_grow((void **)&kinds->items, &kinds->capacity, kinds->count, sizeof(*kinds->items));
    struct kind *kind = &kinds->items[kinds->count++];
    *kind = (struct kind){.definition = definition, .version = text_or(version, "name", "")};
    load_names(kind, definition);
    bool core = *kind->group == '\0';
    kind->api_version =
        core ? mem_strdup(kind->version) : mem_printf("%s/%s", kind->group, kind->version);
    load_subresources(kind, json_object_get(version, "subresources"));
    load_annotations(kind, definition);
    kind->selectable_fields =
        selectable_list(json_object_get(version, "selectableFields"), annotated_field(definition));
    load_columns(kind, json_object_get(version, "additionalPrinterColumns"));
    if (check_names(kind, err) != 0)
        return -1;
    kind->schema = schema_compile(json_at(version, "schema.openAPIV3Schema"), err);
    if (!kind->schema || check_selectable(kind, err) != 0 || set_scale(kind, err) != 0)
        return err_wrap(err, "kind %s", kind->resource);
    kind->types = field_types_compile(json_at(version, "schema.openAPIV3Schema"), err);
    return kind->types ? 0 : err_wrap(err, "kind %s", kind->resource);
}

static int load_definition(struct kinds *kinds, json_t *definition, struct err *err)
{
    size_t index;
    json_t *version;
    const json_t *versions = json_at(definition, "spec.versions");
    const char *kind = json_at_text(definition, "kind");
    if (!kind || strcmp(kind, "CustomResourceDefinition") != 0 || json_array_size(versions) == 0)
        return err_set(err, ERR_INVALID, "not a CustomResourceDefinition with versions");
    json_array_foreach(versions, index, version)
    {
        if (json_at_bool(version, "served", true) &&
            load_version(kinds, definition, version, err) != 0)
            return -1;
    }
    return 0;
}

static int load_text(struct kinds *kinds, const char *name, const char *text, size_t len,
                     struct err *err)
{
    struct yaml_documents documents;
    if (yaml_parse(name, text, len, &documents, err) != 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < documents.count; i++) {
        json_array_append(kinds->documents, documents.items[i].value);
        result = load_definition(kinds, documents.items[i].value, err);
        if (result != 0)
            err_wrap(err, "%s", name);
    }
    yaml_documents_release(&documents);
    return result;
}

static int compare_kinds(const void *a, const void *b)
{
    const struct kind *left = a;
    const struct kind *right = b;
    int order = strcmp(left->group, right->group);
    if (order == 0)
        order = strcmp(left->version, right->version);
    return order ? order : strcmp(left->plural, right->plural);
}

/* Views know their kinds once these don't move any more. */
static int link_views(struct kinds *kinds, struct err *err)
{
    for (size_t i = 0; i < kinds->count; i++) {
        struct kind *view = &kinds->items[i];
        for (size_t k = 0; *view->view_of && k < kinds->count && !view->stored; k++) {
            if (strcmp(kinds->items[k].resource, view->view_of) == 0)
                view->stored = &kinds->items[k];
        }
        if (*view->view_of && (!view->stored || *view->stored->view_of))
            return err_set(err, ERR_INVALID, "kind %s is a view of %s, which is not stored",
                           view->resource, view->view_of);
    }
    return 0;
}

static struct kinds *finish(struct kinds *kinds, int result, struct err *err)
{
    if (result == 0 && kinds->count > 1)
        qsort(kinds->items, kinds->count, sizeof(*kinds->items), compare_kinds);
    for (size_t i = 1; result == 0 && i < kinds->count; i++) {
        if (compare_kinds(&kinds->items[i - 1], &kinds->items[i]) == 0)
            result =
                err_set(err, ERR_INVALID, "kind %s is defined twice", kinds->items[i].resource);
    }
    if (result == 0)
        result = link_views(kinds, err);
    if (result == 0)
        return kinds;
    kinds_free(kinds);
    return NULL;
}

struct kinds *kinds_load_with(const struct kind_file *files, size_t count, struct err *err)
{
    struct kinds *kinds = mem_zalloc(sizeof(*kinds));
    kinds->documents = json_array();
    int result = 0;
    for (const struct embedded_kind *file = kinds_embedded; result == 0 && file->name; file++)
        result = load_text(kinds, file->name, (const char *)file->text, file->len, err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = load_text(kinds, files[i].name, files[i].text, files[i].len, err);
    return finish(kinds, result, err);
}

struct kinds *kinds_load(struct err *err)
{
    return kinds_load_with(NULL, 0, err);
}

struct kinds *kinds_parse(const char *const *texts, size_t count, struct err *err)
{
    struct kinds *kinds = mem_zalloc(sizeof(*kinds));
    kinds->documents = json_array();
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = load_text(kinds, "kind", texts[i], strlen(texts[i]), err);
    return finish(kinds, result, err);
}

size_t kinds_count(const struct kinds *kinds)
{
    return kinds->count;
}

const struct kind *kinds_at(const struct kinds *kinds, size_t index)
{
    return index < kinds->count ? &kinds->items[index] : NULL;
}

const struct kind *kinds_find(const struct kinds *kinds, const char *group, const char *version,
                              const char *plural)
{
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        if (strcmp(kind->plural, plural) == 0 && strcmp(kind->group, group) == 0 &&
            strcmp(kind->version, version) == 0)
            return kind;
    }
    return NULL;
}

const struct kind *kinds_find_kind(const struct kinds *kinds, const char *api_version,
                                   const char *kind)
{
    for (size_t i = 0; i < kinds->count; i++) {
        if (strcmp(kinds->items[i].kind, kind) == 0 &&
            strcmp(kinds->items[i].api_version, api_version) == 0)
            return &kinds->items[i];
    }
    return NULL;
}

/* "deployments.mot.dev", "deployments.v1alpha1.mot.dev": what follows the first dot. */
static bool suffix_matches(const struct kind *kind, const char *suffix)
{
    size_t len = strlen(kind->version);
    if (strcasecmp(suffix, kind->group) == 0)
        return *kind->group != '\0';
    if (strncasecmp(suffix, kind->version, len) != 0)
        return false;
    return suffix[len] == '.' ? strcasecmp(suffix + len + 1, kind->group) == 0
                              : suffix[len] == '\0';
}

static bool name_matches(const struct kind *kind, const char *word, size_t len)
{
    const char *const names[] = {kind->plural, kind->singular, kind->kind};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], word, len) == 0)
            return true;
    }
    for (const char *const *name = kind->short_names; *name; name++) {
        if (strlen(*name) == len && strncasecmp(*name, word, len) == 0)
            return true;
    }
    return false;
}

const struct kind *kinds_resolve(const struct kinds *kinds, const char *word)
{
    size_t len = strcspn(word, ".");
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        if (name_matches(kind, word, len) &&
            (word[len] == '\0' || suffix_matches(kind, word + len + 1)))
            return kind;
    }
    return NULL;
}
