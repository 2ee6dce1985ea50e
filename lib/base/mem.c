#include <mot/base/mem.h>

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static void die(const char *line)
{
    ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
    (void)ignored;
    abort();
}

static void *checked(void *ptr)
{
    if (!ptr)
        die("out of memory\n");
    return ptr;
}

static size_t product(size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size)
        die("out of memory: the size of an array overflows\n");
    return count * size;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size > 0 ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
    return mem_zalloc(product(count, size));
}

void *mem_resize(void *ptr, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return checked(realloc(ptr, bytes > 0 ? bytes : 1));
}

char *mem_strdup(const char *text)
{
    return checked(strdup(text ? text : ""));
}

char *mem_strndup(const char *text, size_t len)
{
    return checked(strndup(text ? text : "", len));
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return checked(len < 0 ? NULL : text);
}

/* The caller's pointer has a type of its own, so it is copied as bytes, not read as void *. */
void mem_grow(void **array, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return;
    size_t wanted = *capacity < 8 ? 8 : *capacity;
    while (wanted <= count)
        wanted = wanted > SIZE_MAX / 2 ? SIZE_MAX : wanted * 2;
    void *ptr;
    memcpy(&ptr, array, sizeof(ptr));
    ptr = mem_resize(ptr, wanted, size);
    memcpy(array, &ptr, sizeof(ptr));
    *capacity = wanted;
}

void mem_tune(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

void mem_trim(void)
{
    malloc_trim(0);
}

void mem_freep(void *pointer_to_pointer)
{
    void *ptr;
    memcpy(&ptr, pointer_to_pointer, sizeof(ptr));
    free(ptr);
}

char *mem_take(char **pointer)
{
    char *taken = *pointer;
    *pointer = NULL;
    return taken;
}
