#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/negotiate.h"

#define TABLE   "application/json;as=Table;v=v1;g=meta.k8s.io"
#define PARTIAL "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define PROTO   "application/vnd.kubernetes.protobuf"

static const struct {
    const char *accept;
    bool list, accepted;
    enum media media;
    enum form form;
} accepts[] = {
    {NULL, true, true, MEDIA_JSON, FORM_PLAIN},
    {"", true, true, MEDIA_JSON, FORM_PLAIN},
    {"*/*", true, true, MEDIA_JSON, FORM_PLAIN},
    {"application/json, */*", false, true, MEDIA_JSON, FORM_PLAIN},
    {"application/json;q=0.5,application/yaml", false, true, MEDIA_YAML, FORM_PLAIN},
    {TABLE "," TABLE ",application/json", true, true, MEDIA_JSON, FORM_TABLE},
    {"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", true, true, MEDIA_JSON,
     FORM_PLAIN},
    {"application/json;as=Table;v=v1beta1;g=meta.k8s.io," TABLE ",application/json", true, true,
     MEDIA_JSON, FORM_TABLE},
    {"application/json;as=Nonsense;v=v1;g=meta.k8s.io", true, false, MEDIA_JSON, FORM_PLAIN},
    {PROTO, true, false, MEDIA_JSON, FORM_PLAIN},
    {PROTO ",application/json", true, true, MEDIA_JSON, FORM_PLAIN},
    {PROTO ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," PARTIAL ",application/json", false, true,
     MEDIA_JSON, FORM_PARTIAL},
    {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", true, true, MEDIA_JSON,
     FORM_PARTIAL_LIST},
    {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", false, false, MEDIA_JSON,
     FORM_PLAIN},
    {"text/html", true, false, MEDIA_JSON, FORM_PLAIN},
    {"application/json;q=0", true, false, MEDIA_JSON, FORM_PLAIN},
    {"text/html,application/xhtml+xml,*/*;q=0.8", true, true, MEDIA_JSON, FORM_PLAIN},
    {" application/json ; as = Table ; v=v1 ; g=meta.k8s.io ; q=0.9 , */*;q=0.1", true, true,
     MEDIA_JSON, FORM_TABLE},
    {",,;,", true, false, MEDIA_JSON, FORM_PLAIN},
};

static void test_accept(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        struct output output;
        print_message("%s\n", accepts[i].accept ? accepts[i].accept : "(none)");
        assert_int_equal(negotiate_accept(accepts[i].accept, accepts[i].list, &output),
                         accepts[i].accepted);
        if (!accepts[i].accepted)
            continue;
        assert_int_equal(output.media, accepts[i].media);
        assert_int_equal(output.form, accepts[i].form);
    }
}

static const struct {
    const char *type;
    enum media media;
} types[] = {
    {NULL, MEDIA_JSON},
    {"", MEDIA_JSON},
    {"application/json", MEDIA_JSON},
    {"application/json; charset=utf-8", MEDIA_JSON},
    {"Application/JSON", MEDIA_JSON},
    {"application/yaml", MEDIA_YAML},
    {PROTO, MEDIA_PROTOBUF},
    {"application/merge-patch+json", MEDIA_MERGE_PATCH},
    {"application/json-patch+json", MEDIA_JSON_PATCH},
    {"application/apply-patch+yaml", MEDIA_APPLY_PATCH},
    {"application/strategic-merge-patch+json", MEDIA_STRATEGIC_PATCH},
    {"application/cbor", MEDIA_OTHER},
    {"text/plain", MEDIA_OTHER},
};

static void test_content_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(negotiate_content_type(types[i].type), types[i].media);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
