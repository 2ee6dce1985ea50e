/*
 * Ports of this machine, handed out so that no two drivers on it give out the same one: a port is
 * claimed by a file in a folder that all of them share, and only if nothing is bound to it. A claim
 * ends when it is released or its owner's folder is gone.
 */
#ifndef MOT_LOCAL_PORTS_H
#define MOT_LOCAL_PORTS_H

#include <stdbool.h>

#include <mot/base/err.h>

/* Below the range from which the kernel takes the local ports of outgoing connections. */
#define PORTS_FIRST 20000
#define PORTS_LAST  31999

/* @owner: a folder that lives as long as the claim. */
int ports_claim(const char *owner, int *ret_port, struct err *err) MOT_NODISCARD;
/* Claims this one again, after a restart. */
void ports_keep(const char *owner, int port);
void ports_release(const char *owner, int port);
/* Nothing is bound to it. */
bool ports_free(int port);

#endif
