#ifndef MOT_MODEL_SELECTOR_INTERNAL_H
#define MOT_MODEL_SELECTOR_INTERNAL_H

#include <mot/model/selector.h>
#include <mot/model/texts.h>

enum selector_operator {
    SELECTOR_IN, /* =, == and in */
    SELECTOR_NOT_IN,
    SELECTOR_EXISTS,
    SELECTOR_NOT_EXISTS,
    SELECTOR_GREATER,
    SELECTOR_LESS,
};

struct requirement {
    char *key;
    enum selector_operator op;
    struct texts values;
};

struct selector {
    struct requirement *items;
    size_t count;
    size_t capacity;
    bool nothing;
    bool absent_is_empty; /* fields: what is missing has the value "" */
};

struct selector *selector_new(void);
/* Takes a copy of @key; the result is valid until the next one is added. */
struct requirement *selector_add(struct selector *selector, const char *key,
                                 enum selector_operator op);

#endif
