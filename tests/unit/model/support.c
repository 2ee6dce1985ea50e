#include "support.h"

json_t *quoted(const char *text)
{
    AUTO_FREE char *copy = mem_strdup(text);
    struct err err = {0};
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *value = json_parse(copy, strlen(copy), true, &err);
    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

void expect_json(json_t *value, const char *expected, const char *what)
{
    json_t *wanted = quoted(expected);
    AUTO_FREE char *text = json_text(value);
    bool same = json_same(value, wanted);
    json_decref(value);
    json_decref(wanted);
    if (!same)
        fail_msg("%s: %s instead of %s", what, text, expected);
}

void expect_text(const char *found, const char *expected, const char *what)
{
    if (!found || strcmp(found, expected) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", what, found ? found : "(null)", expected);
}
