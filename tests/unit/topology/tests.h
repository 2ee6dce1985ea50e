#ifndef MOT_TESTS_UNIT_TOPOLOGY_TESTS_H
#define MOT_TESTS_UNIT_TOPOLOGY_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/topology/topology.h>

/* A topology out of short words: "central pseudo region region …", "-" for no pseudo-central. A
 * region is its name; its appenv is what stands before the first dash. One zone each, no addresses.
 * @head goes in front of the regions. */
char *topology_text(const char *words, const char *head);
struct topology *make_topology(const char *words, const char *head);

int run_load_tests(void);
int run_route_tests(void);
int run_lint_tests(void);
int run_explain_tests(void);

#endif
