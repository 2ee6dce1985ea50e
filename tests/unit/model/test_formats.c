/* The formats of strings: what they accept and what they refuse. */
#include "support.h"

#include <mot/model/schema.h>

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *format;
    const char *good[12];
    const char *bad[16];
} cases[] = {
    {"date-time",
     {"2020-01-01T00:00:00Z", "2020-01-01t00:00:00z", "2020-01-01T00:00:00.123+02:00",
      "2020-02-29T23:59:59-12:30", "2020-01-01T00:00:00,5Z", "2020-01-01T00:00:00-5Z"},
     {"2020-01-01 00:00:00", "2020-01-01T00:00:00", "2019-02-29T00:00:00Z", "2020-01-01T24:00:00Z",
      "2020-01-01T00:60:00Z", "2020-01-01T00:00:60Z", "2020-01-01T00:00:00.Z",
      "2020-01-01T00:00:00+0200", "x", ""}},
    {"datetime", {"2020-01-01T00:00:00Z"}, {"x"}},
    {"date",
     {"2020-02-29", "0001-12-31"},
     {"2019-02-29", "2020-1-1", "2020-13-01", "2020-01-32", "20200101", "x", ""}},
    {"duration",
     {"1h", "22 ns", "1 week", "1d", "P1D", "1.5h", "-1h", "0", "3 microseconds", "5\xc2\xb5s",
      "2 WEEKS"},
     {"5", "x", "", "1 parsec", "9999999999999999999d"}},
    {"hostname",
     {"a", "a-b", "example.com", "\xc3\xa9.com", "1a.example.org", "a+b", "xn--x.de",
      LABEL_63 ".com"},
     {"a.b", "a_b", "1.2.3.4", "a.", "", ".com", "-a.com", "a-.com", "ab-c", "a b", "x.c0m",
      LABEL_63 "4.com"}},
    {"ipv4",
     {"1.2.3.4", "01.2.3.4", "255.255.255.255"},
     {"1.2.3", "1.2.3.256", "1.2.3.4.5", "::1", "x", "", "1.2.3.4 "}},
    {"ipv6", {"::1", "::ffff:1.2.3.4", "2001:db8::1"}, {"1.2.3.4", ":::1", "x", "", "::1%eth0"}},
    {"cidr",
     {"10.0.0.0/8", "2001:db8::/32", "1.2.3.4/32"},
     {"10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "", "10.0.0.0/-1"}},
    {"mac",
     {"01:02:03:04:05:06", "01-02-03-0a-0B-0c", "0102.0304.0506", "01:02:03:04:05:06:07:08",
      "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01"},
     {"01:02:03:04:05", "01-02:03:04:05:06", "0102:0304:0506", "010203040506", "g1:02:03:04:05:06",
      ""}},
    {"uuid",
     {"123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000",
      "123e4567e89b-12d3-a456-426614174000"},
     {"123e4567-e89b-12d3-a456-42661417400", "x", "", "{123e4567-e89b-12d3-a456-426614174000}"}},
    {"uuid3", {"123e4567-e89b-32d3-0456-426614174000"}, {"123e4567-e89b-42d3-a456-426614174000"}},
    {"uuid4",
     {"123e4567-e89b-42d3-a456-426614174000"},
     {"123e4567-e89b-42d3-c456-426614174000", "123e4567-e89b-12d3-a456-426614174000"}},
    {"uuid5", {"123e4567-e89b-52d3-b456-426614174000"}, {"123e4567-e89b-52d3-7456-426614174000"}},
    {"bsonobjectid", {"507f1f77bcf86cd799439011"}, {"507f1f77bcf86cd79943901", "x", ""}},
    {"uri",
     {"/x", "a:b", "http://example.com/x?y=%zz#f", "https://u:p@h:8080/", "*", "mailto:a@b",
      "http://[::1]:80/", "urn:%zz", "//x", "http://host", "https://\xc3\xa9.com/"},
     {"x", "", ":x", "/%zz", "http://a b/", "http://h:8x/", "http://[::1/", "1a:b", "http://%41/",
      "/a\nb", "x/y:z"}},
    {"email", {"a@b.c", "A <a@b.c>", "a.b+c@d.e"}, {"a", "a@", "@b", "a@b@c", "", "a b@c.d"}},
    {"isbn", {"0321751043", "978-0321751041", "0 8044 2957 X"}, {"0321751042", "x", ""}},
    {"isbn10", {"0321751043", "080442957X"}, {"978-0321751041", "0804429570"}},
    {"isbn13", {"9780321751041"}, {"0321751043", "9780321751042"}},
    {"creditcard",
     {"4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005",
      "30569309025904", "3530111333300000", "6011111111111117"},
     {"4111111111111112", "1234567812345670", "", "x", "41111111111111111111111"}},
    {"ssn",
     {"111-11-1111", "111 11 1111", "111-11 1111"},
     {"111111111", "111-111111", "x", "", "1111-1-1111"}},
    {"hexcolor", {"#fff", "FFF", "#a1B2c3"}, {"#ffff", "ggg", "", "#"}},
    {"rgbcolor",
     {"rgb(0,0,0)", "rgb( 255 , 1, 10 )"},
     {"rgb(256,0,0)", "rgb(00,0,0)", "rgb(1,2)", "rgba(1,2,3)", "", "RGB(1,2,3)"}},
    {"byte", {"aGk=", "aGVs", "+/+/"}, {"aGk", "aG k", "", "====", "a"}},
    {"password", {"anything", ""}, {NULL}},
    {"k8s-short-name", {"a-b", LABEL_63}, {"A", "a.b", "-a", "", LABEL_63 "4"}},
    {"k8s-long-name", {"a.b", "a-b"}, {"A", "a..b", ""}},
    {"int32", {"x"}, {NULL}},
    {"no-such-format", {"x"}, {NULL}},
};

static struct schema *schema_of(const char *format)
{
    struct err err = {0};
    json_t *json = json_pack("{s:s, s:{s:{s:s, s:s}}}", "type", "object", "properties", "s", "type",
                             "string", "format", format);
    struct schema *schema = schema_compile(json, &err);
    if (!schema)
        fail_msg("%s: %s", format, err.message);
    json_decref(json);
    return schema;
}

static void expect_accepted(const struct schema *schema, const char *format, const char *text,
                            bool accepted)
{
    struct field_errors errors = {0};
    json_t *object = json_pack("{s:{s:s}, s:s}", "metadata", "name", "x", "s", text);
    schema_validate(schema, object, &errors);
    if ((errors.count == 0) != accepted)
        fail_msg("%s: \"%s\" is %s", format, text, accepted ? "refused" : "accepted");
    field_errors_release(&errors);
    json_decref(object);
}

static void accepts_and_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct schema *schema = schema_of(cases[i].format);
        for (const char *const *text = cases[i].good; *text; text++)
            expect_accepted(schema, cases[i].format, *text, true);
        for (const char *const *text = cases[i].bad; *text; text++)
            expect_accepted(schema, cases[i].format, *text, false);
        schema_free(schema);
    }
}

static void checks_no_numbers(void **state)
{
    (void)state;
    static const char *const formats[] = {"int32", "int64", "float", "double"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(formats); i++) {
        struct err err = {0};
        struct field_errors errors = {0};
        json_t *json = json_pack("{s:s, s:{s:{s:s, s:s}}}", "type", "object", "properties", "n",
                                 "type", i < 2 ? "integer" : "number", "format", formats[i]);
        struct schema *schema = schema_compile(json, &err);
        json_t *object = quoted("{'metadata':{'name':'x'},'n':3000000000}");
        assert_non_null(schema);
        schema_validate(schema, object, &errors);
        assert_int_equal(errors.count, 0);
        json_decref(object);
        json_decref(json);
        schema_free(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_refuses),
        cmocka_unit_test(checks_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
