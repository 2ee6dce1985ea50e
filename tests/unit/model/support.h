/* What the tests of lib/model share. */
#ifndef MOT_TESTS_UNIT_MODEL_SUPPORT_H
#define MOT_TESTS_UNIT_MODEL_SUPPORT_H

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

/* JSON with ' for ", so that it reads well in C. A new reference; fails the test when it is none.
 */
json_t *quoted(const char *text);
/* Fails the test unless @value is the JSON @expected (with ' for "); steals @value. */
void expect_json(json_t *value, const char *expected, const char *what);
/* Fails the test unless both texts are equal; says which case of a table it was. */
void expect_text(const char *found, const char *expected, const char *what);

#endif
