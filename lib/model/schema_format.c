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

/* "z" or "+hh:mm", and then the end or another "t": what follows that is not looked at. */
static bool is_zone(const char *text)
{
    size_t len = 1;
    if ((*text | 0x20) != 'z') {
        if ((*text != '+' && *text != '-') || !read_two(text + 1, 99) || text[3] != ':' ||
            !read_two(text + 4, 99))
            return false;
        len = 6;
    }
    return text[len] == '\0' || (text[len] | 0x20) == 't';
}

/* hh:mm:ss, any character and digits, and a zone. */
static bool is_date_time(const char *text, size_t len)
{
    if (len < 20 || !is_date_n(text, 10) || (text[10] | 0x20) != 't')
        return false;
    const char *at = text + 11;
    if (!read_two(at, 23) || at[2] != ':' || !read_two(at + 3, 59) || at[5] != ':' ||
        !read_two(at + 6, 59))
        return false;
    at += 8;
    if (is_zone(at))
        return true;
    size_t any = utf8_char(at, strlen(at));
    size_t digits = any > 0 ? strspn(at + any, "0123456789") : 0;
    return digits > 0 && is_zone(at + any + digits);
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

/* Letters, and the micro sign. */
static size_t unit_length(const char *text)
{
    size_t len = 0;
    for (;;) {
        if (isalpha((unsigned char)text[len]))
            len++;
        else if (strncmp(text + len, "\xc2\xb5", 2) == 0)
            len += 2;
        else
            return len;
    }
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
        if (digits > 18)
            return false;
        at += digits;
        const char *word = at + strspn(at, " \t\n\r\f");
        size_t word_len = unit_length(word);
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
    static const size_t groups[][2] = {{6, 2}, {8, 2}, {20, 2}, {3, 4}, {4, 4}, {10, 4}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(groups); i++) {
        size_t digits = groups[i][1];
        if (groups[i][0] * (digits + 1) - 1 != len)
            continue;
        char separator = text[digits];
        if (digits == 4 ? separator != '.' : separator != ':' && separator != '-')
            continue;
        for (size_t j = 0; j < len; j++) {
            bool between = j % (digits + 1) == digits;
            if (between ? text[j] != separator : !isxdigit((unsigned char)text[j]))
                return false;
        }
        return true;
    }
    return false;
}

/* Letters, digits and symbols; what is not ASCII counts as a letter. */
static bool is_host_char(char c)
{
    return isalnum((unsigned char)c) || (c & 0x80) || (c && strchr("$+<=>^`|~", c));
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

static bool is_top_label(const char *label)
{
    size_t len = strlen(label);
    for (size_t i = 0; i < len; i++) {
        if (!isalpha((unsigned char)label[i]) && !(label[i] & 0x80))
            return false;
    }
    return len >= 2 && len <= 63;
}

/* What has no dot may have a dash as its second character, and no other. */
static bool is_single_label(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_host_char(text[i]) && (i != 1 || text[i] != '-'))
            return false;
    }
    return len > 0 && len <= 63;
}

static bool is_hostname(const char *text, size_t len)
{
    if (len > 255)
        return false;
    if (!strchr(text, '.'))
        return is_single_label(text, len);
    for (const char *at = text;;) {
        size_t label = strcspn(at, ".");
        if (at[label] == '\0')
            return is_top_label(at);
        if (!is_host_label(at, label))
            return false;
        at += label + 1;
    }
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
    plain_digits(text, " -\t\n\f\r", digits);
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
    plain_digits(text, " -\t\n\f\r", digits);
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

/* "55-16": beginning with 51 to 55, 16 digits long. */
static const struct {
    int low, high, prefix_digits;
    size_t len;
} card_issuers[] = {
    {4, 4, 1, 13},   {4, 4, 1, 16},       {51, 55, 2, 16},     {6011, 6011, 4, 16}, {65, 65, 2, 16},
    {34, 34, 2, 15}, {37, 37, 2, 15},     {300, 305, 3, 14},   {36, 36, 2, 14},     {38, 38, 2, 14},
    {35, 35, 2, 16}, {2131, 2131, 4, 15}, {1800, 1800, 4, 15},
};

static bool has_issuer(const char *digits)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(card_issuers); i++) {
        int prefix = 0;
        for (int j = 0; j < card_issuers[i].prefix_digits && digits[j]; j++)
            prefix = prefix * 10 + digits[j] - '0';
        if (strlen(digits) == card_issuers[i].len && prefix >= card_issuers[i].low &&
            prefix <= card_issuers[i].high)
            return true;
    }
    return false;
}

/* Whatever stands between the digits. */
static bool is_credit_card(const char *text, size_t len)
{
    char digits[20];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]))
            continue;
        if (n == sizeof(digits) - 1)
            return false;
        digits[n++] = text[i];
    }
    digits[n] = '\0';
    return has_issuer(digits) && passes_luhn(digits);
}

static bool is_ssn(const char *text, size_t len)
{
    char plain[16] = "";
    if (len != 11)
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
        at += strspn(at, " \t\n\f\r");
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 3 || (*at == '0' && digits > 1) || strtoul(at, NULL, 10) > 255)
            return false;
        at += digits;
        at += strspn(at, " \t\n\f\r");
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
