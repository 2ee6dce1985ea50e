/* A selector, a NUL, and labels as JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/selector.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct selector *selector, const json_t *values)
{
    if (!selector)
        return;
    if (selector_is_everything(selector) && !selector_matches(selector, values))
        abort();
    selector_matches(selector, values);
    selector_matches(selector, NULL);
    selector_exact(selector, "metadata.name");
    selector_free(selector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const allowed[] = {"spec.a", NULL};
    struct err err;
    char *text = mem_strndup((const char *)data, size);
    size_t len = strlen(text);
    json_t *values =
        len < size ? json_parse((const char *)data + len + 1, size - len - 1, false, &err) : NULL;
    use(selector_parse_labels(text, &err), values);
    use(selector_parse_fields(text, allowed, &err), values);
    use(selector_from_object(values, &err), values);
    json_decref(values);
    free(text);
    return 0;
}
