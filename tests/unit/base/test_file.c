#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/mot-test-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void writes_and_reads(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
        int mode;
    } cases[] = {{"first", 5, 0600}, {"a\0b", 3, 0644}, {"", 0, 0400}};
    AUTO_FREE char *path = file_join(folder, "content");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct stat status;
        size_t len = 99;
        assert_int_equal(file_write(path, cases[i].data, cases[i].len, cases[i].mode, &err), 0);
        AUTO_FREE char *content = file_read(path, 5, &len, &err);
        assert_non_null(content);
        assert_int_equal(len, cases[i].len);
        assert_memory_equal(content, cases[i].data, len + 1);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, cases[i].mode);
    }
}

static void reads_large_files(void **state)
{
    (void)state;
    AUTO_FREE char *path = file_join(folder, "large");
    AUTO_FREE char *data = mem_zalloc(300000);
    memset(data, 'x', 300000);
    struct err err = {0};
    size_t len = 0;
    assert_int_equal(file_write(path, data, 300000, 0600, &err), 0);
    AUTO_FREE char *content = file_read(path, 300000, &len, &err);
    assert_non_null(content);
    assert_int_equal(len, 300000);
    assert_memory_equal(content, data, len);
    AUTO_FREE char *unbounded = file_read(path, SIZE_MAX, NULL, &err);
    assert_non_null(unbounded);
    assert_null(file_read(path, 299999, &len, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, path));
}

static void names_the_path(void **state)
{
    (void)state;
    AUTO_FREE char *none = file_join(folder, "none");
    AUTO_FREE char *inside = file_join(none, "x");
    struct err err = {0};
    assert_null(file_read(none, 10, NULL, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, none));
    assert_null(file_read(folder, 10, NULL, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.message, folder));
    assert_int_equal(file_write(inside, "", 0, 0600, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, inside));
    assert_null(file_read_fd(-1, 10, NULL, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
}

static void a_failed_write_leaves_nothing(void **state)
{
    (void)state;
    AUTO_FREE char *outer = file_join(folder, "outer");
    AUTO_FREE char *target = file_join(outer, "a/b");
    struct err err = {0};
    assert_int_equal(file_mkdirs(target, 0700, &err), 0);
    assert_int_equal(file_write(target, "x", 1, 0600, &err), -1); /* a folder is in the way */
    assert_non_null(strstr(err.message, target));
    AUTO_FREE char *parent = file_join(outer, "a");
    assert_int_equal(rmdir(target), 0);
    assert_int_equal(rmdir(parent), 0); /* so it was empty */
}

static void makes_folders(void **state)
{
    (void)state;
    static const char *const cases[] = {"d", "d", "d/e/f", "d//g/", "h/./i"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *path = file_join(folder, cases[i]);
        struct err err = {0};
        struct stat status;
        assert_int_equal(file_mkdirs(path, 0700, &err), 0);
        assert_int_equal(stat(path, &status), 0);
        assert_true(S_ISDIR(status.st_mode));
    }
    AUTO_FREE char *file = file_join(folder, "file");
    AUTO_FREE char *below = file_join(file, "x");
    struct err err = {0};
    assert_int_equal(file_write(file, "", 0, 0600, &err), 0);
    assert_int_equal(file_mkdirs(below, 0700, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    assert_int_equal(file_mkdirs("/", 0700, &err), 0);
}

static void locks(void **state)
{
    (void)state;
    AUTO_FREE char *path = file_join(folder, "lock");
    struct err err = {0};
    int first = -1, second = -1;
    assert_int_equal(file_lock(path, &first, &err), 0);
    assert_int_equal(file_lock(path, &second, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(file_lock(path, &second, &err), 0);
    close(second);
}

static void removes_trees_not_links(void **state)
{
    (void)state;
    AUTO_FREE char *tree = file_join(folder, "tree");
    AUTO_FREE char *deep = file_join(tree, "a/b/c");
    AUTO_FREE char *inner = file_join(deep, "file");
    AUTO_FREE char *outside = file_join(folder, "outside");
    AUTO_FREE char *link = file_join(tree, "link");
    struct err err = {0};
    assert_int_equal(file_mkdirs(deep, 0700, &err), 0);
    assert_int_equal(file_write(inner, "x", 1, 0600, &err), 0);
    assert_int_equal(file_mkdirs(outside, 0700, &err), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(file_remove_tree(tree, &err), 0);
    assert_false(exists(tree));
    assert_true(exists(outside));
    assert_int_equal(file_remove_tree(tree, &err), 0);
    AUTO_FREE char *single = file_join(folder, "single");
    assert_int_equal(file_write(single, "x", 1, 0600, &err), 0);
    assert_int_equal(file_remove_tree(single, &err), 0);
    assert_false(exists(single));
}

static void a_stamp_is_of_one_state(void **state)
{
    (void)state;
    AUTO_FREE char *path = file_join(folder, "stamped");
    struct err err = {0};
    struct file_stamp none = {0}, missing = file_stamp(path);
    assert_true(file_stamp_same(&missing, &none));
    assert_int_equal(file_write(path, "a", 1, 0600, &err), 0);
    struct file_stamp first = file_stamp(path), again = file_stamp(path);
    assert_false(file_stamp_same(&first, &none));
    assert_true(file_stamp_same(&first, &again));
    assert_int_equal(file_write(path, "b", 1, 0600, &err), 0); /* as long, and another file */
    struct file_stamp second = file_stamp(path);
    assert_false(file_stamp_same(&first, &second));
}

static void written_s_ago(const char *path, int seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){now, now}, 0), 0);
}

static void what_is_being_written_is_not_new_yet(void **state)
{
    (void)state;
    AUTO_FREE char *path = file_join(folder, "followed");
    struct err err = {0};
    struct file_stamp stamp = {0};
    assert_false(file_stamp_renew(&stamp, path)); /* it is still not there */
    assert_int_equal(file_write(path, "a", 1, 0600, &err), 0);
    written_s_ago(path, 0);
    assert_false(file_stamp_renew(&stamp, path));
    written_s_ago(path, 1);
    assert_true(file_stamp_renew(&stamp, path));
    assert_false(file_stamp_renew(&stamp, path));
    written_s_ago(path, -3600); /* by another machine's clock */
    assert_true(file_stamp_renew(&stamp, path));
    assert_false(file_stamp_renew(&stamp, path));
    assert_int_equal(unlink(path), 0);
    assert_true(file_stamp_renew(&stamp, path));
    assert_false(file_stamp_renew(&stamp, path));
}

static void joins(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *path = file_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),
        cmocka_unit_test(reads_large_files),
        cmocka_unit_test(names_the_path),
        cmocka_unit_test(a_failed_write_leaves_nothing),
        cmocka_unit_test(makes_folders),
        cmocka_unit_test(locks),
        cmocka_unit_test(removes_trees_not_links),
        cmocka_unit_test(joins),
        cmocka_unit_test(a_stamp_is_of_one_state),
        cmocka_unit_test(what_is_being_written_is_not_new_yet),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
