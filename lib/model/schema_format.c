/* The formats that kube-apiserver checks (kube-openapi/pkg/validation/strfmt); all others are
 * ignored. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "base64.h"
#include "schema_internal.h"

/* '0': a digit, 'x': a hexadecimal digit, '-': an optional dash, '?': the character after it is
 * optional, others: themselves. The whole text. */
static bool matches_shape(const char *text, const char *shape)
{
    for (; *shape; shape++) {
        if (*shape == '0'   ? !isdigit((unsigned char)*text)
            : *shape == 'x' ? !isxdigit((unsigned char)*text)
                            : false)
            return false;
        if (*shape == '-' && *text != '-')
            continue;
        if (*shape != '0' && *shape != 'x' && *shape != *text)
            return false;
        text++;
    }
    return *text == '\0';
}

static bool is_anything(const char *text, size_t len)
{
    (void)text;
    (void)len;
    return true;
}

static bool is_bson_id(const char *text, size_t len)
{
    return len == 24 && strspn(text, "0123456789abcdefABCDEF") == len;
}

/* ---- time ---- */

static bool read_two(const char *text, int max)
{
    return isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) &&
           (text[0] - '0') * 10 + (text[1] - '0') <= max;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_date_n(const char *text, size_t len)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (len != 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 4 || i == 7;
        if (dash ? text[i] != '-' : !isdigit((unsigned char)text[i]))
            return false;
    }
    int month = atoi((char[]){text[5], text[6], '\0'});
    int day = atoi((char[]){text[8], text[9], '\0'});
    int year = atoi((char[]){text[0], text[1], text[2], text[3], '\0'});
    if (month < 1 || month > 12)
        return false;
    return day >= 1 && day <= days[month - 1] + (month == 2 && is_leap(year));
}

static bool is_date(const char *text, size_t len)
{
    return is_date_n(text, len);
}

/* hh:mm:ss, any character and a fraction, then Z or an offset. */
static bool is_date_time(const char *text, size_t len)
{
    if (len < 20 || !is_date_n(text, 10) || (text[10] | 0x20) != 't')
        return false;
    const char *at = text + 11;
    if (!read_two(at, 23) || at[2] != ':' || !read_two(at + 3, 59) || at[5] != ':' ||
        !read_two(at + 6, 59))
        return false;
    at += 8;
    if (isdigit((unsigned char)at[1]) && *at != '+' && *at != '-') {
        at++;
        at += strspn(at, "0123456789");
    }
    if ((*at | 0x20) == 'z')
        return at[1] == '\0';
    return (*at == '+' || *at == '-') && read_two(at + 1, 99) && at[3] == ':' &&
           read_two(at + 4, 99) && at[6] == '\0';
}

static bool is_unit(const char *word, size_t len)
{
    static const char *const exact[] = {"ns", "us", "µs", "ms", "s", "m",
                                        "h",  "hr", "d",  "w",  "wk"};
    static const char *const prefixes[] = {"nano", "micro", "milli", "sec",
                                           "min",  "hour",  "day",   "week"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(exact); i++) {
        if (strlen(exact[i]) == len && strncasecmp(exact[i], word, len) == 0)
            return true;
    }
    for (size_t i = 0; i < MOT_ARRAY_SIZE(prefixes); i++) {
        if (len >= strlen(prefixes[i]) && strncasecmp(prefixes[i], word, strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

static bool is_unit_char(char c)
{
    return isalpha((unsigned char)c) || (c & 0x80);
}

/* A Go duration, or somewhere in the text a number with a unit. */
static bool is_duration(const char *text, size_t len)
{
    (void)len;
    int64_t ms;
    struct err err;
    if (clock_parse_duration(text, &ms, &err) == 0 || strcmp(text, "0") == 0)
        return true;
    for (const char *at = text; *at;) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0) {
            at++;
            continue;
        }
        at += digits;
        const char *word = at + strspn(at, " \t\n\r\f");
        size_t word_len = 0;
        while (is_unit_char(word[word_len]))
            word_len++;
        if (word_len > 0 && is_unit(word, word_len))
            return true;
    }
    return false;
}

/* ---- network ---- */

static bool is_ipv4_text(const char *text)
{
    int parts = 0;
    for (;;) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 10 || strtoul(text, NULL, 10) > 255)
            return false;
        parts++;
        text += digits;
        if (*text == '\0')
            return parts == 4;
        if (*text++ != '.')
            return false;
    }
}

static bool is_ipv6(const char *text, size_t len)
{
    struct in6_addr address;
    (void)len;
    return strchr(text, ':') && inet_pton(AF_INET6, text, &address) == 1;
}

/* What contains a dot may be an IPv4 address inside an IPv6 one: Go takes both. */
static bool is_ipv4(const char *text, size_t len)
{
    return is_ipv4_text(text) || (strchr(text, '.') && is_ipv6(text, len));
}

static bool is_cidr(const char *text, size_t len)
{
    const char *slash = strchr(text, '/');
    if (!slash || strspn(slash + 1, "0123456789") != strlen(slash + 1) || slash[1] == '\0' ||
        strlen(slash) > 4)
        return false;
    AUTO_FREE char *address = mem_strndup(text, (size_t)(slash - text));
    long bits = strtol(slash + 1, NULL, 10);
    if (is_ipv4_text(address))
        return bits <= 32;
    return bits <= 128 && is_ipv6(address, len);
}

static bool is_mac(const char *text, size_t len)
{
    (void)len;
    static const char *const shapes[] = {"xx:xx:xx:xx:xx:xx", "xx:xx:xx:xx:xx:xx:xx:xx",
                                         "xxxx.xxxx.xxxx", "xxxx.xxxx.xxxx.xxxx"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(shapes); i++) {
        if (matches_shape(text, shapes[i]))
            return true;
    }
    /* With dashes: the same, but they must all be there. */
    return (len == 17 || len == 23) &&
           matches_shape(text, len == 17 ? "xx-xx-xx-xx-xx-xx" : "xx-xx-xx-xx-xx-xx-xx-xx");
}

static bool is_host_char(char c)
{
    return isalnum((unsigned char)c) || (c & 0x80);
}

static bool is_host_label(const char *label, size_t len)
{
    if (len == 0 || len > 63 || !is_host_char(label[0]) || !is_host_char(label[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_host_char(label[i]) && label[i] != '-')
            return false;
    }
    return true;
}

static bool is_hostname(const char *text, size_t len)
{
    const char *last = text;
    bool dotted = strchr(text, '.') != NULL;
    if (len > 255)
        return false;
    for (const char *at = text;;) {
        size_t label = strcspn(at, ".");
        if (!is_host_label(at, label))
            return false;
        last = at;
        if (at[label] == '\0')
            break;
        at += label + 1;
    }
    if (!dotted)
        return true;
    size_t last_len = strlen(last);
    for (size_t i = 0; i < last_len; i++) {
        if (!isalpha((unsigned char)last[i]) && !(last[i] & 0x80))
            return false;
    }
    return last_len >= 2;
}

/* An absolute URI or an absolute path. */
static bool is_uri(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
        if (text[i] == '%' &&
            !(isxdigit((unsigned char)text[i + 1]) && isxdigit((unsigned char)text[i + 2])))
            return false;
    }
    if (text[0] == '/')
        return true;
    size_t scheme = 0;
    while (isalnum((unsigned char)text[scheme]) ||
           (scheme > 0 && text[scheme] && strchr("+-.", text[scheme])))
        scheme++;
    return scheme > 0 && isalpha((unsigned char)text[0]) && text[scheme] == ':';
}

static bool is_address(const char *text, size_t len)
{
    const char *at = memrchr(text, '@', len);
    if (!at || at == text || at + 1 == text + len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= 0x20 || strchr("()<>,;:\\\"[]", text[i]))
            return false;
    }
    return memchr(text, '@', len) == at && text[0] != '.' && at[-1] != '.' && at[1] != '.' &&
           text[len - 1] != '.';
}

/* "a@b.c" or "A B <a@b.c>". */
static bool is_email(const char *text, size_t len)
{
    const char *open = strchr(text, '<');
    if (!open)
        return is_address(text, len);
    return text[len - 1] == '>' && is_address(open + 1, (size_t)(text + len - 1 - (open + 1)));
}

/* ---- numbers and codes ---- */

static bool is_uuid_version(const char *text, char version, bool variant)
{
    if (!matches_shape(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"))
        return false;
    char digits[33];
    size_t n = 0;
    for (; *text && n < 32; text++) {
        if (*text != '-')
            digits[n++] = *text;
    }
    digits[n] = '\0';
    return n == 32 && (!version || digits[12] == version) &&
           (!variant || strchr("89abAB", digits[16]));
}

static bool is_uuid(const char *text, size_t len)
{
    (void)len;
    return is_uuid_version(text, '\0', false);
}

static bool is_uuid3(const char *text, size_t len)
{
    (void)len;
    return is_uuid_version(text, '3', false);
}

static bool is_uuid4(const char *text, size_t len)
{
    (void)len;
    return is_uuid_version(text, '4', true);
}

static bool is_uuid5(const char *text, size_t len)
{
    (void)len;
    return is_uuid_version(text, '5', true);
}

/* The digits of a text in which only @skip may stand besides; "" otherwise. An X may stand for the
 * last digit. */
static void plain_digits(const char *text, const char *skip, char out[20])
{
    size_t n = 0;
    out[0] = '\0';
    for (; *text; text++) {
        if (strchr(skip, *text))
            continue;
        if (n >= 19 || (!isdigit((unsigned char)*text) && *text != 'X'))
            return;
        out[n++] = *text;
    }
    out[n] = '\0';
}

static bool is_isbn10(const char *text, size_t len)
{
    char digits[20] = "";
    (void)len;
    plain_digits(text, " -", digits);
    if (strlen(digits) != 10 || memchr(digits, 'X', 9))
        return false;
    int sum = 0;
    for (int i = 0; i < 10; i++)
        sum += (i + 1) * (digits[i] == 'X' ? 10 : digits[i] - '0');
    return sum % 11 == 0;
}

static bool is_isbn13(const char *text, size_t len)
{
    char digits[20] = "";
    (void)len;
    plain_digits(text, " -", digits);
    if (strlen(digits) != 13 || strchr(digits, 'X'))
        return false;
    int sum = 0;
    for (int i = 0; i < 13; i++)
        sum += (i % 2 ? 3 : 1) * (digits[i] - '0');
    return sum % 10 == 0;
}

static bool is_isbn(const char *text, size_t len)
{
    return is_isbn10(text, len) || is_isbn13(text, len);
}

static bool passes_luhn(const char *digits)
{
    int sum = 0;
    size_t len = strlen(digits);
    for (size_t i = 0; i < len; i++) {
        int digit = digits[len - 1 - i] - '0';
        digit *= i % 2 ? 2 : 1;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

static bool is_credit_card(const char *text, size_t len)
{
    char digits[20] = "";
    (void)len;
    plain_digits(text, " -", digits);
    size_t count = strlen(digits);
    return count >= 13 && count <= 16 && !strchr(digits, 'X') && passes_luhn(digits);
}

static bool is_ssn(const char *text, size_t len)
{
    char plain[16] = "";
    if (len > 11)
        return false;
    for (size_t i = 0; i < len; i++)
        plain[i] = text[i] == ' ' ? '-' : text[i];
    return matches_shape(plain, "000-00-0000");
}

static bool is_hex_color(const char *text, size_t len)
{
    size_t hash = text[0] == '#';
    size_t digits = strspn(text + hash, "0123456789abcdefABCDEF");
    return hash + digits == len && (digits == 3 || digits == 6);
}

static bool is_rgb_color(const char *text, size_t len)
{
    if (len < 10 || strncmp(text, "rgb(", 4) != 0)
        return false;
    const char *at = text + 4;
    for (int i = 0; i < 3; i++) {
        at += strspn(at, " ");
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 3 || strtoul(at, NULL, 10) > 255)
            return false;
        at += digits;
        at += strspn(at, " ");
        if (*at++ != (i < 2 ? ',' : ')'))
            return false;
    }
    return *at == '\0';
}

static bool is_base64(const char *text, size_t len)
{
    return len > 0 && len % 4 == 0 && !strpbrk(text, "\r\n") && base64_decode(text, len, NULL) == 0;
}

static bool has_no_problem(void (*check)(const char *, struct name_problems *), const char *text)
{
    struct name_problems problems = {0};
    check(text, &problems);
    bool ok = problems.count == 0;
    name_problems_release(&problems);
    return ok;
}

static bool is_short_name(const char *text, size_t len)
{
    (void)len;
    return has_no_problem(check_dns_label, text);
}

static bool is_long_name(const char *text, size_t len)
{
    (void)len;
    return has_no_problem(check_dns_subdomain, text);
}

static const struct {
    const char *name;
    format_check check;
} formats[] = {
    {"bsonobjectid", is_bson_id},
    {"uri", is_uri},
    {"email", is_email},
    {"hostname", is_hostname},
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"cidr", is_cidr},
    {"mac", is_mac},
    {"uuid", is_uuid},
    {"uuid3", is_uuid3},
    {"uuid4", is_uuid4},
    {"uuid5", is_uuid5},
    {"isbn", is_isbn},
    {"isbn10", is_isbn10},
    {"isbn13", is_isbn13},
    {"creditcard", is_credit_card},
    {"ssn", is_ssn},
    {"hexcolor", is_hex_color},
    {"rgbcolor", is_rgb_color},
    {"byte", is_base64},
    {"password", is_anything},
    {"date", is_date},
    {"duration", is_duration},
    {"datetime", is_date_time},
    {"k8sshortname", is_short_name},
    {"k8slongname", is_long_name},
};

/* Names are compared without dashes. */
format_check find_format_check(const char *name)
{
    char plain[32];
    size_t n = 0;
    for (; *name && n < sizeof(plain) - 1; name++) {
        if (*name != '-')
            plain[n++] = *name;
    }
    plain[n] = '\0';
    for (size_t i = 0; i < MOT_ARRAY_SIZE(formats); i++) {
        if (strcmp(formats[i].name, plain) == 0)
            return formats[i].check;
    }
    return NULL;
}
