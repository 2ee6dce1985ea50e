/* JSON: [target, patch]. Neither may change; the result must be a value that can be written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/model/json.h>
#include <mot/model/patch.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(json_t *result)
{
    if (!result)
        return;
    free(json_text(result));
    json_decref(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    json_t *input = json_parse((const char *)data, size, false, &err);
    if (json_array_size(input) == 2) {
        const json_t *target = json_array_get(input, 0);
        const json_t *patch = json_array_get(input, 1);
        json_t *before = json_deep_copy(input);
        check(patch_merge(target, patch));
        check(patch_json(target, patch, &err));
        check(patch_strategic(target, patch, &err));
        char *text = json_text(patch);
        check(patch_json_text(target, patch, text, strlen(text), &err));
        free(text);
        if (!json_same(before, input))
            abort();
        json_decref(before);
    }
    json_decref(input);
    return 0;
}
