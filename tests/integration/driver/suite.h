/* The cases that every driver passes. */
#ifndef MOT_TESTS_DRIVER_SUITE_H
#define MOT_TESTS_DRIVER_SUITE_H

#include <stddef.h>

#include "rig.h"

struct driver_case {
    const char *name;
    void (*run)(struct rig *rig);
};
extern const struct driver_case driver_cases[];
extern const size_t driver_case_count;

#endif
