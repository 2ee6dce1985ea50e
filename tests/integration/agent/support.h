/* Agents, topics and brokers for the tests of lib/agent. */
#ifndef MOT_TESTS_INTEGRATION_AGENT_SUPPORT_H
#define MOT_TESTS_INTEGRATION_AGENT_SUPPORT_H

#include <stdbool.h>
#include <sys/types.h>

#include <lib/kafka.h>
#include <mot/agent/agent.h>
#include <mot/base/map.h>

/* Two clusters: launch events come from far, the region's own has the rest. */
extern struct kafka *far, *own;

/*
 * "in" → loud → "mid" → join → "out". loud puts a ! behind each value; join strings together the
 * values of all keys "<group>/…" under the key "<group>".
 */
extern const struct agent loud_agent, join_agent;

enum place { IN_OWN, IN_FAR };
void topics_create(void);
struct bus_producer *producer_open(int delivery_timeout_ms);
/* @agents: how many of the two; @in: where the topic "in" is read. */
struct bundle *start_agents(struct bus_producer *producer, size_t agents, enum place in);
void wait_restored(struct bundle *bundle);
/* Waits until a bundle was restored @times since this was asked last; clears the count. */
void wait_restorations(int times);

/* Into the topic "in". */
void put_begin(enum place place);
void put(const char *key, const char *value, int64_t revision);
void put_end(void);

/* What the topic of the own cluster says, and how many records it has been given. */
struct map *state_of(const char *topic);
int64_t records_of(const char *topic);
/* Waits until the topic says this; NULL: nothing. */
void wait_value(const char *topic, const char *key, const char *value);

/* This program again, with both agents, from the own cluster; to be killed. */
pid_t worker_start(void);
int worker_main(const char *bootstrap);

#endif
