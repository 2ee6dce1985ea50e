/*
 * The rules of the request parser: bytes in, verdict out. Each case is fed at every split position,
 * so the verdict can't depend on how the network cuts a request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <api/http/handshake.h>
#include <api/http/reader.h>
#include <mot/base/mem.h>

#define H "Host: x\r\n"

struct rule {
    const char *name;
    const char *bytes;
    int status;       /* 0: accepted, -1: wants more */
    const char *body; /* when accepted */
};

static const struct rule rules[] = {
    {"get", "GET / HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"http/1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0, ""},
    {"empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"absolute form", "GET http://h:1/p?q HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"options *", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 0, "hello"},
    {"length 0", "PUT / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 0, ""},
    {"get with body", "GET / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", 0, "hi"},
    {"post without length", "POST / HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"chunked",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\n\r\n",
     0, "hello world"},
    {"chunked delete",
     "DELETE / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
     "A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
     0, "0123456789"},
    {"empty value", "GET / HTTP/1.1\r\n" H "A:\r\nB: \r\n\r\n", 0, ""},
    {"short known prefix", "GET / HTTP/1.1\r\n" H "A: 1\r\nAuthorization: Bearer x\r\n\r\n", 0, ""},
    {"utf-8 in the path", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"upgrade h2c is ignored", "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
     0, ""},
    {"upgrade with body",
     "POST / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n"
     "Content-Length: 2\r\n\r\nab",
     0, "ab"},
    {"expect", "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", 0,
     "a"},
    {"body at the limit", "POST / HTTP/1.1\r\n" H "Content-Length: 16\r\n\r\n0123456789abcdef", 0,
     "0123456789abcdef"},

    {"incomplete head", "GET / HTTP/1.1\r\nHost", -1, NULL},
    {"incomplete body", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhell", -1, NULL},
    {"incomplete chunks",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", -1, NULL},

    {"length and coding",
     "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL},
    {"coding and length",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, NULL},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400,
     NULL},
    {"list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400, NULL},
    {"length 4abc", "POST / HTTP/1.1\r\n" H "Content-Length: 4abc\r\n\r\n", 400, NULL},
    {"length +4", "POST / HTTP/1.1\r\n" H "Content-Length: +4\r\n\r\n", 400, NULL},
    {"length -1", "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400, NULL},
    {"length 0x4", "POST / HTTP/1.1\r\n" H "Content-Length: 0x4\r\n\r\n", 400, NULL},
    {"empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400, NULL},
    {"huge length", "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 400,
     NULL},
    {"length over the limit", "POST / HTTP/1.1\r\n" H "Content-Length: 17\r\n\r\n", 413, NULL},
    {"chunk over the limit", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n11\r\n",
     413, NULL},
    {"chunks over the limit",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "a\r\n0123456789\r\n7\r\n",
     413, NULL},
    {"chunk size of 16 digits",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
     "0000000000000001\r\n",
     413, NULL},
    {"gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
     NULL},
    {"identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501, NULL},
    {"chunked twice",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400, NULL},
    {"chunked and http/1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400,
     NULL},
    {"chunk size zz", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
     NULL},
    {"no chunk size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\n", 400, NULL},
    {"blank chunk size", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 5\r\n", 400,
     NULL},
    {"chunk with bare LF", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
     400, NULL},
    {"chunk size CR x", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\rxhello\r\n",
     400, NULL},
    {"chunk too long", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n",
     400, NULL},
    {"chunk data LF only", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n",
     400, NULL},
    {"folded trailer",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n", 400, NULL},
    {"trailer without colon",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nabc\r\n", 400, NULL},

    {"folded header", "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400, NULL},
    {"folded first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, NULL},
    {"bare LF", "GET / HTTP/1.1\n" H "\n", 400, NULL},
    {"bare LF in headers", "GET / HTTP/1.1\r\n" H "A: b\nC: d\r\n\r\n", 400, NULL},
    {"bare CR", "GET / HTTP/1.1\r\n" H "A: b\rC: d\r\n\r\n", 400, NULL},
    {"control character", "GET / HTTP/1.1\r\n" H "A: b\001\r\n\r\n", 400, NULL},
    {"blank before colon", "GET / HTTP/1.1\r\n" H "Content-Length : 4\r\n\r\n", 400, NULL},
    {"header without name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400, NULL},
    {"header without colon", "GET / HTTP/1.1\r\n" H "abc\r\n\r\n", 400, NULL},
    {"header name in brackets", "GET / HTTP/1.1\r\n" H "a[b]: c\r\n\r\n", 400, NULL},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400, NULL},
    {"two hosts", "GET / HTTP/1.1\r\n" H "Host: y\r\n\r\n", 400, NULL},
    {"host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, NULL},
    {"two authorizations", "GET / HTTP/1.1\r\n" H "Authorization: a\r\nAuthorization: b\r\n\r\n",
     400, NULL},
    {"unknown method", "FOO / HTTP/1.1\r\n" H "\r\n", 501, NULL},
    {"unknown method, known start", "GETS / HTTP/1.1\r\n" H "\r\n", 501, NULL},
    {"lower case method", "get / HTTP/1.1\r\n" H "\r\n", 501, NULL},
    {"method not served", "PROPFIND / HTTP/1.1\r\n" H "\r\n", 405, NULL},
    {"trace", "TRACE / HTTP/1.1\r\n" H "\r\n", 405, NULL},
    {"connect", "CONNECT h:1 HTTP/1.1\r\n" H "\r\n", 405, NULL},
    {"garbage", "\001\002\003", 400, NULL},
    {"tls", "\x16\x03\x01\x02", 400, NULL},
    {"no path", "GET HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"relative path", "GET a HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"* for get", "GET * HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"tab in the target", "GET /a\tb HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"two blanks", "GET  / HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"blank in path", "GET /a b HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"blank after version", "GET / HTTP/1.1 \r\n" H "\r\n", 400, NULL},
    {"http/2.0", "GET / HTTP/2.0\r\n" H "\r\n", 505, NULL},
    {"http/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501, NULL},
    {"http/0.9", "GET /\r\n\r\n", 400, NULL},
    {"http/1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505, NULL},
    {"not http", "GET / HTPP/1.1\r\n" H "\r\n", 400, NULL},
    {"expect something", "GET / HTTP/1.1\r\n" H "Expect: miracles\r\n\r\n", 417, NULL},
    {"many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"long target",
     "GET "
     "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "123456789012345678901234567890123456789012345678901234567890 HTTP/1.1\r\n" H "\r\n",
     414, NULL},
    {"long header",
     "GET / HTTP/1.1\r\n" H
     "A: 0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890\r\n\r\n",
     431, NULL},
};

/* Feeds the bytes in pieces that end at @split and at the end; returns what was used. */
static size_t feed(struct reader *reader, const char *bytes, size_t len, size_t split)
{
    size_t at = 0;
    while (at < len && reader->state != READER_DONE && reader->state != READER_FAILED) {
        size_t end = at < split ? split : len;
        at += reader_feed(reader, bytes + at, end - at);
    }
    return at;
}

static void expect(const struct rule *rule, const struct reader *reader, size_t used, size_t split)
{
    int status = reader->state == READER_FAILED ? reader->fault.status
                 : reader->state == READER_DONE ? 0
                                                : -1;
    if (status != rule->status)
        fail_msg("%s, split at %zu: %d (%s) instead of %d", rule->name, split, status,
                 reader->fault.message ? reader->fault.message : "", rule->status);
    if (status != 0)
        return;
    assert_int_equal(used, strlen(rule->bytes));
    assert_string_equal(reader->message->request.body, rule->body);
    assert_int_equal(reader->message->request.body_len, strlen(rule->body));
}

static void judges_alike_at_every_split(void **state)
{
    (void)state;
    struct reader_limits limits = {.header_max = 128, .body_max = 16};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rules); i++) {
        size_t len = strlen(rules[i].bytes);
        for (size_t split = 0; split <= len; split++) {
            struct reader reader;
            reader_init(&reader, &limits);
            size_t used = feed(&reader, rules[i].bytes, len, split);
            expect(&rules[i], &reader, used, split);
            reader_release(&reader);
        }
    }
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct reader_limits limits = {.header_max = 128, .body_max = 16};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rules); i++) {
        struct reader reader;
        size_t used = 0, len = strlen(rules[i].bytes);
        reader_init(&reader, &limits);
        while (used < len && reader.state != READER_DONE && reader.state != READER_FAILED)
            used += reader_feed(&reader, rules[i].bytes + used, 1);
        expect(&rules[i], &reader, used, 1);
        reader_release(&reader);
    }
}

static void a_nul_is_refused(void **state)
{
    (void)state;
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n";
    struct reader_limits limits = {.header_max = 1024, .body_max = 16};
    struct reader reader;
    reader_init(&reader, &limits);
    feed(&reader, bytes, sizeof(bytes) - 1, 0);
    assert_int_equal(reader.state, READER_FAILED);
    assert_int_equal(reader.fault.status, 400);
    reader_release(&reader);
}

static void tells_the_parts(void **state)
{
    (void)state;
    static const char bytes[] =
        "POST http://h:80/a%2Fb/../c?x=1&y=2 HTTP/1.1\r\nHOST:  h \t\r\nX-A: 1\r\nx-a:2 \r\n"
        "Connection: foo , Close\r\nContent-Length: 3\r\n\r\nabcGET /next HTTP/1.1\r\n";
    struct reader_limits limits = {.header_max = 1024, .body_max = 16};
    struct reader reader;
    reader_init(&reader, &limits);
    size_t used = feed(&reader, bytes, sizeof(bytes) - 1, 0);
    assert_int_equal(reader.state, READER_DONE);
    assert_string_equal(bytes + used, "GET /next HTTP/1.1\r\n");
    struct message *message = reader_take(&reader);
    const struct http_request *request = &message->request;
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->target, "http://h:80/a%2Fb/../c?x=1&y=2");
    assert_string_equal(request->path, "/a%2Fb/../c");
    assert_string_equal(request->query, "x=1&y=2");
    assert_int_equal(request->header_count, 5);
    assert_string_equal(http_header(request, "host"), "h");
    assert_string_equal(http_header(request, "x-a"), "1");
    assert_string_equal(request->headers[2].value, "2");
    assert_null(http_header(request, "x-b"));
    assert_true(message->close);
    assert_string_equal(request->body, "abc");
    message_free(message);

    reader_next(&reader);
    feed(&reader, "GET ?q HTTP/1.1\r\n", 17, 0);
    assert_int_equal(reader.state, READER_FAILED);
    reader_release(&reader);
}

static void too_many_headers(void **state)
{
    (void)state;
    struct reader_limits limits = {.header_max = (size_t)1 << 20, .body_max = 16};
    struct reader reader;
    reader_init(&reader, &limits);
    reader_feed(&reader, "GET / HTTP/1.1\r\n", 16);
    for (int i = 0; i < 1000; i++)
        reader_feed(&reader, "A: b\r\n", 6);
    assert_int_equal(reader.state, READER_HEAD);
    reader_feed(&reader, "A: b\r\n", 6);
    assert_int_equal(reader.state, READER_FAILED);
    assert_int_equal(reader.fault.status, 431);
    reader_release(&reader);
}

static void endless_trailers(void **state)
{
    (void)state;
    static const char head[] =
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    struct reader_limits limits = {.header_max = 1024, .body_max = 16};
    struct reader reader;
    reader_init(&reader, &limits);
    reader_feed(&reader, head, sizeof(head) - 1);
    int lines = 0;
    while (reader.state == READER_BODY && lines < 100000) {
        reader_feed(&reader, "Aa: bb\r\n", 8);
        lines++;
    }
    assert_int_equal(reader.state, READER_FAILED);
    assert_true(lines < 10000);
    reader_release(&reader);
}

/* ------------------------------------------------------------------------ WebSocket */

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP  "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

static const struct {
    const char *name, *bytes;
    int status; /* 0: fine */
    bool websocket;
} handshakes[] = {
    {"no upgrade", "GET / HTTP/1.1\r\n" H "\r\n", 0, false},
    {"h2c", "GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 0, false},
    {"good", "GET / HTTP/1.1\r\n" H UP V13 KEY "\r\n", 0, true},
    {"cases", "GET / HTTP/1.1\r\n" H "UPGRADE: WebSocket\r\nCONNECTION: upgrade\r\n" V13 KEY "\r\n",
     0, true},
    {"protocols",
     "GET / HTTP/1.1\r\n" H UP V13 KEY
     "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YWJj, "
     "base64.binary.k8s.io\r\n\r\n",
     0, true},
    {"post", "POST / HTTP/1.1\r\n" H UP V13 KEY "\r\n", 400, false},
    {"http/1.0", "GET / HTTP/1.0\r\n" H UP V13 KEY "\r\n", 400, false},
    {"no connection", "GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n" V13 KEY "\r\n", 400, false},
    {"version 8", "GET / HTTP/1.1\r\n" H UP "Sec-WebSocket-Version: 8\r\n" KEY "\r\n", 426, false},
    {"no version", "GET / HTTP/1.1\r\n" H UP KEY "\r\n", 426, false},
    {"no key", "GET / HTTP/1.1\r\n" H UP V13 "\r\n", 400, false},
    {"two keys", "GET / HTTP/1.1\r\n" H UP V13 KEY KEY "\r\n", 400, false},
    {"short key", "GET / HTTP/1.1\r\n" H UP V13 "Sec-WebSocket-Key: YWJj\r\n\r\n", 400, false},
    {"bad key", "GET / HTTP/1.1\r\n" H UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j?Q==\r\n\r\n",
     400, false},
    {"body", "GET / HTTP/1.1\r\n" H UP V13 KEY "Content-Length: 1\r\n\r\na", 400, false},
    {"bad protocol", "GET / HTTP/1.1\r\n" H UP V13 KEY "Sec-WebSocket-Protocol: a\"b\r\n\r\n", 400,
     false},
};

static void judges_handshakes(void **state)
{
    (void)state;
    struct reader_limits limits = {.header_max = 4096, .body_max = 16};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(handshakes); i++) {
        struct reader reader;
        reader_init(&reader, &limits);
        feed(&reader, handshakes[i].bytes, strlen(handshakes[i].bytes), 0);
        assert_int_equal(reader.state, READER_DONE);
        struct fault fault = {0, NULL};
        int result = handshake_check(reader.message, &fault);
        if (fault.status != handshakes[i].status || (result != 0) != (fault.status != 0) ||
            reader.message->request.websocket != handshakes[i].websocket)
            fail_msg("%s: %d %s", handshakes[i].name, fault.status,
                     fault.message ? fault.message : "");
        reader_release(&reader);
    }
}

static void knows_tokens(void **state)
{
    (void)state;
    assert_true(reader_has_token("upgrade", "upgrade"));
    assert_true(reader_has_token("a, UPGRADE\t ,b", "upgrade"));
    assert_false(reader_has_token("upgrade2, xupgrade", "upgrade"));
    assert_false(reader_has_token("", "upgrade"));
    assert_true(handshake_protocol_valid("v5.channel.k8s.io"));
    assert_false(handshake_protocol_valid(""));
    assert_false(handshake_protocol_valid("a\r\nb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_alike_at_every_split),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(tells_the_parts),
        cmocka_unit_test(too_many_headers),
        cmocka_unit_test(endless_trailers),
        cmocka_unit_test(judges_handshakes),
        cmocka_unit_test(knows_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
