/* $(NAME) in commands, arguments and environment values, as Kubernetes expands it. */
#ifndef MOT_LOCAL_EXPAND_H
#define MOT_LOCAL_EXPAND_H

#include <stddef.h>

#include <mot/base/arena.h>

/* An environment that grows: "NAME=value" texts, NULL-terminated. Everything in the arena. */
struct environment {
    struct arena *arena;
    char **items;
    size_t count;
    size_t capacity;
};

void environment_init(struct environment *environment, struct arena *arena);
/* Sets or replaces. */
void environment_set(struct environment *environment, const char *name, const char *value);
/* NULL when it isn't set. */
const char *environment_get(const struct environment *environment, const char *name);

/* $(NAME) becomes its value and stays when there is none; $$ becomes $, so that $$(NAME) stays
 * $(NAME). */
const char *expand(const struct environment *environment, const char *text);

#endif
