#include "last_applied.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>

#include "internal.h"

#define ANNOTATION            "kubectl.kubernetes.io/last-applied-configuration"
#define ANNOTATIONS_BYTES_MAX ((size_t)256 << 10)

static const char *annotation_of(const json_t *object)
{
    return json_string_value(json_object_get(json_at(object, "metadata.annotations"), ANNOTATION));
}

static json_t *decode(const struct managed_call *call, const char *text)
{
    json_t *config = json_parse(text, strlen(text), false, NULL);
    const char *version = json_at_text(config, "apiVersion");
    const char *kind = json_at_text(config, "kind");
    if (version && strcmp(version, call->writer->api_version) == 0 && kind && *kind)
        return config;
    json_decref(config);
    return NULL;
}

const struct field_set *last_applied_fields(const struct managed_call *call, const json_t *live,
                                            json_t **ret_config)
{
    struct arena *arena = call->arena;
    const struct field_type *types = field_types_root(call->writer->types);
    const char *text = annotation_of(live);
    json_t *config = text && *text ? decode(call, text) : NULL;
    const struct field_set *fields = NULL;
    if (config && typed_check(types, live, false, NULL) == 0 &&
        typed_check(types, config, false, NULL) == 0) {
        struct comparison comparison = compare_values_typed(arena, types, config, live);
        fields = field_set_of(arena, types, config);
        fields = field_set_subtract(arena, fields, comparison.modified);
        fields = field_set_subtract(arena, fields, comparison.added);
        fields = field_set_subtract(arena, fields, comparison.removed);
    }
    *ret_config = config;
    return fields;
}

/* As it was sent, without the annotation itself. */
static char *encode(const json_t *config)
{
    json_t *copy = json_deep_copy(config);
    json_t *metadata = json_object_get(copy, "metadata");
    json_t *annotations = json_object_get(metadata, "annotations");
    const char *key;
    json_t *value;
    json_object_del(annotations, ANNOTATION);
    bool texts = json_is_object(annotations);
    json_object_foreach(annotations, key, value) texts = texts && json_is_string(value);
    if (!texts)
        json_object_del(metadata, "annotations");
    AUTO_FREE char *text = go_json(copy);
    json_decref(copy);
    return mem_printf("%s\n", text);
}

void last_applied_renew(json_t *object, const json_t *config)
{
    const char *old = annotation_of(object);
    if (!old || *old == '\0')
        return;
    json_t *annotations = json_at(object, "metadata.annotations");
    AUTO_FREE char *text = encode(config);
    size_t total = 0;
    const char *key;
    json_t *value;
    json_object_set_new(annotations, ANNOTATION, json_string(text));
    json_object_foreach(annotations, key, value) total += strlen(key) + json_string_length(value);
    if (total > ANNOTATIONS_BYTES_MAX)
        json_object_del(annotations, ANNOTATION);
}
