/* Both kinds of patch build a new value out of deep copies: what comes out may be changed in place.
 */
#include <mot/model/patch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>

#include "internal.h"

#define OPERATIONS_MAX 10000
/* What "copy" may add in all (it can double the document; the real server has the same limit), what
 * "move" may touch, and how long a pointer may be. */
#define COPIED_BYTES_MAX ((size_t)3 << 20)
#define MOVED_NODES_MAX  ((size_t)1 << 23)
#define STEPS_MAX        (2 * MODEL_DEPTH_MAX)

/* ---- merge patch ---- */

/* A copy without nulls in objects, as in evanphx/json-patch; nulls in arrays stay. */
static json_t *copy_without_nulls(const json_t *value)
{
    const char *key;
    json_t *child;
    size_t index;
    if (json_is_object(value)) {
        json_t *result = json_object();
        json_object_foreach(json_mutable(value), key, child)
        {
            if (!json_is_null(child))
                json_object_set_new_nocheck(result, key, copy_without_nulls(child));
        }
        return result;
    }
    if (json_is_array(value)) {
        json_t *result = json_array();
        json_array_foreach(value, index, child)
        {
            json_array_append_new(result, copy_without_nulls(child));
        }
        return result;
    }
    return json_deep_copy(value);
}

json_t *patch_merge(const json_t *target, const json_t *patch)
{
    if (!json_is_object(target))
        return copy_without_nulls(patch);
    if (!json_is_object(patch))
        return json_deep_copy(patch);
    json_t *result = json_object();
    const char *key;
    json_t *child;
    json_object_foreach(json_mutable(target), key, child)
    {
        const json_t *change = json_object_get(patch, key);
        if (!change)
            json_object_set_new_nocheck(result, key, json_deep_copy(child));
        else if (!json_is_null(change))
            json_object_set_new_nocheck(result, key, patch_merge(child, change));
    }
    json_object_foreach(json_mutable(patch), key, child)
    {
        if (!json_is_null(child) && !json_object_get(target, key))
            json_object_set_new_nocheck(result, key, copy_without_nulls(child));
    }
    return result;
}

/* ---- JSON patch ---- */

static const char failed_text[] = "the server rejected our request due to an error in our request";

struct patcher {
    json_t *root;
    const json_t *values; /* the operations that the values are taken from */
    size_t index;         /* of the present one */
    size_t copied_bytes;
    size_t moved_nodes;
    struct err *err;
};

/* The place that a pointer names: a container and the last step in it. */
struct place {
    json_t *parent;
    char *step; /* unescaped, owned */
};

static int fail(struct patcher *patcher)
{
    return err_set(patcher->err, ERR_CONFLICT, "%s", failed_text);
}

static char *unescape_step(const char *text, size_t len)
{
    char *step = mem_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bool escape = text[i] == '~' && i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1');
        step[n++] = !escape ? text[i] : text[i + 1] == '0' ? '~' : '/';
        i += escape;
    }
    step[n] = '\0';
    return step;
}

/* As Go's Atoi: "01" and "+1" are 1. */
static bool parse_index(const char *text, long *ret_index)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t len = strlen(digits);
    if (len == 0 || len > 9 || strspn(digits, "0123456789") != len)
        return false;
    *ret_index = strtol(text, NULL, 10);
    return true;
}

/* Borrowed; NULL when there is none. */
static json_t *child_of(const json_t *parent, const char *step)
{
    long index;
    if (json_is_object(parent))
        return json_object_get(parent, step);
    if (!json_is_array(parent) || !parse_index(step, &index))
        return NULL;
    if (index < 0)
        index += (long)json_array_size(parent);
    return index < 0 ? NULL : json_array_get(parent, (size_t)index);
}

/* What stands before the first slash is ignored, as upstream does. */
static int find_place(const struct patcher *patcher, const char *pointer, struct place *ret_place)
{
    *ret_place = (struct place){0};
    const char *at = pointer ? strchr(pointer, '/') : NULL;
    if (!at)
        return -1;
    json_t *parent = patcher->root;
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        if (!json_is_object(parent) && !json_is_array(parent))
            return -1;
        at++;
        size_t len = strcspn(at, "/");
        char *step = unescape_step(at, len);
        if (at[len] == '\0') {
            *ret_place = (struct place){parent, step};
            return 0;
        }
        parent = child_of(parent, step);
        free(step);
        at += len;
    }
    return -1;
}

/* Keeps documents from growing without bound, in size and in depth: @more is added to @used. */
static int account(struct patcher *patcher, const json_t *value, size_t *used, size_t more,
                   size_t max)
{
    *used += more;
    if (*used > max || !json_depth_within(value, MODEL_DEPTH_MAX))
        return err_set(patcher->err, ERR_TOO_LARGE,
                       "Request entity too large: the JSON patch moves or copies too much");
    return 0;
}

static int add_to_array(json_t *array, const char *step, json_t *value)
{
    long size = (long)json_array_size(array);
    long index = size;
    bool ok = strcmp(step, "-") == 0 || parse_index(step, &index);
    if (index < 0)
        index += size + 1;
    if (!ok || index < 0 || index > size) {
        json_decref(value);
        return -1;
    }
    return json_array_insert_new(array, (size_t)index, value);
}

/* Steals @value. */
static int add_at(const struct place *place, json_t *value)
{
    if (json_is_array(place->parent))
        return add_to_array(place->parent, place->step, value);
    return json_object_set_new_nocheck(place->parent, place->step, value);
}

/* Gives back what it removed; NULL when it is not there. */
static json_t *remove_at(const struct place *place)
{
    json_t *value = json_incref(child_of(place->parent, place->step));
    long index = 0;
    if (!value)
        return NULL;
    if (json_is_object(place->parent)) {
        json_object_del(place->parent, place->step);
        return value;
    }
    if (parse_index(place->step, &index) && index < 0)
        index += (long)json_array_size(place->parent);
    json_array_remove(place->parent, (size_t)index);
    return value;
}

/* Borrowed; NULL when there is none. */
static const json_t *given_value(const struct patcher *patcher)
{
    return json_object_get(json_array_get(patcher->values, patcher->index), "value");
}

static json_t *value_of(const struct patcher *patcher)
{
    const json_t *value = given_value(patcher);
    return value ? json_deep_copy(value) : json_null();
}

static int apply_add(struct patcher *patcher, const json_t *operation, const struct place *to)
{
    (void)operation;
    return add_at(to, value_of(patcher));
}

static int apply_remove(struct patcher *patcher, const json_t *operation, const struct place *to)
{
    (void)patcher;
    (void)operation;
    json_t *removed = remove_at(to);
    if (!removed)
        return -1;
    json_decref(removed);
    return 0;
}

/* A missing key is added, a missing index is not. */
static int apply_replace(struct patcher *patcher, const json_t *operation, const struct place *to)
{
    (void)operation;
    if (json_is_object(to->parent))
        return add_at(to, value_of(patcher));
    long index = 0;
    if (!child_of(to->parent, to->step) || !parse_index(to->step, &index))
        return -1;
    if (index < 0)
        index += (long)json_array_size(to->parent);
    return json_array_set_new(to->parent, (size_t)index, value_of(patcher));
}

static int apply_test(struct patcher *patcher, const json_t *operation, const struct place *to)
{
    (void)operation;
    const json_t *wanted = given_value(patcher);
    const json_t *found = child_of(to->parent, to->step);
    if (!found && json_is_array(to->parent))
        return -1;
    if (!found || json_is_null(found))
        return !wanted || json_is_null(wanted) ? 0 : -1;
    return wanted && json_same(found, wanted) ? 0 : -1;
}

/* Removes and adds: the source must exist. The target is looked up after the removal. */
static int apply_move(struct patcher *patcher, const json_t *operation)
{
    struct place from;
    struct place to;
    const char *source = json_at_text(operation, "from");
    const char *target = json_at_text(operation, "path");
    if (find_place(patcher, source, &from) != 0)
        return -1;
    json_t *value = remove_at(&from);
    free(from.step);
    if (!value)
        return -1;
    size_t nodes = json_count_within(value, MOVED_NODES_MAX);
    if (account(patcher, value, &patcher->moved_nodes, nodes, MOVED_NODES_MAX) != 0 ||
        find_place(patcher, target, &to) != 0) {
        json_decref(value);
        return -1;
    }
    int result = add_at(&to, value);
    free(to.step);
    return result;
}

static int apply_copy(struct patcher *patcher, const json_t *operation, const struct place *to)
{
    struct place from;
    if (find_place(patcher, json_at_text(operation, "from"), &from) != 0)
        return -1;
    const json_t *found = child_of(from.parent, from.step);
    bool missing_index = !found && json_is_array(from.parent);
    free(from.step);
    if (missing_index)
        return -1;
    size_t bytes = found ? json_bytes_within(found, COPIED_BYTES_MAX) : 0;
    if (found && account(patcher, found, &patcher->copied_bytes, bytes, COPIED_BYTES_MAX) != 0)
        return -1;
    return add_at(to, found ? json_deep_copy(found) : json_null());
}

/* The path "": the whole document. */
static int apply_to_root(struct patcher *patcher, const char *op)
{
    const json_t *value = given_value(patcher);
    if (strcmp(op, "test") == 0)
        return value && json_same(patcher->root, value) ? 0 : -1;
    if (strcmp(op, "replace") != 0 || (!json_is_object(value) && !json_is_array(value)))
        return -1;
    json_decref(patcher->root);
    patcher->root = json_deep_copy(value);
    return 0;
}

static int apply_operation(struct patcher *patcher, const json_t *operation)
{
    static const struct {
        const char *name;
        int (*apply)(struct patcher *, const json_t *, const struct place *);
    } table[] = {{"add", apply_add},
                 {"remove", apply_remove},
                 {"replace", apply_replace},
                 {"test", apply_test},
                 {"copy", apply_copy}};
    const char *op = json_at_text(operation, "op");
    const char *path = json_at_text(operation, "path");
    if (!op || !path)
        return -1;
    if (*path == '\0')
        return apply_to_root(patcher, op);
    if (strcmp(op, "move") == 0)
        return apply_move(patcher, operation);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct place to;
        if (strcmp(op, table[i].name) != 0)
            continue;
        if (find_place(patcher, path, &to) != 0)
            return -1;
        int result = table[i].apply(patcher, operation, &to);
        free(to.step);
        return result;
    }
    return -1;
}

static const char *go_type(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "null";
}

static int check_member(const json_t *operation, const char *key, struct err *err)
{
    const json_t *value = json_object_get(operation, key);
    if (!value || json_is_null(value) || json_is_string(value))
        return 0;
    return err_set(err, ERR_INVALID,
                   "error decoding patch: json: cannot unmarshal %s into Go struct field "
                   "jsonPatchOp.%s of type string",
                   go_type(value), key);
}

static int check_document(const json_t *patch, struct err *err)
{
    size_t index;
    json_t *operation;
    if (!json_is_array(patch) && !json_is_null(patch))
        return err_set(err, ERR_INVALID,
                       "error decoding patch: json: cannot unmarshal %s into Go value of type "
                       "[]handlers.jsonPatchOp",
                       go_type(patch));
    if (json_array_size(patch) > OPERATIONS_MAX)
        return err_set(err, ERR_TOO_LARGE,
                       "Request entity too large: The allowed maximum operations in a JSON patch "
                       "is %d, got %zu",
                       OPERATIONS_MAX, json_array_size(patch));
    json_array_foreach(patch, index, operation)
    {
        if (!json_is_object(operation) && !json_is_null(operation))
            return err_set(err, ERR_INVALID,
                           "error decoding patch: json: cannot unmarshal %s into Go value of type "
                           "handlers.jsonPatchOp",
                           go_type(operation));
        if (check_member(operation, "op", err) != 0 || check_member(operation, "path", err) != 0 ||
            check_member(operation, "from", err) != 0)
            return -1;
    }
    return 0;
}

/* Steals @root. */
static json_t *apply_all(json_t *root, const json_t *patch, const json_t *values, struct err *err)
{
    struct patcher patcher = {.root = root, .values = values, .err = err};
    json_t *operation;
    *err = (struct err){0};
    bool ok = true;
    json_array_foreach(patch, patcher.index, operation)
    {
        ok = ok && apply_operation(&patcher, operation) == 0;
    }
    ok = ok && json_depth_within(patcher.root, MODEL_DEPTH_MAX);
    if (ok)
        return patcher.root;
    json_decref(patcher.root);
    if (err->code == ERR_NONE)
        fail(&patcher);
    return NULL;
}

json_t *patch_json(const json_t *target, const json_t *patch, struct err *err)
{
    if (check_document(patch, err) != 0)
        return NULL;
    return apply_all(json_deep_copy(target), patch, patch, err);
}

/* ---- tests by text ---- */

static json_t *to_raw(const json_t *value);

static json_t *from_raw(const json_t *value, struct err *err);

/* Copies with each scalar turned into its text, or back. */
static json_t *copy_members(const json_t *value, bool raw, struct err *err)
{
    const char *key;
    json_t *child;
    json_t *copy = json_object();
    json_object_foreach(json_mutable(value), key, child)
    {
        json_object_set_new_nocheck(copy, key, raw ? to_raw(child) : from_raw(child, err));
    }
    return copy;
}

static json_t *copy_elements(const json_t *value, bool raw, struct err *err)
{
    size_t index;
    json_t *child;
    json_t *copy = json_array();
    json_array_foreach(value, index, child)
    {
        json_array_append_new(copy, raw ? to_raw(child) : from_raw(child, err));
    }
    return copy;
}

/* Strings and numbers become strings that hold the text that the server itself writes for them. */
static json_t *to_raw(const json_t *value)
{
    if (json_is_object(value))
        return copy_members(value, true, NULL);
    if (json_is_array(value))
        return copy_elements(value, true, NULL);
    if (!json_is_string(value) && !json_is_number(value))
        return json_incref(json_mutable(value));
    AUTO_FREE char *text = go_json(value);
    return json_string_nocheck(text);
}

/* The way back; the texts have been parsed once already. */
static json_t *from_raw(const json_t *value, struct err *err)
{
    if (json_is_object(value))
        return copy_members(value, false, err);
    if (json_is_array(value))
        return copy_elements(value, false, err);
    if (!json_is_string(value))
        return json_incref(json_mutable(value));
    return json_parse(json_string_value(value), json_string_length(value), false, err);
}

static bool tests_values(const json_t *patch)
{
    size_t index;
    json_t *operation;
    json_array_foreach(patch, index, operation)
    {
        const char *op = json_at_text(operation, "op");
        const json_t *value = json_object_get(operation, "value");
        if (op && strcmp(op, "test") == 0 && value && !json_is_null(value))
            return true;
    }
    return false;
}

json_t *patch_json_text(const json_t *target, const json_t *patch, const char *text, size_t len,
                        struct err *err)
{
    if (check_document(patch, err) != 0)
        return NULL;
    if (!tests_values(patch))
        return apply_all(json_deep_copy(target), patch, patch, err);
    json_t *values = json_parse_raw(text, len, err);
    json_t *raw = values ? apply_all(to_raw(target), patch, values, err) : NULL;
    json_t *result = raw ? from_raw(raw, err) : NULL;
    json_decref(values);
    json_decref(raw);
    return result;
}
