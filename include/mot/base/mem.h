/*
 * Allocation. Out of memory ends the process with one line: all processes here are
 * restartable at any instruction, and limits keep a request from causing it.
 * Every allocation has one owner; a function that hands ownership over says so in its header.
 */
#ifndef MOT_BASE_MEM_H
#define MOT_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#include <mot/base/err.h>

#define MOT_NONNULL __attribute__((returns_nonnull)) MOT_NODISCARD

void *mem_alloc(size_t size) MOT_NONNULL;  /* not zeroed */
void *mem_zalloc(size_t size) MOT_NONNULL; /* zeroed */
void *mem_array(size_t count,
                size_t size) MOT_NONNULL; /* zeroed; aborts when the product overflows */
void *mem_resize(void *ptr, size_t count, size_t size) MOT_NONNULL;
char *mem_strdup(const char *text) MOT_NONNULL; /* "" for NULL */
char *mem_strndup(const char *text, size_t len) MOT_NONNULL;
char *mem_printf(const char *format, ...) MOT_PRINTF(1, 2) MOT_NONNULL;

/* Grows @*array so that it holds one more than @count elements; doubles. */
void mem_grow(void **array, size_t *capacity, size_t count, size_t size);

/* Tells malloc to keep few arenas and to give memory back: call first in every main(). */
void mem_tune(void);
/* Gives the system what malloc keeps: after much was freed, and not often. */
void mem_trim(void);

/* `AUTO_FREE char *name = …;` is freed when the scope ends; mem_take() hands it out instead. */
#define MOT_CLEANUP(function) __attribute__((cleanup(function)))
#define AUTO_FREE             MOT_CLEANUP(mem_freep)
void mem_freep(void *pointer_to_pointer);
char *mem_take(char **pointer);

#define MOT_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
