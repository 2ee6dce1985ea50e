"""DELETE of objects and of collections."""

from cases.steps import JSON, PARTIAL_LIST, THINGS, YAML, case, delete, get, merge, post, thing

A = THINGS + "/a"
MADE = post(THINGS, thing("a", {"image": "i"}), quiet=True)
HELD = post(THINGS, thing("a", {"image": "i"}, finalizers=["a.io/f"]), quiet=True)
OPTIONS = {"kind": "DeleteOptions", "apiVersion": "v1"}


def deleted(name, options=None, query="", made=MADE, headers=None):
    return case(name, made, delete(A + query, options, headers), get(A))


def several(count=3, **meta):
    return [
        post(THINGS, thing(f"t{n}", {"image": f"i{n % 2}"}, labels={"n": str(n)}, **meta), quiet=True)
        for n in range(count)
    ]


def collection(name, query="", options=None, made=None, headers=None):
    return case(
        "collection " + name,
        several() if made is None else made,
        delete(THINGS + query, options, headers),
        get(THINGS, PARTIAL_LIST),
    )


CASES = [
    deleted("plain"),
    deleted("with options", OPTIONS),
    deleted("with empty options", {}),
    deleted("options without kind", {"propagationPolicy": "Background"}),
    deleted("options of a group", {"kind": "DeleteOptions", "apiVersion": "t.dev/v1"}),
    deleted("options of another kind", {"kind": "Foo", "apiVersion": "v1"}),
    deleted("options of another version", {"kind": "DeleteOptions", "apiVersion": "v9"}),
    deleted("options as YAML", "kind: DeleteOptions\napiVersion: v1\n", headers=YAML),
    deleted("options bad", "{", headers=JSON),
    deleted("options text", "x", headers={"Content-Type": "text/plain"}),
    deleted("options unknown member", {**OPTIONS, "bogus": 1}),
    deleted("options of a wrong type", {**OPTIONS, "gracePeriodSeconds": "x"}),
    deleted("options null", "null", headers=JSON),
    deleted("options a list", "[]", headers=JSON),
    case("missing", delete(A)),
    case("missing with preconditions", delete(A, {**OPTIONS, "preconditions": {"uid": "x"}})),
    case("twice", MADE, delete(A), delete(A)),
    deleted("right uid", {**OPTIONS, "preconditions": {"uid": "<uid1>"}}, made=[MADE, get(A)]),
    deleted("wrong uid", {**OPTIONS, "preconditions": {"uid": "nope"}}),
    deleted("right revision", {**OPTIONS, "preconditions": {"resourceVersion": "<rv1>"}}, made=[MADE, get(A)]),
    deleted("wrong revision", {**OPTIONS, "preconditions": {"resourceVersion": "1"}}),
    deleted("both wrong", {**OPTIONS, "preconditions": {"uid": "nope", "resourceVersion": "1"}}),
    deleted("empty preconditions", {**OPTIONS, "preconditions": {}}),
    deleted("dry run", query="?dryRun=All"),
    deleted("dry run in the body", {**OPTIONS, "dryRun": ["All"]}),
    deleted("dry run unknown", query="?dryRun=Some"),
    deleted("dry run unknown in the body", {**OPTIONS, "dryRun": ["Some"]}),
    deleted("dry run with finalizers", query="?dryRun=All", made=HELD),
    deleted("query beside a body", OPTIONS, "?dryRun=All"),
    deleted("finalizers", made=HELD),
    case("finalizers, again", HELD, delete(A), delete(A), get(A)),
    case(
        "finalizers, again with other options",
        HELD,
        delete(A),
        delete(A, {**OPTIONS, "propagationPolicy": "Foreground"}),
        delete(A, {**OPTIONS, "propagationPolicy": "Orphan"}),
        get(A),
    ),
    case(
        "finalizers, wrong uid when deleting", HELD, delete(A), delete(A, {**OPTIONS, "preconditions": {"uid": "nope"}})
    ),
    deleted("policy Background", {**OPTIONS, "propagationPolicy": "Background"}),
    deleted("policy Foreground", {**OPTIONS, "propagationPolicy": "Foreground"}),
    deleted("policy Orphan", {**OPTIONS, "propagationPolicy": "Orphan"}),
    deleted("policy unknown", {**OPTIONS, "propagationPolicy": "Bogus"}),
    deleted("policy empty", {**OPTIONS, "propagationPolicy": ""}),
    deleted("policy by query", query="?propagationPolicy=Foreground"),
    deleted("policy unknown by query", query="?propagationPolicy=Bogus"),
    deleted("policy by query, Orphan", query="?propagationPolicy=Orphan"),
    deleted("orphanDependents true", {**OPTIONS, "orphanDependents": True}),
    deleted("orphanDependents false", {**OPTIONS, "orphanDependents": False}),
    deleted("orphanDependents false with finalizers", {**OPTIONS, "orphanDependents": False}, made=HELD),
    deleted("orphanDependents and policy", {**OPTIONS, "orphanDependents": True, "propagationPolicy": "Orphan"}),
    deleted("policy Foreground with finalizers", {**OPTIONS, "propagationPolicy": "Foreground"}, made=HELD),
    deleted(
        "policy Background over finalizer orphan",
        {**OPTIONS, "propagationPolicy": "Background"},
        made=post(THINGS, thing("a", None, finalizers=["orphan"]), quiet=True),
    ),
    deleted("no policy over finalizer orphan", made=post(THINGS, thing("a", None, finalizers=["orphan"]), quiet=True)),
    deleted(
        "no policy over finalizer foregroundDeletion",
        made=post(THINGS, thing("a", None, finalizers=["foregroundDeletion"]), quiet=True),
    ),
    deleted("grace period", {**OPTIONS, "gracePeriodSeconds": 30}),
    deleted("grace period by query", query="?gracePeriodSeconds=30"),
    deleted("grace period by query, bad", query="?gracePeriodSeconds=x"),
    deleted("grace period negative", {**OPTIONS, "gracePeriodSeconds": -5}),
    deleted("grace period with finalizers", {**OPTIONS, "gracePeriodSeconds": 30}, made=HELD),
    case(
        "foreground ends by removing its finalizer",
        MADE,
        delete(A, {**OPTIONS, "propagationPolicy": "Foreground"}),
        merge(A, {"metadata": {"finalizers": None}}),
        get(A),
    ),
    case("accept Table", MADE, delete(A, None, {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})),
    case("accept YAML", MADE, delete(A, None, {"Accept": "application/yaml"})),
    case("accept Table, finalizers", HELD, delete(A, None, {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})),
    case(
        "accept partial, finalizers",
        HELD,
        delete(A, None, {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}),
    ),
    deleted(
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        {**OPTIONS, "ignoreStoreReadErrorWithClusterBreakingPotential": True},
    ),
    deleted("pretty", query="?pretty=true"),
    # ---- collections
    collection("all"),
    collection("by label", "?labelSelector=n=1"),
    collection("by name", "?fieldSelector=metadata.name=t1"),
    collection("by field", "?fieldSelector=spec.image=i1"),
    collection("by nothing", "?labelSelector=n=9"),
    collection("bad selector", "?labelSelector=a b"),
    collection("unknown field", "?fieldSelector=spec.count=1"),
    collection("dry run", "?dryRun=All"),
    collection("dry run unknown", "?dryRun=x"),
    collection("with options", "", {**OPTIONS, "propagationPolicy": "Background"}),
    collection("policy unknown", "", {**OPTIONS, "propagationPolicy": "x"}),
    collection("with preconditions", "", {**OPTIONS, "preconditions": {"resourceVersion": "1"}}),
    collection("uid precondition", "", {**OPTIONS, "preconditions": {"uid": "x"}}),
    collection("finalizers", made=several(2, finalizers=["a.io/f"])),
    collection("empty", made=[]),
    collection("limit", "?limit=2"),
    collection("body bad", "", "{", headers=JSON),
    collection("body no options", "", {"kind": "Foo", "apiVersion": "v1"}),
    collection("Table", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}),
    collection("partial", headers=PARTIAL_LIST),
    collection("Foreground", "", {**OPTIONS, "propagationPolicy": "Foreground"}),
    collection("resourceVersion", "?resourceVersion=0"),
    collection("resourceVersionMatch alone", "?resourceVersionMatch=Exact"),
]
