/* Any bytes: what is accepted can be written, and says the same when it is read again; what is
 * refused says why. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/must.h>
#include <mot/model/json.h>
#include <mot/model/yaml.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const json_t *value)
{
    struct err err;
    struct yaml_documents again;
    char *text = yaml_write(value);
    if (yaml_parse("again", text, strlen(text), &again, &err) != 0)
        abort();
    if (again.count == 0 && json_is_null(value)) {
        free(text);
        return;
    }
    if (again.count != 1)
        abort();
    char *second = yaml_write(again.items[0].value);
    if (strcmp(text, second) != 0)
        abort();
    free(text);
    free(second);
    yaml_documents_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct yaml_documents documents;
    const char *text = (const char *)data;
    if (yaml_parse("fuzz", text, size, &documents, &err) == 0) {
        for (size_t i = 0; i < documents.count; i++)
            check_round_trip(documents.items[i].value);
        yaml_documents_release(&documents);
    } else {
        must_explain(&err);
    }
    err = (struct err){0};
    struct texts duplicates = {0};
    json_t *first = yaml_parse_first(text, size, &duplicates, &err);
    if (first)
        check_round_trip(first);
    else
        must_explain(&err);
    json_decref(first);
    texts_release(&duplicates);
    yaml_line_of(text, size, 0, "a[1].b");
    yaml_line_of(text, size, 2, "spec.x");
    return 0;
}
