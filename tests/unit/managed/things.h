/*
 * A kind to write objects of, and one object of it: what the API server does with a request, from
 * the decoded body to what is stored, without HTTP and without a store. Cases are tables of steps.
 */
#ifndef MOT_TESTS_UNIT_MANAGED_THINGS_H
#define MOT_TESTS_UNIT_MANAGED_THINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/managed.h>
#include <mot/model/schema.h>

#define THING_VERSION "t.dev/v1"

enum verb {
    APPLY,
    FORCE, /* apply with force */
    POST,
    MERGE, /* a merge patch, or a create when there is nothing */
    APPLY_STATUS,
    MERGE_STATUS,
    STORED, /* the object is there, as if written before this schema */
};

/* Texts are JSON with ' for ". Second 1 is the first step of a case, and each step takes one. */
struct step {
    const char *name; /* of a case that starts here, with no object; NULL: it goes on */
    enum verb verb;
    const char *manager;
    const char *body; /* without apiVersion, kind and metadata.name */
    /*
     * "created", "changed" (generation + 1), "written" (the generation stays), "same" (nothing to
     * store), "conflict: …", "error: …" of the typed walk, "invalid: field: message"
     */
    const char *result;
    const char *spec; /* then, without defaults; NULL: not looked at; "": there is none */
    /* One line an entry: `manager Operation[/subresource] second-or-dash [version] {fields}`; NULL:
     * not looked at. */
    const char *managers;
    const char *version; /* of the request; NULL: THING_VERSION */
};

struct things {
    struct schema *schema;
    struct field_types *types;
    json_t *stored;
    int64_t second;
};

/* The group setup and teardown of a test that has *state = struct things. */
int things_setup(void **state);
int things_teardown(void **state);
void things_run(struct things *things, const struct step *steps, size_t count);

/* JSON with ' for "; fails the test when it is none. A new reference. */
json_t *quoted(const char *text);
/* What struct step calls managers; free() it. */
char *managers_text(const json_t *object);
void expect_text(const char *found, const char *expected, const char *what);

#endif
