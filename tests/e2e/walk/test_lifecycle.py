"""The life of deployments and of `mot up` itself: mending, rolling, scaling, moving, deleting, stopping, resuming.

Usage: test_lifecycle.py MOT [ITEM…]
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from stack import command_line, environment, expect, expect_equal, expect_in, main, say, wait_for
from watch import Watch

CENTRAL, WEST, STAGE, TEST = "production-us-east-1", "production-us-west-2", "stage-us-east-1", "test-us-east-1"
OUT = "mot-deployment-launch-events-"


def running(stack, deployment):
    """{(region, zone): {instance: (pid, start time)}} of what really runs."""
    found = {}
    for name, process in stack.instances().items():
        variables = environment(process[0])
        if variables.get("MOT_DEPLOYMENT") == deployment:
            found.setdefault((variables["MOT_REGION"], variables["MOT_ZONE"]), {})[name] = process
    return found


def counts(stack, deployment):
    return {place: len(names) for place, names in running(stack, deployment).items()}


def flat(places):
    return {name: process for names in places.values() for name, process in names.items()}


def places(spec):
    """{region: replicas per zone} as {(region, zone): replicas}"""
    return {(region, f"{region.split('-', 1)[1]}{letter}"): count for region, count in spec.items()
            for letter in "ab" if count}


def finish(*watches):
    for watch in watches:
        watch.stop()
        expect(not watch.faults, "\n".join(watch.faults))


def instance_killed(stack):
    """Instances that are killed are back without anyone asking, and only they."""
    stack.apply(stack.deployment("mended", {WEST: 1, TEST: 1}))
    stack.wait_converged("mended")
    for region in (WEST, TEST):
        before = flat(running(stack, "mended"))
        starts = len(stack.starts("mended"))
        place = next(key for key in running(stack, "mended") if key[0] == region)
        (name, (pid, _)), = running(stack, "mended")[place].items()
        watch = Watch(stack, "instances")
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        wait_for(lambda: pid not in [p for p, _ in flat(running(stack, "mended")).values()] and
                 counts(stack, "mended") == places({WEST: 1, TEST: 1}), f"an instance in {place} in place of {pid}")
        say(f"{region}: another process after {(time.monotonic() - began) * 1000:.0f} ms")
        expect(watch.wait(lambda w: any(
            e.item["spec"]["zone"] == place[1] and e.item["spec"]["region"] == region and
            (e.name != name or e.item["status"]["restarts"] == 1) and e.item["status"]["ready"] for e in w.events), 60),
            "the watch has seen it: " + str([(e.kind, e.name, e.item["status"]) for e in watch.events]))
        stack.wait_converged("mended")
        after = flat(running(stack, "mended"))
        expect_equal({key: value for key, value in after.items() if key in before and key != name},
                     {key: value for key, value in before.items() if key != name}, "the others were left alone")
        expect_equal(len(stack.starts("mended")) - starts, 1, "one start")
        finish(watch)


def leads_its_group(pid):
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


class Ground:
    """What really runs while a deployment rolls, zone by zone: the fewest that answered and the most that were there."""

    def __init__(self, stack, deployment):
        self.stack, self.deployment = stack, deployment
        self.least, self.most, self.looks = {}, {}, 0
        self.stopping = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _look(self):
        there, answering = {}, {}
        for pid, _, variables in self.stack.processes(self.deployment):
            if not leads_its_group(pid):
                continue  # the leak check of a sanitizer build is a process of its own while an instance ends
            place = variables["MOT_REGION"], variables["MOT_ZONE"]
            there.setdefault(place, set()).add(pid)
            with socket.socket() as sock:
                sock.settimeout(5)
                if sock.connect_ex(("127.0.0.1", int(variables["PORT"]))) == 0:
                    answering.setdefault(place, set()).add(pid)
        return there, answering

    def _run(self):
        """A look takes its time, so two together: what is in both was there at once, what is in neither was not."""
        before = self._look()
        while not self.stopping:
            now = self._look()
            for place in now[0]:
                both = before[0].get(place, set()) & now[0][place]
                either = before[1].get(place, set()) | now[1].get(place, set())
                self.most[place] = max(self.most.get(place, 0), len(both))
                self.least[place] = min(self.least.get(place, len(either)), len(either))
            before = now
            self.looks += 1

    def stop(self):
        self.stopping = True
        self.thread.join()


def roll(stack, name, strategy, least, most):
    spec = {WEST: 3, TEST: 3}
    stack.apply(stack.deployment(name, spec, env={"ROUND": "0"}, strategy=strategy))
    stack.wait_converged(name)
    deployments = Watch(stack, "deployments")
    ground = Ground(stack, name)
    try:
        for round_ in ("1", "2", "3"):
            starts = len(stack.starts(name))
            stack.apply(stack.deployment(name, spec, env={"ROUND": round_}, strategy=strategy))
            stack.wait_converged(name)
            wait_for(lambda: counts(stack, name) == places(spec), f"{name} runs what was asked")
            expect_equal({environment(pid).get("ROUND") for pid, _ in flat(running(stack, name)).values()}, {round_})
            expect_equal(len(stack.starts(name)) - starts, 12, "each instance was started once")
    finally:
        ground.stop()
    zones = [zone for event in deployments.events if event.name == name
             for region in event.item.get("status", {}).get("regions", []) for zone in region.get("zones", [])]
    expect(len(zones) > 24, f"the watch has seen it roll: {zones}")
    ready = [zone["ready"] for zone in zones if zone["desired"]]
    say(f"{name}: at least {min(ground.least.values())} answered and at most {max(ground.most.values())} were there, "
        f"in {ground.looks} looks; the watch showed at least {min(ready)} ready")
    expect(all(count >= least for count in ready), f"the watch shows never fewer than {least} ready: {ready}")
    expect(all(count >= least for count in ground.least.values()), f"answering: {ground.least}")
    expect(all(count <= most for count in ground.most.values()), f"there: {ground.most}")
    finish(deployments)


def roll_with_surge(stack):
    """maxUnavailable 0, maxSurge 1: never fewer than asked for are ready, never more than one more is there."""
    roll(stack, "surging", {"maxUnavailable": 0, "maxSurge": 1}, 3, 4)


def roll_in_place(stack):
    """maxUnavailable 1, maxSurge 0: never fewer than two of three are ready, never more than three are there."""
    roll(stack, "swapping", {"maxUnavailable": 1, "maxSurge": 0}, 2, 3)


def roll_that_fails(stack):
    """A template that never becomes ready stops at what the strategy allows; the next one goes on from there."""
    spec = {TEST: 2}
    stack.apply(stack.deployment("careful", spec, env={"ROUND": "0"}))
    stack.wait_converged("careful")
    before = flat(running(stack, "careful"))
    bad = stack.deployment("careful", spec, command=["/bin/sh", "-c", "exit 3"])
    bad["spec"]["strategy"] = {"progressDeadlineSeconds": 5}
    stack.apply(bad)

    def failed():
        status = stack.get("deployments", "careful")["status"]
        states = [region["state"] for region in status["regions"]]
        expect(status["observedGeneration"] == 2 and states == ["Failed"], json.dumps(status))
        return True
    wait_for(failed, "the change has failed after its deadline", 60)
    after = flat(running(stack, "careful"))
    expect_equal({name: after.get(name) for name in before}, before, "what ran goes on running")
    expect_in("Failed", stack.mot_run("status", "careful"))
    stack.apply(stack.deployment("careful", spec, env={"ROUND": "2"}))
    stack.wait_converged("careful")
    expect_equal({environment(pid).get("ROUND") for pid, _ in flat(running(stack, "careful")).values()}, {"2"})


def scale(stack):
    """Up and down: what stays is left alone."""
    def at(count):
        # kubectl apply, as a GitOps tool would
        stack.kubectl("apply", "-f", stack.file(stack.deployment("scaled", {CENTRAL: count, TEST: count})))
        stack.wait_converged("scaled")
        wait_for(lambda: counts(stack, "scaled") == places({CENTRAL: count, TEST: count}),
                 f"{count} instances in each zone: {counts(stack, 'scaled')}")
        return flat(running(stack, "scaled"))
    one = at(1)
    four = at(4)
    expect_equal({name: four.get(name) for name in one}, one, "scaling up starts others only")
    expect_equal(len(stack.starts("scaled")), 16)
    two = at(2)
    expect(two.items() <= four.items(), "scaling down stops some and touches no other")
    expect_equal(len(stack.starts("scaled")), 16, "scaling down starts nothing")
    item = stack.get("deployments", "scaled")
    expect_equal((item["status"]["desired"], item["status"]["ready"]), (8, 8))
    at(0)
    expect_equal(stack.get("deployments", "scaled")["status"]["desired"], 0)


def region_removed(stack):
    """A region that placement no longer selects is cleaned up; the other one does not notice."""
    stack.apply(stack.deployment("moved", {WEST: 1, TEST: 1}))
    stack.wait_converged("moved")
    kept = running(stack, "moved")
    stack.apply(stack.deployment("moved", {WEST: 1}))
    wait_for(lambda: counts(stack, "moved") == places({WEST: 1}), f"only {WEST}: {counts(stack, 'moved')}")
    stack.wait_converged("moved")
    expect_equal(running(stack, "moved"), {place: kept[place] for place in places({WEST: 1})}, f"{WEST} goes on")
    wait_for(lambda: not stack.exists("regionaldeployments", f"moved.{TEST}"), "its RegionalDeployment is gone")
    wait_for(lambda: not [item for item in stack.list("instances") if item["spec"]["deployment"] == "moved" and
                          item["spec"]["region"] == TEST], "its Instances are gone")
    wait_for(lambda: [r["name"] for r in stack.get("deployments", "moved")["status"]["regions"]] == [WEST], "its status")
    tombstones(stack, "moved")
    # And back.
    stack.apply(stack.deployment("moved", {WEST: 1, TEST: 1}))
    stack.wait_converged("moved")
    expect_equal(counts(stack, "moved"), places({WEST: 1, TEST: 1}))


def tombstones(stack, name):
    """In test-us-east-1 and on the way there, nothing is left of a deployment."""
    key = f"default/{name}"
    for region, topic in ((CENTRAL, OUT + TEST), (STAGE, OUT + TEST), (TEST, "mot-deployment-desired"),
                          (TEST, "mot-deployment-state-change"), (CENTRAL, f"mot-deployment-state-change.{TEST}"),
                          (TEST, "mot-deployment-complete-events")):
        def last(region=region, topic=topic):
            found = [record for record in stack.records(region, topic) if record["key"] == key]
            expect(found and found[-1]["payload"] is None, f"{region} {topic}: {found[-1:]}")
            return True
        wait_for(last, f"a tombstone of {key} in {topic} of {region}", 30)

    def instances():
        state = {record["key"]: record["payload"] for record in stack.records(TEST, "mot-instance-state-change")}
        left = [item for item in state.values() if item and item["deployment"] == name]
        expect(not left, f"mot-instance-state-change of {TEST}: {left}")
        return True
    wait_for(instances, "tombstones of its instances", 30)


def deleted(stack):
    """A deleted Deployment stops everything everywhere, and only then disappears."""
    script = ('echo "$MOT_DEPLOYMENT $MOT_INSTANCE $$" >>"$LEDGER"; trap "" TERM; '
              '(trap - TERM; exec mot demo-server) & sleep 3600 & wait')
    slow = stack.deployment("slow", {CENTRAL: 1, TEST: 2}, grace=4, command=["/bin/sh", "-c", script])
    stack.apply(slow, stack.deployment("quick", {region: 1 for region in (CENTRAL, WEST, STAGE, TEST)}))
    stack.wait_converged("slow", "quick")
    untouched = running(stack, "moved")
    left_when_gone = {}

    def look(watch, event):
        if event.kind == "DELETED":
            left_when_gone[event.name] = len(stack.processes(event.name))
    deployments = Watch(stack, "deployments", look)
    instances = Watch(stack, "instances")
    began = time.monotonic()
    client = subprocess.Popen([stack.mot, "delete", "dep", "slow", "quick"], env=stack.env(),
                              stdout=subprocess.PIPE, text=True)
    item = wait_for(lambda: stack.get("deployments", "slow")["metadata"].get("deletionTimestamp"), "the deletion is marked")
    expect(item and client.poll() is None, "mot delete waits")
    expect_equal(stack.mot_run("wait", "slow", "--for=deleted", "--timeout", "90s"), "deployment.mot.dev/slow deleted\n")
    took = time.monotonic() - began
    expect(took > 3.5, f"its instances had 4 seconds to end, and it was gone after {took:.1f}")
    out = client.communicate(timeout=90)[0]
    expect_equal((client.returncode, sorted(out.splitlines())),
                 (0, ['deployment.mot.dev "quick" deleted', 'deployment.mot.dev "slow" deleted']))
    expect(deployments.wait(lambda w: {"slow", "quick"} <= set(left_when_gone), 30), "the watch has seen both go")
    expect_equal(left_when_gone, {"slow": 0, "quick": 0}, "processes of each at the moment it was gone")
    order = sorted([(e.revision, e.kind, e.name) for w in (deployments, instances) for e in w.events])
    for name in ("slow", "quick"):
        gone = next(revision for revision, kind, who in order if (kind, who) == ("DELETED", name))
        late = [row for row in order if row[0] > gone and row[2].startswith(name + "-")]
        say(f"{name}: gone at revision {gone}, events of its instances behind that: {len(late)}")
        wait_for(lambda: not [i for i in stack.list("instances") if i["spec"]["deployment"] == name], f"Instances of {name}")
        expect(not any(stack.exists("regionaldeployments", f"{name}.{region}")
                       for region in (CENTRAL, WEST, STAGE, TEST)), "no RegionalDeployment is left")
        tombstones(stack, name)
    expect_equal(running(stack, "moved"), untouched, "other deployments do not notice")
    folders = [root for root, dirs, _ in os.walk(stack.data + "/regions") for d in dirs if d in ("slow", "quick")]
    wait_for(lambda: not [r for r, dirs, _ in os.walk(stack.data + "/regions") for d in dirs if d in ("slow", "quick")],
             f"their folders are gone: {folders}", 30)
    finish(deployments, instances)


def many_deleted(stack):
    """Ten at once."""
    names = [f"many-{i}" for i in range(10)]
    stack.apply(*[stack.deployment(name, {TEST: 1}) for name in names])
    stack.wait_converged(*names)
    stack.kubectl("delete", "dep", *names)
    expect_equal([name for name in names if stack.exists("deployments", name)], [])
    expect_equal([name for name in names if stack.count(name)], [])


def all_specs(stack):
    return {item["metadata"]["name"]: (item["metadata"]["uid"], item["metadata"]["generation"], item["spec"])
            for item in stack.list("deployments")}


def second_refused(stack):
    """A second mot up on the same folder, while the first one runs, says so and harms nothing."""
    before = stack.parts()
    done = subprocess.run([stack.mot, "up", "--data", stack.data, "--port", "1"], capture_output=True, text=True,
                          timeout=60, check=False)
    expect(done.returncode != 0, "it was refused")
    expect_in("is in use by another `mot up`", done.stderr)
    expect_equal(stack.parts(), before)


def resumed(stack, how):
    before = all_specs(stack)
    wanted = {name: counts(stack, name) for name in before}
    revision = int(stack.api("/apis/mot.dev/v1alpha1/namespaces/default/deployments")["metadata"]["resourceVersion"])
    how()
    left = wait_for(lambda: not stack.everything(), "no process is left", 60)
    expect(left, "no process is left")
    starts = len(stack.starts())
    stack.start()
    expect_equal(all_specs(stack), before, "the objects are those from before")
    expect(int(stack.api("/apis/mot.dev/v1alpha1/namespaces/default/deployments")["metadata"]["resourceVersion"]) >=
           revision, "revisions go on")
    for name in before:
        wait_for(lambda: counts(stack, name) == wanted[name], f"{name} runs again: {wanted[name]}")
    stack.wait_converged(*before)
    time.sleep(2)
    total = sum(sum(places_.values()) for places_ in wanted.values())
    expect_equal(len(stack.starts()) - starts, total, "each instance was started once")
    running_now = stack.instances()
    reported = [item["metadata"]["name"] for item in stack.list("instances")]
    expect_equal(sorted(reported), sorted(running_now), "Instance objects are what runs")


def stopped_and_resumed(stack):
    """SIGTERM leaves no process behind; a second mot up on the same folder goes on where the first one ended."""
    def how():
        began = time.monotonic()
        expect_equal(stack.stop(signal.SIGTERM), 0, "exit status")
        say(f"stopped after {time.monotonic() - began:.1f} s")
        expect_equal([(pid, command_line(pid)) for pid in stack.everything()], [], "processes left behind")
    resumed(stack, how)
    stack.apply(stack.deployment("after", {TEST: 1, WEST: 1}))
    stack.wait_converged("after")


def killed_and_resumed(stack):
    """mot up itself killed: its parts end too, and the next one goes on."""
    def how():
        stack.process.kill()
        stack.process.wait()
    resumed(stack, how)


def interrupted(stack):
    """SIGINT while it is still starting: everything ends."""
    expect_equal(stack.stop(signal.SIGTERM), 0)
    stack.start_without_waiting()
    wait_for(lambda: "kafka" in stack.output() or len(stack.parts()) > 3, "it has begun")
    stack.stop(signal.SIGINT)
    expect_equal([(pid, command_line(pid)) for pid in stack.everything()], [], "processes left behind")
    stack.start()
    stack.wait_converged("after")


if __name__ == "__main__":
    sys.exit(main([instance_killed, roll_with_surge, roll_in_place, roll_that_fails, scale, region_removed, deleted,
                   many_deleted, second_refused, stopped_and_resumed, killed_and_resumed, interrupted]))
