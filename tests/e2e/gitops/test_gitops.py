"""Argo CD's engine and Flux's resource manager make an application, see it drift, put it right, and prune it, over TLS.

Usage: test_gitops.py MOT
"""

import base64
import copy
import hashlib
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tls"))
from test_tls import Client, Failure, World, expect, expect_equal, expect_in, kubectls, wait_for  # noqa: E402

SOURCES = ("main.go", "argo.go", "flux.go", "go.mod", "go.sum")
NAMES = ("Deployment/web", "Deployment/worker", "Application/shop")
WEB, WORKER, _ = PATHS = [f"/apis/mot.dev/v1alpha1/namespaces/shop/{path}" for path in (
    "deployments/web", "deployments/worker", "applications/shop")]


def program():
    source = b"".join(open(os.path.join(HERE, name), "rb").read() for name in SOURCES)
    cache = os.environ.get("MOT_CACHE") or os.path.expanduser("~/.cache/mot")
    path = f"{cache}/gitops/gitops-{hashlib.sha256(source).hexdigest()[:12]}"
    expect(os.access(path, os.X_OK), f"there is no {path}: scripts/install-deps --all-tests builds it (it needs Go)")
    return path


def deployment(name):
    return {"apiVersion": "mot.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}},
                     "placement": [{"name": "all", "regions": ["r1"], "replicas": 2}]}}


def manifests():
    made = [deployment("web"), deployment("worker"),
            {"apiVersion": "mot.dev/v1alpha1", "kind": "Application", "metadata": {"name": "shop", "namespace": "shop"},
             "spec": {"displayName": "Shop", "owners": [{"name": "ada", "kind": "User"}]}}]
    for one in made:
        one["metadata"]["labels"] = {"app.kubernetes.io/instance": "shop"}
    return made


class Tool:
    """The program, and a kubectl beside it."""

    def __init__(self, world):
        self.world = world
        data = {key + "-data": base64.b64encode(open(path, "rb").read()).decode()
                for key, path in world.certificate("admin").items()}
        config = world.config(data)
        self.kubectl = Client(kubectls()[-1], config)
        self.log = open(world.authority.path("gitops.log"), "wb+")
        self.process = subprocess.Popen([program(), config], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)

    def ask(self, order, error="", **fields):
        self.process.stdin.write(json.dumps({"do": order, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise Failure(f"{order}: the program has ended: {self.log.read()[-4000:].decode()}")
        answer = json.loads(line)
        if error:
            expect(re.search(error, answer["error"]), f"{order}: {answer['error']!r} instead of {error!r}")
        else:
            expect_equal(answer["error"], "", f"{order} {answer}")
        return answer

    def objects(self, order, **fields):
        return self.ask(order, **fields)["objects"]

    def revisions(self):
        return [self.object(path)["metadata"]["resourceVersion"] for path in PATHS]

    def object(self, path):
        status, body = self.world.get(path, name="admin")
        expect_equal(status, 200, path)
        return json.loads(body)

    def replicas(self, name="web"):
        return self.object(WEB.replace("web", name))["spec"]["placement"][0]["replicas"]

    def drift(self):
        """A live edit by somebody else."""
        self.kubectl.ok("patch", "deployments.mot.dev", "web", "-n", "shop", "--type=json",
                        "-p", '[{"op":"replace","path":"/spec/placement/0/replicas","value":7}]')

    def gone(self, path):
        return self.world.get(path, name="admin")[0] == 404

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        self.kubectl.close()


def all_are(text):
    return {name: text for name in NAMES}


def argo(tool, how, server_side):
    wanted = manifests()

    def diff():
        return tool.objects("argo-diff", manifests=wanted, how=how)

    def sync():
        return tool.objects("argo-sync", manifests=wanted, serverSide=server_side)

    def seen():
        return sorted(tool.objects("argo-live").values()) == sorted(tool.revisions())

    expect_equal(diff(), all_are("missing"), "before")
    found = sync()
    expect_equal(sorted(found), sorted(NAMES), "what is synced")
    expect(all(text.startswith("Synced: ") for text in found.values()), f"first sync: {found}")
    wait_for(seen, "the cache has what was made")
    expect_equal(diff(), all_are("synced"), "after")
    before = tool.revisions()
    sync()
    expect_equal(tool.revisions(), before, "a second sync changes nothing")
    tool.drift()
    wait_for(lambda: diff() == {**all_are("synced"), "Deployment/web": "modified"}, "the drift is seen")
    sync()
    expect_equal(tool.replicas(), 2, "the drift is put right")
    wait_for(lambda: seen() and diff() == all_are("synced"), "synced again")
    wanted.pop(1)
    expect_equal(diff(), {**all_are("synced"), "Deployment/worker": "extra"}, "what is to be pruned")
    expect_in("Pruned", sync()["Deployment/worker"], "prune")
    wait_for(lambda: tool.gone(WORKER), "the pruned one is gone")
    wait_for(lambda: "Deployment/worker" not in diff(), "the cache has lost it")
    wanted.clear()
    sync()
    wait_for(lambda: all(tool.gone(path) for path in PATHS), "everything is pruned")
    wait_for(lambda: not tool.objects("argo-live"), "the cache is empty")


def flux(tool):
    made = all_are("created")
    unchanged = all_are("unchanged")
    expect_equal(tool.objects("flux-diff", manifests=manifests()), made, "diff, before")
    expect_equal(tool.objects("flux-apply", manifests=manifests()), made, "first run")
    before = tool.revisions()
    expect_equal(tool.objects("flux-apply", manifests=manifests()), unchanged, "second run")
    expect_equal(tool.objects("flux-diff", manifests=manifests()), unchanged, "diff, after")
    expect_equal(tool.revisions(), before, "a second run changes nothing")
    tool.drift()
    drifted = {**unchanged, "Deployment/web": "configured"}
    expect_equal(tool.objects("flux-diff", manifests=manifests()), drifted, "diff of drift")
    expect_equal(tool.replicas(), 7, "a diff changes nothing")
    expect_equal(tool.objects("flux-apply", manifests=manifests()), drifted, "drift")
    expect_equal(tool.replicas(), 2, "the drift is put right")


def flux_takes_over(tool):
    """What kubectl applied before: its managedFields and its annotation become Flux's, so that a field can be taken away."""
    local = deployment("local")
    local["metadata"]["annotations"] = {"note": "of kubectl"}
    tool.kubectl.ok("apply", "-f", "-", stdin=json.dumps(local))
    wanted = copy.deepcopy(local)
    del wanted["metadata"]["annotations"]
    path = WEB.replace("web", "local")
    found = tool.objects("flux-apply", manifests=[wanted], takeover=["kubectl"])
    expect_equal(found, {"Deployment/local": "configured"}, "takeover")
    metadata = tool.object(path)["metadata"]
    expect_equal([(one["manager"], one["operation"]) for one in metadata["managedFields"]],
                 [("kustomize-controller", "Apply")], "managers")
    expect_equal(metadata.get("annotations", {}), {}, "annotations")
    found = tool.objects("flux-apply", manifests=[wanted], takeover=["kubectl"])
    expect_equal(found, {"Deployment/local": "unchanged"}, "after the takeover")


def flux_waits(tool):
    web = deployment("web")

    def report(status):
        generation = tool.object(WEB)["metadata"]["generation"]
        condition = {"type": "Ready", "status": status, "reason": "Test", "message": "",
                     "lastTransitionTime": "2026-01-01T00:00:00Z"}
        tool.kubectl.ok("patch", "deployments.mot.dev", "web", "-n", "shop", "--subresource=status", "--type=merge", "-p",
                        json.dumps({"status": {"observedGeneration": generation, "conditions": [condition]}}))

    report("False")
    tool.ask("flux-wait", error="InProgress|context deadline", manifests=[web], seconds=2)
    report("True")
    tool.ask("flux-wait", manifests=[web], seconds=20)


def flux_prunes(tool):
    tool.kubectl.ok("apply", "-f", "-", stdin=json.dumps(deployment("stranger")))
    found = tool.objects("flux-delete", manifests=[deployment("worker"), deployment("stranger")])
    expect_equal(found, {"Deployment/worker": "deleted", "Deployment/stranger": "skipped"}, "prune")
    expect(tool.gone(WORKER), "the pruned one is gone")
    tool.kubectl.ok("delete", "deployments.mot.dev", "stranger", "-n", "shop")
    rest = [*manifests(), deployment("local")]
    expect_equal(set(tool.objects("flux-delete", manifests=rest).values()), {"deleted"}, "everything")
    expect(all(tool.gone(path) for path in PATHS), "everything is gone")


def run(world):
    tool = Tool(world)
    try:
        tool.kubectl.ok("create", "namespace", "shop")  # it would take a controller to delete it
        kinds = tool.ask("argo-cache")["kinds"]
        for kind in ("Namespace", "Deployment.mot.dev", "Application.mot.dev", "Lease.coordination.k8s.io"):
            expect_in(kind, kinds, "the kinds of the cache")
        for how, server_side in (("", False), ("structured", True), ("server", True)):
            argo(tool, how, server_side)
            apply = "server-side" if server_side else "client-side"
            print(f"ok    Argo CD: {apply} apply, diff: {how or 'three-way'}", flush=True)
        for part in (flux, flux_takes_over, flux_waits, flux_prunes):
            part(tool)
            print(f"ok    {part.__name__}", flush=True)
    finally:
        tool.close()


def main():
    program()
    world = World(sys.argv[1])
    try:
        run(world)
    finally:
        status = world.close()
    expect_equal(status, 0, "the end of mot api")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"FAIL  {failure}")
        sys.exit(1)
