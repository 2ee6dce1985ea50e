"""Names, labels, annotations, finalizers, ownerReferences: what a server of objects demands of their metadata."""

from cases.steps import THINGS, case, delete, get, json_patch, merge, post, put, thing


def created(name, **meta):
    return case(name, post(THINGS, thing(meta.pop("name", "a"), None, **meta)))


def named(title, name):
    return case("name " + title, post(THINGS, thing(name)))


def labelled(title, key, value="x"):
    return case("label " + title, post(THINGS, thing("a", None, labels={key: value})))


def annotated(title, key, value="x"):
    return case("annotation " + title, post(THINGS, thing("a", None, annotations={key: value})))


def owner(uid="u1", **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "o" + uid, "uid": uid, **more}


DELETING = [post(THINGS, thing("a", {"image": "i"}, finalizers=["a.io/f", "b.io/g"])), delete(THINGS + "/a")]

CASES = [
    named("upper case", "Bad"),
    named("underscore", "a_b"),
    named("with slash", "a/b"),
    named("dots", "a.b.c"),
    named("ending in dot", "a."),
    named("beginning with hyphen", "-a"),
    named("of 253", "a" * 253),
    named("of 254", "a" * 254),
    named("dot", "."),
    named("dotdot", ".."),
    named("percent", "a%b"),
    named("space", "a b"),
    named("empty", ""),
    named("numeric", "123"),
    named("one letter", "x"),
    named("non-ASCII", "é"),
    named("double dot", "a..b"),
    labelled("good", "a.b/c", "X-y_z.1"),
    labelled("empty value", "a", ""),
    labelled("value of 63", "a", "x" * 63),
    labelled("value of 64", "a", "x" * 64),
    labelled("bad value", "a", "-x"),
    labelled("value with space", "a", "x y"),
    labelled("empty key", ""),
    labelled("empty name", "a/"),
    labelled("empty prefix", "/a"),
    labelled("two slashes", "a/b/c"),
    labelled("name of 63", "p/" + "x" * 63),
    labelled("name of 64", "x" * 64),
    labelled("prefix of 253", "a" * 253 + "/x"),
    labelled("prefix of 254", "a" * 254 + "/x"),
    labelled("prefix upper case", "A.b/c"),
    labelled("name upper case", "ABC"),
    labelled("name with space", "a b"),
    labelled("name ending in hyphen", "a-"),
    case("labels several bad", post(THINGS, thing("a", None, labels={"a b": "x y", "-": "ok"}))),
    annotated("good", "a.b/c", "anything & all"),
    annotated("upper case key", "A.B/C"),
    annotated("empty key", ""),
    annotated("two slashes", "a/b/c"),
    annotated("bad name", "a b"),
    annotated("name of 64", "x" * 64),
    annotated("of 256 KiB", "a", "x" * (262144 - 1)),
    annotated("of more than 256 KiB", "a", "x" * 262144),
    created("finalizer good", finalizers=["a.io/f"]),
    created("finalizer without a domain", finalizers=["plain"]),
    created("finalizer with a dot but no slash", finalizers=["a.io"]),
    created("finalizer bad", finalizers=["a b"]),
    created("finalizer empty", finalizers=[""]),
    created("finalizer twice", finalizers=["a.io/f", "a.io/f"]),
    created("finalizers standard", finalizers=["orphan"]),
    created("finalizers standard foreground", finalizers=["foregroundDeletion"]),
    created("finalizers both standard ones", finalizers=["orphan", "foregroundDeletion"]),
    created("finalizers several without a domain", finalizers=["one", "two.io", "x.io/f"]),
    case(
        "finalizer without a domain, only new ones warn",
        post(THINGS, thing("a", None, finalizers=["plain"])),
        merge(THINGS + "/a", {"metadata": {"finalizers": ["plain", "other"]}}),
        merge(THINGS + "/a", {"metadata": {"labels": {"a": "b"}}}),
    ),
    case(
        "finalizer new while deleting",
        DELETING,
        merge(THINGS + "/a", {"metadata": {"finalizers": ["a.io/f", "c.io/h"]}}),
    ),
    case(
        "finalizer removed one by one while deleting",
        DELETING,
        merge(THINGS + "/a", {"metadata": {"finalizers": ["b.io/g"]}}),
        get(THINGS + "/a"),
        merge(THINGS + "/a", {"metadata": {"finalizers": None}}),
        get(THINGS + "/a"),
    ),
    case(
        "finalizer last removed by update",
        post(THINGS, thing("a", {"image": "i"}, finalizers=["a.io/f"])),
        delete(THINGS + "/a"),
        put(THINGS + "/a", thing("a", {"image": "i"}, resourceVersion="<rv2>")),
        get(THINGS + "/a"),
    ),
    case(
        "finalizer last removed by JSON patch",
        post(THINGS, thing("a", {"image": "i"}, finalizers=["a.io/f"])),
        delete(THINGS + "/a"),
        json_patch(THINGS + "/a", [{"op": "remove", "path": "/metadata/finalizers"}]),
        get(THINGS + "/a"),
    ),
    case("spec change while deleting", DELETING, merge(THINGS + "/a", {"spec": {"image": "j"}}), get(THINGS + "/a")),
    created("owner good", ownerReferences=[owner()]),
    created("owner with flags", ownerReferences=[owner(controller=True, blockOwnerDeletion=True)]),
    created("owner with flags null", ownerReferences=[owner(controller=None, blockOwnerDeletion=False)]),
    created("owner unknown member", ownerReferences=[owner(bogus=1)]),
    created("owner without anything", ownerReferences=[{}]),
    created("owner without apiVersion", ownerReferences=[{"kind": "X", "name": "n", "uid": "u"}]),
    created("owner bad apiVersion", ownerReferences=[{"apiVersion": "a/b/c", "kind": "X", "name": "n", "uid": "u"}]),
    created(
        "owner apiVersion without version", ownerReferences=[{"apiVersion": "a/", "kind": "X", "name": "n", "uid": "u"}]
    ),
    created("owner an event", ownerReferences=[{"apiVersion": "v1", "kind": "Event", "name": "n", "uid": "u"}]),
    created("owner without uid", ownerReferences=[{"apiVersion": "v1", "kind": "X", "name": "n"}]),
    created("owner two controllers", ownerReferences=[owner("u1", controller=True), owner("u2", controller=True)]),
    created("owner twice the same", ownerReferences=[owner("u2"), owner("u2")]),
    created("owner twice, different", ownerReferences=[owner("u2"), owner("u2", controller=True)]),
    created("owner several faults", ownerReferences=[{"apiVersion": "", "kind": "", "name": "", "uid": ""}]),
    case(
        "owner twice by patch",
        post(THINGS, thing("a")),
        merge(THINGS + "/a", {"metadata": {"ownerReferences": [owner("u2"), owner("u2")]}}),
    ),
    case(
        "owner bad by patch",
        post(THINGS, thing("a")),
        merge(THINGS + "/a", {"metadata": {"ownerReferences": [{"kind": "X"}]}}),
    ),
    case("labels bad by patch", post(THINGS, thing("a")), merge(THINGS + "/a", {"metadata": {"labels": {"a b": "c"}}})),
    case(
        "annotations bad by patch",
        post(THINGS, thing("a")),
        merge(THINGS + "/a", {"metadata": {"annotations": {"a b": "c"}}}),
    ),
    case(
        "finalizers bad by patch", post(THINGS, thing("a")), merge(THINGS + "/a", {"metadata": {"finalizers": ["a b"]}})
    ),
    case("label number by patch", post(THINGS, thing("a")), merge(THINGS + "/a", {"metadata": {"labels": {"a": 5}}})),
]
