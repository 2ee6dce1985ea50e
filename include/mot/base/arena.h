/*
 * An arena: memory that is given back all at once. Not thread-safe. Over its maximum the process
 * ends with a message, as it does when memory is out: callers bound their inputs.
 */
#ifndef MOT_BASE_ARENA_H
#define MOT_BASE_ARENA_H

#include <stddef.h>

#include <mot/base/mem.h>

struct arena;
struct arena *arena_new(size_t max) MOT_NODISCARD;
void arena_free(struct arena *arena);
/* Keeps the first block. */
void arena_clear(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size) MOT_NONNULL; /* zeroed, aligned for anything */
void *arena_array(struct arena *arena, size_t count, size_t size) MOT_NONNULL; /* zeroed */
char *arena_strdup(struct arena *arena, const char *text) MOT_NONNULL;         /* "" for NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t len) MOT_NONNULL;
char *arena_printf(struct arena *arena, const char *format, ...) MOT_PRINTF(2, 3) MOT_NONNULL;

#endif
