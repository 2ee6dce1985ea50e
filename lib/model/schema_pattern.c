/*
 * CRD patterns are RE2; here they become POSIX extended expressions. What RE2 has beyond them and
 * is translated: \d \w \s and their negations, escapes in brackets, (?:…), lazy quantifiers, a
 * leading (?i), \A and \z, and "." that matches no line end. What can't be said (\b, \p{…}, other
 * flags) is refused when the kind is loaded. Characters are bytes: "." and [^a] take a multi-byte
 * character in several steps, which matters to counted repetitions only.
 */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "schema_internal.h"

struct translator {
    const char *at;
    struct buf out;
    struct err *err;
};

static int refuse(struct translator *translator, const char *what)
{
    return err_set(translator->err, ERR_INVALID, "%s is not supported in a pattern", what);
}

/* What stands for \d, \w or \s inside brackets; NULL for other letters. */
static const char *class_members(char letter)
{
    switch (letter) {
    case 'd':
        return "0-9";
    case 'w':
        return "0-9A-Za-z_";
    case 's':
        return "\t\n\f\r ";
    default:
        return NULL;
    }
}

static char control_character(char letter)
{
    static const char letters[] = "nrtfva";
    static const char values[] = "\n\r\t\f\v\a";
    const char *found = strchr(letters, letter);
    return found && letter ? values[found - letters] : '\0';
}

static void add_literal(struct buf *out, char c)
{
    if (strchr(".[]{}()\\*+?^$|", c))
        buf_addc(out, '\\');
    buf_addc(out, c);
}

/* After a backslash outside brackets. */
static int translate_escape(struct translator *translator)
{
    char letter = *translator->at;
    char lower = (char)(letter | 0x20);
    char control = control_character(letter);
    if (letter == '\0')
        return refuse(translator, "a backslash at the end");
    translator->at++;
    if (class_members(lower))
        buf_addf(&translator->out, "[%s%s]", letter == lower ? "" : "^", class_members(lower));
    else if (letter == 'A')
        buf_addc(&translator->out, '^');
    else if (letter == 'z')
        buf_addc(&translator->out, '$');
    else if (control)
        buf_addc(&translator->out, control);
    else if ((lower >= 'a' && lower <= 'z') || (letter >= '0' && letter <= '9'))
        return refuse(translator, "this escape");
    else
        add_literal(&translator->out, letter);
    return 0;
}

/* One member of a bracket: ']' and '-' must stand at its ends, so they are put aside. */
static int translate_member(struct translator *translator, struct buf *members, bool *has_close,
                            bool *has_dash)
{
    char c = *translator->at++;
    if (c == '[' && *translator->at == ':') {
        const char *end = strstr(translator->at, ":]");
        if (!end)
            return refuse(translator, "an open character class");
        buf_addc(members, '[');
        buf_add(members, translator->at, (size_t)(end + 2 - translator->at));
        translator->at = end + 2;
        return 0;
    }
    bool escaped = c == '\\';
    if (escaped) {
        c = *translator->at++;
        if (c == '\0')
            return refuse(translator, "an open bracket");
        if (class_members(c)) {
            buf_adds(members, class_members(c));
            return 0;
        }
        if ((c >= '0' && c <= '9') ||
            ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && !control_character(c)))
            return refuse(translator, "this escape in brackets");
        if (control_character(c))
            c = control_character(c);
    }
    bool range = c == '-' && !escaped && members->len > 0 && *translator->at != ']';
    if (c == ']')
        *has_close = true;
    else if (c == '-' && !range)
        *has_dash = true;
    else
        buf_addc(members, c);
    return 0;
}

static int translate_bracket(struct translator *translator)
{
    struct buf members;
    bool has_close = false;
    bool has_dash = false;
    bool negated = *translator->at == '^';
    int result = 0;
    buf_init(&members, BUF_MAX_DEFAULT);
    translator->at += negated;
    for (bool first = true; result == 0 && (first || *translator->at != ']'); first = false) {
        if (*translator->at == '\0')
            result = refuse(translator, "an open bracket");
        else
            result = translate_member(translator, &members, &has_close, &has_dash);
    }
    if (result == 0) {
        translator->at++;
        /* A lone '^' may not stand first. */
        bool caret_first = !negated && !has_close && members.len > 0 && members.data[0] == '^';
        if (caret_first && members.len == 1 && !has_dash)
            buf_adds(&translator->out, "\\^");
        else
            buf_addf(&translator->out, "[%s%s%s%s%s]", negated ? "^" : "", has_close ? "]" : "",
                     members.data ? members.data + caret_first : "", caret_first ? "^" : "",
                     has_dash ? "-" : "");
    }
    buf_release(&members);
    return result;
}

static int translate_group(struct translator *translator)
{
    buf_addc(&translator->out, '(');
    if (*translator->at != '?')
        return 0;
    if (translator->at[1] != ':')
        return refuse(translator, "this kind of group");
    translator->at += 2;
    return 0;
}

static int translate_one(struct translator *translator)
{
    char c = *translator->at++;
    switch (c) {
    case '\\':
        return translate_escape(translator);
    case '[':
        return translate_bracket(translator);
    case '(':
        return translate_group(translator);
    case '.':
        buf_adds(&translator->out, "[^\n]");
        return 0;
    case '*':
    case '+':
    case '?':
    case '}':
        buf_addc(&translator->out, c);
        if (*translator->at == '?')
            translator->at++;
        return 0;
    default:
        buf_addc(&translator->out, c);
        return 0;
    }
}

char *translate_pattern(const char *pattern, int *ret_flags, struct err *err)
{
    struct translator translator = {.at = pattern, .err = err};
    int result = 0;
    buf_init(&translator.out, BUF_MAX_DEFAULT);
    *ret_flags = REG_EXTENDED | REG_NOSUB;
    if (strncmp(pattern, "(?i)", 4) == 0) {
        *ret_flags |= REG_ICASE;
        translator.at += 4;
    }
    while (result == 0 && *translator.at)
        result = translate_one(&translator);
    if (result == 0)
        return buf_take(&translator.out);
    buf_release(&translator.out);
    return NULL;
}
