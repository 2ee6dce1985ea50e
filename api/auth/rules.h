/*
 * Policy rules, as they stand in roles: arrays of {verbs, apiGroups, resources, resourceNames,
 * nonResourceURLs}. Pure.
 */
#ifndef MOT_API_AUTH_RULES_H
#define MOT_API_AUTH_RULES_H

#include <jansson.h>
#include <stdbool.h>

#include "attributes.h"

bool rule_allows(const json_t *rule, const struct attributes *attributes);

/*
 * What @wanted allows and @held does not: an array of rules with one group and resource each (or of
 * one URL), those that differ in their verbs only put together; empty when @held covers everything.
 * A rule that stands for more than 65536 single permissions counts as missing as a whole unless one
 * rule of @held covers it. A new reference.
 */
json_t *rules_missing(const json_t *held, const json_t *wanted) MOT_NODISCARD;
/* `{APIGroups:["mot.dev"], Resources:["deployments"], Verbs:["get"]}`, one per line, sorted. free()
 * it. */
char *rules_text(const json_t *rules) MOT_NODISCARD;
/* The quoted texts of an array as Go prints them: `["a" "b"]`. free() it. */
char *texts_quoted(const json_t *texts) MOT_NODISCARD;

#endif
