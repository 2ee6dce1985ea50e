#include <mot/base/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define STILL_MS 500

static enum err_code code_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_FORBIDDEN;
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return ERR_INVALID;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EIO:
        return ERR_TRANSIENT;
    default:
        return ERR_INTERNAL;
    }
}

/* From errno: "cannot @what @path: No such file or directory". */
static int fail(struct err *err, const char *what, const char *path)
{
    int number = errno;
    char text[128];
    return err_set(err, code_of(number), "cannot %s %s: %s", what, path,
                   strerror_r(number, text, sizeof(text)));
}

/* 1: more, 0: the end, -1: failed. Asks for one byte over the maximum to notice what is too large.
 */
static int read_some(int fd, struct buf *content, size_t max, struct err *err)
{
    size_t want = max - content->len < 65536 ? max - content->len + 1 : 65536;
    char *place = buf_reserve(content, want);
    if (!place)
        return err_set(err, ERR_TOO_LARGE, "cannot read: larger than %zu bytes", max);
    ssize_t n = read(fd, place, want);
    if (n < 0)
        return errno == EINTR ? 1 : fail(err, "read", "the content");
    content->len += (size_t)n;
    if (content->len > max)
        return err_set(err, ERR_TOO_LARGE, "cannot read: larger than %zu bytes", max);
    return n > 0;
}

char *file_read_fd(int fd, size_t max, size_t *ret_len, struct err *err)
{
    struct buf content;
    if (max > SIZE_MAX / 4)
        max = SIZE_MAX / 4;
    buf_init(&content, max + 1);
    int more = 1;
    while (more > 0)
        more = read_some(fd, &content, max, err);
    if (more < 0) {
        buf_release(&content);
        return NULL;
    }
    if (ret_len)
        *ret_len = content.len;
    return buf_take(&content);
}

char *file_read(const char *path, size_t max, size_t *ret_len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail(err, "open", path);
        return NULL;
    }
    char *content = file_read_fd(fd, max, ret_len, err);
    close(fd);
    if (!content)
        err_wrap(err, "%s", path);
    return content;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* Makes a rename durable. */
static int sync_parent(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    AUTO_FREE char *parent = slash ? mem_strndup(path, len) : mem_strdup(".");
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "open", parent);
    int ret = fsync(fd) < 0 && errno != EINVAL ? fail(err, "sync", parent) : 0;
    close(fd);
    return ret;
}

static int fill(int fd, const char *path, const void *data, size_t len, int mode, struct err *err)
{
    int ret = 0;
    if (fchmod(fd, (mode_t)mode) < 0 || !write_all(fd, data, len) || fsync(fd) < 0)
        ret = fail(err, "write", path);
    if (close(fd) < 0 && ret == 0)
        ret = fail(err, "write", path);
    return ret;
}

int file_write(const char *path, const void *data, size_t len, int mode, struct err *err)
{
    AUTO_FREE char *beside = mem_printf("%s.tmp.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return fail(err, "write", path);
    int ret = fill(fd, path, data, len, mode, err);
    if (ret == 0 && rename(beside, path) < 0)
        ret = fail(err, "write", path);
    if (ret < 0) {
        unlink(beside);
        return ret;
    }
    return sync_parent(path, err);
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int make_folder(const char *path, int mode, struct err *err)
{
    if (mkdir(path, (mode_t)mode) == 0)
        return 0;
    int number = errno;
    if (is_folder(path))
        return 0;
    errno = number;
    return fail(err, "make the folder", path);
}

int file_mkdirs(const char *path, int mode, struct err *err)
{
    AUTO_FREE char *copy = mem_strdup(path);
    for (char *slash = strchr(copy + (copy[0] == '/'), '/'); slash; slash = strchr(slash, '/')) {
        *slash = '\0';
        if (make_folder(copy, mode, err) < 0)
            return -1;
        *slash++ = '/';
        slash += strspn(slash, "/");
    }
    return make_folder(copy, mode, err);
}

int file_lock(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(err, "open", path);
    int locked;
    do {
        locked = flock(fd, LOCK_EX | LOCK_NB);
    } while (locked < 0 && errno == EINTR);
    if (locked == 0) {
        *ret_fd = fd;
        return 0;
    }
    int ret = errno == EWOULDBLOCK
                  ? err_set(err, ERR_CONFLICT, "cannot lock %s: another process has it", path)
                  : fail(err, "lock", path);
    close(fd);
    return ret;
}

static int remove_at(int dir, const char *name, const char *path, struct err *err);

static int remove_entries(DIR *folder, const char *path, struct err *err)
{
    int ret = 0;
    struct dirent *entry;
    while (ret == 0 && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        AUTO_FREE char *inner = file_join(path, entry->d_name);
        ret = remove_at(dirfd(folder), entry->d_name, inner, err);
    }
    return ret;
}

/* By descriptors, so that a link put there meanwhile does not lead out of the tree. */
static int remove_at(int dir, const char *name, const char *path, struct err *err)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return fail(err, "remove", path);
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        int ret = fail(err, "remove", path);
        if (fd >= 0)
            close(fd);
        return ret;
    }
    int ret = remove_entries(folder, path, err);
    closedir(folder);
    if (ret == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        ret = fail(err, "remove", path);
    return ret;
}

int file_remove_tree(const char *path, struct err *err)
{
    return remove_at(AT_FDCWD, path, path, err);
}

char *file_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    const char *between = len == 0 || dir[len - 1] == '/' ? "" : "/";
    return mem_printf("%s%s%s", dir, between, name);
}

struct file_stamp file_stamp(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (struct file_stamp){0};
    return (struct file_stamp){.changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 +
                                             status.st_mtim.tv_nsec,
                               .inode = status.st_ino,
                               .size = status.st_size};
}

bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->changed_ns == b->changed_ns && a->inode == b->inode && a->size == b->size;
}

/* A time that is yet to come says nothing about now. */
static bool stands_still(const struct file_stamp *stamp)
{
    return llabs(clock_wall_ms() - stamp->changed_ns / 1000000) >= STILL_MS;
}

bool file_stamp_renew(struct file_stamp *stamp, const char *path)
{
    struct file_stamp now = file_stamp(path);
    if (file_stamp_same(&now, stamp) || !stands_still(&now))
        return false;
    *stamp = now;
    return true;
}
