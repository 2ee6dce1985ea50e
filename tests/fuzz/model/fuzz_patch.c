/*
 * JSON: [target, patch]. Neither may change, not even when the result is changed afterwards; the
 * result can be written; a refusal says why; a patch that says nothing changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/must.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/patch.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Changes all that a value consists of. */
static void spoil(json_t *value)
{
    const char *key;
    json_t *child;
    size_t index;
    json_object_foreach(value, key, child) spoil(child);
    json_array_foreach(value, index, child) spoil(child);
    json_object_clear(value);
    json_array_clear(value);
    json_string_set(value, "spoilt");
    json_integer_set(value, -1234567);
    json_real_set(value, -0.125);
}

static void check(json_t *result, const struct err *err)
{
    if (!result) {
        must_explain(err);
        return;
    }
    free(json_text(result));
    spoil(result);
    json_decref(result);
}

/* What RFC 7386 says of each member of a patch. */
static void check_merge(const json_t *target, const json_t *patch)
{
    json_t *result = patch_merge(target, patch);
    must(result != NULL);
    must(!json_is_object(target) || json_is_object(patch) || json_same(result, patch));
    if (json_is_object(patch)) {
        must(json_is_object(result));
        for (void *at = json_object_iter((json_t *)(uintptr_t)patch); at;
             at = json_object_iter_next((json_t *)(uintptr_t)patch, at)) {
            const json_t *change = json_object_iter_value(at);
            const json_t *now = json_object_get(result, json_object_iter_key(at));
            must(!json_is_null(change) || !now);
            must(json_is_null(change) || json_is_array(change) || json_is_object(change) ||
                 json_same(now, change));
        }
    }
    check(result, NULL);
}

static void check_nothing(const json_t *target)
{
    struct err err = {0};
    json_t *empty = json_object();
    json_t *list = json_array();
    json_t *test = json_pack("[{s:s, s:s, s:O}]", "op", "test", "path", "", "value", target);
    json_t *merged = patch_merge(target, empty);
    json_t *strategic = patch_strategic(target, empty, &err);
    json_t *patched = patch_json(target, list, &err);
    json_t *tested = patch_json(target, test, &err);
    must(!json_is_object(target) || json_same(merged, target));
    must(!json_is_object(target) || !strategic || json_same(strategic, target));
    must(!patched || json_same(patched, target));
    must(!tested || json_same(tested, target));
    must(tested || err.code == ERR_TOO_LARGE);
    json_decref(merged);
    json_decref(strategic);
    json_decref(patched);
    json_decref(tested);
    json_decref(empty);
    json_decref(list);
    json_decref(test);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    json_t *input = json_parse((const char *)data, size, false, &err);
    if (json_array_size(input) == 2) {
        const json_t *target = json_array_get(input, 0);
        const json_t *patch = json_array_get(input, 1);
        json_t *before = json_deep_copy(input);
        struct err errs[3] = {0};
        AUTO_FREE char *text = json_text(patch);
        check_merge(target, patch);
        check(patch_json(target, patch, &errs[0]), &errs[0]);
        check(patch_strategic(target, patch, &errs[1]), &errs[1]);
        check(patch_json_text(target, patch, text, strlen(text), &errs[2]), &errs[2]);
        check_nothing(target);
        must(json_same(before, input));
        json_decref(before);
    }
    json_decref(input);
    return 0;
}
