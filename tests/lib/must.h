/* The assertion of the fuzz targets: libFuzzer and the sanitizers keep the input of what aborts. */
#ifndef MOT_TESTS_LIB_MUST_H
#define MOT_TESTS_LIB_MUST_H

#include <stdbool.h>
#include <stdlib.h>

#include <mot/base/err.h>

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

/* A refusal says what is wrong. */
static inline void must_explain(const struct err *err)
{
    must(err->code != ERR_NONE && err->message[0]);
}

#endif
