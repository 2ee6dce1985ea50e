/* A workload as the RegionalDeployment it was decoded from, as far as a workload knows it. */
#ifndef MOT_LOCAL_ENCODE_H
#define MOT_LOCAL_ENCODE_H

#include <jansson.h>

#include <mot/model/workload.h>

/* A new reference; workload_decode() of it gives the same workload but for the template hash. */
json_t *workload_encode(const struct workload *workload);

#endif
