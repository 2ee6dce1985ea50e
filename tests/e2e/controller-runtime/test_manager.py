"""Two managers of controller-runtime, one of which leads, over ten thousand changes while the API server is killed five
times and the leader once. What they hold in the end is what a list says.

Usage: test_manager.py MOT
"""

import hashlib
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "watch"))
from servers import DEPLOYMENTS, Database, Failure, Server, deployment, expect, expect_equal, wait_for  # noqa: E402
from writer import Writer, disturb  # noqa: E402

CHANGES = 10000
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/manager.mot.dev"


def program():
    source = b"".join(open(os.path.join(HERE, name), "rb").read() for name in ("main.go", "go.mod", "go.sum"))
    cache = os.environ.get("MOT_CACHE") or os.path.expanduser("~/.cache/mot")
    path = f"{cache}/controller-runtime/manager-{hashlib.sha256(source).hexdigest()[:12]}"
    expect(os.access(path, os.X_OK), f"there is no {path}: scripts/install-deps --all-tests builds it (it needs Go)")
    return path


class Manager:
    """A process of main.go. One that has lost its lease ends, and is started again, as a supervisor would."""

    def __init__(self, name, server):
        self.name, self.server = name, server
        self.log = open(f"{server.dir}/{name}.log", "ab")
        self.events, self.stopping, self.starts = [], False, 0
        self.process = None
        self.lock = threading.Lock()
        self.runner = threading.Thread(target=self.run, daemon=True)
        self.runner.start()

    def run(self):
        while not self.stopping:
            with self.lock:
                self.process = subprocess.Popen([program(), self.server.base, self.name], stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, stderr=self.log, text=True)
                self.starts += 1
                self.events = []
            for line in self.process.stdout:
                self.events.append(json.loads(line))
            self.process.wait()

    def has(self, event):
        return any(line["event"] == event for line in list(self.events))

    def kill(self):
        with self.lock:
            self.process.kill()

    def dump(self):
        """What is in its caches; nothing when it does not answer."""
        events = self.events
        before = len(events)
        try:
            self.process.stdin.write("dump\n")
            self.process.stdin.flush()
            wait_for(lambda: any(line["event"] == "dump" for line in events[before:]), f"{self.name}: dump", 10)
        except (OSError, ValueError, Failure):
            return None
        return next(line for line in events[before:] if line["event"] == "dump")

    def stop(self):
        self.stopping = True
        if self.process and self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.runner.join(20)
        self.log.close()


def listed(server):
    return {item["metadata"]["name"]: item for item in server.ok("GET", DEPLOYMENTS)["items"]}


def equal_to_the_list(manager, server):
    held = manager.dump()
    if not held:
        return False
    wanted = listed(server)
    objects = {item["metadata"]["name"]: item for item in held.get("objects", [])}
    revisions = {name: item["metadata"]["resourceVersion"] for name, item in wanted.items()}
    return objects == wanted and held.get("metadata", {}) == revisions


def all_seen(server):
    """The controller has answered the last change of every object."""
    notes = [item["metadata"].get("annotations", {}) for item in listed(server).values()]
    return all(note.get("seen") == note.get("counter") for note in notes)


def leaders(managers):
    return [manager for manager in managers if manager.has("leads")]


def kill_the_leader(managers, server):
    leader = wait_for(lambda: leaders(managers), "a leader", 60)[0]
    holder = server.ok("GET", LEASE)["spec"]["holderIdentity"]
    leader.kill()
    wait_for(lambda: server.ok("GET", LEASE)["spec"]["holderIdentity"] not in ("", holder), "the next leader", 60)
    print("ok    another manager has taken the lease over")


def run(server):
    server.ok("POST", DEPLOYMENTS, deployment("counter"))
    managers = [Manager(name, server) for name in ("one", "two")]
    try:
        for manager in managers:
            wait_for(lambda manager=manager: manager.has("synced"), f"{manager.name} is synced", 60)
        wait_for(lambda: len(leaders(managers)) == 1, "one leads", 60)
        lease = server.ok("GET", LEASE)
        expect(lease["spec"]["holderIdentity"] and lease["spec"]["leaseDurationSeconds"] == 4, f"the lease: {lease}")
        print("ok    one of two managers leads")
        writer = Writer(server, CHANGES)
        writer.start()
        disturb(server, writer, lambda: kill_the_leader(managers, server))
        writer.join(300)
        expect(not writer.is_alive() and not writer.failures, f"the writer: {writer.failures[:3]}")
        wait_for(lambda: leaders(managers) and all_seen(server), "every change is answered", 120)
        for manager in managers:
            wait_for(lambda manager=manager: equal_to_the_list(manager, server), f"{manager.name}: the list", 120)
        print(f"ok    {CHANGES} changes and five restarts: both caches of both managers equal the list "
              f"({sum(m.starts for m in managers)} starts of managers)")
    finally:
        for manager in managers:
            manager.stop()


def main():
    program()
    database = Database()
    server = Server(sys.argv[1], database.url)
    try:
        run(server)
    finally:
        status = server.stop()
        database.stop()
    expect_equal(status, 0, "the end of mot api")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"FAIL  {failure}")
        sys.exit(1)
