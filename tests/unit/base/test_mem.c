#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mot/base/arena.h>
#include <mot/base/mem.h>

static void allocates(void **state)
{
    (void)state;
    free(mem_alloc(0));
    int *numbers = mem_array(4, sizeof(*numbers));
    assert_int_equal(numbers[3], 0);
    numbers[3] = 7;
    numbers = mem_resize(numbers, 400, sizeof(*numbers));
    assert_int_equal(numbers[3], 7);
    free(numbers);
    free(mem_resize(mem_zalloc(0), 0, 8));
}

static void copies_texts(void **state)
{
    (void)state;
    AUTO_FREE char *copy = mem_strdup("text");
    AUTO_FREE char *none = mem_strdup(NULL);
    AUTO_FREE char *part = mem_strndup("text", 2);
    AUTO_FREE char *all = mem_strndup("text", 200);
    AUTO_FREE char *printed = mem_printf("%s/%d", "a", 1);
    assert_string_equal(copy, "text");
    assert_string_equal(none, "");
    assert_string_equal(part, "te");
    assert_string_equal(all, "text");
    assert_string_equal(printed, "a/1");
}

static char *handed_out(void)
{
    AUTO_FREE char *text = mem_strdup("kept");
    return mem_take(&text);
}

static void takes_out_of_auto_free(void **state)
{
    (void)state;
    AUTO_FREE char *text = handed_out();
    assert_string_equal(text, "kept");
}

static void grows_arrays(void **state)
{
    (void)state;
    long *items = NULL;
    size_t capacity = 0;
    unsigned resized = 0;
    for (size_t i = 0; i < 1000; i++) {
        size_t before = capacity;
        mem_grow((void **)&items, &capacity, i, sizeof(*items));
        assert_true(capacity > i);
        resized += capacity != before;
        items[i] = (long)i;
    }
    assert_int_equal(items[999], 999);
    assert_true(resized < 10);
    free(items);
}

static void array_overflows(void)
{
    free(mem_array(SIZE_MAX / 2, 3));
}

static void resize_overflows(void)
{
    free(mem_resize(NULL, SIZE_MAX / 2, 3));
}

static void arena_is_over(void)
{
    struct arena *arena = arena_new(100);
    for (int i = 0; i < 11; i++)
        memset(arena_alloc(arena, 10), 1, 10);
}

static void arena_array_overflows(void)
{
    struct arena *arena = arena_new(SIZE_MAX);
    memset(arena_array(arena, SIZE_MAX / 2, 3), 0, 1);
}

static void ends_the_process(void **state)
{
    (void)state;
    static void (*const cases[])(void) = {array_overflows, resize_overflows, arena_is_over,
                                          arena_array_overflows};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        pid_t child = fork();
        if (child == 0) {
            dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
            signal(SIGABRT, SIG_DFL);
            cases[i]();
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct arena *arena = arena_new(8 << 20);
    static const size_t sizes[] = {0, 1, 7, 16, 33, 4000, 5000, 1 << 20, 3 << 20, 5};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MOT_ARRAY_SIZE(sizes); i++) {
            unsigned char *place = arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)place % _Alignof(max_align_t), 0);
            for (size_t at = 0; at < sizes[i]; at++)
                assert_true(place[at] == 0);
            memset(place, 0xAA, sizes[i]);
        }
        arena_clear(arena);
    }
    long *numbers = arena_array(arena, 10, sizeof(*numbers));
    assert_int_equal(numbers[9], 0);
    arena_free(arena);
    arena_free(NULL);
    arena = arena_new(10);
    arena_clear(arena);
    arena_free(arena);
}

static void arena_clear_makes_room_again(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100);
    for (int i = 0; i < 50; i++) {
        memset(arena_alloc(arena, 100), 1, 100);
        arena_clear(arena);
    }
    arena_free(arena);
}

static void arena_copies_texts(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100000);
    char *first = arena_strdup(arena, "first");
    char *printed = arena_printf(arena, "%s-%05d", first, 42);
    assert_string_equal(arena_strdup(arena, NULL), "");
    assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(arena, "abc", 30), "abc");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
    assert_string_equal(arena_printf(arena, "%8000d", 1) + 7998, " 1");
    assert_string_equal(first, "first");
    assert_string_equal(printed, "first-00042");
    arena_free(arena);
}

static void tunes(void **state)
{
    (void)state;
    mem_tune();
    free(mem_alloc(1 << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates),
        cmocka_unit_test(copies_texts),
        cmocka_unit_test(takes_out_of_auto_free),
        cmocka_unit_test(grows_arrays),
        cmocka_unit_test(ends_the_process),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_clear_makes_room_again),
        cmocka_unit_test(arena_copies_texts),
        cmocka_unit_test(tunes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
