/* Frames as a server sends them, in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>

#include "lib/http/frames.h"

static int collect(void *context, const char *data, size_t len, struct err *err)
{
    (void)err;
    buf_add(context, data, len);
    return 0;
}

struct frames_case {
    const char *why;
    const char *bytes;
    size_t len;
    const char *text; /* of all messages; NULL: an error */
    bool closed;
    unsigned code;
    size_t answer; /* bytes that go back */
};

#define BYTES(text_) text_, sizeof(text_) - 1

static const struct frames_case cases[] = {
    {"one message", BYTES("\x81\x02hi"), "hi", false, 0, 0},
    {"two messages",
     BYTES("\x81\x01"
           "a\x81\x01"
           "b"),
     "ab", false, 0, 0},
    {"an empty one", BYTES("\x81\x00"), "", false, 0, 0},
    {"a message in fragments, with a ping in between",
     BYTES("\x01\x01"
           "a\x89\x02zz\x80\x01"
           "b"),
     "ab", false, 0, 8},
    {"a longer length form",
     BYTES("\x81\x7e\x00\x03"
           "abc"),
     "abc", false, 0, 0},
    {"the longest length form",
     BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01"
           "a"),
     "a", false, 0, 0},
    {"a close with its code", BYTES("\x88\x02\x03\xe8"), "", true, 1000, 8},
    {"a close without code, and nothing after it",
     BYTES("\x88\x00\x81\x01"
           "a"),
     "", true, 0, 6},
    {"a pong",
     BYTES("\x8a\x00\x81\x01"
           "a"),
     "a", false, 0, 0},
    {"a masked frame",
     BYTES("\x81\x81\x00\x00\x00\x00"
           "a"),
     NULL, false, 0, 0},
    {"an extension's bit",
     BYTES("\xc1\x01"
           "a"),
     NULL, false, 0, 0},
    {"an unknown kind", BYTES("\x83\x00"), NULL, false, 0, 0},
    {"more than fits", BYTES("\x81\x7f\x7f\x00\x00\x00\x00\x00\x00\x01"), NULL, false, 0, 0},
};

static void check_within(const struct frames_case *c, size_t max, size_t piece)
{
    struct ws_frames frames;
    struct buf text;
    struct err err = {0};
    int rc = 0;
    ws_frames_init(&frames, max);
    buf_init(&text, 1 << 16);
    for (size_t at = 0; at < c->len && rc == 0; at += piece) {
        size_t len = c->len - at < piece ? c->len - at : piece;
        rc = ws_frames_add(&frames, c->bytes + at, len, collect, &text, &err);
    }
    assert_int_equal(rc, c->text ? 0 : -1);
    if (c->text) {
        assert_string_equal(text.data ? text.data : "", c->text);
        assert_int_equal(frames.closed, c->closed);
        assert_int_equal(frames.code, c->code);
        assert_int_equal(frames.output.len, c->answer);
    }
    buf_release(&text);
    ws_frames_release(&frames);
}

static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        print_message("  %s\n", cases[i].why);
        for (size_t piece = 1; piece <= cases[i].len; piece++)
            check_within(&cases[i], 1 << 16, piece);
    }
}

/* The limit is one of payloads: what else came with them does not count. */
static void test_limit(void **state)
{
    (void)state;
    static const struct frames_case fits = {"",
                                            BYTES("\x81\x04"
                                                  "abcd\x81\x04"
                                                  "efgh"),
                                            "abcdefgh",
                                            false,
                                            0,
                                            0};
    static const struct frames_case too_large = {"",
                                                 BYTES("\x81\x04"
                                                       "abcd\x81\x05"),
                                                 NULL,
                                                 false,
                                                 0,
                                                 0};
    for (size_t piece = 1; piece <= fits.len; piece++) {
        check_within(&fits, 4, piece);
        check_within(&too_large, 4, piece);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frames), cmocka_unit_test(test_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
