/* What a plain YAML scalar means: the rules of go-yaml v2, which kubectl and kube-apiserver use. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include <mot/base/mem.h>

#include "internal.h"

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static json_t *resolve_word(const char *text)
{
    static const char *const yes[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                      "True", "TRUE", "on",  "On",  "ON",  NULL};
    static const char *const no[] = {"n",     "N",     "no",  "No",  "NO",  "false",
                                     "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const nothing[] = {"", "~", "null", "Null", "NULL", NULL};
    if (is_one_of(text, yes))
        return json_true();
    if (is_one_of(text, no))
        return json_false();
    if (is_one_of(text, nothing))
        return json_null();
    return NULL;
}

static bool is_infinite_or_nan(const char *text)
{
    static const char *const words[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",
                                        ".INF",  "+.inf", "+.Inf", "+.INF", "-.inf",
                                        "-.Inf", "-.INF", NULL};
    return is_one_of(text, words);
}

/* As Go's ParseInt with base 0: the base from the prefix, the rest all digits of it. 0: not an
 * integer. */
static int integer_base(const char **digits)
{
    const char *at = *digits;
    int base = 10;
    if (at[0] == '0' && at[1] != '\0') {
        char prefix = (char)tolower((unsigned char)at[1]);
        base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
        at += prefix == 'x' || prefix == 'b' || prefix == 'o' ? 2 : 1;
    }
    *digits = at;
    if (*at == '\0')
        return 0;
    for (; *at; at++) {
        int c = tolower((unsigned char)*at);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base)
            return 0;
    }
    return base;
}

static json_t *resolve_integer(const char *text)
{
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    int base = integer_base(&digits);
    if (base == 0)
        return NULL;
    errno = 0;
    unsigned long long magnitude = strtoull(digits, NULL, base);
    if (errno != 0)
        return NULL;
    if (magnitude <= INT64_MAX)
        return json_integer(negative ? -(json_int_t)magnitude : (json_int_t)magnitude);
    if (negative && magnitude == (unsigned long long)INT64_MAX + 1)
        return json_integer(INT64_MIN);
    return negative ? NULL : json_real((double)magnitude);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_like_float(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = strspn(at, "0123456789");
    at += whole;
    size_t fraction = 0;
    if (*at == '.') {
        fraction = strspn(++at, "0123456789");
        at += fraction;
        if (whole == 0 && fraction == 0)
            return false;
    }
    if (whole == 0 && fraction == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        size_t exponent = strspn(at, "0123456789");
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return *at == '\0';
}

/* Through JSON a whole number becomes an integer again: 1e3 is 1000. */
static json_t *resolve_float(const char *text)
{
    if (!looks_like_float(text))
        return NULL;
    double number = strtod(text, NULL);
    if (!isfinite(number))
        return NULL;
    double whole;
    bool is_whole = !(fabs(modf(number, &whole)) > 0);
    if (is_whole && fabs(number) < 9.2e18)
        return json_integer((json_int_t)number);
    return json_real(number);
}

static char *without_underscores(const char *text, size_t len)
{
    char *plain = mem_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '_')
            plain[n++] = text[i];
    }
    plain[n] = '\0';
    return plain;
}

json_t *yaml_resolve_plain(const char *text, size_t len)
{
    json_t *value = resolve_word(text);
    if (value)
        return value;
    if (is_infinite_or_nan(text))
        return NULL;
    if (*text == '.')
        value = resolve_float(text);
    else if (isdigit((unsigned char)*text) || *text == '+' || *text == '-') {
        AUTO_FREE char *plain = without_underscores(text, len);
        value = resolve_integer(plain);
        if (!value)
            value = resolve_float(plain);
    }
    return value ? value : json_stringn_nocheck(text, len);
}
