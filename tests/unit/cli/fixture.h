/* JSON in C: written with ' for ", parsed. */
#ifndef TESTS_UNIT_CLI_FIXTURE_H
#define TESTS_UNIT_CLI_FIXTURE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

static inline json_t *fixture(const char *text)
{
    AUTO_FREE char *copy = mem_strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t error;
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!value) {
        fprintf(stderr, "fixture: %s in %s\n", error.text, copy);
        abort();
    }
    return value;
}

#endif
