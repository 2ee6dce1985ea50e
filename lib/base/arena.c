/*
 * Blocks that double in size; an allocation is cut from the newest one. Under AddressSanitizer what
 * was not handed out is poisoned and allocations lie apart, so that an overrun is found as with
 * malloc.
 */
#include <mot/base/arena.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, len)   ASAN_POISON_MEMORY_REGION(at, len)
#define UNPOISON(at, len) ASAN_UNPOISON_MEMORY_REGION(at, len)
#define GAP               _Alignof(max_align_t)
#else
#define POISON(at, len)   ((void)(at))
#define UNPOISON(at, len) ((void)(at))
#define GAP               ((size_t)0)
#endif

#define BLOCK_FIRST ((size_t)4 << 10)
#define BLOCK_LAST  ((size_t)1 << 20)

struct block {
    struct block *older;
    size_t size;
    size_t used;
    max_align_t data[];
};

struct arena {
    struct block *newest;
    size_t max;
    size_t total; /* handed out */
};

struct arena *arena_new(size_t max)
{
    struct arena *arena = mem_zalloc(sizeof(*arena));
    arena->max = max;
    return arena;
}

static struct block *block_free(struct block *block)
{
    struct block *older = block->older;
    UNPOISON(block->data, block->size);
    free(block);
    return older;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->newest)
        arena->newest = block_free(arena->newest);
    free(arena);
}

void arena_clear(struct arena *arena)
{
    arena->total = 0;
    if (!arena->newest)
        return;
    while (arena->newest->older)
        arena->newest = block_free(arena->newest);
    arena->newest->used = 0;
    POISON(arena->newest->data, arena->newest->size);
}

__attribute__((noreturn)) static void die(const struct arena *arena)
{
    fprintf(stderr, "an arena is over its maximum of %zu bytes\n", arena->max);
    abort();
}

static void add_block(struct arena *arena, size_t least)
{
    size_t size = arena->newest ? arena->newest->size : BLOCK_FIRST / 2;
    size = size < BLOCK_LAST ? size * 2 : BLOCK_LAST;
    if (size < least)
        size = least;
    struct block *block = mem_alloc(sizeof(*block) + size);
    *block = (struct block){.older = arena->newest, .size = size};
    POISON(block->data, size);
    arena->newest = block;
}

static size_t round_up(size_t size)
{
    size_t unit = _Alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->max || size > SIZE_MAX / 2 || arena->total > arena->max - size)
        die(arena);
    size_t need = round_up(size > 0 ? size : 1) + GAP;
    if (!arena->newest || arena->newest->size - arena->newest->used < need)
        add_block(arena, need);
    struct block *block = arena->newest;
    char *place = (char *)block->data + block->used;
    block->used += need;
    arena->total += size;
    UNPOISON(place, size);
    memset(place, 0, size);
    return place;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size)
        die(arena);
    return arena_alloc(arena, count * size);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, SIZE_MAX);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    size_t actual = text ? strnlen(text, len) : 0;
    char *copy = arena_alloc(arena, actual + 1);
    if (actual > 0)
        memcpy(copy, text, actual);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(arena, len < 0 ? 1 : (size_t)len + 1);
    if (len > 0)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}
