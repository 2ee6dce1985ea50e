"""client-go's informers and RetryWatcher, old and new, over ten thousand changes while the API server is killed five
times and PostgreSQL restarted.

Usage: test_informer.py MOT
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "watch"))
from servers import (DEPLOYMENTS, Database, Failure, Server, deployment, expect,  # noqa: E402
                     expect_equal, revision, wait_for)
from writer import Writer, disturb  # noqa: E402

VERSIONS = ("0.20", "0.35")
CHANGES = 10000


def program(version):
    source = b"".join(open(os.path.join(HERE, "v" + version, name), "rb").read()
                      for name in ("main.go", "go.mod", "go.sum"))
    cache = os.environ.get("MOT_CACHE") or os.path.expanduser("~/.cache/mot")
    path = f"{cache}/informer-{version}/informer-{hashlib.sha256(source).hexdigest()[:12]}"
    expect(os.access(path, os.X_OK), f"there is no {path}: scripts/install-deps --all-tests builds it (it needs Go)")
    return path


class Informer:
    """A program of main.go; `events` are the lines it wrote."""

    def __init__(self, name, version, server, *mode, env=None):
        self.name = f"client-go {version}, {name}"
        self.log = open(f"{server.dir}/informer-{version}-{name.replace(' ', '-')}.log", "wb")
        self.process = subprocess.Popen(
            [program(version), server.base, "mot.dev/v1alpha1/deployments", *mode], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, **(env or {})})
        self.events = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def wait_synced(self):
        wait_for(lambda: any(event["event"] == "synced" for event in self.events), f"{self.name} is synced", 60)

    def store(self):
        """{name: object} as the informer has it now."""
        before = len(self.events)
        self.process.stdin.write("dump\n")
        self.process.stdin.flush()
        wait_for(lambda: any(event["event"] == "dump" for event in self.events[before:]), f"{self.name}: dump")
        dump = next(event for event in self.events[before:] if event["event"] == "dump")
        return {item["metadata"]["name"]: item for item in dump.get("store", [])}

    def seen(self):
        return [event for event in self.events if event["event"] not in ("synced", "dump", "end")]

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def listed(server):
    items = server.ok("GET", DEPLOYMENTS)["items"]
    return {item["metadata"]["name"]: item for item in items}


def check_store(informer, server):
    wanted = listed(server)
    wait_for(lambda: {name: item["metadata"]["resourceVersion"] for name, item in informer.store().items()}
             == {name: item["metadata"]["resourceVersion"] for name, item in wanted.items()},
             f"{informer.name}: the store equals the list", 120)
    expect_equal(informer.store(), wanted, f"{informer.name}: the store")


def check_order(informer):
    """Per object revisions go up, and an update says what the last event said it was before."""
    last = {}
    for event in informer.seen():
        now = int(event["resourceVersion"])
        before = last.get(event["name"], 0)
        # A deletion that was found out by a list has no revision of its own: the last known state is told.
        known = event["event"] in ("delete", "delete unknown") and now == before
        # A list after a restart may tell again what is known.
        again = event["event"] == "update" and now == before
        expect(now > before or known or again,
               f"{informer.name}: {event} after revision {before}")
        if event["event"] == "update":
            expect_equal(int(event["old"]), before, f"{informer.name}: {event}")
        last[event["name"]] = now


def check_counter(informer, highest):
    counts = [int(event["counter"]) for event in informer.seen() if event["name"] == "default/counter"]
    expect(all(left <= right for left, right in zip(counts, counts[1:])), f"{informer.name}: the counter went back")
    expect_equal(counts[-1], highest, f"{informer.name}: the last value")
    return len(set(counts))


def check_retry(informer, wanted):
    """Every change once, in order."""
    wait_for(lambda: len(informer.seen()) >= len(wanted), f"{informer.name}: all changes", 60)
    time.sleep(0.5)
    seen = [(event["event"].upper(), event["name"].split("/")[1], int(event["resourceVersion"]))
            for event in informer.seen()]
    expect_equal(seen, wanted, informer.name)


def settle(server, database, writer, informers, retries, after):
    for informer in informers:
        check_store(informer, server)
        check_order(informer)
        distinct = check_counter(informer, writer.counter)
        print(f"ok    {informer.name}: {len(informer.store())} objects, {len(informer.seen())} events, "
              f"{distinct} of {writer.counter} counter values")
    wanted = database.changes(after)
    for retry in retries:
        check_retry(retry, wanted)
        print(f"ok    {retry.name}: {len(wanted)} changes, each once")


def run(server, database):
    started = []

    def start(*arguments, **options):
        started.append(Informer(*arguments, **options))
        return started[-1]

    try:
        server.ok("POST", DEPLOYMENTS, deployment("counter"))
        server.ok("POST", DEPLOYMENTS, deployment("web-0"))
        after = revision(server)
        informers = [start("informer", version, server, "informer") for version in VERSIONS]
        informers.append(start("informer without WatchList", "0.35", server, "informer",
                               env={"KUBE_FEATURE_WatchListClient": "false"}))
        retries = [start("RetryWatcher", version, server, "retry", str(after)) for version in VERSIONS]
        for informer in informers + retries:
            informer.wait_synced()
        writer = Writer(server, CHANGES)
        writer.start()
        disturb(server, writer, database.restart)
        writer.join(300)
        expect(not writer.is_alive() and not writer.failures, f"the writer: {writer.failures[:3]}")
        settle(server, database, writer, informers, retries, after)
        late = start("late informer", "0.35", server, "informer")
        late.wait_synced()
        check_store(late, server)
        print("ok    an informer that begins after all of it")
    finally:
        for informer in started:
            informer.stop()


def main():
    for version in VERSIONS:
        program(version)
    database = Database()
    server = Server(sys.argv[1], database.url)
    try:
        run(server, database)
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
