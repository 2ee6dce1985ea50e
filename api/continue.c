#include "continue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/utf8.h>

#define TOKEN_MAX 2048

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *base64url_encode(const char *text)
{
    size_t len = strlen(text);
    char *out = mem_alloc(len * 4 / 3 + 4);
    size_t at = 0;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = 0;
        size_t have = len - i < 3 ? len - i : 3;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < have ? (unsigned char)text[i + j] : 0);
        for (size_t j = 0; j <= have; j++)
            out[at++] = alphabet[bits >> (18 - 6 * j) & 63];
    }
    out[at] = '\0';
    return out;
}

/* NULL when it is no base64url, holds a NUL, or is not UTF-8: the store knows no such names. */
static char *base64url_decode(const char *text)
{
    size_t len = strcspn(text, "=");
    if (len > TOKEN_MAX || len % 4 == 1)
        return NULL;
    AUTO_FREE char *out = mem_zalloc(len * 3 / 4 + 1);
    uint32_t bits = 0;
    int have = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = strchr(alphabet, text[i]);
        if (!digit)
            return NULL;
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        out[at] = (char)(bits >> have & 0xff);
        if (!out[at++])
            return NULL;
    }
    return utf8_valid(out) ? mem_take(&out) : NULL;
}

char *continue_encode(const struct continuation *continuation)
{
    AUTO_FREE char *text =
        mem_printf("1 %" PRId64 " %" PRId64 " %s/%s", continuation->revision,
                   continuation->remaining, continuation->ns, continuation->name);
    return base64url_encode(text);
}

static int refuse(struct err *err)
{
    return err_set(err, ERR_INVALID, "continue key is not valid: it is none of this server's");
}

/* A decimal number and the blank behind it; moves *@at. */
static bool take_number(char **at, int64_t min, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    *ret_number = strtoll(*at, &end, 10);
    bool good = errno == 0 && end != *at && **at != ' ' && *end == ' ' && *ret_number >= min;
    *at = good ? end + 1 : end;
    return good;
}

int continue_decode(const char *token, struct continuation *ret_continuation, struct err *err)
{
    *ret_continuation = (struct continuation){0};
    AUTO_FREE char *text = base64url_decode(token);
    if (!text || strncmp(text, "1 ", 2) != 0)
        return refuse(err);
    char *at = text + 2;
    int64_t revision;
    int64_t remaining;
    if (!take_number(&at, 0, &revision) || !take_number(&at, -1, &remaining))
        return refuse(err);
    char *slash = strchr(at, '/');
    if (!slash || !slash[1] || strchr(slash + 1, '/'))
        return refuse(err);
    ret_continuation->revision = revision;
    ret_continuation->remaining = remaining;
    ret_continuation->ns = mem_strndup(at, (size_t)(slash - at));
    ret_continuation->name = mem_strdup(slash + 1);
    return 0;
}

void continue_release(struct continuation *continuation)
{
    free(continuation->ns);
    free(continuation->name);
    *continuation = (struct continuation){0};
}
