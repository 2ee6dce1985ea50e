#ifndef MOT_TESTS_UNIT_BUS_TESTS_H
#define MOT_TESTS_UNIT_BUS_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_pure_tests(void);
int run_mock_tests(void);

#endif
