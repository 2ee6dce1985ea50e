#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/client/table.h"
#include "fixture.h"

static const char deployments[] =
    "{'kind':'Table','columnDefinitions':["
    "{'name':'Name','type':'string','format':'name','priority':0},"
    "{'name':'Ready','type':'integer','priority':0},"
    "{'name':'Image','type':'string','priority':1},"
    "{'name':'Age','type':'string','priority':0}],"
    "'rows':[{'cells':['checkout',8,'registry/"
    "checkout:1',\"5m\"],'object':{'metadata':{'namespace':'payments'}}},"
    "{'cells':['a-much-longer-name',null,'x','1h'],'object':{'metadata':{'namespace':'p'}}}]}";

static void expect_table(struct table *table, const char *source, const char *expected)
{
    json_t *meta_table = fixture(source);
    struct buf out;
    buf_init(&out, 100000);
    table_add(table, meta_table, &out);
    assert_string_equal(out.data ? out.data : "", expected);
    buf_release(&out);
    json_decref(meta_table);
}

/* The expected texts are what kubectl 1.35 prints. */
static void test_plain(void **state)
{
    (void)state;
    struct table table = {0};
    expect_table(&table, deployments,
                 "NAME                 READY   AGE\n"
                 "checkout             8       5m\n"
                 "a-much-longer-name           1h\n");
    table_release(&table);
}

static void test_wide_with_namespace(void **state)
{
    (void)state;
    struct table table = {.wide = true, .with_namespace = true};
    expect_table(&table, deployments,
                 "NAMESPACE   NAME                 READY   IMAGE                 AGE\n"
                 "payments    checkout             8       registry/checkout:1   5m\n"
                 "p           a-much-longer-name           x                     1h\n");
    table_release(&table);
}

/* A watch sends the columns once; widths are kept, and there is one header. */
static void test_watch(void **state)
{
    (void)state;
    struct table table = {0};
    expect_table(&table, deployments,
                 "NAME                 READY   AGE\n"
                 "checkout             8       5m\n"
                 "a-much-longer-name           1h\n");
    expect_table(
        &table,
        "{'kind':'Table','columnDefinitions':null,'rows':[{'cells':['checkout',7,'i','6m']}]}",
        "checkout             7       6m\n");
    table_release(&table);
}

static void test_odd_cells(void **state)
{
    (void)state;
    struct table table = {.no_headers = true};
    expect_table(
        &table,
        "{'columnDefinitions':[{'name':'A','priority':0},{'name':'B','priority':0},{'name':'C','"
        "priority':0}],"
        "'rows':[{'cells':['two\\nlines',true,'grün']},{'cells':[1.5,false,'x','extra']}]}",
        "two lines   true    grün\n"
        "1.5         false   x\n");
    table_release(&table);
}

static void test_empty(void **state)
{
    (void)state;
    struct table table = {0};
    expect_table(&table, "{'columnDefinitions':[{'name':'Name'}],'rows':[]}", "");
    expect_table(&table, "{'kind':'Status'}", "");
    table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_wide_with_namespace),
        cmocka_unit_test(test_watch), cmocka_unit_test(test_odd_cells),
        cmocka_unit_test(test_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
