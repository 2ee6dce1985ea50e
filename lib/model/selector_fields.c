/* Field selectors: the grammar and the texts of k8s.io/apimachinery/pkg/fields. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/object.h>

#include "internal.h"
#include "selector_internal.h"

/* Up to the next comma that no backslash stands before. */
static size_t term_length(const char *text)
{
    size_t len = 0;
    while (text[len] && text[len] != ',')
        len += text[len] == '\\' && text[len + 1] ? 2 : 1;
    return len;
}

/* Where the first operator stands; its length in @ret_len. */
static const char *find_operator(const char *term, size_t *ret_len)
{
    for (const char *at = term; *at; at++) {
        if (strncmp(at, "!=", 2) == 0 || strncmp(at, "==", 2) == 0) {
            *ret_len = 2;
            return at;
        }
        if (*at == '=') {
            *ret_len = 1;
            return at;
        }
    }
    return NULL;
}

static char *unescape_value(const char *text, struct err *err)
{
    char *value = mem_alloc(strlen(text) + 1);
    size_t n = 0;
    for (; *text; text++) {
        if (*text == '\\') {
            text++;
            if (*text == '\0' || !strchr("\\,=", *text)) {
                err_set(err, ERR_INVALID, "invalid field selector: invalid escape sequence: \\%.1s",
                        text);
                free(value);
                return NULL;
            }
        } else if (*text == ',' || *text == '=') {
            err_set(err, ERR_INVALID, "invalid field selector: unescaped character in value: %c",
                    *text);
            free(value);
            return NULL;
        }
        value[n++] = *text;
    }
    value[n] = '\0';
    return value;
}

static bool is_allowed(const char *key, const char *const *allowed)
{
    if (strcmp(key, "metadata.name") == 0 || strcmp(key, "metadata.namespace") == 0)
        return true;
    for (; allowed && *allowed; allowed++) {
        size_t len = object_field_name_len(*allowed);
        if (strlen(key) == len && memcmp(key, *allowed, len) == 0)
            return true;
    }
    return false;
}

static int add_term(struct selector *selector, const char *whole, const char *term,
                    const char *const *allowed, struct err *err)
{
    size_t operator_len = 0;
    const char *operator_at = find_operator(term, &operator_len);
    if (!operator_at)
        return err_set(err, ERR_INVALID, "invalid selector: '%.400s'; can't understand '%.400s'",
                       whole, term);
    AUTO_FREE char *key = mem_strndup(term, (size_t)(operator_at - term));
    AUTO_FREE char *value = unescape_value(operator_at + operator_len, err);
    if (!value)
        return -1;
    if (!is_allowed(key, allowed))
        return err_set(err, ERR_INVALID, "field label not supported: %s", key);
    struct requirement *item =
        selector_add(selector, key, *operator_at == '!' ? SELECTOR_NOT_IN : SELECTOR_IN);
    texts_add(&item->values, mem_take(&value));
    return 0;
}

struct selector *selector_parse_fields(const char *text, const char *const *allowed,
                                       struct err *err)
{
    struct selector *selector = selector_new();
    selector->absent_is_empty = true;
    int result = 0;
    for (const char *at = text; result == 0 && *at;) {
        size_t len = term_length(at);
        AUTO_FREE char *term = mem_strndup(at, len);
        if (len > 0)
            result = add_term(selector, text, term, allowed, err);
        at += len + (at[len] == ',');
    }
    if (result == 0)
        return selector;
    selector_free(selector);
    return NULL;
}

void selector_rename(struct selector *selector, const char *from, const char *to)
{
    size_t len = strlen(from);
    for (size_t i = 0; i < selector->count; i++) {
        char *key = selector->items[i].key;
        if (strncmp(key, from, len) != 0 || (key[len] != '\0' && key[len] != '.'))
            continue;
        selector->items[i].key = mem_printf("%s%s", to, key + len);
        free(key);
    }
}
