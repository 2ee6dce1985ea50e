#include "view.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/object.h>

/* One "note=message" of view_fields. */
struct pair {
    char *shown;
    char *stored;
};

/* False at the end. @rest moves on; pair_release() it. */
static bool next_pair(const char **rest, struct pair *pair)
{
    if (!**rest)
        return false;
    size_t len = strcspn(*rest, ",");
    size_t name = strcspn(*rest, "=,");
    pair->shown = mem_strndup(*rest, name);
    pair->stored = name < len ? mem_strndup(*rest + name + 1, len - name - 1) : mem_strdup("");
    *rest += len + ((*rest)[len] == ',');
    return true;
}

static void pair_release(struct pair *pair)
{
    free(pair->shown);
    free(pair->stored);
}

static void move_member(json_t *object, const char *from, const char *to)
{
    json_t *value = json_object_get(object, from);
    if (!value)
        return;
    json_object_set(object, to, value);
    json_object_del(object, from);
}

void view_from_stored(const struct kind *kind, json_t *object)
{
    struct pair pair;
    if (!kind->stored)
        return;
    for (const char *rest = kind->view_fields; next_pair(&rest, &pair); pair_release(&pair))
        move_member(object, pair.stored, pair.shown);
    json_object_set_new(object, "apiVersion", json_string(kind->api_version));
    json_object_set_new(object, "kind", json_string(kind->kind));
}

void view_to_stored(const struct kind *kind, json_t *object)
{
    struct pair pair;
    if (!kind->stored)
        return;
    for (const char *rest = kind->view_fields; next_pair(&rest, &pair); pair_release(&pair))
        move_member(object, pair.shown, pair.stored);
    json_object_set_new(object, "apiVersion", json_string(kind->stored->api_version));
    json_object_set_new(object, "kind", json_string(kind->stored->kind));
}

/* What is stored of @object: a new reference, to be read only. */
static json_t *stored_of(const struct kind *kind, const json_t *object)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)object);
    view_to_stored(kind, copy);
    return copy;
}

char *view_encode(const struct kind *kind, const json_t *object, size_t *ret_len)
{
    if (!kind->stored)
        return object_encode(object, ret_len);
    json_t *stored = stored_of(kind, object);
    char *text = object_encode(stored, ret_len);
    json_decref(stored);
    return text;
}

char *view_selectable(const struct kind *kind, const json_t *object)
{
    if (!kind->stored)
        return object_selectable(object, kind->selectable_fields);
    json_t *stored = stored_of(kind, object);
    char *text = object_selectable(stored, kind->stored->selectable_fields);
    json_decref(stored);
    return text;
}

char *view_body(const struct kind *kind, const char *body, size_t len, size_t *ret_len)
{
    struct err ignored;
    json_t *object = kind->stored ? object_decode(body, len, 0, &ignored) : NULL;
    if (!object)
        return NULL;
    view_from_stored(kind, object);
    char *text = object_encode(object, ret_len);
    json_decref(object);
    return text;
}

void view_rename_fields(const struct kind *kind, struct selector *fields)
{
    struct pair pair;
    if (!kind->stored)
        return;
    for (const char *rest = kind->view_fields; next_pair(&rest, &pair); pair_release(&pair))
        selector_rename(fields, pair.shown, pair.stored);
}
