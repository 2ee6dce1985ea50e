/* Any protobuf body: what is decoded is an object with its type. */
#include <stdint.h>
#include <stdlib.h>

#include <api/protobuf.h>
#include <mot/model/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    json_t *object = protobuf_decode((const char *)data, size, &err);
    if (object && (!json_at_text(object, "apiVersion") || !json_at_text(object, "kind")))
        abort();
    if (!object && err.code != ERR_INVALID && err.code != ERR_UNSUPPORTED)
        abort();
    json_decref(object);
    return 0;
}
