/* Files. Errors name the path. */
#ifndef MOT_BASE_FILE_H
#define MOT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

/* The whole file, NUL-terminated; free() it. @ret_len may be NULL. ERR_NOT_FOUND, ERR_TOO_LARGE, …
 */
char *file_read(const char *path, size_t max, size_t *ret_len, struct err *err) MOT_NODISCARD;
/* Everything from a descriptor until its end. */
char *file_read_fd(int fd, size_t max, size_t *ret_len, struct err *err) MOT_NODISCARD;
/* Writes beside it, syncs and renames: readers see the old or the new content, also after a crash.
 */
int file_write(const char *path, const void *data, size_t len, int mode,
               struct err *err) MOT_NODISCARD;
int file_mkdirs(const char *path, int mode, struct err *err) MOT_NODISCARD;
/* Takes an exclusive lock for the life of the returned descriptor; ERR_CONFLICT when another
 * process has it. */
int file_lock(const char *path, int *ret_fd, struct err *err) MOT_NODISCARD;
/* Removes a file or folder with all that is in it; what is not there is no error. */
int file_remove_tree(const char *path, struct err *err) MOT_NODISCARD;
/* Tells one state of a file from another; all zero for one that is not there. */
struct file_stamp {
    int64_t changed_ns;
    uint64_t inode;
    int64_t size;
};
struct file_stamp file_stamp(const char *path);
bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b);
/* For who follows a file: true, with the new stamp, once it is another than @stamp says. What was
 * written within the last half second is not new yet: somebody may be in the middle of writing it.
 */
bool file_stamp_renew(struct file_stamp *stamp, const char *path);
/* dir/name, free() it. */
char *file_join(const char *dir, const char *name);

#endif
