/* The continue token of a paged list: the snapshot's revision, the last key that was handed out,
 * and how many follow. Pure. */
#ifndef MOT_API_CONTINUE_H
#define MOT_API_CONTINUE_H

#include <stdint.h>

#include <mot/base/err.h>

struct continuation {
    int64_t revision;  /* 0: go on with the newest state, after the snapshot has expired */
    int64_t remaining; /* objects of the snapshot after this one; -1: not known */
    char *ns;
    char *name;
};

/* base64url without padding; free() it. */
char *continue_encode(const struct continuation *continuation) MOT_NODISCARD;
int continue_decode(const char *token, struct continuation *ret_continuation,
                    struct err *err) MOT_NODISCARD;
void continue_release(struct continuation *continuation);

#endif
