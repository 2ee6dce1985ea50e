/* Any bytes: what is accepted reads back as the same value, strict or not; what is refused says
 * why. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/must.h>
#include <mot/model/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct texts duplicates = {0};
    const char *text = (const char *)data;
    json_t *value = json_parse_duplicates(text, size, &duplicates, &err);
    if (!value)
        must_explain(&err);
    json_t *strict = json_parse(text, size, true, &err);
    if (strict && (!value || duplicates.count > 0 || !json_same(value, strict)))
        abort();
    if (value && !strict && duplicates.count == 0)
        abort();
    if (value) {
        char *written = json_text(value);
        json_t *again = json_parse(written, strlen(written), true, &err);
        if (!json_same(value, again))
            abort();
        json_decref(again);
        free(written);
    }
    texts_release(&duplicates);
    json_decref(strict);
    json_decref(value);
    return 0;
}
