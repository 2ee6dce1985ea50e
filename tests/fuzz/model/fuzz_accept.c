/* Any Accept header, for documents and for objects, and any Content-Type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <api/documents/accept.h>
#include <api/negotiate.h>
#include <lib/must.h>
#include <mot/base/mem.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_object(const char *text)
{
    struct output one, list;
    bool has_one = negotiate_accept(text, false, &one);
    bool has_list = negotiate_accept(text, true, &list);
    if (has_one)
        must((one.media == MEDIA_JSON || one.media == MEDIA_YAML) && one.form != FORM_PARTIAL_LIST);
    if (has_list)
        must(list.media == MEDIA_JSON || list.media == MEDIA_YAML);
    /* Whatever one object can be had as, a list can be, too. */
    must(!has_one || has_list);
    /* Nobody gets a form that was not asked for. */
    must(!has_list || list.form == FORM_PLAIN || strcasestr(text, "meta.k8s.io"));
}

static void check_content_type(const char *text)
{
    enum media media = negotiate_content_type(text);
    must(media >= MEDIA_JSON && media <= MEDIA_OTHER);
    AUTO_FREE char *more = mem_printf("%s; charset=utf-8", text);
    must(!*text || negotiate_content_type(more) == media || strchr(text, ';'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct offer offers[] = {{"application/json", ""},
                                          {"application/json", "as=T;g=g;v=v1"}};
    char *text = mem_strndup((const char *)data, size);
    int chosen = accept_choose(text, offers, 2);
    must(chosen >= -1 && chosen <= 1);
    check_object(text);
    check_content_type(text);
    free(text);
    return 0;
}
