#include <mot/model/texts.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

void texts_add(struct texts *texts, char *text)
{
    /* The capacity is the next power of two: not worth a member of its own. */
    if ((texts->count & (texts->count - 1)) == 0)
        texts->items =
            mem_resize(texts->items, texts->count ? texts->count * 2 : 1, sizeof(char *));
    texts->items[texts->count++] = text;
}

void texts_addf(struct texts *texts, const char *format, ...)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    va_list args;
    va_start(args, format);
    buf_addv(&buf, format, args);
    va_end(args);
    texts_add(texts, buf_take(&buf));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void texts_sort(struct texts *texts)
{
    if (texts->count > 1)
        qsort(texts->items, texts->count, sizeof(char *), compare_texts);
}

void texts_release(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct texts){0};
}
