/*
 * What every request passes before it is served: who sends it (authenticate.h), as whom
 * (impersonate.h), and whether they may (authorize.h).
 */
#ifndef MOT_API_AUTH_GATE_H
#define MOT_API_AUTH_GATE_H

#include "../request.h"

/* Fills in request->caller. Fails with 401, 403, 400 (impersonation) or 503 (roles not loaded). */
int gate_pass(struct request *request) MOT_NODISCARD;
/* What the request is for, into request->caller.attributes: by its route alone. */
void gate_describe(struct request *request);
/* Grows whenever what the gate decides by has changed: roles, and what tokens are held against.
 * Looks at files, at most once a second. */
uint64_t gate_generation(struct api *api);
/* As authorizer_allows(); a server without roles allows everything to GROUP_MASTERS alone. */
bool gate_allows(struct api *api, const struct attributes *attributes, char **ret_reason);
/* 403 in the words of kube-apiserver; @reason may be NULL. Returns -1. */
int gate_forbid(struct request *request, const struct attributes *attributes, const char *reason);
/* 403 about an object, for another reason. Returns -1. */
int gate_forbid_object(struct request *request, const char *name, const char *why);

#endif
