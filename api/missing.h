/*
 * What is answered where nothing is served, or not by that method. As in a kube-apiserver, its own
 * groups say so with a Status, everything else with a text, as of a page.
 */
#ifndef MOT_API_MISSING_H
#define MOT_API_MISSING_H

#include "request.h"

/* All return -1. 404: there is nothing by this path. */
int missing_path(struct request *request);
/* 405: not by this method. */
int missing_method(struct request *request);
/* 404: the object can't have this subresource, whether it is there or not. */
int missing_subresource(struct request *request);

/* A path of one of Kubernetes' own groups and versions, which is only read by GET. */
bool missing_is_strict(const struct request *request);

#endif
