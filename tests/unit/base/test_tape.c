#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <lib/tape.h>
#include <mot/base/mem.h>

static void yields_zero_at_the_end(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {200, 3, 1, 2, 1, 0, 0};
    static const char *const texts[] = {"first", "second", "third"};
    struct tape tape;
    tape_init(&tape, bytes, sizeof(bytes));
    assert_int_equal(tape_u8(&tape), 200);
    assert_true(tape_bool(&tape));
    assert_string_equal(tape_pick(&tape, texts, 3), "second");
    assert_int_equal(tape_below(&tape, 1), 0); /* no choice, no byte */
    assert_false(tape_ended(&tape));
    assert_int_equal(tape_below(&tape, 1000), 258);
    assert_true(tape_ended(&tape));
    assert_int_equal(tape_u8(&tape), 0);
    assert_int_equal(tape_below(&tape, 1000), 0);
    assert_false(tape_bool(&tape));
    assert_string_equal(tape_pick(&tape, texts, 3), "first");
    assert_int_equal(tape_below(&tape, 0), 0);
}

static unsigned runs;
static size_t last_len;
static unsigned char last_byte;

static int always_holds(struct tape *tape)
{
    runs++;
    while (!tape_ended(tape))
        tape_u8(tape);
    return 0;
}

/* Fails when two bytes are over 40; the smallest such tape is 41 41. */
static int two_are_small(struct tape *tape)
{
    unsigned large = 0;
    last_len = tape->len;
    while (!tape_ended(tape)) {
        last_byte = tape_u8(tape);
        large += last_byte > 40;
    }
    return large >= 2 ? -1 : 0;
}

static uint64_t sum;

static int sums_up(struct tape *tape)
{
    while (!tape_ended(tape))
        sum = sum * 31 + tape_u8(tape);
    return 0;
}

static void runs_each_case(void **state)
{
    (void)state;
    assert_int_equal(tape_run("always holds", always_holds, 50), 0);
    assert_int_equal(runs, 50);
}

static void replays_a_seed(void **state)
{
    (void)state;
    uint64_t sums[3];
    static const char *const seeds[] = {"7", "7", "8"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(seeds); i++) {
        setenv("MOT_SEED", seeds[i], 1);
        sum = 0;
        assert_int_equal(tape_run("sum", sums_up, 20), 0);
        sums[i] = sum;
    }
    unsetenv("MOT_SEED");
    assert_true(sums[0] == sums[1]);
    assert_true(sums[0] != sums[2]);
}

static void shrinks_a_failure(void **state)
{
    (void)state;
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    int ret = tape_run("two bytes are small", two_are_small, 50);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    assert_int_equal(ret, -1);
    assert_int_equal(last_len, 2); /* of the last run, that with the smallest tape */
    assert_int_equal(last_byte, 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yields_zero_at_the_end),
        cmocka_unit_test(runs_each_case),
        cmocka_unit_test(replays_a_seed),
        cmocka_unit_test(shrinks_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
