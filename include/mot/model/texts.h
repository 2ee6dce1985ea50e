/* A growing list of texts, such as `unknown field "spec.bogus"`. */
#ifndef MOT_MODEL_TEXTS_H
#define MOT_MODEL_TEXTS_H

#include <stddef.h>

#include <mot/base/err.h>

struct texts {
    char **items;
    size_t count;
};

/* Owns @text from now on. */
void texts_add(struct texts *texts, char *text);
void texts_addf(struct texts *texts, const char *format, ...) MOT_PRINTF(2, 3);
/* Bytewise. */
void texts_sort(struct texts *texts);
void texts_release(struct texts *texts);

#endif
