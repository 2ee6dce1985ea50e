/*
 * The parameter "continue": what is accepted is safe to ask the store for, and reads back when it
 * is written again. The bytes are also taken for a position of a list, which must come back as it
 * was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/utf8.h>

#include <api/continue.h>
#include <lib/must.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_come_back(const struct continuation *position)
{
    struct err err = {0};
    struct continuation again;
    AUTO_FREE char *token = continue_encode(position);
    must(token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789-_")] == '\0');
    must(continue_decode(token, &again, &err) == 0);
    must(again.revision == position->revision && again.remaining == position->remaining);
    must(strcmp(again.ns, position->ns) == 0 && strcmp(again.name, position->name) == 0);
    continue_release(&again);
}

static void try_token(const char *token)
{
    struct err err = {0};
    struct continuation position;
    if (continue_decode(token, &position, &err) == 0) {
        must(position.revision >= 0 && position.remaining >= -1);
        must(*position.name && !strchr(position.name, '/') && !strchr(position.ns, '/'));
        must(utf8_valid(position.ns) && utf8_valid(position.name));
        must_come_back(&position);
    } else {
        must(err.code == ERR_INVALID);
        must_explain(&err);
        must(!position.ns && !position.name);
    }
    continue_release(&position);
}

static int64_t number_of(const uint8_t *data)
{
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | data[i];
    return (int64_t)(number & INT64_MAX);
}

/* At most @max characters of a name. */
static char *name_of(const uint8_t *data, size_t size, size_t max)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.:AZ ";
    size_t len = size < max ? size : max;
    char *name = mem_zalloc(len + 1);
    for (size_t i = 0; i < len; i++)
        name[i] = letters[data[i] % (sizeof(letters) - 1)];
    return name;
}

static void try_position(const uint8_t *data, size_t size)
{
    if (size < 18)
        return;
    size_t ns_len = data[16] % 64;
    size_t left = size - 17;
    if (ns_len >= left)
        ns_len = left - 1;
    AUTO_FREE char *ns = name_of(data + 17, ns_len, 63);
    AUTO_FREE char *name = name_of(data + 17 + ns_len, left - ns_len, 253);
    const struct continuation position = {number_of(data), number_of(data + 8) - 1, ns, name};
    must_come_back(&position);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *token = mem_strndup((const char *)data, size);
    try_token(token);
    try_position(data, size);
    return 0;
}
