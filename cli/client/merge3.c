#include "cli/client/merge3.h"

#include <stdint.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

/* As kubectl writes it: keys sorted, "annotations" there even when empty, a newline at the end. */
json_t *apply_with_annotation(const json_t *manifest)
{
    json_t *copy = json_deep_copy(manifest);
    if (!json_is_object(json_at(copy, "metadata.annotations")))
        json_put(copy, "metadata.annotations", json_object());
    json_t *annotations = json_at(copy, "metadata.annotations");
    json_object_del(annotations, LAST_APPLIED);
    AUTO_FREE char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    AUTO_FREE char *line = mem_printf("%s\n", text);
    json_object_set_new(annotations, LAST_APPLIED, json_string(line));
    return copy;
}

void apply_keep_annotation(json_t *wanted, const json_t *current)
{
    json_t *before = apply_last_applied(current);
    json_t *now = apply_last_applied(wanted);
    if (before && json_same(before, now))
        json_object_set(json_at(wanted, "metadata.annotations"), LAST_APPLIED,
                        json_object_get(json_at(current, "metadata.annotations"), LAST_APPLIED));
    json_decref(before);
    json_decref(now);
}

json_t *apply_last_applied(const json_t *current)
{
    const json_t *annotations = json_at(current, "metadata.annotations");
    const char *text = json_string_value(json_object_get(annotations, LAST_APPLIED));
    return text ? json_parse(text, strlen(text), false, NULL) : NULL;
}

/* Members that @modified sets to something else than @current has. */
static void add_changes(json_t *patch, const json_t *modified, const json_t *current)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)modified, key, value)
    {
        json_t *now = json_object_get(current, key);
        if (json_is_object(value) && json_is_object(now)) {
            json_t *below = json_object();
            add_changes(below, value, now);
            if (json_object_size(below) > 0)
                json_object_set(patch, key, below);
            json_decref(below);
        } else if (!now ? !json_is_null(value) : !json_same(value, now)) {
            json_object_set(patch, key, value);
        }
    }
}

/* Members that were in @original, are not in @modified, and still are in @current. */
static void add_deletions(json_t *patch, const json_t *original, const json_t *modified,
                          const json_t *current)
{
    const char *key;
    json_t *before;
    json_object_foreach((json_t *)(uintptr_t)original, key, before)
    {
        json_t *wanted = json_object_get(modified, key);
        json_t *now = json_object_get(current, key);
        if (!now)
            continue;
        if (!wanted) {
            json_object_set_new(patch, key, json_null());
        } else if (json_is_object(before) && json_is_object(wanted) && json_is_object(now)) {
            json_t *below = json_object_get(patch, key);
            json_t *deletions = below ? json_incref(below) : json_object();
            add_deletions(deletions, before, wanted, now);
            if (json_object_size(deletions) > 0)
                json_object_set(patch, key, deletions);
            json_decref(deletions);
        }
    }
}

json_t *apply_merge3(const json_t *original, const json_t *modified, const json_t *current)
{
    json_t *patch = json_object();
    add_changes(patch, modified, current);
    if (json_is_object(original))
        add_deletions(patch, original, modified, current);
    return patch;
}
