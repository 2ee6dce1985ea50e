#include "tests.h"

int main(void)
{
    int failed = run_pure_tests();
    return failed + run_mock_tests();
}
