/*
 * JSON: [live, config, managedFields, schema]; the last one may be left out. Any of them may be
 * anything. Nothing that is given may change, and what is stored must be stable: reading and
 * writing managedFields once more changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/must.h>
#include <mot/model/json.h>
#include <mot/model/managed.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One property of each type. */
static const char schema_text[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"s\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"},"
    "\"set\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}"
    "},"
    "\"map\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":"
    "[\"k\",\"p\"],\"items\":{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"integer\"},"
    "\"p\":{\"type\":\"string\",\"default\":\"TCP\"},\"v\":{\"type\":\"string\"}}}},"
    "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"whole\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\",\"additionalProperties\":"
    "true},"
    "\"o\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}},"
    "\"ios\":{\"x-kubernetes-int-or-string\":true},"
    "\"free\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true},"
    "\"any\":{\"x-kubernetes-preserve-unknown-fields\":true}}},"
    "\"status\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}";

static struct field_types *default_types(void)
{
    struct err err;
    json_t *schema = json_parse(schema_text, strlen(schema_text), true, &err);
    struct field_types *types = field_types_compile(schema, &err);
    json_decref(schema);
    return types;
}

/* Managers that a client sends for an object that stays as it is: what is stored of them is stored
 * again when they are sent again. */
static void check_stable(const struct managed_writer *writer, const json_t *object)
{
    struct managed_writer main_path = *writer;
    main_path.subresource = "";
    json_t *bare = json_deep_copy(object);
    json_t *sent = json_deep_copy(object);
    json_object_del(json_object_get(bare, "metadata"), "managedFields");
    managed_update(&main_path, bare, sent);
    json_t *first = json_deep_copy(json_at(sent, "metadata.managedFields"));
    managed_update(&main_path, bare, sent);
    must(json_same(first, json_at(sent, "metadata.managedFields")));
    json_decref(first);
    json_decref(bare);
    json_decref(sent);
}

static void try_apply(const struct managed_writer *writer, const json_t *live, const json_t *config,
                      bool force)
{
    struct managed_conflicts conflicts;
    struct err err = {0};
    json_t *object;
    bool changed;
    if (managed_apply(writer, live, config, force, &object, &changed, &conflicts, &err) == 0) {
        must(json_is_object(object) && conflicts.count == 0);
        free(json_text(object));
        managed_keep_times(live, object);
        check_stable(writer, object);
        json_decref(object);
    } else {
        must(!object);
        must_explain(&err);
        must((err.code == ERR_CONFLICT) == (conflicts.count > 0) && !(force && conflicts.count));
        free(managed_conflicts_message(&conflicts));
    }
    managed_conflicts_release(&conflicts);
}

static void try_update(const struct managed_writer *writer, const json_t *live,
                       const json_t *config)
{
    json_t *object = json_deep_copy(config);
    managed_update(writer, live, object);
    check_stable(writer, object);
    json_decref(object);
}

static void try_scale(const struct managed_writer *writer, const json_t *live)
{
    json_t *entries = managed_to_scale(live, "spec.n");
    json_decref(managed_from_scale(writer, live, entries, "spec.n"));
    json_decref(entries);
}

static void run(const struct field_types *types, const json_t *input)
{
    const json_t *live = json_array_get(input, 0);
    const json_t *config = json_array_get(input, 1);
    struct managed_writer writer = {.types = types,
                                    .api_version = "t.dev/v1",
                                    .kind = "T",
                                    .manager = "kubectl",
                                    .subresource = "",
                                    .has_status = true,
                                    .now_s = 1};
    json_t *stored = json_deep_copy(live);
    if (json_is_object(json_object_get(stored, "metadata")))
        json_put(stored, "metadata.managedFields", json_deep_copy(json_array_get(input, 2)));
    for (int status = 0; status < 2; status++) {
        writer.subresource = status ? "status" : "";
        try_update(&writer, NULL, stored);
        try_update(&writer, stored, config);
        try_apply(&writer, NULL, config, false);
        try_apply(&writer, stored, config, false);
        try_apply(&writer, stored, config, true);
        try_apply(&writer, live, config, true);
    }
    try_scale(&writer, stored);
    json_decref(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct field_types *types;
    struct err err;
    if (!types)
        types = default_types();
    json_t *input = json_parse((const char *)data, size, false, &err);
    if (json_array_size(input) == 3 || json_array_size(input) == 4) {
        json_t *before = json_deep_copy(input);
        struct field_types *own = NULL;
        if (json_array_size(input) == 4)
            own = field_types_compile(json_array_get(input, 3), &err);
        run(own ? own : types, input);
        field_types_free(own);
        must(json_same(before, input));
        json_decref(before);
    }
    json_decref(input);
    return 0;
}
