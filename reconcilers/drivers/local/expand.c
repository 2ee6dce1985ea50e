#include "expand.h"

#include <string.h>

#include <mot/base/buf.h>

void environment_init(struct environment *environment, struct arena *arena)
{
    *environment = (struct environment){.arena = arena, .capacity = 32};
    environment->items = arena_array(arena, environment->capacity, sizeof(*environment->items));
}

static size_t find(const struct environment *environment, const char *name, size_t len)
{
    size_t i = 0;
    while (i < environment->count &&
           (strncmp(environment->items[i], name, len) != 0 || environment->items[i][len] != '='))
        i++;
    return i;
}

void environment_set(struct environment *environment, const char *name, const char *value)
{
    size_t at = find(environment, name, strlen(name));
    if (at + 1 >= environment->capacity) {
        size_t capacity = environment->capacity * 2;
        char **items = arena_array(environment->arena, capacity, sizeof(*items));
        memcpy(items, environment->items, environment->count * sizeof(*items));
        environment->items = items;
        environment->capacity = capacity;
    }
    environment->items[at] = arena_printf(environment->arena, "%s=%s", name, value);
    if (at == environment->count)
        environment->count++;
}

static const char *lookup(const struct environment *environment, const char *name, size_t len)
{
    size_t at = find(environment, name, len);
    return at < environment->count ? environment->items[at] + len + 1 : NULL;
}

const char *environment_get(const struct environment *environment, const char *name)
{
    return lookup(environment, name, strlen(name));
}

/* Writes what begins with the $ at @text and returns what follows it. */
static const char *expand_one(const struct environment *environment, const char *text,
                              struct buf *out)
{
    const char *end = text[1] == '(' ? strchr(text, ')') : NULL;
    if (text[1] == '$') {
        buf_addc(out, '$');
        return text + 2;
    }
    if (!end) {
        buf_addc(out, '$');
        return text + 1;
    }
    size_t len = (size_t)(end - text) - 2;
    const char *value = lookup(environment, text + 2, len);
    if (value)
        buf_adds(out, value);
    else
        buf_add(out, text, len + 3);
    return end + 1;
}

const char *expand(const struct environment *environment, const char *text)
{
    if (!strchr(text, '$'))
        return text;
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    while (*text) {
        size_t plain = strcspn(text, "$");
        buf_add(&out, text, plain);
        text += plain;
        if (*text == '$')
            text = expand_one(environment, text, &out);
    }
    const char *result = arena_strndup(environment->arena, out.data, out.len);
    buf_release(&out);
    return result;
}
