/* The authority of `mot up`: what is made, kept, renewed and mended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#include <cli/pki/certificate.h>
#include <cli/pki/pki.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/mot-test-pki-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static const char *const names[] = {"ca.crt",     "ca.key",    "server.crt",
                                    "server.key", "admin.crt", "admin.key"};

struct contents {
    char *texts[MOT_ARRAY_SIZE(names)];
};

static void release(struct contents *contents)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++)
        free(contents->texts[i]);
}

static char *path_of(size_t index)
{
    return mem_printf("%s/pki/%s", folder, names[index]);
}

/* Prepares for that time and reads all files. */
static struct contents prepare(int64_t now)
{
    struct contents contents;
    struct err err = {0};
    struct pki pki;
    AUTO_FREE char *dir = file_join(folder, "pki");
    assert_int_equal(pki_prepare(&pki, dir, now, &err), 0);
    pki_release(&pki);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++) {
        struct stat status;
        AUTO_FREE char *path = path_of(i);
        contents.texts[i] = file_read(path, 65536, NULL, &err);
        assert_non_null(contents.texts[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    return contents;
}

/* Which of the files differ, as letters: "cC" for the authority and its key, "sS", "aA". */
static void expect_changes(const struct contents *before, const struct contents *after,
                           const char *wanted)
{
    char found[MOT_ARRAY_SIZE(names) + 1] = "";
    size_t count = 0;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++)
        if (strcmp(before->texts[i], after->texts[i]) != 0)
            found[count++] = "cCsSaA"[i];
    found[count] = '\0';
    assert_string_equal(found, wanted);
}

static void keeps_what_is_good_and_renews_what_ends(void **state)
{
    (void)state;
    static const struct {
        int days;
        const char *changes;
    } cases[] = {
        {0, ""},         {300, ""},           {334, ""},           {336, "sSaA"},
        {336 + 300, ""}, {336 + 400, "sSaA"}, {3650 - 40, "sSaA"}, {3650 - 29, "cCsSaA"},
    };
    int64_t start = clock_wall_ms();
    struct contents before = prepare(start);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct contents after = prepare(start + cases[i].days * DAY_MS);
        expect_changes(&before, &after, cases[i].changes);
        release(&before);
        before = after;
    }
    release(&before);
}

static void makes_anew_what_is_broken(void **state)
{
    (void)state;
    static const struct {
        size_t broken;
        const char *changes;
    } cases[] = {{0, "cCsSaA"}, {1, "cCsSaA"}, {2, "sS"}, {3, "sS"}, {4, "aA"}, {5, "aA"}};
    int64_t now = clock_wall_ms();
    struct contents before = prepare(now);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases) * 2; i++) {
        struct err err = {0};
        AUTO_FREE char *path = path_of(cases[i / 2].broken);
        size_t len = i % 2 ? 0 : 60; /* cut, or empty */
        char *text = before.texts[cases[i / 2].broken];
        assert_int_equal(file_write(path, text, len, 0600, &err), 0);
        struct contents after = prepare(now);
        expect_changes(&before, &after, cases[i / 2].changes);
        release(&before);
        before = after;
    }
    release(&before);
}

/* Somebody else's authority beside what ours has issued. */
static void does_not_mix_authorities(void **state)
{
    (void)state;
    int64_t now = clock_wall_ms();
    struct err err = {0};
    struct contents before = prepare(now);
    struct keypair *other =
        keypair_make(&(struct keypair_spec){.common_name = "other",
                                            .authority = true,
                                            .from_wall_ms = now,
                                            .until_wall_ms = now + 999 * DAY_MS},
                     &err);
    assert_non_null(other);
    AUTO_FREE char *certificate = keypair_certificate(other);
    AUTO_FREE char *key = keypair_key(other);
    AUTO_FREE char *certificate_path = path_of(0);
    AUTO_FREE char *key_path = path_of(1);
    assert_int_equal(file_write(certificate_path, certificate, strlen(certificate), 0600, &err), 0);
    assert_int_equal(file_write(key_path, key, strlen(key), 0600, &err), 0);
    struct contents after = prepare(now);
    expect_changes(&before, &after, "cCsSaA");
    assert_string_equal(after.texts[0], certificate); /* it is as good as any */
    struct keypair *server = keypair_read(after.texts[2], after.texts[3], &err);
    assert_true(keypair_signed_by(server, other));
    assert_null(keypair_read(after.texts[2], after.texts[5], &err)); /* not its key */
    keypair_free(server);
    keypair_free(other);
    release(&before);
    release(&after);
}

static void base64(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""}, {"a", "YQ=="}, {"ab", "YWI="}, {"abc", "YWJj"}, {"abcd", "YWJjZA=="}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *text = pem_base64(cases[i][0]);
        assert_string_equal(text, cases[i][1]);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(keeps_what_is_good_and_renews_what_ends),
        TEST(makes_anew_what_is_broken),
        TEST(does_not_mix_authorities),
        cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
