"""Parts of a running stack killed or stopped in the middle of changes: afterwards everything converges, and nothing was
stopped or started twice for it.

Usage: test_faults.py MOT [ITEM…]
"""

import os
import random
import re
import signal
import sys
import time

from stack import environment, expect, expect_equal, is_alive, main, say, wait_for
from watch import Watch

CENTRAL, WEST, STAGE, TEST = "production-us-east-1", "production-us-west-2", "stage-us-east-1", "test-us-east-1"
OUT = "mot-deployment-launch-events-"
MOVING = {CENTRAL: 1, WEST: 1, TEST: 2}


def setup(stack):
    """stable never changes; moving gets a new template in each round."""
    stack.apply(stack.deployment("stable", {CENTRAL: 1, WEST: 1, STAGE: 1, TEST: 1}),
                stack.deployment("moving", MOVING, env={"ROUND": "none"}))
    stack.wait_converged("stable", "moving")
    expect_equal((stack.count("stable"), stack.count("moving")), (8, 8))


class Round:
    """A new deployment and a new template for another, and what must be true once they have converged."""

    def __init__(self, stack, tag):
        self.stack, self.tag, self.new = stack, tag, f"new-{tag}"
        self.stable = stack.snapshot("stable")
        expect(all(row[0] and row[3:] == ("Running", True) for row in self.stable.values()), f"stable: {self.stable}")
        self.moves = len(stack.starts("moving"))
        self.instances = Watch(stack, "instances")
        self.deployments = Watch(stack, "deployments")

    def apply(self):
        """Until it is accepted: the API server may be the one that is killed."""
        def once():
            self.stack.apply(self.stack.deployment(self.new, {TEST: 2, WEST: 2}),
                             self.stack.deployment("moving", MOVING, env={"ROUND": self.tag}))
            return True
        wait_for(once, "the change is accepted")

    def in_the_middle(self):
        time.sleep(random.uniform(0.02, 0.4))

    def unharmed(self):
        expect_equal(self.stack.snapshot("stable"), self.stable, "stable: processes, startedAt, restarts, phase, ready")

    def check(self, recounted=False):
        stack = self.stack
        stack.wait_converged(self.new, "moving", "stable")
        time.sleep(2)  # what is done twice comes late
        stack.wait_converged(self.new, "moving", "stable")
        self.unharmed()
        starts = stack.starts(self.new)
        expect_equal(len(starts), 8, f"each instance of {self.new} was started once: {starts}")
        expect_equal(stack.count(self.new), 8)
        expect_equal(len(stack.starts("moving")) - self.moves, 8, f"each of moving once: {stack.starts('moving')[self.moves:]}")
        rounds = [environment(pid).get("ROUND") for pid, _ in stack.instances().values()
                  if environment(pid).get("MOT_DEPLOYMENT") == "moving"]
        expect_equal(rounds, [self.tag] * 8, "every instance runs the newest template")
        reported = {item["metadata"]["name"]: item for item in stack.list("instances")}
        expect_equal(sorted(reported), sorted(stack.instances()), "Instance objects are what runs")
        # A driver that was killed between noting a start and starting counts that as one; the ledger knows better.
        restarts = {name: item["status"]["restarts"] for name, item in reported.items()
                    if item["status"]["restarts"]}
        if restarts:
            say(f"counted as restarts: {restarts}")
        expect(recounted or not restarts, f"restarts: {restarts}")
        # The watches went on where they had been, and have seen the same.
        for watch in (self.instances, self.deployments):
            expect(watch.wait(lambda w: w.revision >= self.newest(w), 30), "a watch is behind")
        expect_equal(sorted(self.instances.state), sorted(reported), "the watch of instances")
        expect_equal(len(self.instances.names(self.new)), 8, "no other instance was ever seen")
        for watch in (self.instances, self.deployments):
            watch.stop()
            expect(not watch.faults, "\n".join(watch.faults))
        # Room for the next.
        stack.mot_run("delete", "dep", self.new, "--timeout", "90s")
        expect_equal(stack.count(self.new), 0)

    def newest(self, watch):
        return max(int(item["metadata"]["resourceVersion"]) for item in self.stack.api(watch.path)["items"])


def killed(stack, name, tag, recounted=False):
    work = Round(stack, tag)
    work.apply()
    work.in_the_middle()
    old = stack.kill_part(name)
    stack.wait_restarted(name, old)
    work.check(recounted)


def mirror_outwards_killed(stack):
    """The mirror from central to stage."""
    killed(stack, f"mirror {CENTRAL}->{STAGE}", "out")
    mirrored_without_gap(stack, CENTRAL, OUT + TEST, STAGE, OUT + TEST)


def mirror_inwards_killed(stack):
    """The mirror from test to central."""
    killed(stack, f"mirror {TEST}->{CENTRAL}", "in")
    for topic in ("mot-deployment-state-change", "mot-instance-state-change", "mot-deployment-complete-events"):
        mirrored_without_gap(stack, TEST, topic, CENTRAL, f"{topic}.{TEST}")


def mirrored_without_gap(stack, source, topic, destination, name):
    """Each record of the source arrived, in order, and once."""
    def same():
        sent = [(record["offset"], record["key"]) for record in stack.records(source, topic)]
        came = [(int(record["headers"]["mot-mirror-offset"].rpartition(":")[2]), record["key"])
                for record in stack.records(destination, name)]
        expect_equal(came, sent, f"{name} in {destination}")
        return True
    wait_for(same, f"{name} in {destination} is {topic} in {source}", 20)


def api_killed(stack):
    """The API server, between two writes and below open watches."""
    work = Round(stack, "api")
    work.apply()
    work.in_the_middle()
    old = stack.kill_part("api")
    work.apply()  # again, by a client that tries until it is answered
    stack.wait_restarted("api", old)
    work.check()
    expect(work.instances.connections >= 2, "the watch was cut and has resumed")


def controller_killed(stack):
    """The controller: placement, publisher and archive at once."""
    killed(stack, "controller", "controller")


def reconciler_killed(stack):
    """The reconciler of test-us-east-1, in the middle of starting and stopping instances."""
    killed(stack, f"reconciler {TEST}", "reconciler", recounted=True)


def reconciler_killed_often(stack):
    """The reconciler of production-us-west-2, five times in one change."""
    work = Round(stack, "often")
    work.apply()
    for _ in range(5):
        work.in_the_middle()
        name = f"reconciler {WEST}"
        stack.wait_restarted(name, stack.kill_part(name))
    work.check(recounted=True)


def postgres_killed(stack):
    """PostgreSQL."""
    work = Round(stack, "postgres")
    work.apply()
    work.in_the_middle()
    old = stack.kill_part("postgres")
    stack.wait_restarted("postgres", old)
    work.check()


def broker_killed(stack):
    """The broker of test-us-east-1; mot up starts it again."""
    killed(stack, f"kafka {TEST}", "broker")


def broker_of_central_killed(stack):
    """The broker of the central region."""
    killed(stack, f"kafka {CENTRAL}", "central")


def region_state(stack, deployment, region):
    status = stack.get("deployments", deployment).get("status", {})
    return next((r.get("state") for r in status.get("regions", []) if r["name"] == region), None)


def ready_condition(stack, region):
    status = stack.api(f"/apis/mot.dev/v1alpha1/regions/{region}").get("status", {})
    return next((c["status"] for c in status.get("conditions", []) if c["type"] == "Ready"), None)


def broker_away(stack):
    """The broker of test-us-east-1 hangs until the region counts as unheard of, and comes back."""
    work = Round(stack, "away")
    pid = stack.part(f"kafka {TEST}")
    os.kill(pid, signal.SIGSTOP)
    try:
        work.apply()
        wait_for(lambda: region_state(stack, work.new, WEST) == "Converged", "the other region converges meanwhile")
        expect(region_state(stack, work.new, TEST) != "Converged", "nothing can be known of test-us-east-1")
        wait_for(lambda: ready_condition(stack, TEST) == "Unknown", "the region is Unknown")
        wait_for(lambda: region_state(stack, "stable", TEST) == "Unknown", "its part of a deployment is Unknown")
        for region in (CENTRAL, WEST, STAGE):
            expect_equal((ready_condition(stack, region), region_state(stack, "stable", region)), ("True", "Converged"))
        running = {name: row[0] for name, row in work.stable.items()}
        expect_equal({name: row for name, row in stack.instances().items() if name in running}, running,
                     "nothing was stopped because of it")
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(is_alive(pid), "the broker goes on")
    wait_for(lambda: ready_condition(stack, TEST) == "True", "the region is heard of again")
    work.check()


def all_of_ours_killed(stack):
    """Every process of ours at once."""
    work = Round(stack, "all")
    work.apply()
    work.in_the_middle()
    names = [name for name in stack.parts() if not name.startswith(("kafka ", "postgres"))]
    old = {name: stack.kill_part(name) for name in names}
    for name in names:
        stack.wait_restarted(name, old[name])
    work.check(recounted=True)


def expected_deaths(stack):
    """No part has died but those that were killed."""
    deaths = [line for line in stack.output().splitlines() if " died: " in line and "signal 9" not in line]
    # The controller ends when its lease is lost, as it is with PostgreSQL.
    expect(len(deaths) <= 1 and all(re.search("controller +died: exit 1", line) for line in deaths), "\n".join(deaths))


if __name__ == "__main__":
    sys.exit(main([mirror_outwards_killed, mirror_inwards_killed, api_killed, controller_killed, reconciler_killed,
                   reconciler_killed_often, postgres_killed, broker_killed, broker_of_central_killed, broker_away,
                   all_of_ours_killed, expected_deaths], setup))
