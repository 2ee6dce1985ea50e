"""Watches: where they begin, what selectors make of changes, bookmarks, initial events, forms, ends. A watch without a revision
may begin with the state of any time after it was asked for, so what is there is read before anything changes."""

from cases.steps import (
    PARTIAL,
    PARTIAL_LIST,
    TABLE,
    THINGS,
    case,
    delete,
    events,
    forget,
    get,
    merge,
    post,
    thing,
    watch,
)

A = THINGS + "/a"


def make(name, labels=None, image=None):
    return post(
        THINGS, thing(name, {"image": image} if image else None, **({"labels": labels} if labels else {})), quiet=True
    )


def label(name, **labels):
    return merge(THINGS + "/" + name, {"metadata": {"labels": labels}}, quiet=True)


def gone(name):
    return delete(THINGS + "/" + name, quiet=True)


def started(name, query, *steps, headers=None, first=None):
    """The objects a and b are there, and each has a revision: rv1 and rv2."""
    return case(
        name,
        make("a", {"l": "x"}),
        make("b"),
        get(A),
        get(THINGS + "/b"),
        *(first or []),
        watch("w", f"{THINGS}?watch=true{query}", headers),
        *steps,
    )


CHANGES = [make("c"), label("a", l="y"), gone("b"), make("end")]
INITIAL = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
OVER = "&timeoutSeconds=2"

CASES = [
    # ---- beginnings
    started("without revision", "", events("w", 2), CHANGES, events("w", 4)),
    started("from 0", "&resourceVersion=0", events("w", 2), CHANGES, events("w", 4)),
    started("from a revision", "&resourceVersion=<rv1>", CHANGES, events("w", 5)),
    started("from now", "&resourceVersion=<rv2>", CHANGES, events("w", 4)),
    started("from the future", "&resourceVersion=99999999", make("c")),
    started("from no number", "&resourceVersion=x"),
    started("from negative", "&resourceVersion=-1"),
    started("of an empty namespace", OVER, events("w", 2), gone("a"), gone("b"), events("w")),
    case("of nothing", watch("w", THINGS + "?watch=true" + OVER), events("w")),
    case("of a missing kind", watch("w", "/apis/t.dev/v1/nothings?watch=true")),
    started("watch=1", "&watch=1", events("w", 2), make("c"), events("w", 1)),
    case("watch=notabool", make("a"), watch("w", THINGS + "?watch=notabool"), events("w", 1)),
    case("watch empty", make("a"), watch("w", THINGS + "?watch"), events("w", 1)),
    case("path of old", make("a"), watch("w", "/apis/t.dev/v1/watch/namespaces/{ns}/things" + "?x=y"), events("w", 1)),
    case(
        "an object's path with watch",
        make("a"),
        make("b"),
        watch("w", A + "?watch=true"),
        events("w", 1),
        make("c"),
        label("a", l="z"),
        events("w", 1),
    ),
    case(
        "recreated", make("a"), watch("w", THINGS + "?watch=true"), events("w", 1), gone("a"), make("a"), events("w", 2)
    ),
    case(
        "finalizers",
        post(THINGS, thing("a", None, finalizers=["a.io/f"]), quiet=True),
        watch("w", THINGS + "?watch=true"),
        events("w", 1),
        gone("a"),
        merge(A, {"metadata": {"finalizers": None}}, quiet=True),
        events("w", 2),
    ),
    case(
        "writes that change nothing",
        make("a", {"l": "x"}),
        watch("w", THINGS + "?watch=true"),
        events("w", 1),
        label("a", l="x"),
        make("end"),
        events("w", 1),
    ),
    case(
        "status changes",
        make("a"),
        watch("w", THINGS + "?watch=true"),
        events("w", 1),
        merge(A + "/status", {"status": {"phase": "x"}}, quiet=True),
        events("w", 1),
    ),
    case(
        "collection deleted",
        make("a"),
        make("b"),
        watch("w", THINGS + "?watch=true"),
        events("w", 2),
        delete(THINGS, quiet=True),
        events("w", 2),
    ),
    case(
        "over all namespaces",
        make("a", {"where": "{ns}"}),
        watch("w", "/apis/t.dev/v1/things?watch=true&labelSelector=where={ns}"),
        events("w", 1),
        label("a", more="1"),
        gone("a"),
        events("w", 2),
    ),
    # ---- selectors
    started(
        "selector, transitions",
        "&labelSelector=l=x",
        events("w", 1),
        label("b", l="x"),
        label("a", l="y"),
        label("a", m="1"),
        label("b", m="2"),
        gone("b"),
        gone("a"),
        make("end", {"l": "x"}),
        events("w", 5),
    ),
    started(
        "selector from a revision",
        "&labelSelector=l=x&resourceVersion=<rv2>",
        label("b", l="x"),
        label("a", l="y"),
        make("end", {"l": "x"}),
        events("w", 3),
    ),
    started(
        "selector not",
        "&labelSelector=l!=x",
        events("w", 1),
        label("a", l=None),
        label("b", l="x"),
        make("end"),
        events("w", 3),
    ),
    started("selector bad", "&labelSelector=a b"),
    started(
        "field selector, name",
        "&fieldSelector=metadata.name=a",
        events("w", 1),
        label("a", m="1"),
        make("c"),
        gone("a"),
        make("a"),
        events("w", 3),
    ),
    started(
        "field selector, kind's own",
        "&fieldSelector=spec.image=z&resourceVersion=<rv2>",
        merge(A, {"spec": {"image": "z"}}, quiet=True),
        label("a", m="1"),
        merge(A, {"spec": {"image": "y"}}, quiet=True),
        make("end", image="z"),
        events("w", 4),
    ),
    started("field selector unknown", "&fieldSelector=spec.count=1"),
    started(
        "selector, deleted object",
        "&labelSelector=l=x",
        events("w", 1),
        gone("a"),
        make("end", {"l": "x"}),
        events("w", 2),
    ),
    # ---- bookmarks and initial events
    started("bookmark before the end", "&allowWatchBookmarks=true&timeoutSeconds=3", events("w", bookmarks=True)),
    started("no bookmark unless asked", "&timeoutSeconds=3", events("w", bookmarks=True)),
    started("initial events", INITIAL, events("w", 3), make("c"), events("w", 1)),
    started("initial events from 0", INITIAL + "&resourceVersion=0", events("w", 3), make("c"), events("w", 1)),
    started("initial events from a revision", INITIAL + "&resourceVersion=<rv2>", events("w", 3)),
    started(
        "initial events with a selector",
        INITIAL + "&labelSelector=l=x",
        events("w", 2),
        label("b", l="x"),
        events("w", 1),
    ),
    started(
        "initial events without bookmarks",
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        events("w", 2),
        make("c"),
        events("w", 1),
    ),
    started("initial events without match", "&sendInitialEvents=true&allowWatchBookmarks=true"),
    started(
        "initial events with exact match", "&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=<rv1>"
    ),
    started(
        "initial events false",
        "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=<rv2>",
        make("c"),
        events("w", 1),
    ),
    started("initial events false without match", "&sendInitialEvents=false"),
    started("match without initial events", "&resourceVersion=<rv1>&resourceVersionMatch=NotOlderThan"),
    started("match unknown", "&sendInitialEvents=true&resourceVersionMatch=Bogus"),
    case("initial events of nothing", watch("w", THINGS + "?watch=true" + INITIAL), events("w", 1)),
    started("initial events, limit", INITIAL + "&limit=1", events("w", 3)),
    started("initial events, continue", INITIAL + "&continue=x"),
    started("continue", "&continue=x"),
    # ---- forms
    started("Table", "", events("w", 2), CHANGES, events("w", 4), headers=TABLE),
    started("Table from a revision", "&resourceVersion=<rv2>", CHANGES, events("w", 4), headers=TABLE),
    started("Table of objects", "&includeObject=Object", events("w", 2), headers=TABLE),
    started("Table of none", "&includeObject=None", events("w", 2), headers=TABLE),
    started("Table of something", "&includeObject=Bogus", headers=TABLE),
    started("Table, initial events", INITIAL, events("w", 3), headers=TABLE),
    started(
        "Table, empty then one",
        "&labelSelector=l=zz&resourceVersion=<rv2>",
        make("c", {"l": "zz"}),
        events("w", 1),
        headers=TABLE,
    ),
    started("partial", "", events("w", 2), CHANGES, events("w", 4), headers=PARTIAL),
    started("partial list", "", headers=PARTIAL_LIST),
    started("partial, initial events", INITIAL, events("w", 3), headers=PARTIAL),
    started("YAML", "", headers={"Accept": "application/yaml"}),
    started("text", "", headers={"Accept": "text/plain"}),
    started(
        "protobuf or JSON",
        "",
        events("w", 2),
        headers={"Accept": "application/vnd.kubernetes.protobuf,application/json"},
    ),
    started("stream parameter", "", events("w", 2), headers={"Accept": "application/json;stream=watch"}),
    # ---- ends
    started("timeout", "&timeoutSeconds=1", events("w")),
    started("timeout 0", "&timeoutSeconds=0", events("w", 2)),
    started("timeout bad", "&timeoutSeconds=x"),
    started("timeout negative", "&timeoutSeconds=-1"),
    started("limit is no limit", "&limit=1", events("w", 2)),
    started("dry run parameter", "&dryRun=x", events("w", 2)),
    case(
        "second version",
        get("/apis/t.dev/v2/plains?labelSelector=none=such"),
        watch("w", "/apis/t.dev/v2/plains?watch=true&fieldSelector=metadata.name={ns}&resourceVersion=<rv1>"),
        post("/apis/t.dev/v1/plains", {**thing("{ns}"), "kind": "Plain"}, quiet=True),
        events("w", 1),
        delete("/apis/t.dev/v1/plains/{ns}", quiet=True),
        events("w", 1),
    ),
    # What is too old was before everything here.
    case("too old", make("a"), make("b"), forget(), watch("w", THINGS + "?watch=true&resourceVersion=1"), events("w")),
    case(
        "too old, initial events",
        make("a"),
        make("b"),
        forget(),
        watch("w", THINGS + "?watch=true&resourceVersion=1" + INITIAL),
        events("w", 3),
    ),
    case(
        "too old, Table",
        make("a"),
        make("b"),
        forget(),
        watch("w", THINGS + "?watch=true&resourceVersion=1", TABLE),
        events("w"),
    ),
]
