"""status and scale."""

from cases.steps import JSON, TABLE, THINGS, apply, case, delete, get, json_patch, merge, post, put, request, thing

A = THINGS + "/a"
STATUS, SCALE = A + "/status", A + "/scale"
MADE = post(THINGS, thing("a", {"image": "i", "replicas": 2}), quiet=True)
SEEN = [MADE, get(A)]


def scale(replicas=None, rv=None, **meta):
    body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a", **meta}, "spec": {}}
    if replicas is not None:
        body["spec"]["replicas"] = replicas
    if rv:
        body["metadata"]["resourceVersion"] = rv
    return body


def of_status(name, *steps):
    return case("status " + name, SEEN, *steps)


def of_scale(name, *steps):
    return case("scale " + name, SEEN, *steps)


CASES = [
    of_status("get", get(STATUS)),
    case("status get missing", get(STATUS)),
    of_status("get as Table", get(STATUS, TABLE)),
    of_status(
        "update",
        put(STATUS, thing("a", {"image": "zz"}, {"phase": "x"}, resourceVersion="<rv1>", labels={"l": "m"})),
        get(A),
    ),
    of_status("update without resourceVersion", put(STATUS, thing("a", None, {"phase": "x"}))),
    of_status("update stale", put(STATUS, thing("a", None, {"phase": "x"}, resourceVersion="1"))),
    of_status(
        "update that changes nothing",
        put(STATUS, thing("a", None, {"phase": "x"}, resourceVersion="<rv1>")),
        put(STATUS, thing("a", None, {"phase": "x"}, resourceVersion="<rv2>")),
    ),
    of_status(
        "update without status removes it",
        put(STATUS, thing("a", None, {"phase": "x"}, resourceVersion="<rv1>")),
        put(STATUS, thing("a", None, resourceVersion="<rv2>")),
    ),
    of_status("update of another name", put(STATUS, thing("b", None, {"phase": "x"}, resourceVersion="<rv1>"))),
    of_status("update wrong uid", put(STATUS, thing("a", None, {"phase": "x"}, resourceVersion="<rv1>", uid="q"))),
    of_status(
        "update of another kind",
        put(STATUS, {**thing("a", None, {"phase": "x"}, resourceVersion="<rv1>"), "kind": "Foo"}),
    ),
    case("status update missing", put(STATUS, thing("a", None, {"phase": "x"}, resourceVersion="1"))),
    of_status("merge patch", merge(STATUS, {"status": {"phase": "x"}}), get(A)),
    of_status("merge patch of the spec", merge(STATUS, {"spec": {"image": "zz"}}), get(A)),
    of_status("merge patch of labels", merge(STATUS, {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "x"}})),
    of_status(
        "merge patch of finalizers", merge(STATUS, {"metadata": {"finalizers": ["a.io/f"]}, "status": {"phase": "x"}})
    ),
    of_status(
        "merge patch with manager",
        merge(STATUS + "?fieldManager=st", {"status": {"phase": "x"}}),
        merge(STATUS + "?fieldManager=other", {"status": {"phase": "y"}}),
    ),
    of_status(
        "merge patch twice", merge(STATUS, {"status": {"phase": "x"}}), merge(STATUS, {"status": {"phase": "x"}})
    ),
    of_status("merge patch dry run", merge(STATUS + "?dryRun=All", {"status": {"phase": "x"}}), get(A)),
    of_status("merge patch null", merge(STATUS, {"status": {"phase": "x"}}), merge(STATUS, {"status": None})),
    case("status merge patch missing", merge(STATUS, {"status": {"phase": "x"}})),
    of_status("JSON patch", json_patch(STATUS, [{"op": "add", "path": "/status", "value": {"phase": "x"}}])),
    of_status("JSON patch below nothing", json_patch(STATUS, [{"op": "add", "path": "/status/phase", "value": "x"}])),
    of_status(
        "managedFields are ignored", merge(STATUS, {"metadata": {"managedFields": [{}]}, "status": {"phase": "x"}})
    ),
    of_status("conditions get defaults", merge(STATUS, {"status": {"conditions": [{"type": "Ready"}]}})),
    of_status("unknown, Strict", merge(STATUS + "?fieldValidation=Strict", {"status": {"bogus": 1}})),
    of_status("wrong type in the spec", merge(STATUS, {"spec": {"image": 5}, "status": {"phase": "x"}})),
    of_status(
        "apply",
        apply(STATUS, thing("a", None, {"phase": "x"}), "s"),
        apply(STATUS, thing("a", None, {"phase": "x"}), "s"),
    ),
    of_status("apply, unknown field", apply(STATUS, thing("a", None, {"bogus": "x"}), "s")),
    of_status(
        "apply, conflict",
        merge(STATUS + "?fieldManager=u", {"status": {"phase": "x"}}),
        apply(STATUS, thing("a", None, {"phase": "y"}), "s"),
        apply(STATUS, thing("a", None, {"phase": "y"}), "s", True),
    ),
    of_status(
        "ends a deletion",
        merge(A, {"metadata": {"finalizers": ["a.io/f"]}}, quiet=True),
        delete(A, quiet=True),
        merge(STATUS, {"status": {"phase": "x"}}),
        get(A),
    ),
    of_status("strategic", request("PATCH", STATUS, {}, {"Content-Type": "application/strategic-merge-patch+json"})),
    of_scale("get", get(SCALE)),
    case("scale get missing", get(SCALE)),
    of_scale("get as Table", get(SCALE, TABLE)),
    of_scale("get as YAML", get(SCALE, {"Accept": "application/yaml"})),
    of_scale("get with status", merge(STATUS, {"status": {"replicas": 3, "selector": "a=b"}}, quiet=True), get(SCALE)),
    of_scale("get of 0", merge(A, {"spec": {"replicas": 0}}, quiet=True), get(SCALE)),
    of_scale("get without the field", merge(A, {"spec": None}, quiet=True), get(SCALE)),
    of_scale("update", put(SCALE, scale(5)), get(A)),
    of_scale("update with its revision", put(SCALE, scale(5, "<rv1>"))),
    of_scale("update stale", put(SCALE, scale(5, "1"))),
    of_scale("update revision no number", put(SCALE, scale(5, "x"))),
    of_scale("update that changes nothing", put(SCALE, scale(2))),
    of_scale("update to 0", put(SCALE, scale(0)), get(A)),
    of_scale("update without replicas", put(SCALE, scale())),
    of_scale("update negative", put(SCALE, scale(-1))),
    of_scale("update too large", put(SCALE, scale(101))),
    of_scale("update of another name", put(SCALE, {**scale(5), "metadata": {"name": "b"}})),
    of_scale("update without name", put(SCALE, {**scale(5), "metadata": {}})),
    of_scale("update of another namespace", put(SCALE, scale(5, namespace="other"))),
    of_scale("update wrong uid", put(SCALE, scale(5, uid="q"))),
    of_scale("update of a Thing", put(SCALE, thing("a"))),
    of_scale("update of another version", put(SCALE, {**scale(5), "apiVersion": "autoscaling/v9"})),
    of_scale("update of another kind", put(SCALE, {**scale(5), "kind": "Foo"})),
    of_scale("update a string", put(SCALE, scale("x"))),
    of_scale("update a float", put(SCALE, scale(2.5))),
    of_scale("update too large for 32 bits", put(SCALE, scale(3000000000))),
    of_scale("update unknown field", put(SCALE, {**scale(5), "bogus": 1})),
    of_scale("update unknown field, Strict", put(SCALE + "?fieldValidation=Strict", {**scale(5), "bogus": 1})),
    of_scale("update dry run", put(SCALE + "?dryRun=All", scale(5)), get(A)),
    case("scale update missing", put(SCALE, scale(5))),
    of_scale("update labels", put(SCALE, scale(5, labels={"a": "b"})), get(A)),
    of_scale("update with manager", put(SCALE + "?fieldManager=hpa", scale(5)), get(A)),
    of_scale("update empty", put(SCALE, "", JSON)),
    of_scale("merge patch", merge(SCALE, {"spec": {"replicas": 4}}), get(A)),
    of_scale("merge patch null", merge(SCALE, {"spec": {"replicas": None}}), get(A)),
    of_scale(
        "merge patch with revision", merge(SCALE, {"metadata": {"resourceVersion": "<rv1>"}, "spec": {"replicas": 4}})
    ),
    of_scale("merge patch stale", merge(SCALE, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 4}})),
    of_scale("merge patch too large", merge(SCALE, {"spec": {"replicas": 101}})),
    of_scale("merge patch a string", merge(SCALE, {"spec": {"replicas": "x"}})),
    of_scale("merge patch unknown field", merge(SCALE, {"spec": {"bogus": 1}})),
    of_scale("merge patch of the status", merge(SCALE, {"status": {"replicas": 9}}), get(A)),
    of_scale("merge patch dry run", merge(SCALE + "?dryRun=All", {"spec": {"replicas": 4}}), get(A)),
    of_scale("merge patch of the name", merge(SCALE, {"metadata": {"name": "b"}})),
    case("scale merge patch missing", merge(SCALE, {"spec": {"replicas": 4}})),
    of_scale("JSON patch", json_patch(SCALE, [{"op": "replace", "path": "/spec/replicas", "value": 4}])),
    of_scale("JSON patch test", json_patch(SCALE, [{"op": "test", "path": "/spec/replicas", "value": 3}])),
    of_scale("strategic", request("PATCH", SCALE, {}, {"Content-Type": "application/strategic-merge-patch+json"})),
    of_scale("POST", request("POST", SCALE, scale(5), JSON)),
    of_scale("DELETE", request("DELETE", SCALE)),
    of_scale(
        "second scaler",
        merge(SCALE + "?fieldManager=x", {"spec": {"replicas": 4}}),
        merge(SCALE + "?fieldManager=y", {"spec": {"replicas": 5}}),
        get(A),
    ),
]
