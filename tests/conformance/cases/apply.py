"""Server-side apply as HTTP shows it: who owns what afterwards, conflicts, and what the reference does in odd places."""

import json

from cases.steps import THINGS, apply, case, delete, get, json_patch, merge, post, put, request, thing

A = THINGS + "/a"


def owner(uid, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "o" + uid, "uid": uid, **more}


def by(manager, spec=None, force=None, query="", status=None, **meta):
    return apply(A, thing("a", spec, status, **meta), manager, force, query)


def forced(manager, spec=None, **meta):
    return by(manager, spec, True, **meta)


def merged(manager, spec):
    return merge(f"{A}?fieldManager={manager}", {"spec": spec})


def on_status(manager, status=None, force=None, spec=None, **meta):
    return apply(A + "/status", thing("a", spec, status, **meta), manager, force)


def managed(*entries):
    return json_patch(
        A + "?fieldManager=w", [{"op": "replace", "path": "/metadata/managedFields", "value": list(entries)}]
    )


def entry(manager, operation, fields, version="t.dev/v1", **more):
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "time": "2020-01-01T00:00:00Z",
        "fieldsV1": fields,
        **more,
    }


def spec_fields(*names):
    return {"f:spec": {"f:" + name: {} for name in names}}


def text(name, body, query="", manager="a"):
    """A body as it is written."""
    return case(name, apply(A, body, manager, None, query))


def yaml_value(name, value):
    return text(
        "YAML " + name, f"apiVersion: t.dev/v1\nkind: Thing\nmetadata: {{name: a}}\nspec: {{free: {{v: {value}}}}}\n"
    )


HEAD = "apiVersion: t.dev/v1\nkind: Thing\nmetadata: {name: a}\n"
FULL = {
    "image": "img",
    "setS": ["b", "a"],
    "setI": [10, 2, 1],
    "atom": ["x"],
    "ports": [{"port": 80, "name": "w"}, {"port": 80, "protocol": "UDP"}],
    "labelsG": {"a.b/c": "1"},
    "labelsA": {"q": "1"},
    "structA": {"a": "1"},
    "nested": {"a": "1", "c": {"d": "1"}},
    "mapOfStruct": {"k1": {"a": "1"}},
    "ios": 5,
    "free": {"x": {"y": [1, 2], "z": {}}},
    "nul": None,
}
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def last_applied(spec):
    return {ANNOTATION: json.dumps(thing("a", spec), sort_keys=True, separators=(",", ":")) + "\n"}


def typing(name, spec):
    return case("typing " + name, by("a", spec))


GROUPS = [
    case("G1 creates", by("a", {"replicas": 2}), get(A)),
    case("A.11 everything, applied", by("a", FULL)),
    case("A.11 everything, posted", post(THINGS, thing("a", FULL)), by("b", FULL)),
    case("G2 shared", by("a", {"replicas": 2, "image": "aa"}), by("b", {"image": "aa"})),
    case("G3 conflict", by("a", {"replicas": 2, "image": "aa"}), by("b", {"image": "bb"})),
    case(
        "G4 G5 G6 force, give up, take away",
        by("a", {"replicas": 2, "image": "aa"}),
        forced("b", {"image": "bb"}),
        by("a", {"replicas": 2}),
        by("b", {}),
    ),
    case("G7 two own it, one leaves", by("c", {"image": "aa"}), by("d", {"image": "aa"}), by("c", {})),
    case(
        "G9 gains without a change",
        by("a", {"image": "aa"}),
        forced("b", {"replicas": 3}),
        by("a", {"replicas": 3, "image": "aa"}),
    ),
    case("G10 an update takes over", by("d", {"image": "aa"}), merged("u", {"image": "ee"})),
    case(
        "G11 force moves only what differs",
        by("a", {"items": [{"name": "x", "v": 1, "w": 1}]}),
        forced("b", {"items": [{"name": "x", "v": 2, "w": 1}]}),
    ),
    case(
        "G12 conflict with its own update",
        by("a", {"image": "aa"}),
        merged("a", {"image": "bb"}),
        by("a", {"image": "cc"}),
    ),
    case(
        "G13 null list",
        by("a", {"items": [{"name": "x", "v": 1}]}),
        json_patch(A + "?fieldManager=u", [{"op": "add", "path": "/spec/items/0/w", "value": 5}]),
        by("a", {}),
    ),
    case(
        "G14 null map",
        post(THINGS + "?fieldManager=u", thing("a", {"nested": {"a": "1"}})),
        forced("a", {"nested": {"a": "2"}}),
        by("a", {}),
    ),
    case(
        "G15 null map of strings",
        post(THINGS + "?fieldManager=u", thing("a", {"labelsG": {"a": "1"}})),
        forced("a", {"labelsG": {"a": "2"}}),
        by("a", {}),
    ),
    case(
        "G16 null set",
        post(THINGS + "?fieldManager=u", thing("a", {"setS": ["x"]})),
        by("a", {"setS": ["y"]}),
        merged("v", {"setS": ["y"]}),
        by("a", {}),
    ),
    case(
        "G16 labels",
        post(THINGS + "?fieldManager=u", thing("a", None, labels={"x": "1"})),
        forced("a", labels={"x": "2"}),
        by("a"),
    ),
    case("G17 free map emptied", by("a", {"free": {"m": {"a": 1}}}), by("a", {"free": {}})),
    case("G17 nested emptied", by("a", {"nested": {"a": "1"}}), by("b", {"nested": {}}), by("a", {})),
    case("G18 the spec disappears", by("a", {"ports": [{"port": 80}]}), by("a", {"ports": []}), get(A)),
    case("G19 default comes back", by("a", {"replicas": 5}), by("a", {})),
    case(
        "G20 nobody is tracked",
        by("a", {"image": "aa"}),
        merge(A, {"spec": None}),
        merged("u", {"image": "bb"}),
        by("a", {"image": "bb"}),
    ),
    case("G21 status on the main path", by("a", {"replicas": 2}, status={"phase": "x"})),
    case(
        "G22 conflict with status",
        by("a", {"replicas": 2}),
        merge(A + "/status?fieldManager=st", {"status": {"phase": "P"}}),
        on_status("new", {"phase": "Q"}),
        on_status("new", {"phase": "Q"}, True),
    ),
    case(
        "G23 status without status",
        by("a", {"replicas": 2}),
        on_status("s", {"phase": "P", "conditions": [{"type": "R", "status": "True"}]}),
        on_status("o", {"phase": "P"}),
        on_status("s"),
    ),
    case(
        "G24 status with spec and labels",
        by("a", {"replicas": 2}),
        on_status("s", {"phase": "P"}, spec={"replicas": 9}, labels={"x": "y"}),
    ),
    case("status of a missing object", on_status("s", {"phase": "P"})),
    case(
        "G25 scale takes over",
        by("a", {"replicas": 2}),
        merge(A + "/scale?fieldManager=hpa", {"spec": {"replicas": 3}}),
        get(A),
        by("a", {"replicas": 2}),
        forced("a", {"replicas": 2}),
    ),
    case(
        "G26 apply to scale",
        by("a", {"replicas": 2}),
        apply(
            A + "/scale",
            {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 5}},
            "b",
        ),
        apply(
            A + "/scale",
            {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 5}},
            "b",
            True,
        ),
    ),
    case(
        "G27 null key",
        by("a", {"ports": [{"port": 80, "protocol": None}]}),
        by("a", {"ports": [{"port": 80, "protocol": ""}]}),
    ),
    case(
        "G28 key 80.0",
        apply(
            A, '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"ports":[{"port":80.0}]}}', "a"
        ),
        by("b", {"ports": [{"port": 80}]}),
    ),
    case("G29 key left out", by("a", {"ports": [{"name": "w"}]})),
    case("G30 duplicates in a set", by("a", {"setS": ["a", "a"]})),
    case("G30 duplicates in a map-list", by("a", {"ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]})),
    case(
        "G31 null for a default",
        by("a", {"strDef": None, "image": "aa"}),
        by("a", {"strDef": None, "image": "aa"}),
        get(A),
    ),
    case(
        "G32 repeated",
        by("a", {"image": "aa", "ports": [{"port": 1}]}),
        by("a", {"image": "aa", "ports": [{"port": 1}]}),
        get(A),
    ),
    case(
        "G33 unknown below a preserving parent", by("a", {"freeP": {"unk": 1, "inner": {"k": "1", "unk": 1}}}), get(A)
    ),
    case(
        "G34 never the same",
        by("a", {"freeP": {"inner": {"unk": 1}}}),
        by("a", {"freeP": {"inner": {"unk": 1}}}),
        get(A),
    ),
    case("G35 free map over a scalar", by("a", {"free": {"m": {"a": 1}}}), by("b", {"free": {"m": 5}})),
    case("G35 free list", by("a", {"free": {"l": [1, 2]}}), by("b", {"free": {"l": [3]}})),
    case("G36 removal never conflicts", by("a", {"any": {"a": 1}}), by("b", {"any": 7})),
    case(
        "G37 atomic shared",
        by("a", {"structA": {"a": "1"}, "labelsA": {"q": "1"}, "atom": ["x"]}),
        by("b", {"structA": {"a": "1"}}),
        by("a", {"structA": {"b": "2"}}),
        forced("a", {"structA": {"b": "2"}}),
    ),
    case(
        "G38 explicit null",
        by("a", {"nul": "x"}),
        by("a", {"nul": None}),
        by("b", {"nul": None}),
        by("b", {"nul": "y"}),
    ),
    case("G39 null that is not nullable", by("a", {"image": None})),
    case("G40 null over defaults", by("a", {"strDef": None, "nulDef": None})),
    case(
        "G41 order of lists",
        by("a", {"items": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        by("b", {"items": [{"name": "c"}, {"name": "x"}, {"name": "a"}]}),
        by("c", {"items": [{"name": "z"}, {"name": "b"}]}),
        by("a", {"items": [{"name": "c"}, {"name": "b"}, {"name": "a"}]}),
    ),
    case("G42 empty parent", by("a", {"nested": {"a": "1"}}), by("b", {"nested": {}}), by("c", {"nested": None})),
    case(
        "G43 order only",
        by("a", {"items": [{"name": "1"}, {"name": "2"}]}),
        by("b", {"items": [{"name": "2"}, {"name": "1"}]}),
    ),
    case("G46 null label", by("a", None, labels={"a": None}), by("b", None, labels=None)),
    case(
        "G47 owner references",
        by("a", None, ownerReferences=[owner("u1", controller=True)]),
        by("b", None, ownerReferences=[owner("u1", controller=False)]),
    ),
    case(
        "G48 finalizers",
        by("a", None, finalizers=["b.io/b", "a.io/a"]),
        by("b", None, finalizers=["c.io/c"]),
        by("a", None, finalizers=["a.io/a"]),
        by("a"),
    ),
    case(
        "G49 from client-side apply",
        post(
            THINGS + "?fieldManager=kubectl-client-side-apply",
            thing("a", {"image": "aa"}, annotations=last_applied({"image": "aa"})),
        ),
        by("kubectl", {"image": "bb", "replicas": 2}),
    ),
    case(
        "G50 from client-side apply, another owner",
        post(
            THINGS + "?fieldManager=kubectl-client-side-apply",
            thing("a", {"image": "aa"}, annotations=last_applied({"image": "aa"})),
        ),
        by("kubectl", {"image": "bb", "replicas": 2}),
        merged("u", {"count": 5}),
        by("kubectl", {"image": "cc", "replicas": 3, "count": 10}),
    ),
    case(
        "A.10 migration of kubectl 1.35",
        post(
            THINGS + "?fieldManager=kubectl-client-side-apply",
            thing("a", {"image": "aa", "count": 1}, annotations=last_applied({"image": "aa", "count": 1})),
        ),
        by("kubectl", {"image": "aa", "count": 1}, query="&fieldValidation=Strict&force=false"),
        apply(A, thing("a", None, annotations=last_applied({"image": "aa", "count": 1})), "kubectl-last-applied"),
        json_patch(
            A + "?fieldManager=kubectl",
            [
                {
                    "op": "replace",
                    "path": "/metadata/managedFields",
                    "value": [
                        entry("kubectl", "Apply", spec_fields("image", "count")),
                        entry(
                            "kubectl-last-applied", "Apply", {"f:metadata": {"f:annotations": {"f:" + ANNOTATION: {}}}}
                        ),
                    ],
                },
                {"op": "replace", "path": "/metadata/resourceVersion", "value": "<rv3>"},
            ],
        ),
        by("kubectl", {"image": "aa"}),
    ),
    case(
        "last applied of another manager",
        post(THINGS, thing("a", {"image": "aa"}, annotations=last_applied({"image": "aa"}))),
        by("other", {"image": "bb"}),
        forced("other", {"image": "bb"}),
    ),
    case(
        "last applied, broken",
        post(THINGS, thing("a", {"image": "aa"}, annotations={ANNOTATION: "{"})),
        by("kubectl", {"image": "bb"}),
    ),
    case("G51 managedFields empty", by("a", None, managedFields=[])),
    case("G51 managedFields one empty", by("a", None, managedFields=[{}])),
    case("G51 managedFields null", by("a", {"image": "i"}, managedFields=None)),
    case("G53 reset, then apply", by("a", {"image": "aa"}), managed({}), by("k", {"image": "aa"})),
    case(
        "G54 unknown version",
        by("a", {"image": "aa"}),
        managed(entry("x", "Apply", spec_fields("image"), "t.dev/v9")),
        merged("u", {"image": "bb"}),
    ),
    case(
        "G55 managers and a change at once",
        by("a", {"image": "aa", "replicas": 2}),
        merge(
            A + "?fieldManager=w",
            {
                "spec": {"image": "cc"},
                "metadata": {
                    "managedFields": [
                        entry("q", "Apply", spec_fields("image")),
                        entry("r", "Update", spec_fields("replicas")),
                    ]
                },
            },
        ),
    ),
    case(
        "G56 too many updaters",
        post(THINGS + "?fieldManager=m00", thing("a")),
        [merge(f"{A}?fieldManager=m{n:02}", {"metadata": {"annotations": {f"k{n:02}": "v"}}}) for n in range(1, 12)],
    ),
    case("G57 create with resourceVersion", by("a", None, resourceVersion="5")),
    case("G57 create with uid", by("a", None, uid="abc")),
    case("G58 resourceVersion 0", by("a"), by("a", {"image": "i"}, resourceVersion="0")),
    case("G58 resourceVersion empty", by("a", {"image": "h"}), by("a", {"image": "i"}, resourceVersion="")),
    case("G58 stale", by("a", {"image": "h"}), forced("a", {"image": "i"}, resourceVersion="1")),
    case("G58 no number", by("a", {"image": "h"}), by("a", {"image": "i"}, resourceVersion="x")),
    case("right resourceVersion", by("a", {"image": "h"}), by("a", {"image": "i"}, resourceVersion="<rv1>")),
    case("G59 wrong uid", by("a", {"image": "h"}), by("a", {"image": "i"}, uid="zz")),
    case("right uid", by("a", {"image": "h"}), by("a", {"image": "i"}, uid="<uid1>")),
    case(
        "G63 1.0 over 1",
        by("a", {"num": 1}),
        merge(A, '{"spec":{"num":1.0}}'),
        apply(A, '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"num":1.0}}', "a"),
    ),
    case("G64 dry run create", by("a", {"image": "i"}, query="&dryRun=All"), get(A)),
    case("dry run update", by("a", {"image": "i"}), by("a", {"image": "j"}, query="&dryRun=All"), get(A)),
    case("dry run no-op", by("a", {"image": "i"}), by("a", {"image": "i"}, query="&dryRun=All")),
    case("dry run conflict", by("a", {"image": "i"}), by("b", {"image": "j"}, query="&dryRun=All")),
    case("G65 unknown field", by("a", {"bogus": 1})),
    case("G65 unknown field, Ignore", by("a", {"bogus": 1}, query="&fieldValidation=Ignore")),
    case("G65 unknown field, Strict", by("a", {"bogus": 1}, query="&fieldValidation=Strict")),
    case(
        "G68 creationTimestamp",
        by("a", {"image": "i"}),
        by("a", {"image": "i"}, creationTimestamp="bad"),
        by("a", {"image": "i"}, generation=77),
    ),
    case(
        "G68 deletionTimestamp",
        by("a", {"image": "i"}),
        by("a", {"image": "i"}, deletionTimestamp="2020-01-01T00:00:00Z"),
    ),
    case(
        "G69 nested map-lists",
        by("a", {"items": [{"name": "x", "v": 1, "sub": [{"id": 1}]}]}),
        by("b", {"items": [{"name": "x", "sub": [{"id": 2}]}]}),
        by("a", {}),
    ),
    case("G71 additionalProperties true", by("a", {"t": {"k": 1, "o": {"a": 1}, "l": [{"a": 1}]}})),
    case("G72 additionalProperties false", by("a", {"f": {"k": 1}})),
    case(
        "G75 order of conflicts",
        by(
            "a",
            {
                "ports": [{"port": p, "name": "x"} for p in (1000000, 123456789, 100000)],
                "atom": ["x"],
                "image": "i",
                "nested": {"a": "1", "c": {"d": "2"}},
                "labelsA": {"a": "b"},
                "items": [{"name": "x", "v": 1}],
                "labelsG": {"a.b/c d": "e"},
            },
        ),
        by(
            "b",
            {
                "ports": [{"port": p, "name": "y"} for p in (1000000, 123456789, 100000)],
                "atom": ["y"],
                "image": "j",
                "nested": {"a": "2", "c": {"d": "3"}},
                "labelsA": {"a": "c"},
                "items": [{"name": "x", "v": 2}],
                "labelsG": {"a.b/c d": "f"},
            },
        ),
    ),
    case(
        "conflicts with several managers",
        by("a", {"image": "i"}),
        by("c", {"count": 1}),
        merged("b", {"num": 1}),
        by("z", {"image": "j", "count": 2, "num": 2}),
    ),
    case(
        "set items",
        by("a", {"setS": ["x", "y"], "setI": [1, 10, 2]}),
        by("b", {"setS": ["y", "z"]}),
        by("a", {"setS": ["x"]}),
        get(A),
    ),
    case(
        "key with markup",
        by("a", {"items": [{"name": 'é<>&"'}], "labelsG": {"f:x": "1", "": "2"}, "setS": ["<", "\u2028"]}),
    ),
    case(
        "three entries of one manager",
        by("a", {"image": "i"}),
        merged("a", {"count": 1}),
        on_status("a", {"phase": "x"}),
    ),
    case("update after apply shrinks", by("a", {"image": "i", "count": 1}), merged("u", {"count": None})),
    case(
        "list item removed by an update",
        by("a", {"items": [{"name": "x", "v": 1}, {"name": "y"}]}),
        merged("u", {"items": [{"name": "y"}]}),
    ),
    case("recreated", by("a", {"image": "i"}), delete(A), by("a", {"image": "j"})),
    case(
        "deleting",
        by("a", {"image": "i"}, finalizers=["a.io/f"]),
        delete(A),
        by("a", {"image": "j"}, finalizers=["a.io/f"]),
        by("a", {"image": "j"}),
        get(A),
    ),
    case(
        "PUT keeps managers",
        by("a", {"image": "i"}),
        put(A, thing("a", {"image": "i"}, resourceVersion="<rv1>")),
        get(A),
    ),
]
# Entries come in the order of their times: these need to know the second.
GROUPS += [
    case(
        "G8 shared without a change",
        by("a", {"image": "aa", "replicas": 2}),
        apply(A, thing("a", {"image": "aa"}), "b", order=True),
    )
]

REQUESTS = [
    case("without a manager", apply(A, thing("a"), None)),
    case("manager empty", apply(A, thing("a"), "")),
    case("manager long", apply(A, thing("a"), "x" * 129)),
    case("manager of 128", apply(A, thing("a"), "x" * 128)),
    case("manager unprintable", apply(A, thing("a"), "a%09b")),
    case("manager of 65 two-byte letters", apply(A, thing("a"), "%C3%A9" * 65)),
    case("manager with a slash", apply(A, thing("a", {"image": "i"}), "a/b")),
    case("force maybe", by("a", {"image": "i"}), by("b", {"image": "j"}, query="&force=maybe")),
    case("force empty", by("a", {"image": "i"}), by("b", {"image": "j"}, query="&force=")),
    case("force False", by("a", {"image": "i"}), by("b", {"image": "j"}, query="&force=False")),
    case("force 0", by("a", {"image": "i"}), by("b", {"image": "j"}, query="&force=0")),
    case("unknown field of a long name", by("a", {"x" * 1000: 1})),
    case("a long text of another type", by("a", {"image": ["ä" * 2000]})),
    case("dry run unknown", by("a", query="&dryRun=x")),
    case("field validation unknown", by("a", query="&fieldValidation=x")),
    case("no name", apply(A, thing(None), "a")),
    case("other name", apply(A, thing("b"), "a")),
    case("other namespace", by("a", namespace="other")),
    case("own namespace", by("a", namespace="{ns}")),
    case("typing error with a namespace", by("a", {"bogus": 1}, namespace="{ns}")),
    case("other version", apply(A, {**thing("a"), "apiVersion": "t.dev/v2"}, "a")),
    case("other kind", apply(A, {**thing("a"), "kind": "Foo"}, "a")),
    case("no kind", apply(A, {"apiVersion": "t.dev/v1", "metadata": {"name": "a"}}, "a")),
    text("empty body", ""),
    text("null", "null"),
    text("list", "[]"),
    text("string", "x"),
    text("bad YAML", "a: ["),
    text("two documents", HEAD + "spec: {image: i}\n---\n" + HEAD + "spec: {image: j}\n"),
    text("duplicate key", HEAD + "spec:\n  image: i\n  image: j\n"),
    text("duplicate key, Strict", HEAD + "spec:\n  image: i\n  image: j\n", "&fieldValidation=Strict"),
    text("duplicate key, Ignore", HEAD + "spec:\n  image: i\n  image: j\n", "&fieldValidation=Ignore"),
    text(
        "duplicate key in JSON",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"image":"i","image":"j"}}',
    ),
    text(
        "duplicate key, Strict, conflict after",
        HEAD + "spec:\n  image: i\n  image: j\n",
        "&fieldValidation=Strict&dryRun=All",
    ),
    text("non-string keys", HEAD + "spec: {free: {1: a, true: b, 1.5: c, yes: d}}\n"),
    text("null key", HEAD + "spec: {free: {~: a}}\n"),
    text("anchors", HEAD + "spec: {free: {a: &x {q: 1}, b: *x, c: {<<: *x, r: 2}}}\n"),
    case(
        "cluster-scoped with a namespace",
        apply(
            "/apis/t.dev/v1/plains/{ns}",
            {
                "apiVersion": "t.dev/v1",
                "kind": "Plain",
                "metadata": {"name": "{ns}", "namespace": "default"},
                "spec": {"image": "i"},
            },
            "a",
        ),
        delete("/apis/t.dev/v1/plains/{ns}"),
    ),
    case(
        "status without subresource is a field",
        apply(
            "/apis/t.dev/v1/plains/{ns}",
            {"apiVersion": "t.dev/v1", "kind": "Plain", "metadata": {"name": "{ns}"}, "status": {"phase": "x"}},
            "a",
        ),
        delete("/apis/t.dev/v1/plains/{ns}"),
    ),
    case(
        "JSON content type",
        request("PATCH", A + "?fieldManager=a", thing("a"), {"Content-Type": "application/apply-patch+json"}),
    ),
    case("bad name", apply(THINGS + "/Bad", thing("Bad"), "a")),
    case("bad label", by("a", None, labels={"a b": "c"})),
    case("no spec", by("a")),
    case("spec null", apply(A, {**thing("a"), "spec": None}, "a")),
    case("metadata unknown", by("a", None, bogus=1)),
    case("top level unknown", apply(A, {**thing("a"), "bogus": 1}, "a")),
    case("metadata a string", apply(A, {"apiVersion": "t.dev/v1", "kind": "Thing", "metadata": "x"}, "a")),
    case("label a number", by("a", None, labels={"a": 5})),
]
VALUES = {
    "yes": "yes",
    "off": "off",
    "y": "y",
    "octal": "012",
    "octal 0777": "0777",
    "08": "08",
    "0o12": "0o12",
    "hex": "0x1F",
    "binary": "0b11",
    "underscore": "1_000",
    "exponent": "1e3",
    "dot five": ".5",
    "five dot": "5.",
    "tilde": "~",
    "empty": "",
    "Null": "Null",
    "1e400": "1e400",
    "inf": ".inf",
    "nan": ".NaN",
    "date": "2020-01-01",
    "time": "12:30:45",
    "binary tag": "!!binary aGk=",
    "int tag": "!!int '5'",
    "str tag": "!!str 5",
    "too large": "9223372036854775808",
    "unsigned too large": "18446744073709551616",
    "plus": "+5",
    "text": "a b",
    "quoted": "'5'",
    "True": "True",
    "TRUE": "TRUE",
    "tRue": "tRue",
    "float": "1.0",
    "negative": "-0x10",
    "sexagesimal": "190:20:30",
    "timestamp": "2020-01-01T00:00:00Z",
}
TYPING = [
    typing("string from integer", {"image": 5}),
    typing("string from float", {"image": 1.5}),
    typing("string from bool", {"image": True}),
    typing("string from map", {"image": {"a": 1}}),
    typing("string from list", {"image": [1]}),
    typing("number from string", {"count": "x"}),
    typing("number from bool", {"count": True}),
    typing("number from map", {"count": {}}),
    typing("number from list", {"count": []}),
    typing("bool from string", {"bool": "true"}),
    typing("bool from number", {"bool": 1}),
    typing("bool from map", {"bool": {"a": 1}}),
    typing("scalar from map", {"date": {"a": 1}}),
    typing("scalar from list", {"date": [1]}),
    typing("scalar from number", {"date": 5}),
    typing("map from string", {"nested": "x"}),
    typing("map from list", {"nested": [1]}),
    typing("list from map", {"setS": {"a": 1}}),
    typing("list from string", {"atom": "x"}),
    typing("keys left out", {"items": [{"v": 1}]}),
    typing("null element", {"items": [None]}),
    typing("element no map", {"items": ["x"]}),
    typing("set of maps", {"setS": [{"a": 1}]}),
    typing("set of null", {"setS": [None]}),
    typing("set of lists", {"setS": [["a"]]}),
    typing("set with duplicates", {"setI": [1, 2, 1]}),
    typing("several", {"image": 5, "count": "x", "bool": 1, "items": [{"name": "x", "v": "y"}], "nested": {"zz": 1}}),
    typing("item path", {"items": [{"name": "x", "v": "y"}]}),
    typing("set path", {"setS": ["a", 5]}),
    typing("atomic path", {"atom": [5]}),
    typing("free is free", {"free": {"a": [{"b": {}}], "c": None}}),
    typing("integer is a number", {"count": 1.5}),
    typing("int-or-string a bool", {"ios": True}),
    typing("int-or-string a map", {"ios": {"a": 1}}),
    typing("embedded", {"emb": {"apiVersion": "v1", "kind": "X", "metadata": {"labels": {"a": 5}}}}),
    typing("embedded unknown metadata", {"emb": {"apiVersion": "v1", "kind": "X", "metadata": {"bogus": 5}}}),
    typing("unknown in an item", {"items": [{"name": "x", "q": 1}]}),
    typing("number key as string", {"ports": [{"port": "80"}]}),
    typing("large number key", {"ports": [{"port": 1000000}]}),
]
CASES = GROUPS + REQUESTS + TYPING + [yaml_value(name, value) for name, value in VALUES.items()]
