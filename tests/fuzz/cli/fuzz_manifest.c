/*
 * A manifest and, behind a NUL, the Status that a server answers to it. Each object knows its
 * place in the text, and whatever the Status says, there is a complaint with such a place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include <cli/client/manifest.h>
#include <lib/must.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* YAML has more line breaks than one. */
static size_t breaks_of(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += text[i] == '\n' || text[i] == '\r' || (unsigned char)text[i] == 0x85 ||
                 (unsigned char)text[i] == 0xa8 || (unsigned char)text[i] == 0xa9;
    return count;
}

static void check_object(const struct manifest *manifest, const json_t *status)
{
    static const struct err refused = {ERR_INVALID, 0, "refused"};
    size_t last = breaks_of(manifest->file->text, manifest->file->len) + 1;
    must(json_is_object(manifest->object));
    must(manifest->line >= 1 && manifest->line <= last);
    int line = manifest_line(manifest, "spec.a[0].b");
    must(line >= (int)manifest->line && line <= (int)last);
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    manifest_describe(manifest, status, &refused, &out);
    must(buf_failed(&out) || (out.len > 3 && strncmp(out.data, "m:", 2) == 0 &&
                              out.data[2] >= '1' && out.data[2] <= '9'));
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct manifests manifests = {0};
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\0', size) : NULL;
    size_t len = end ? (size_t)(end - text) : size;
    json_t *status = end ? json_parse(end + 1, size - len - 1, false, &err) : NULL;
    err = (struct err){0};
    if (manifests_add_text(&manifests, "m", text, len, &err) == 0)
        for (size_t i = 0; i < manifests.count; i++)
            check_object(&manifests.items[i], status);
    else
        must(err.code != ERR_NONE && strncmp(err.message, "m:", 2) == 0);
    manifests_release(&manifests);
    /* The whole of it, with its NUL. */
    if (end && manifests_add_text(&manifests, "m", text, size, &err) != 0)
        must_explain(&err);
    manifests_release(&manifests);
    json_decref(status);
    return 0;
}
