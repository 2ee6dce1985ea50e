/* manifests/topology/demo.yaml, as it was when the program was built. */
#ifndef MOT_CLI_UP_DEMO_TOPOLOGY_H
#define MOT_CLI_UP_DEMO_TOPOLOGY_H

#include <stddef.h>

extern const char demo_topology[];
extern const size_t demo_topology_len;

#endif
