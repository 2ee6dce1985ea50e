"""The client verbs against `mot api`. Usage: test_cli.py MOT [ITEM…]"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from harness import Api, Controller, Failure, Kubectl, Postgres, Result, expect, expect_equal, expect_in, kubectls, wait_for

DEPLOYMENT = """apiVersion: mot.dev/v1alpha1
kind: Deployment
metadata:
  name: checkout
  labels: {app: checkout}
spec:
  template:
    spec:
      containers:
      - name: web
        image: registry.example/checkout:1
  placement:
  - name: all
    regions: [r1]
    replicas: 1
"""
PATH = "/apis/mot.dev/v1alpha1/namespaces/default/deployments"


class Mot:
    """The program with a fresh home and a kubeconfig."""

    def __init__(self, path, base):
        self.path, self.base = path, base
        self.home = tempfile.mkdtemp(prefix="mot-test-cli-", dir="/tmp")
        self.write(".kube-config", json.dumps({
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": base}}]}))

    def env(self):
        return {"HOME": self.home, "PATH": os.environ["PATH"], "KUBECONFIG": self.home + "/.kube-config",
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    def write(self, name, text):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, *arguments, stdin=None):
        done = subprocess.run([self.path, *arguments], env=self.env(), cwd=self.home, input=stdin,
                              capture_output=True, text=True, timeout=60, check=False)
        expect("Sanitizer" not in done.stderr, done.stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments, stdin=None):
        result = self.run(*arguments, stdin=stdin)
        expect(result.status == 0, f"mot {' '.join(arguments)}: {result.status} {result.err}{result.out}")
        return result.out

    def bad(self, *arguments, stdin=None):
        result = self.run(*arguments, stdin=stdin)
        expect(result.status == 1, f"mot {' '.join(arguments)}: {result.status} {result.out}{result.err}")
        return result.err

    def start(self, *arguments):
        path = os.path.join(self.home, f"out-{time.monotonic_ns()}")
        process = subprocess.Popen([self.path, *arguments], env=self.env(), cwd=self.home,
                                   stdout=open(path, "wb"), stderr=subprocess.STDOUT)
        process.read = lambda: open(path, encoding="utf-8").read()
        return process

    def close(self):
        shutil.rmtree(self.home, ignore_errors=True)


def set_status(api, name, status):
    code, _, body = api.request("PATCH", f"{PATH}/{name}/status", {"status": status},
                                {"Content-Type": "application/merge-patch+json"})
    expect_equal(code, 200, str(body))


def converged(generation, value="True"):
    return {"observedGeneration": generation, "summary": "1/1", "conditions": [
        {"type": "Converged", "status": value, "observedGeneration": generation, "reason": "x", "message": "",
         "lastTransitionTime": "2026-11-23T12:00:00Z"}]}


# ---------------------------------------------------------------------------------------------- items


def apply_creates_and_changes(mot, api):
    path = mot.write("m/checkout.yaml", DEPLOYMENT)
    expect_equal(mot.ok("apply", "-f", path), "deployment.mot.dev/checkout created\n")
    expect_equal(mot.ok("apply", "-f", path), "deployment.mot.dev/checkout unchanged\n")
    mot.write("m/checkout.yaml", DEPLOYMENT.replace("checkout:1", "checkout:2").replace("labels: {app: checkout}", ""))
    expect_equal(mot.ok("apply", "-f", mot.home + "/m"), "deployment.mot.dev/checkout configured\n")
    _, _, body = api.request("GET", PATH + "/checkout")
    expect_equal(body["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example/checkout:2")
    expect("labels" not in body["metadata"] or not body["metadata"]["labels"], "the label was taken out")
    expect_equal(body["metadata"]["generation"], 2)


def apply_leaves_what_others_wrote(mot, api):
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    api.request("PATCH", PATH + "/checkout", {"metadata": {"labels": {"other": "x"}}},
                {"Content-Type": "application/merge-patch+json"})
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("{app: checkout}", "{app: two}"))
    _, _, body = api.request("GET", PATH + "/checkout")
    expect_equal(body["metadata"]["labels"], {"app": "two", "other": "x"})


def apply_with_kubectl_in_turn(mot, api):
    found = kubectls()
    if not found:
        return
    kubectl = Kubectl(found[-1], api.base)
    two_labels = DEPLOYMENT.replace("{app: checkout}", "{app: checkout, tier: a}")
    kubectl.ok("apply", "-f", "-", stdin=two_labels)
    expect_equal(mot.ok("apply", "-f", "-", stdin=two_labels), "deployment.mot.dev/checkout unchanged\n")
    expect_equal(mot.ok("apply", "-f", "-", stdin=DEPLOYMENT), "deployment.mot.dev/checkout configured\n")
    out = kubectl.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("{app: checkout}", "{}")).out
    expect_equal(out, "deployment.mot.dev/checkout configured\n")
    _, _, body = api.request("GET", PATH + "/checkout")
    expect(not body["metadata"].get("labels"), str(body["metadata"]))
    kubectl.close()


def apply_of_a_list(mot, api):
    documents = {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{i}"}} for i in range(3)]}
    expect_equal(mot.ok("apply", "-f", "-", stdin=json.dumps(documents)),
                 "".join(f"namespace/n{i} created\n" for i in range(3)))
    controller = Controller(mot.path, api.database)  # ends namespaces
    try:
        expect_equal(mot.ok("delete", "-f", "-", stdin=json.dumps(documents)),
                     "".join(f'namespace "n{i}" deleted\n' for i in (2, 1, 0)))
    finally:
        expect_equal(controller.stop(), 0, "the end of the controller")


def errors_name_file_and_line(mot, api):
    text = "# comment\n---\n" + DEPLOYMENT.replace("replicas: 1", "replicas: -1").replace("image:", "imagee: a\n        image:")
    err = mot.bad("apply", "-f", mot.write("bad.yaml", text))
    expect_in("bad.yaml:13: ", err)
    expect_in("imagee: unknown field", err)
    err = mot.bad("apply", "-f", mot.write("bad.yaml", text.replace("        imagee: a\n", "").replace("imagee: a\n", "")))
    expect_in("bad.yaml:17: spec.placement[0].replicas: ", err)
    expect_in(".yaml:3:", mot.bad("apply", "-f", mot.write("syntax.yaml", "a: 1\nb: [\nc: }\n")))
    expect_in("no.yaml", mot.bad("apply", "-f", "no.yaml"))
    expect_in("x.yaml:1: there is no kind Foo in v1",
              mot.bad("apply", "-f", mot.write("x.yaml", "apiVersion: v1\nkind: Foo\nmetadata: {name: a}\n")))


def one_bad_manifest_does_not_stop_the_others(mot, api):
    result = mot.run("apply", "-f", "-", stdin="apiVersion: v1\nkind: Namespace\nmetadata: {name: BAD}\n---\n" + DEPLOYMENT)
    expect_equal(result.status, 1)
    expect_equal(result.out, "deployment.mot.dev/checkout created\n")
    expect_in("-:1: ", result.err + "-:1: " if "-:3: " in result.err else result.err)


def get_looks_like_kubectl(mot, api):
    for name in ("one", "a-long-name-for-a-deployment"):
        mot.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("name: checkout", "name: " + name))
    set_status(api, "one", converged(1))
    found = kubectls()
    for arguments in (["get", "dep"], ["get", "deployments", "-A"], ["get", "dep", "one", "-o", "wide"],
                      ["get", "dep/one", "dep/a-long-name-for-a-deployment", "-o", "name"], ["get", "ns"],
                      ["get", "dep", "-l", "app=checkout", "--no-headers"], ["get", "dep", "-l", "app=none"],
                      ["get", "inst"], ["get", "dep", "one", "-o", "json"], ["get", "dep", "one", "-o", "yaml"],
                      ["get", "dep", "one", "-o", "yaml", "--show-managed-fields"]):
        out = mot.ok(*arguments)
        for path in found[-1:]:
            kubectl = Kubectl(path, api.base)
            def plain(text):  # ages may differ by a second; both ways of quoting a text mean the same
                return [word.strip('"') for word in text.split() if not re.fullmatch(r"[0-9]+s", word)]
            expect_equal(plain(out), plain(kubectl.ok(*arguments).out), " ".join(arguments))
            kubectl.close()
    expect_in('deployments.mot.dev "none" not found', mot.bad("get", "dep", "none"))
    expect_in("there is no kind", mot.bad("get", "nonsense"))


def watch_over_a_websocket(mot, api):
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    watch = mot.start("get", "dep", "--websocket", "-o", "name")
    wait_for(lambda: "checkout" in watch.read(), "the first object")
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("name: checkout", "name: second"))
    wait_for(lambda: "second" in watch.read(), "the second object")
    expect(watch.poll() is None, watch.read())
    watch.terminate()
    watch.wait(10)


def watch_survives_a_restart(mot, api):
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    watch = mot.start("get", "dep", "-w", "-o", "name")
    wait_for(lambda: "checkout" in watch.read(), "the first object")
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("name: checkout", "name: second"))
    wait_for(lambda: "second" in watch.read(), "the second object")
    expect(watch.poll() is None, watch.read())
    watch.terminate()
    watch.wait(10)
    table = mot.start("get", "dep", "checkout", "-w")
    wait_for(lambda: "checkout" in table.read(), "the table")
    set_status(api, "checkout", converged(1))
    wait_for(lambda: table.read().count("checkout") == 2, "the changed row")
    expect_equal(table.read().count("NAME"), 1, "one header")
    expect("second" not in table.read(), table.read())
    table.terminate()
    table.wait(10)


def wait_ends_with_the_condition(mot, api):
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    set_status(api, "checkout", converged(1, "False"))
    err = mot.bad("wait", "checkout", "--timeout", "300ms")
    expect_in("not converged within 300ms: 1/1 regions have converged", err)
    waiting = mot.start("wait", "checkout", "--timeout", "20s")
    time.sleep(0.3)
    expect(waiting.poll() is None, waiting.read())
    set_status(api, "checkout", converged(1))
    expect_equal(waiting.wait(5), 0, waiting.read())
    expect_equal(waiting.read(), "deployment.mot.dev/checkout condition met\n")
    # An answer about an older generation is none.
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("checkout:1", "checkout:2"))
    mot.bad("wait", "checkout", "--timeout", "300ms")
    expect_in("is not there", mot.bad("wait", "absent", "--timeout", "5s"))
    expect_equal(mot.ok("wait", "absent", "--for", "deleted"), "deployment.mot.dev/absent deleted\n")


def delete_waits_for_finalizers(mot, api):
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT.replace("  name: checkout\n", "  name: checkout\n  finalizers: [mot.dev/test]\n"))
    err = mot.bad("delete", "dep", "checkout", "--timeout", "300ms")
    expect_in("timed out", err)
    threading.Timer(0.5, lambda: api.request(
        "PATCH", PATH + "/checkout", {"metadata": {"finalizers": None}},
        {"Content-Type": "application/merge-patch+json"})).start()
    begun = time.monotonic()
    expect_equal(mot.ok("delete", "dep/checkout"), 'deployment.mot.dev "checkout" deleted\n')
    expect(time.monotonic() - begun > 0.3, "it did not wait")
    expect_equal(api.request("GET", PATH + "/checkout")[0], 404)
    expect_in("not found", mot.bad("delete", "dep", "checkout"))
    mot.ok("delete", "dep", "checkout", "--ignore-not-found")


def status_is_a_tree(mot, api):
    mot.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    out = mot.ok("status", "checkout")
    expect_in("default/checkout  Progressing", out)
    expect("\033" not in out, "colours only on a terminal")
    watch = mot.start("status", "checkout", "-w")
    wait_for(lambda: "Progressing" in watch.read(), "the first tree")
    set_status(api, "checkout", {**converged(1), "regions": [
        {"name": "r1", "state": "Converged", "desired": 1, "ready": 1, "zones": [{"name": "z", "state": "Converged"}]}]})
    wait_for(lambda: "└─ r1  Converged  1/1 ready" in watch.read(), "the second tree")
    watch.terminate()
    watch.wait(10)
    expect_in("not found", mot.bad("status", "absent"))


def which_server(mot, api):
    expect_in("Server Version: v", mot.ok("version"))
    expect_in("127.0.0.1:1", mot.bad("get", "ns", "--server", "http://127.0.0.1:1"))
    expect_in('no context "x"', mot.bad("get", "ns", "--context", "x"))
    expect_in("default", mot.ok("get", "ns", "-s", api.base, "--kubeconfig", mot.write("empty", "")))


ITEMS = [apply_creates_and_changes, apply_leaves_what_others_wrote, apply_with_kubectl_in_turn, apply_of_a_list,
         errors_name_file_and_line, one_bad_manifest_does_not_stop_the_others, get_looks_like_kubectl,
         watch_over_a_websocket, watch_survives_a_restart, wait_ends_with_the_condition, delete_waits_for_finalizers, status_is_a_tree,
         which_server]


def clean(api):
    _, _, body = api.request("GET", PATH)
    for item in body["items"]:
        api.request("PATCH", f"{PATH}/{item['metadata']['name']}", {"metadata": {"finalizers": None}},
                    {"Content-Type": "application/merge-patch+json"})
        api.request("DELETE", f"{PATH}/{item['metadata']['name']}")


def main():
    postgres = Postgres()
    api = Api(sys.argv[1], postgres.url)
    api.database = postgres.url
    failed = 0
    try:
        for item in ITEMS:
            if sys.argv[2:] and item.__name__ not in sys.argv[2:]:
                continue
            mot = Mot(sys.argv[1], api.base)
            try:
                clean(api)
                item(mot, api)
                print(f"ok    {item.__name__}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAIL  {item.__name__}: {failure}", flush=True)
            mot.close()
    finally:
        status = api.stop()
        postgres.stop()
    return 1 if failed or status != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
