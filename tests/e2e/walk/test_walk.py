"""The walk of the seed: a deployment's way through a production and a non-production region, looked at at each station.

Usage: test_walk.py MOT [ITEM…]
"""

import json
import sys
import time

from stack import Failure, environment, expect, expect_equal, expect_in, kubectls, main, say, wait_for
from watch import Watch

CENTRAL, WEST, STAGE, TEST = "production-us-east-1", "production-us-west-2", "stage-us-east-1", "test-us-east-1"
OUT = "mot-deployment-launch-events-"
ALL = [CENTRAL, WEST, STAGE, TEST]


def newest(records, key):
    """The newest record of a key; a Failure when there is none."""
    found = [record for record in records if record["key"] == key]
    expect(found, f"no record of {key} among {[record['key'] for record in records]}")
    return found[-1]


def matching(stack, region, topic, key, **fields):
    """The newest record of a key, once its value has these fields."""
    record = newest(stack.records(region, topic), key)
    value = record["payload"] or {}
    found = {name: value.get(name) for name in fields}
    expect(found == fields, f"{region} {topic} {key}: {found}, not {fields}")
    return record


def plain(record):
    """What a mirror must not change."""
    headers = {name: value for name, value in record["headers"].items() if name != "mot-mirror-offset"}
    return record["key"], record["payload"], record["ts"], headers


def expect_mirrored(record, source, from_region):
    expect_equal(plain(record), plain(source), "a mirrored record is as it was")
    origin = record["headers"].get("mot-mirror-offset", "")
    expect_equal(origin.rpartition(":")[2], str(source["offset"]), f"mot-mirror-offset of {from_region}")
    expect("mot-mirror-offset" not in source["headers"], f"the record in {from_region} came by no mirror")
    expect_equal(source["headers"]["mot-region"], from_region)


def connections(stack):
    """Who talks to whose broker: each process to what the rules of etiquette allow, and to nothing else."""
    wanted = {
        "api": [],
        "controller": sorted([CENTRAL, WEST]),
        f"mirror {CENTRAL}->{STAGE}": sorted([CENTRAL, STAGE]),
        f"mirror {STAGE}->{CENTRAL}": sorted([CENTRAL, STAGE]),
        f"mirror {TEST}->{CENTRAL}": sorted([CENTRAL, TEST]),
        f"reconciler {CENTRAL}": [CENTRAL],
        f"reconciler {WEST}": sorted([CENTRAL, WEST]),
        f"reconciler {STAGE}": [STAGE],
        f"reconciler {TEST}": sorted([STAGE, TEST]),
    }

    def same():
        parts = {name: pid for name, pid in stack.parts().items()
                 if not name.startswith("kafka ") and name != "postgres"}
        expect_equal(sorted(parts), sorted(wanted), "the processes of ours")
        found = {name: stack.talks_to(pid) for name, pid in parts.items()}
        expect_equal(found, wanted, "the brokers that each talks to")
        return True

    wait_for(same, "connections")
    # No process besides its reconciler and the controller connects to west-2's broker, nobody of production to test's.
    port = stack.brokers()[WEST]
    to_west = [name for name, pid in stack.parts().items() if name != f"kafka {WEST}" and WEST in stack.talks_to(pid)]
    expect_equal(sorted(to_west), ["controller", f"reconciler {WEST}"], f"connections to west-2's broker, port {port}")


def topics(stack):
    """Each cluster holds the topics of its place and no others."""
    found = {region: [topic for topic in stack.topics(region) if topic.startswith("mot-")] for region in ALL}
    for region in (WEST, TEST):
        expect(not any(topic.startswith(OUT) for topic in found[region]), f"launch topics in {region}: {found[region]}")
    expect_equal([topic for topic in found[STAGE] if topic.startswith(OUT)], [OUT + STAGE, OUT + TEST])
    expect_equal([topic for topic in found[CENTRAL] if topic.startswith(OUT)], [OUT + region for region in ALL])
    for kind in ("mot-deployment-state-change", "mot-instance-state-change", "mot-deployment-complete-events",
                 "mot-region-heartbeat"):
        expect_equal([topic for topic in found[WEST] if topic.startswith(kind)], [f"{kind}.{WEST}"], "rule 3")
        expect_equal([topic for topic in found[TEST] if topic.startswith(kind)], [kind], "nobody elsewhere consumes it")
        expect_equal([topic for topic in found[CENTRAL] if topic.startswith(kind)],
                     [kind, f"{kind}.{STAGE}", f"{kind}.{TEST}"], "by mirror from non-production regions only")


def instance_watch(stack):
    watch = Watch(stack, "deployments")
    instances = Watch(stack, "instances")
    return watch, instances


def close(*watches):
    for watch in watches:
        watch.stop()
        expect(not watch.faults, "\n".join(watch.faults))
        expect_equal(watch.connections, 1, "the watch was never cut")


def mirrored(stack, kubectl, name):
    watch, instances = instance_watch(stack)
    key = f"default/{name}"
    expect_equal(stack.kubectl("apply", "-f", stack.file(stack.deployment(name, {TEST: 1})), version=kubectl),
                 f"deployment.mot.dev/{name} created\n")

    # Outwards: central, then stage by the mirror.
    sent = wait_for(lambda: newest(stack.records(CENTRAL, OUT + TEST), key), "the launch event in central's cluster")
    regional = stack.get("regionaldeployments", f"{name}.{TEST}")
    expect_equal(sent["payload"]["spec"], regional["spec"], "the launch event is the RegionalDeployment")
    expect("status" not in sent["payload"], "without its status")
    revision = int(sent["payload"]["metadata"]["resourceVersion"])
    expect_equal(sent["headers"]["mot-revision"], str(revision))
    arrived = wait_for(lambda: newest(stack.records(STAGE, OUT + TEST), key), "the launch event in stage's cluster")
    expect_mirrored(arrived, sent, CENTRAL)
    expect(all(record["key"] != key for record in stack.records(STAGE, OUT + STAGE)), "stage itself was sent nothing")

    # In the region.
    desired = wait_for(lambda: newest(stack.records(TEST, "mot-deployment-desired"), key), "the desired state in test")
    expect_equal(desired["payload"]["spec"], sent["payload"]["spec"])
    complete = wait_for(lambda: matching(stack, TEST, "mot-deployment-complete-events", key, outcome="Complete"),
                        "the launch has completed")
    expect_equal(complete["payload"]["revision"], revision)
    expect_equal(complete["headers"]["mot-region"], TEST)
    state = wait_for(lambda: matching(stack, TEST, "mot-deployment-state-change", key, state="Converged"),
                     "the region has converged")
    expect_equal({field: state["payload"][field] for field in ("revision", "desired", "running", "ready", "updated")},
                 {"revision": revision, "desired": 2, "running": 2, "ready": 2, "updated": 2})

    # Inwards: central by the mirror, PostgreSQL, every way of asking for it.
    back = wait_for(lambda: matching(stack, CENTRAL, f"mot-deployment-state-change.{TEST}", key, state="Converged"),
                    "the state in central's cluster")
    expect_mirrored(back, state, TEST)
    expect(all(record["key"] != key for record in stack.records(CENTRAL, "mot-deployment-state-change")),
           "it is in the suffixed topic only")
    rows = wait_for(lambda: stack.sql("SELECT body FROM object WHERE resource LIKE 'regionaldeployments%' "
                                      f"AND ns = 'default' AND name = '{name}.{TEST}' "
                                      "AND body::json->'status'->>'state' = 'Converged'"), "the state in PostgreSQL")
    expect_equal(json.loads(rows[0][0])["status"]["ready"], 2)
    stack.wait_converged(name)
    rows = stack.sql(f"SELECT count(*) FROM object WHERE resource LIKE 'instances%' AND name LIKE '{name}-%'")
    expect_equal(rows, [["2"]], "instances in PostgreSQL")
    row = stack.kubectl("get", "deployments", name, version=kubectl).splitlines()[1].split()
    expect_equal(row[:5], [name, "2", "2", "1/1", "True"])
    rows = stack.kubectl("get", "instances", "--no-headers", "--field-selector", f"spec.region={TEST}",
                         version=kubectl).splitlines()
    rows = [line.split() for line in rows if line.split()[1] == name]
    expect_equal(sorted(row[2:7] for row in rows), [[TEST, "us-east-1a", "Running", "true", "0"],
                                                    [TEST, "us-east-1b", "Running", "true", "0"]])
    running = stack.instances()
    expect_equal(sorted(row[0] for row in rows), sorted(row[1] for row in stack.starts(name)), "each was started once")
    for row in rows:
        expect_in(row[0], running, "the processes that run")
        expect_equal(environment(running[row[0]][0])["MOT_REGION"], TEST)

    # And both watches saw it come.
    expect(watch.wait(lambda w: any(e.name == name and e.item.get("status", {}).get("ready") == 2 for e in w.events), 30),
           "the watch of deployments: " + str([(e.kind, e.item.get("status")) for e in watch.events]))
    own = [event.kind for event in watch.events if event.name == name]
    expect_equal(own, ["ADDED"] + ["MODIFIED"] * (len(own) - 1))
    expect_equal(instances.names(name), {row[0] for row in rows}, "the watch of instances")
    close(watch, instances)

    # The region says that it has come so far.
    wait_for(lambda: stack.api(f"/apis/mot.dev/v1alpha1/regions/{TEST}")["status"]["launchRevision"] >= revision and
             stack.api(f"/apis/mot.dev/v1alpha1/regions/{TEST}")["status"]["convergedRevision"] >= revision,
             "Region.status has this revision")


def walk_old_kubectl(stack):
    """test-us-east-1 by the oldest kubectl: central, mirror, stage, test, mirror, central, PostgreSQL, watch."""
    mirrored(stack, kubectls()[0], "seed-old")


def walk_new_kubectl(stack):
    """The same by the newest kubectl."""
    mirrored(stack, kubectls()[-1], "seed-new")


def walk_direct(stack):
    """production-us-west-2: no mirror, each side polls the other's cluster."""
    watch, instances = instance_watch(stack)
    key = "default/direct"
    expect_equal(stack.apply(stack.deployment("direct", {WEST: 1})), "deployment.mot.dev/direct created\n")
    expect_equal(stack.mot_run("wait", "direct", "--for=converged", "--timeout", "90s"),
                 "deployment.mot.dev/direct condition met\n")
    sent = newest(stack.records(CENTRAL, OUT + WEST), key)
    revision = int(sent["payload"]["metadata"]["resourceVersion"])
    state = wait_for(lambda: matching(stack, WEST, f"mot-deployment-state-change.{WEST}", key, state="Converged"),
                     "the region has converged")
    expect_equal(state["payload"]["revision"], revision)
    matching(stack, WEST, f"mot-deployment-complete-events.{WEST}", key, outcome="Complete", revision=revision)
    for record in [sent, state, newest(stack.records(WEST, "mot-deployment-desired"), key)]:
        expect("mot-mirror-offset" not in record["headers"], f"no mirror: {record['headers']}")
    for region in (CENTRAL, STAGE, TEST):
        for topic in stack.topics(region):
            if topic.startswith("mot-deployment-state-change"):
                expect(all(record["key"] != key for record in stack.records(region, topic)), f"{region} {topic}: {key}")
    rows = stack.sql("SELECT name, value FROM consumer_position ORDER BY name")
    expect(any(WEST in name + value and "mot-deployment-state-change" in name + value for name, value in rows),
           f"the archive's positions: {rows}")
    expect(watch.wait(lambda w: any(e.name == "direct" and e.item.get("status", {}).get("ready") == 2
                                    for e in w.events), 30), "the watch has received it")
    expect_equal(len(instances.names("direct")), 2)
    close(watch, instances)
    connections(stack)


def client_verbs(stack):
    """What mot itself says: apply, get, status, wait, delete."""
    path = stack.file(stack.deployment("verbs", {CENTRAL: 1, TEST: 1}))
    expect_equal(stack.mot_run("apply", "-f", path), "deployment.mot.dev/verbs created\n")
    expect_equal(stack.mot_run("wait", "verbs", "--timeout", "90s"), "deployment.mot.dev/verbs condition met\n")
    expect_equal(stack.mot_run("apply", "-f", path), "deployment.mot.dev/verbs unchanged\n")
    head, row = stack.mot_run("get", "dep", "verbs").splitlines()
    expect_equal(head.split(), ["NAME", "DESIRED", "READY", "REGIONS", "CONVERGED", "AGE"])
    expect_equal(row.split()[:5], ["verbs", "4", "4", "2/2", "True"])
    expect_equal(json.loads(stack.mot_run("get", "dep", "verbs", "-o", "json"))["status"]["summary"], "2/2")
    expect_in("summary: 2/2", stack.mot_run("get", "deployment/verbs", "-o", "yaml"))
    tree = stack.mot_run("status", "verbs")
    expect_in("verbs  Converged  2/2 regions  4/4 ready  generation 1", tree)
    for text in (f"├─ {CENTRAL}  Converged  2/2 ready", f"└─ {TEST}  Converged  2/2 ready",
                 "us-east-1a  Converged  1/1 ready"):
        expect_in(text, tree)
    for name in [item["metadata"]["name"] for item in stack.list("instances") if item["spec"]["deployment"] == "verbs"]:
        expect_in(f"{name}  Running  ready", tree)
    # The newest kubectl understands the same conditions.
    expect_in("condition met", stack.kubectl("wait", "dep/verbs", "--for=condition=Converged", "--timeout=60s"))
    expect_equal(stack.mot_run("delete", "dep", "verbs"), 'deployment.mot.dev "verbs" deleted\n')
    expect(not stack.exists("deployments", "verbs"), "mot delete has waited until it is gone")
    expect_equal(stack.count("verbs"), 0, "nothing of it runs")
    expect_in("not found", stack.mot_run("get", "dep", "verbs", ok=False))


def quiet(stack):
    """Nothing happens when nothing happens: no revision is written but for heartbeats, nobody burns CPU."""
    time.sleep(3)

    def revisions():
        rows = stack.sql("SELECT resource, count(*) FROM change_log WHERE resource NOT LIKE 'regions%' GROUP BY 1")
        return sorted(rows)

    def cpu():
        ticks = {}
        for name, pid in stack.parts().items():
            if name.startswith(("kafka", "postgres")):
                continue
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
            ticks[name] = int(fields[11]) + int(fields[12])
        return ticks

    before, burned = revisions(), cpu()
    time.sleep(10)
    expect_equal(revisions(), before, "changes while nothing happened")
    after = cpu()
    used = {name: (after[name] - burned[name]) / 10 for name in burned}
    say("CPU while nothing happens, per cent of a core: " +
        ", ".join(f"{name} {value:.1f}" for name, value in sorted(used.items())))
    expect(all(value < 15 for value in used.values()), f"CPU while nothing happens: {used}")


if __name__ == "__main__":
    sys.exit(main([connections, topics, walk_old_kubectl, walk_new_kubectl, walk_direct, client_verbs, quiet]))
