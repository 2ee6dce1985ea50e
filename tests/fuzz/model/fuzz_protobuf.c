/* Any protobuf body: what is decoded is an object with its type that can be written as JSON, what
 * is refused says why. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <api/protobuf.h>
#include <lib/must.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    json_t *object = protobuf_decode((const char *)data, size, &err);
    if (object) {
        must(json_at_text(object, "apiVersion") && json_at_text(object, "kind"));
        AUTO_FREE char *text = json_text(object);
        json_t *again = json_parse(text, strlen(text), true, &err);
        must(again && json_same(object, again));
        json_decref(again);
    } else {
        must(err.code == ERR_INVALID || err.code == ERR_UNSUPPORTED);
        must_explain(&err);
    }
    json_decref(object);
    return 0;
}
