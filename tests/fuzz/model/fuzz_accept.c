/* Any Accept header. */
#include <stdint.h>
#include <stdlib.h>

#include <api/documents/accept.h>
#include <mot/base/mem.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct offer offers[] = {{"application/json", ""},
                                          {"application/json", "as=T;g=g;v=v1"}};
    char *text = mem_strndup((const char *)data, size);
    int chosen = accept_choose(text, offers, 2);
    if (chosen < -1 || chosen > 1)
        abort();
    free(text);
    return 0;
}
