"""The Python client: watches over hundreds of idle time-outs, and its dynamic client.

Usage: test_python.py MOT
"""

import hashlib
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "watch"))
from servers import (DEPLOYMENTS, Client, Database, Failure, Server, count_to, deployment, expect,  # noqa: E402
                     expect_equal, revision, wait_for)


def use_cache():
    """The modules of requirements.txt, as scripts/install-deps has put them there."""
    wanted = hashlib.sha256(open(os.path.join(HERE, "requirements.txt"), "rb").read()).hexdigest()[:12]
    cache = os.environ.get("MOT_CACHE") or os.path.expanduser("~/.cache/mot")
    path = f"{cache}/python-client-{wanted}"
    expect(os.path.isdir(path), f"there is no {path}: scripts/install-deps --all-tests makes it")
    sys.path.insert(0, path)


use_cache()
import kubernetes  # noqa: E402
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError  # noqa: E402

GROUP, VERSION, NAMESPACE, PLURAL = "mot.dev", "v1alpha1", "default", "deployments"
WATCHERS = 6
# A server ends a watch after 30 to 60 minutes: so many ends, each after a second, are days of it.
ROUNDS = 40
NAMES = [f"web-{n}" for n in range(5)]


def connect(server):
    return kubernetes.client.ApiClient(kubernetes.client.Configuration(host=server.base))


class Follower(threading.Thread):
    """Watches with the time-out of a second, again and again, from where the last watch ended."""

    def __init__(self, server, after):
        super().__init__(daemon=True)
        self.api = kubernetes.client.CustomObjectsApi(connect(server))
        self.revision = str(after)
        self.seen, self.rounds, self.failure = [], 0, None
        self.stopping = threading.Event()

    def follow(self):
        watch = kubernetes.watch.Watch()
        for event in watch.stream(self.api.list_namespaced_custom_object, GROUP, VERSION, NAMESPACE, PLURAL,
                                  resource_version=self.revision, timeout_seconds=1, allow_watch_bookmarks=True):
            meta = event["object"]["metadata"]
            self.revision = meta["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self.seen.append((event["type"], meta["name"], int(meta["resourceVersion"])))
        self.rounds += 1

    def run(self):
        while not self.stopping.is_set():
            try:
                self.follow()
            except Exception as error:  # pylint: disable=broad-except
                self.failure = error
                return


class Writer(threading.Thread):
    """Busy for a while, quiet for longer: watches end with something on its way, and with nothing."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.client = Client(server)
        self.stopping = threading.Event()
        self.failures = []
        self.count = 0

    def change(self):
        name = NAMES[self.count % len(NAMES)]
        path = f"{DEPLOYMENTS}/{name}"
        step = self.count // len(NAMES) % 5
        if step == 0:
            status, answer = self.client.call("POST", DEPLOYMENTS, deployment(name, self.count))
        elif step == 4:
            status, answer = self.client.call("DELETE", path)
        else:
            status, answer = self.client.call("PATCH", path, count_to(self.count))
        if status not in (200, 201):
            self.failures.append((status, answer))
        self.count += 1

    def run(self):
        while not self.stopping.is_set():
            for _ in range(30):
                self.change()
                self.stopping.wait(0.02)
            self.stopping.wait(1.7)
        self.client.close()


def watch_for_days(server, database):
    after = revision(server)
    followers = [Follower(server, after) for _ in range(WATCHERS)]
    writer = Writer(server)
    for thread in [*followers, writer]:
        thread.start()
    wait_for(lambda: all(f.rounds >= ROUNDS or f.failure for f in followers), "the watches end", 40 * ROUNDS)
    writer.stopping.set()
    writer.join(30)
    wanted = database.changes(after)
    expect_equal(len(wanted), writer.count, "how many changes there were")
    wait_for(lambda: all(len(f.seen) >= len(wanted) or f.failure for f in followers), "the last changes", 60)
    for follower in followers:
        follower.stopping.set()
    for follower in followers:
        follower.join(30)
        expect(not follower.failure, f"a watch failed: {follower.failure!r}")
        expect_equal(follower.seen, wanted, "what a watch has seen")
    expect_equal(writer.failures, [], "what the writer was told")
    print(f"ok    {sum(f.rounds for f in followers)} watches of a second: {len(wanted)} changes, each once, in order")


def watch_from_the_beginning(server):
    """Without a resourceVersion: what is there comes first."""
    api = kubernetes.client.CustomObjectsApi(connect(server))
    names = {item["metadata"]["name"] for item in
             api.list_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL)["items"]}
    seen = {event["object"]["metadata"]["name"]
            for event in kubernetes.watch.Watch().stream(api.list_cluster_custom_object, GROUP, VERSION, PLURAL,
                                                         timeout_seconds=1) if event["type"] == "ADDED"}
    expect_equal(seen, names, "the initial events")
    print("ok    a watch without resourceVersion")


def expired(server, database):
    """A revision older than the history: the client raises 410."""
    database.sql("UPDATE history SET floor = (SELECT max(revision) - 1 FROM change_log)")
    server.kill()
    server.start()
    api = kubernetes.client.CustomObjectsApi(connect(server))
    try:
        for _ in kubernetes.watch.Watch().stream(api.list_namespaced_custom_object, GROUP, VERSION, NAMESPACE, PLURAL,
                                                 resource_version="2", timeout_seconds=5):
            raise Failure("an event came from a history that is not kept")
        raise Failure("the watch ended without a word")
    except kubernetes.client.ApiException as error:
        expect_equal(error.status, 410, "the end of the watch")
    print("ok    410 for a revision that is too old")


def dynamic(server):
    home = connect(server)
    client = kubernetes.dynamic.DynamicClient(home)
    api = client.resources.get(api_version="mot.dev/v1alpha1", kind="Deployment")
    body = deployment("dynamic")
    made = api.server_side_apply(body=body, name="dynamic", namespace=NAMESPACE, field_manager="python")
    expect_equal(made.metadata.managedFields[0].manager, "python", "the manager")
    again = api.server_side_apply(body=body, name="dynamic", namespace=NAMESPACE, field_manager="python")
    expect_equal(again.metadata.resourceVersion, made.metadata.resourceVersion, "an apply that changes nothing")
    body["spec"]["placement"][0]["replicas"] = 7
    try:
        api.server_side_apply(body=body, name="dynamic", namespace=NAMESPACE, field_manager="other")
        raise Failure("another manager's apply did not conflict")
    except ConflictError:
        pass
    forced = api.server_side_apply(body=body, name="dynamic", namespace=NAMESPACE, field_manager="other",
                                   force_conflicts=True)
    expect_equal(forced.spec.placement[0].replicas, 7, "forced")
    patched = api.patch(body={"metadata": {"labels": {"a": "b"}}}, name="dynamic", namespace=NAMESPACE,
                        content_type="application/merge-patch+json")
    expect_equal(patched.metadata.labels.a, "b", "patched")
    found = api.get(namespace=NAMESPACE, label_selector="a=b").items
    expect_equal([item.metadata.name for item in found], ["dynamic"], "found by label")
    events = [event["type"] for event in api.watch(namespace=NAMESPACE, name="dynamic", timeout=1)]
    expect_equal(events[:1], ["ADDED"], "watched")
    api.delete(name="dynamic", namespace=NAMESPACE)

    def is_gone():
        try:
            api.get(name="dynamic", namespace=NAMESPACE)
            return False
        except NotFoundError:
            return True
    wait_for(is_gone, "it is gone")
    print("ok    the dynamic client")


def main():
    began = time.monotonic()
    database = Database()
    server = Server(sys.argv[1], database.url)
    try:
        dynamic(server)
        watch_for_days(server, database)
        watch_from_the_beginning(server)
        expired(server, database)
    finally:
        status = server.stop()
        database.stop()
    expect_equal(status, 0, "the end of mot api")
    print(f"{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"FAIL  {failure}")
        sys.exit(1)
