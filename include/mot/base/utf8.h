/* What texts from outside must be before they become keys. */
#ifndef MOT_BASE_UTF8_VALID_H
#define MOT_BASE_UTF8_VALID_H

#include <stdbool.h>

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(const char *text);

#endif
