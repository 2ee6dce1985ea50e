#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <api/http/stream.h>
#include <mot/base/mem.h>

struct calls {
    int writable, closed, notified;
};

static void on_writable(void *context)
{
    ((struct calls *)context)->writable++;
}

static void on_closed(void *context)
{
    ((struct calls *)context)->closed++;
}

static void on_notify(void *owner, struct http_stream *stream)
{
    (void)stream;
    ((struct calls *)owner)->notified++;
}

static const struct http_stream_events events = {on_writable, on_closed};

static struct http_stream *start(struct calls *calls, size_t max)
{
    struct http_stream *stream = stream_new(max, &events, calls);
    stream->owner = calls;
    stream->notify = on_notify;
    return stream;
}

static bool put(struct http_stream *stream, const char *text)
{
    struct http_frame *frame = http_frame_new(mem_strdup(text), strlen(text));
    bool done = http_stream_write(stream, frame);
    http_frame_unref(frame);
    return done;
}

static void frames_for_the_wire(void **state)
{
    (void)state;
    static const struct {
        enum stream_framing framing;
        const char *expected;
    } rows[] = {
        {STREAM_CHUNKED, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
        {STREAM_RAW, "abcde"},
        {STREAM_WEBSOCKET, "\x81\x03"
                           "abc\x81\x02"
                           "de"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        struct calls calls = {0};
        struct buf out;
        buf_init(&out, BUF_MAX_DEFAULT);
        struct http_stream *stream = start(&calls, 100);
        assert_true(put(stream, "abc"));
        assert_true(put(stream, "")); /* nothing: an empty chunk would be the end */
        assert_true(put(stream, "de"));
        http_stream_end(stream);
        assert_false(put(stream, "late"));
        assert_int_equal(calls.notified, 1);
        stream_fill(stream, &out, 1000, rows[i].framing);
        assert_string_equal(out.data, rows[i].expected);
        assert_true(stream_ended(stream));
        stream_fill(stream, &out, 1000, rows[i].framing); /* the end comes once */
        assert_string_equal(out.data, rows[i].expected);
        stream_close(stream);
        stream_close(stream);
        assert_int_equal(calls.closed, 1);
        http_stream_unref(stream);
        buf_release(&out);
    }
}

static void is_bounded(void **state)
{
    (void)state;
    struct calls calls = {0};
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    struct http_stream *stream = start(&calls, 8);
    assert_true(put(stream, "a frame over the maximum goes when it is alone"));
    assert_false(put(stream, "x"));
    stream_fill(stream, &out, 1, STREAM_RAW);
    assert_int_equal(calls.writable, 1);
    assert_true(put(stream, "12345678"));
    assert_false(put(stream, "9"));
    assert_int_equal(calls.writable, 1);
    stream_fill(stream, &out, 1000, STREAM_RAW);
    assert_int_equal(calls.writable, 2);
    stream_fill(stream, &out, 1000, STREAM_RAW); /* only after a refusal */
    assert_int_equal(calls.writable, 2);
    http_stream_abort(stream);
    assert_false(put(stream, "x"));
    assert_true(stream_aborted(stream));
    stream_close(stream);
    assert_int_equal(calls.closed, 1);
    http_stream_unref(stream);
    buf_release(&out);
}

static void takes_what_fits(void **state)
{
    (void)state;
    struct calls calls = {0};
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    struct http_stream *stream = start(&calls, 10000);
    for (int i = 0; i < 1000; i++)
        assert_true(put(stream, "abcd"));
    stream_fill(stream, &out, 40, STREAM_RAW);
    assert_int_equal(out.len, 40);
    assert_false(stream_empty(stream));
    while (!stream_empty(stream))
        stream_fill(stream, &out, out.len + 100, STREAM_RAW);
    assert_int_equal(out.len, 4000);
    stream_close(stream);
    http_stream_unref(stream);
    buf_release(&out);
}

static void shares_frames(void **state)
{
    (void)state;
    struct calls calls = {0};
    struct http_stream *one = start(&calls, 100), *two = start(&calls, 100);
    struct http_frame *frame = http_frame_new(mem_strdup("shared"), 6);
    assert_true(http_stream_write(one, frame));
    assert_true(http_stream_write(two, frame));
    http_frame_unref(frame);
    stream_close(one);
    http_stream_unref(one);
    struct buf out;
    buf_init(&out, 100);
    stream_fill(two, &out, 100, STREAM_RAW);
    assert_string_equal(out.data, "shared");
    stream_close(two);
    http_stream_unref(two);
    buf_release(&out);
}

static void a_reference_outlives_the_close(void **state)
{
    (void)state;
    struct calls calls = {0};
    struct http_stream *stream = http_stream_ref(start(&calls, 100));
    stream_close(stream);
    http_stream_unref(stream); /* the server's */
    assert_false(put(stream, "x"));
    http_stream_end(stream);
    http_stream_abort(stream);
    assert_int_equal(calls.notified, 0);
    assert_int_equal(calls.closed, 1);
    http_stream_unref(stream);
}

static void text_headers(void **state)
{
    (void)state;
    unsigned char header[10];
    assert_int_equal(stream_text_header(125, header), 2);
    assert_memory_equal(header, "\x81\x7d", 2);
    assert_int_equal(stream_text_header(126, header), 4);
    assert_memory_equal(header, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(stream_text_header(65535, header), 4);
    assert_int_equal(stream_text_header(65536, header), 10);
    assert_memory_equal(header, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
}

static void begins_without_a_server(void **state)
{
    (void)state;
    struct calls calls = {0};
    struct http_request request = {.method = "GET"};
    struct http_response response = {0};
    struct http_stream *stream =
        http_stream_begin(&request, &response, "v4.channel.k8s.io", &events, &calls);
    assert_ptr_equal(stream, response.stream);
    assert_string_equal(stream->protocol, "v4.channel.k8s.io");
    assert_true(put(stream, "x"));
    stream_close(stream);
    assert_int_equal(calls.closed, 1);
    http_stream_unref(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_for_the_wire),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(takes_what_fits),
        cmocka_unit_test(shares_frames),
        cmocka_unit_test(text_headers),
        cmocka_unit_test(a_reference_outlives_the_close),
        cmocka_unit_test(begins_without_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
