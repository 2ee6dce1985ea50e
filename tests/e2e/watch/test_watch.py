"""Watches of `mot api` as clients see them: over HTTP and WebSocket, over restarts, slow and fast, many at once.

Usage: test_watch.py MOT [ITEM…]
"""

import json
import socket
import sys
import threading
import time
import traceback

from servers import (DEPLOYMENTS, GROUP, Client, Database, Failure, Server, count_to, deployment, expect,
                     expect_equal, expect_in, revision, wait_for)
from watching import KINDS, Ended, Follower, Watch, WebSocket, path_of

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
NAMES = [f"web-{n}" for n in range(10)]


class Stage:
    def __init__(self, mot):
        self.mot = mot
        self.database = Database()
        self.server = Server(mot, self.database.url)

    def create(self, *names, labels=None, pad=0):
        for name in names:
            self.server.ok("POST", DEPLOYMENTS, deployment(name, labels=labels, pad=pad))

    def patch(self, name, patch):
        answer = self.server.ok("PATCH", f"{DEPLOYMENTS}/{name}", patch,
                                {"Content-Type": "application/merge-patch+json"})
        return int(answer["metadata"]["resourceVersion"])

    def delete(self, *names):
        for name in names:
            self.server.ok("DELETE", f"{DEPLOYMENTS}/{name}")

    def watch(self, kind=Watch, base=DEPLOYMENTS, headers=None, receive_buffer=0, **options):
        return kind(self.server.port, path_of(base, **options), headers, receive_buffer)

    def clean(self):
        self.server.ok("DELETE", DEPLOYMENTS)

    def restart(self):
        self.server.kill()
        self.server.start()

    def close(self):
        status = self.server.stop()
        self.database.stop()
        return status


def change(stage, names, count, clients=4):
    """Counts the objects up, @count patches in all, over several connections; each has its share of the names."""
    def work(share, first):
        client = Client(stage.server)
        for n in range(first, count, clients):
            status, answer = client.call("PATCH", f"{DEPLOYMENTS}/{share[n // clients % len(share)]}", count_to(n))
            if status is None or status in (429, 503):
                time.sleep(0.1)
            elif status >= 300:
                failures.append(answer)
        client.close()

    failures = []
    threads = [threading.Thread(target=work, args=(names[n::clients] or names, n)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not failures, f"{len(failures)} writes failed: {failures[:1]}")


# ------------------------------------------------------------------------------------------ beginnings

def starts(stage):
    """resourceVersion absent, 0, now, in the future, malformed."""
    stage.create("a", "b")
    for kind in KINDS:
        now = revision(stage.server)
        for options in ({}, {"resourceVersion": "0"}, {"resourceVersion": ""}):
            watch = stage.watch(kind, **options)
            watch.expect("ADDED", "a")
            watch.expect("ADDED", "b")
            watch.expect_silence(0.2)
            watch.close()
        later = stage.watch(kind, resourceVersion=now)
        future = stage.watch(kind, resourceVersion=now + 2)
        expect_equal(future.status, 101 if kind is WebSocket else 200)
        later.expect_silence(0.3)
        stage.patch("a", count_to(now))
        stage.patch("b", count_to(now))
        expect_equal(stage.patch("a", count_to(now + 1)), now + 3)
        for name in ("a", "b", "a"):
            later.expect("MODIFIED", name)
        found = future.expect("MODIFIED", "a")
        expect_equal(found["metadata"]["resourceVersion"], str(now + 3))
        later.close()
        future.close()
    for wrong in ("x", "-1", "1.5"):
        watch = stage.watch(resourceVersion=wrong)
        expect_equal((watch.status, watch.answer["reason"]), (400, "BadRequest"), wrong)
    expect_equal(stage.watch(resourceVersion=1, resourceVersionMatch="Exact").status, 422)


def initial_events(stage):
    """sendInitialEvents: refused without its companion, else state, mark and what follows."""
    stage.create("a", "b")
    expect_equal(stage.watch(sendInitialEvents="true").status, 422)
    for kind in KINDS:
        watch = stage.watch(kind, sendInitialEvents="true", resourceVersionMatch="NotOlderThan",
                            allowWatchBookmarks="true")
        watch.expect("ADDED", "a")
        watch.expect("ADDED", "b")
        mark = watch.expect("BOOKMARK")
        expect_equal((mark["kind"], mark["apiVersion"]), ("Deployment", "mot.dev/v1alpha1"))
        expect_equal(mark["metadata"], {"annotations": {"k8s.io/initial-events-end": "true"},
                                        "resourceVersion": mark["metadata"]["resourceVersion"],
                                        **({"creationTimestamp": None} if "creationTimestamp" in mark["metadata"]
                                           else {})})
        expect(int(mark["metadata"]["resourceVersion"]) >= revision(stage.server), "the mark is too old")
        stage.patch("a", count_to(time.time()))
        watch.expect("MODIFIED", "a")
        watch.close()


def namespaces_and_names(stage):
    """One object, one namespace, all namespaces."""
    other = GROUP + "/namespaces/other/deployments"
    stage.server.ok("POST", "/api/v1/namespaces",
                    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    after = revision(stage.server)
    one = stage.watch(resourceVersion=after, fieldSelector="metadata.name%3Db")
    everywhere = stage.watch(base=GROUP + "/deployments", resourceVersion=after)
    here = stage.watch(resourceVersion=after)
    stage.create("a", "b")
    stage.server.ok("POST", other, deployment("b"))
    here.expect("ADDED", "a")
    here.expect("ADDED", "b")
    one.expect("ADDED", "b")
    for where in ("default", "default", "other"):
        expect_equal(everywhere.expect("ADDED")["metadata"]["namespace"], where)
    one.expect_silence(0.2)
    here.expect_silence(0.2)
    stage.server.ok("DELETE", other + "/b")
    stage.server.ok("DELETE", "/api/v1/namespaces/other")
    for watch in (one, everywhere, here):
        watch.close()


def selectors(stage):
    """An object that begins to match is ADDED, one that stops is DELETED."""
    labelled = [stage.watch(kind, resourceVersion=revision(stage.server), labelSelector="color%3Dred")
                for kind in KINDS]
    stage.create("a", labels={"color": "red"})
    stage.create("b", labels={"color": "blue"})
    stage.patch("b", {"metadata": {"labels": {"color": "red"}}})
    stage.patch("a", count_to(1))
    stage.patch("a", {"metadata": {"labels": {"color": None}}})
    at = stage.patch("b", {"metadata": {"labels": {"color": "green"}}})
    stage.patch("a", count_to(2))
    wanted = [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a"), ("DELETED", "b")]
    for watch in labelled:
        seen = [watch.next() for _ in wanted]
        expect_equal([(event["type"], event["object"]["metadata"]["name"]) for event in seen], wanted)
        expect_equal(seen[-1]["object"]["metadata"]["resourceVersion"], str(at))
        watch.expect_silence(0.2)
        watch.close()
    fields(stage)


def fields(stage):
    regions = GROUP + "/regions"
    region = {"apiVersion": "mot.dev/v1alpha1", "kind": "Region", "metadata": {"name": "r1"},
              "spec": {"appenv": "test", "kafka": {"bootstrap": "127.0.0.1:1"}}}
    status, _, answer = stage.server.request("POST", regions, region)
    expect(status == 201, f"region: {answer}")
    watch = stage.watch(base=regions, fieldSelector="spec.appenv%3Dtest")
    watch.expect("ADDED", "r1")
    merge = {"Content-Type": "application/merge-patch+json"}
    stage.server.ok("PATCH", regions + "/r1", {"spec": {"appenv": "stage"}}, merge)
    watch.expect("DELETED", "r1")
    stage.server.ok("PATCH", regions + "/r1", {"metadata": {"labels": {"a": "b"}}}, merge)
    stage.server.ok("PATCH", regions + "/r1", {"spec": {"appenv": "test"}}, merge)
    watch.expect("ADDED", "r1")
    stage.server.ok("DELETE", regions + "/r1")
    watch.expect("DELETED", "r1")
    watch.close()
    wrong = stage.watch(fieldSelector="spec.image%3Dx")
    expect_equal((wrong.status, wrong.answer["message"]), (400, "field label not supported: spec.image"))


def tables(stage):
    """columnDefinitions in the first event only, whatever it is."""
    stage.create("a", "b")
    for kind in KINDS:
        watch = stage.watch(kind, headers=TABLE, allowWatchBookmarks="true", timeoutSeconds=1)
        first, second, mark, last = (watch.next() for _ in range(4))
        expect_equal([event["type"] for event in (first, second, mark, last)],
                     ["ADDED", "ADDED", "BOOKMARK", "BOOKMARK"])
        expect_equal(first["object"]["columnDefinitions"][0]["format"], "name")
        for event in (first, second, mark, last):
            expect_equal((event["object"]["kind"], event["object"]["apiVersion"], len(event["object"]["rows"])),
                         ("Table", "meta.k8s.io/v1", 1))
        for event in (second, mark, last):
            expect(event["object"]["columnDefinitions"] is None, "column definitions are repeated")
        row = first["object"]["rows"][0]
        expect_equal((row["cells"][0], row["object"]["kind"], row["object"]["metadata"]["name"]),
                     ("a", "PartialObjectMetadata", "a"))
        for event, ends_initial in ((mark, True), (last, False)):
            meta = event["object"]["rows"][0]["object"]["metadata"]
            expect("resourceVersion" in meta, "bookmark without a revision")
            expect_equal("k8s.io/initial-events-end" in meta.get("annotations", {}), ends_initial, "the annotation")
        watch.expect_end()
        watch.close()
        watch = stage.watch(kind, headers=TABLE, includeObject="None", resourceVersion=revision(stage.server))
        stage.patch("a", count_to(time.time()))
        expect(watch.next()["object"]["rows"][0]["object"] is None, "includeObject=None")
        watch.close()


def timeouts(stage):
    """timeoutSeconds: a last bookmark for who wants it, and a clean end."""
    stage.create("a")
    for kind in KINDS:
        now = revision(stage.server)
        began = time.monotonic()
        plain = stage.watch(kind, resourceVersion=now, timeoutSeconds=1)
        marked = stage.watch(kind, resourceVersion=now, timeoutSeconds=1, allowWatchBookmarks="true")
        expect_equal(marked.expect("BOOKMARK")["metadata"]["resourceVersion"], str(now))
        marked.expect_end()
        plain.expect_end()
        expect(0.9 < time.monotonic() - began < 5, "the time is wrong")
        plain.close()
        marked.close()


# ------------------------------------------------------------------------------------------ WebSocket

def websocket_rules(stage):
    """Origins, sub-protocols, frames of the client, pings."""
    stage.create("a")
    def dial(**headers):
        return stage.watch(WebSocket, headers={name.replace("_", "-"): value for name, value in headers.items()})

    plain = dial()
    expect_equal((plain.status, plain.headers.get("sec-websocket-protocol")), (101, None))
    one = dial(Sec_WebSocket_Protocol="base64.binary.k8s.io")
    expect_equal((one.status, one.headers.get("sec-websocket-protocol")), (101, "base64.binary.k8s.io"))
    bearer = dial(Sec_WebSocket_Protocol="base64url.bearer.authorization.k8s.io.dG9rZW4, base64.binary.k8s.io")
    expect_equal((bearer.status, bearer.headers.get("sec-websocket-protocol")), (101, "base64.binary.k8s.io"))
    for watch in (plain, one, bearer):
        watch.expect("ADDED", "a")
        watch.close()
    expect_equal(dial(Sec_WebSocket_Protocol="one, two").status, 400)
    expect_equal(dial(Origin="http://evil.example").status, 403)
    expect_equal(dial(Origin="null").status, 403)
    expect_equal(dial(Origin="http://localhost:8443").status, 101)
    noisy = dial()
    noisy.expect("ADDED", "a")
    noisy.send(1, b"hello")
    noisy.send(2, b"\0\1")
    noisy.send(9, b"are you there")
    expect_equal(noisy.frame(), (10, b"are you there"))
    noisy.stream.commit()
    stage.patch("a", count_to(time.time()))
    noisy.expect("MODIFIED", "a")
    noisy.send(8, (1000).to_bytes(2, "big"))
    noisy.expect_end()
    rude = dial()
    rude.expect("ADDED", "a")
    rude.send(3, b"a reserved opcode")
    try:
        rude.next()
        raise Failure("a reserved opcode was accepted")
    except Ended as end:
        expect_equal(end.why, "close 1002")
    long = dial()
    long.expect("ADDED", "a")
    frame = bytes([0x81, 0xFF]) + (1 << 40).to_bytes(8, "big") + b"mask"
    long.stream.socket.sendall(frame + bytes(1000))
    try:
        long.next()
        raise Failure("a message of a terabyte was begun")
    except Ended as end:
        expect(not end.clean, end.why)


# ------------------------------------------------------------------------------------------ history

def gone(stage):
    """Compacted history: one ERROR event with 410, then the end."""
    stage.create("a")
    first = revision(stage.server)
    change(stage, ["a"], 10, 1)
    floor = revision(stage.server) - 2
    stage.database.sql(f"BEGIN; UPDATE history SET floor = {floor};"
                       f" DELETE FROM change_log WHERE revision < {floor}; COMMIT")
    stage.restart()  # its window begins empty
    for kind in KINDS:
        watch = stage.watch(kind, resourceVersion=first)
        status = watch.expect("ERROR")
        expect_equal((status["kind"], status["reason"], status["code"]), ("Status", "Expired", 410))
        expect_in(f"too old resource version: {first} ({floor}", status["message"])
        watch.expect_end()
        watch.close()
        watch = stage.watch(kind, resourceVersion=floor)
        watch.expect("MODIFIED", "a")
        watch.expect("MODIFIED", "a")
        watch.close()


def restarts(stage):
    """The API server is killed again and again and PostgreSQL restarted once: who resumes sees every change once."""
    stage.create(*NAMES)
    after = revision(stage.server)
    followers = [Follower(stage.server, DEPLOYMENTS, after, kind, **options)
                 for kind in KINDS for options in ({}, {"allowWatchBookmarks": "true"})]
    writer = threading.Thread(target=change, args=(stage, NAMES, 1000, 4))
    writer.start()
    for turn in range(4):
        time.sleep(0.7)
        if turn == 2:
            stage.database.restart()
        else:
            stage.restart()
    writer.join()
    stage.delete("web-0")
    wanted = stage.database.changes(after)
    expect(len(wanted) > 200, f"only {len(wanted)} changes")
    for follower in followers:
        follower.expect_saw(wanted)
    print(f"      {len(wanted)} changes, resumed {[follower.resumed for follower in followers]} times")


def two_servers(stage):
    """Servers of one database see each other's writes."""
    second = Server(stage.mot, stage.database.url)
    try:
        after = revision(stage.server)
        pair = [Follower(server, DEPLOYMENTS, after) for server in (stage.server, second)]
        stage.create("a")
        delays = []
        watch = Watch(second.port, path_of(DEPLOYMENTS, resourceVersion=revision(second)))
        for n in range(50):
            began = time.monotonic()
            stage.patch("a", count_to(n + 1))
            watch.expect("MODIFIED", "a")
            delays.append(time.monotonic() - began)
        watch.close()
        for n in range(50):
            second.ok("PATCH", f"{DEPLOYMENTS}/a", count_to(-n),
                      {"Content-Type": "application/merge-patch+json"})
        wanted = stage.database.changes(after)
        expect_equal(len(wanted), 101)
        for follower in pair:
            follower.expect_saw(wanted)
        print(f"      write to event at the other server: median {1000 * sorted(delays)[25]:.1f} ms")
    finally:
        expect_equal(second.stop(), 0, "the second server")


# ------------------------------------------------------------------------------------------ slow and many

def slow_and_fast(stage):
    """Slow watchers are cut and resume without loss; nobody waits for them; bookmarks come each minute."""
    stage.create(*NAMES, pad=4000)
    after = revision(stage.server)
    patient = stage.watch(resourceVersion=after, fieldSelector="metadata.name%3Dweb-0", allowWatchBookmarks="true")
    plain = stage.watch(base=GROUP + "/regions", resourceVersion=after)
    opened = time.monotonic()
    slow = [stage.watch(kind, resourceVersion=after, receive_buffer=4096) for kind in KINDS]
    fast = [Follower(stage.server, DEPLOYMENTS, after, KINDS[n % 2]) for n in range(20)]
    began = time.monotonic()
    change(stage, NAMES, 2000, 8)
    wanted = stage.database.changes(after)
    for follower in fast:
        follower.expect_saw(wanted)
        expect_equal(follower.resumed, 0, "a fast watcher was cut")
    took = time.monotonic() - began
    print(f"      20 watchers saw {len(wanted)} changes in {took:.1f} s")
    for watch in slow:
        resume_slow(stage, watch, after, wanted)
    marks(patient, plain, opened)


def resume_slow(stage, watch, after, wanted):
    """It reads nothing until it is cut; then what has come, and goes on from there with a new watch."""
    wait_for(lambda: is_cut(watch), "a slow watcher is cut", 60)
    seen = []
    try:
        while len(seen) < len(wanted):
            meta = watch.next(10)["object"]["metadata"]
            seen.append(("MODIFIED", meta["name"], int(meta["resourceVersion"])))
    except Ended:
        pass
    watch.close()
    expect(len(seen) < len(wanted), "it was not slow")
    rest = Follower(stage.server, DEPLOYMENTS, seen[-1][2] if seen else after)
    rest.expect_saw(wanted[len(seen):])


def is_cut(watch):
    """The server has closed its side: its socket is in no state of the kernel's table that still sends."""
    local = watch.stream.socket.getsockname()[1]
    remote = watch.stream.socket.getpeername()[1] if not closed(watch) else 0
    key = f":{remote:04X} 0100007F:{local:04X}"
    for line in open("/proc/net/tcp", encoding="ascii"):
        if key in line:
            return line.split()[3] != "01"
    return True


def closed(watch):
    return watch.stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def marks(patient, plain, opened):
    try:
        seen = []
        while time.monotonic() - opened < 75 and "BOOKMARK" not in seen:
            event = patient.next(80)
            seen.append(event["type"])
            last = int(event["object"]["metadata"]["resourceVersion"])
        expect_equal(seen[-1], "BOOKMARK", "no bookmark in 75 s")
        expect(last > 0, "a bookmark without a revision")
        plain.expect_silence(0.1)
    finally:
        patient.close()
        plain.close()


def memory(stage):
    """500 idle and 5 blocked watchers under 20,000 changes. The figures are printed, only a wide bound is asserted."""
    stage.restart()
    stage.create(*NAMES)
    at_rest = stage.server.rss_mb()
    after = revision(stage.server)
    idle = [stage.watch(base=GROUP + ("/regions", "/namespaces/nobody/deployments")[n % 2], resourceVersion=after)
            for n in range(500)]
    with_idle = stage.server.rss_mb()
    blocked = [stage.watch(resourceVersion=after, receive_buffer=4096) for _ in range(5)]
    highest, stop = [0.0], threading.Event()

    def sample():
        while not stop.wait(0.2):
            highest[0] = max(highest[0], stage.server.rss_mb())

    sampler = threading.Thread(target=sample)
    sampler.start()
    began, cpu = time.monotonic(), stage.server.cpu_s()
    change(stage, NAMES, 20000, 8)
    took, cpu = time.monotonic() - began, stage.server.cpu_s() - cpu
    stop.set()
    sampler.join()
    for watch in idle[:2] + idle[-2:]:
        watch.expect_silence(0.05)
    after_burst = stage.server.rss_mb()
    for watch in idle + blocked:
        watch.close()
    time.sleep(3)
    print(f"      RSS at rest {at_rest:.1f} MB, with 500 idle watchers {with_idle:.1f}, highest {highest[0]:.1f}, "
          f"after 20000 changes {after_burst:.1f}, watchers gone {stage.server.rss_mb():.1f}; "
          f"{20000 / took:.0f} changes/s, {1e6 * cpu / 20000:.0f} µs of CPU each")
    if at_rest < 40:  # no sanitizer
        expect(highest[0] < 100, "the server grows")


def burst(stage):
    """800 objects, ten changes each. Printed."""
    stage.restart()
    at_rest = stage.server.rss_mb()
    names = [f"burst-{n}" for n in range(800)]
    stage.create(*names, pad=500)
    created = stage.server.rss_mb()
    change(stage, names, 8000, 8)
    changed = stage.server.rss_mb()
    time.sleep(5)
    print(f"      RSS at rest {at_rest:.1f} MB, 800 objects {created:.1f}, 8000 changes {changed:.1f}, "
          f"5 s later {stage.server.rss_mb():.1f}")


ITEMS = [starts, initial_events, namespaces_and_names, selectors, tables, timeouts, websocket_rules, gone, restarts,
         two_servers, slow_and_fast, memory, burst]


def main():
    failed = 0
    stage = Stage(sys.argv[1])
    for item in ITEMS:
        if len(sys.argv) > 2 and item.__name__ not in sys.argv[2:]:
            continue
        began = time.monotonic()
        try:
            stage.clean()
            item(stage)
            print(f"ok    {item.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except (Failure, Ended, OSError) as failure:
            failed += 1
            at = traceback.extract_tb(failure.__traceback__)
            lines = [str(frame.lineno) for frame in at if frame.filename == __file__]
            print(f"FAIL  {item.__name__}: line {', '.join(lines)}: {type(failure).__name__}: {failure}", flush=True)
    status = stage.close()
    if status != 0:
        failed += 1
        print(f"FAIL  mot api ended with {status}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
