/* A selector, a NUL, and labels as JSON. What is refused says why; what demands one value matches
 * no other. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/must.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/selector.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_exact(const struct selector *selector, const char *key, const json_t *values,
                        bool matches)
{
    const char *wanted = selector_exact(selector, key);
    const char *found = json_string_value(json_object_get(values, key));
    /* A field that is not there is an empty one. */
    must(!matches || !wanted || strcmp(found ? found : "", wanted) == 0);
}

static void use(struct selector *selector, const json_t *values, const struct err *err)
{
    if (!selector) {
        must_explain(err);
        return;
    }
    bool matches = selector_matches(selector, values);
    must(matches || !selector_is_everything(selector));
    must(selector_matches(selector, NULL) || !selector_is_everything(selector));
    check_exact(selector, "metadata.name", values, matches);
    check_exact(selector, "spec.a", values, matches);
    check_exact(selector, "a", values, matches);
    selector_rename(selector, "spec.a", "spec.b");
    check_exact(selector, "spec.b", values, selector_matches(selector, values));
    selector_free(selector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const allowed[] = {"spec.a", NULL};
    struct err err = {0};
    char *text = mem_strndup((const char *)data, size);
    size_t len = strlen(text);
    json_t *values =
        len < size ? json_parse((const char *)data + len + 1, size - len - 1, false, &err) : NULL;
    struct err errs[3] = {0};
    use(selector_parse_labels(text, &errs[0]), values, &errs[0]);
    use(selector_parse_fields(text, allowed, &errs[1]), values, &errs[1]);
    use(selector_from_object(values, &errs[2]), values, &errs[2]);
    json_decref(values);
    free(text);
    return 0;
}
