"""The story of a deployment, as kubectl old and new shows it: Events that `mot controller` writes, and what becomes of
the parts of a deployment that is deleted in one way or another.

Usage: test_story.py MOT
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubectl"))

from harness import expect, expect_equal, expect_in, run_with_controller, wait_for

REGION = "production-us-east-1"
PARTS = "/apis/mot.dev/v1alpha1/namespaces/default/regionaldeployments"


def deployment(name, replicas=1):
    return {"apiVersion": "mot.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "web:1"}]}},
                     "placement": [{"name": "all", "regions": [REGION], "replicasPerZone": replicas}]}}


def parts(api):
    return api.request("GET", PARTS)[2]["items"]


def part_of(api, name):
    return wait_for(lambda: [part for part in parts(api) if part["spec"]["deployment"] == name], "the part")[0]


def describe(kubectl, api):
    """Events about a deployment, in describe, get and events."""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    out = wait_for(lambda: (lambda text: text if "Placed" in text else None)(
        kubectl.ok("describe", "deployment.mot.dev/web").out), "an event of the placement")
    expect_in(f"placed into 1 region: {REGION}", out)
    expect_in("mot-controller", out)
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web", replicas=3)))
    wait_for(lambda: "from 1 to 3 instances" in kubectl.ok("describe", "deployment.mot.dev/web").out,
             "an event of the scaling")
    head, *rows = kubectl.ok("get", "events").out.splitlines()
    expect_equal(head.split(), ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"])
    expect(any("ScaledUp" in row and "deployment/web" in row for row in rows), rows)
    wide = kubectl.ok("get", "events", "-o", "wide").out.splitlines()[0]
    expect_equal(wide.split(), ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "SUBOBJECT", "SOURCE", "MESSAGE", "FIRST",
                                "SEEN", "COUNT", "NAME"])
    if kubectl.version >= (1, 26):
        out = kubectl.ok("events", "--for", "deployment.mot.dev/web").out
        expect_in("Placed", out)
        expect_in("ScaledUp", out)


def region_says(api, name):
    """What the archive writes once the region has stopped everything."""
    part = part_of(api, name)
    body = {"status": {"state": "Gone", "gone": True, "observedGeneration": part["metadata"]["generation"]}}
    status, _, answer = api.request("PATCH", f"{PARTS}/{part['metadata']['name']}/status", body,
                                    {"Content-Type": "application/merge-patch+json"})
    expect_equal(status, 200, answer)


def delete_parts_first(kubectl, api):
    """In the foreground, as Argo CD prunes: the parts go when their region says so, and then the deployment."""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    part = part_of(api, "web")
    owner = part["metadata"]["ownerReferences"][0]
    expect_equal((owner["kind"], owner["name"], owner["controller"], owner["blockOwnerDeletion"]),
                 ("Deployment", "web", True, True))
    path = "/apis/mot.dev/v1alpha1/namespaces/default/deployments/web"
    api.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"})
    wait_for(lambda: "deletionTimestamp" in part_of(api, "web")["metadata"], "the part is told to go")
    live = api.request("GET", path)[2]
    expect_in("foregroundDeletion", live["metadata"]["finalizers"])
    region_says(api, "web")
    wait_for(lambda: api.request("GET", path)[0] == 404, "the deployment goes")
    expect_equal(parts(api), [])


def delete_and_keep_parts(kubectl, api):
    """Orphaned parts run on without a deployment; a new one of that name takes them over."""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    uid = part_of(api, "web")["metadata"]["uid"]
    flag = "orphan" if kubectl.version >= (1, 20) else "false"
    kubectl.ok("delete", "deployment.mot.dev/web", f"--cascade={flag}")
    part = part_of(api, "web")
    expect_equal((part["metadata"].get("ownerReferences"), part["metadata"].get("deletionTimestamp"),
                  part["metadata"]["uid"]), (None, None, uid))
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    part = wait_for(lambda: [part for part in parts(api) if part["metadata"].get("ownerReferences")], "a new owner")[0]
    expect_equal(part["metadata"]["uid"], uid)


def namespace(kubectl, api):
    """A deployment that runs somewhere keeps its namespace until its regions have stopped it."""
    kubectl.ok("create", "namespace", "team")
    kubectl.ok("-n", "team", "apply", "-f", kubectl.write("web.json", deployment("web")))
    path = PARTS.replace("default", "team")
    part = wait_for(lambda: api.request("GET", path)[2]["items"], "the part")[0]
    kubectl.ok("delete", "namespace", "team", "--wait=false")
    wait_for(lambda: "SomeFinalizersRemain" in json.dumps(
        api.request("GET", "/api/v1/namespaces/team")[2]), "the namespace says what it waits for")
    part = wait_for(lambda: [part for part in api.request("GET", path)[2]["items"]
                             if "deletionTimestamp" in part["metadata"]], "the part is told to go")[0]
    body = {"status": {"state": "Gone", "gone": True, "observedGeneration": part["metadata"]["generation"]}}
    api.request("PATCH", f"{path}/{part['metadata']['name']}/status", body,
                {"Content-Type": "application/merge-patch+json"})
    wait_for(lambda: api.request("GET", "/api/v1/namespaces/team")[0] == 404, "the namespace goes")


ITEMS = [describe, delete_parts_first, delete_and_keep_parts, namespace]


def clean(api):
    """No deployment, no part and no event is left of the item before."""
    path = "/apis/mot.dev/v1alpha1/namespaces/default/deployments/web"
    api.request("DELETE", path)
    for part in parts(api):
        if "deletionTimestamp" not in part["metadata"]:
            api.request("DELETE", f"{PARTS}/{part['metadata']['name']}")
        region_says(api, "web")
    wait_for(lambda: api.request("GET", path)[0] == 404 and not parts(api), "nothing is left")
    api.request("DELETE", "/api/v1/namespaces/default/events")


if __name__ == "__main__":
    sys.exit(run_with_controller(ITEMS, clean, sys.argv[1]))
