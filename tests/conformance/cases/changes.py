"""Objects that were fine until their kind became stricter: what still may be written (ratcheting), what becomes of fields that are
gone, of new defaults, of lists and types that are others, and of who owns them."""

from cases.steps import apply, case, change_kinds, get, json_patch, merge, post, put

LOOSES = "/apis/t.dev/v1/namespaces/{ns}/looses"
A = LOOSES + "/a"
LABEL = {"metadata": {"labels": {"l": "x"}}}


def loose(spec=None, **meta):
    return {
        "apiVersion": "t.dev/v1",
        "kind": "Loose",
        "metadata": {"name": "a", **meta},
        **({"spec": spec} if spec is not None else {}),
    }


def changed(name, spec, *steps):
    """The object is made by u, then its kind changes."""
    return case(name, post(LOOSES + "?fieldManager=u", loose(spec), quiet=True), change_kinds(), *steps)


def applied(name, before, *steps):
    return case(
        name, *[apply(A, loose(spec), manager, True, quiet=True) for manager, spec in before], change_kinds(), *steps
    )


def spec(**fields):
    return {"spec": fields}


def by(manager, fields, force=None):
    return apply(A, loose(fields), manager, force)


CASES = [
    # ---- ratcheting
    changed("bad enum, label", {"e": "C"}, merge(A, LABEL)),
    changed("bad enum, sibling", {"e": "C"}, merge(A, spec(other="x"))),
    changed("bad enum, itself", {"e": "C"}, merge(A, spec(e="D"))),
    changed("bad enum, repaired", {"e": "C"}, merge(A, spec(e="A"))),
    changed(
        "bad enum, same by update", {"e": "C"}, get(A), put(A, loose({"e": "C", "other": "y"}, resourceVersion="<rv1>"))
    ),
    changed("bad enum, same by apply", {"e": "C"}, by("a", {"e": "C", "other": "y"})),
    changed(
        "bad enum, same by JSON patch", {"e": "C"}, json_patch(A, [{"op": "add", "path": "/spec/other", "value": "z"}])
    ),
    changed("bad enum, created anew", {"e": "A"}, post(LOOSES, {**loose({"e": "C"}), "metadata": {"name": "b"}})),
    changed("too long, sibling", {"long": "abcdef"}, merge(A, spec(other="x"))),
    changed("too long, shorter but still", {"long": "abcdef"}, merge(A, spec(long="abcd"))),
    changed("too large, sibling", {"number": 50}, merge(A, spec(other="x"))),
    changed("too large, smaller but still", {"number": 50}, merge(A, spec(number=40))),
    changed("too large, as a float", {"number": 50}, merge(A, '{"spec":{"number":50.0,"other":"x"}}')),
    changed("required, elsewhere", {"obj": {"a": "1"}}, merge(A, spec(other="x"))),
    changed("required, sibling inside", {"obj": {"a": "1"}}, merge(A, spec(obj={"a": "2"}))),
    changed("required, bad sibling inside", {"obj": {"b": "abcdef"}}, merge(A, spec(obj={"a": "2"}))),
    changed("required, given", {"obj": {"a": "1"}}, merge(A, spec(obj={"c": "2"}))),
    changed("atomic list, elsewhere", {"atom": ["abcdef"]}, merge(A, spec(other="x"))),
    changed("atomic list, appended", {"atom": ["abcdef"]}, merge(A, spec(atom=["abcdef", "x"]))),
    changed("atomic list, other order", {"atom": ["abcdef", "x"]}, merge(A, spec(atom=["x", "abcdef"]))),
    changed("set, appended", {"set": ["abcdef"]}, merge(A, spec(set=["abcdef", "x"]))),
    changed("set, bad one removed", {"set": ["abcdef", "x"]}, merge(A, spec(set=["x"]))),
    changed("set, other order", {"set": ["abcdef", "x"]}, merge(A, spec(set=["x", "abcdef"]))),
    changed(
        "keyed list, other item",
        {"keyed": [{"name": "1", "v": "C"}, {"name": "2", "v": "A"}]},
        merge(A, spec(keyed=[{"name": "1", "v": "C"}, {"name": "2", "v": "B"}])),
    ),
    changed(
        "keyed list, other order",
        {"keyed": [{"name": "1", "v": "C"}, {"name": "2", "v": "A"}]},
        merge(A, spec(keyed=[{"name": "2", "v": "A"}, {"name": "1", "v": "C"}])),
    ),
    changed(
        "keyed list, new bad item",
        {"keyed": [{"name": "1", "v": "C"}]},
        merge(A, spec(keyed=[{"name": "1", "v": "C"}, {"name": "2", "v": "D"}])),
    ),
    changed(
        "keyed list, sibling in the item",
        {"keyed": [{"name": "1", "v": "C"}]},
        merge(A, spec(keyed=[{"name": "1", "v": "C", "w": "x"}])),
    ),
    changed(
        "keyed list, item changed",
        {"keyed": [{"name": "1", "v": "C"}]},
        merge(A, spec(keyed=[{"name": "1", "v": "D"}])),
    ),
    changed("map, other key", {"map": {"a": "abcdef"}}, merge(A, spec(map={"b": "x"}))),
    changed("map, new bad key", {"map": {"a": "abcdef"}}, merge(A, spec(map={"b": "abcdef"}))),
    changed("map of structs, sibling", {"structs": {"k": {"v": "abcdef"}}}, merge(A, spec(structs={"k": {"w": "x"}}))),
    changed(
        "map of structs, moved to another key",
        {"structs": {"k": {"v": "abcdef"}}},
        merge(A, spec(structs={"k": None, "l": {"v": "abcdef"}})),
    ),
    changed("null that was nullable", {"nothing": None}, get(A), merge(A, LABEL)),
    changed("type changed, label", {"num": 5}, merge(A, LABEL)),
    changed("type changed, sibling", {"num": 5}, merge(A, spec(other="x"))),
    changed("type changed, written", {"num": 5}, merge(A, spec(num="5"))),
    changed("type changed, apply", {"num": 5}, by("a", {"other": "x"})),
    changed("type changed, label, then apply", {"num": 5}, merge(A, LABEL), by("a", {"other": "x"})),
    changed("several bad, one repaired", {"e": "C", "long": "abcdef", "obj": {"a": "1"}}, merge(A, spec(e="A"))),
    changed("several bad, one worse", {"e": "C", "long": "abcdef", "obj": {"a": "1"}}, merge(A, spec(e="D"))),
    changed("bad by merge of null", {"e": "C"}, merge(A, {"spec": {"e": None}})),
    # ---- lists that are sets and maps now
    changed("set with old duplicates, elsewhere", {"plain": ["a", "a", "b"]}, merge(A, spec(other="x"))),
    changed(
        "set with old duplicates, changed",
        {"plain": ["a", "a", "b"]},
        merge(A + "?fieldManager=v", spec(plain=["a", "a", "c"])),
    ),
    changed("set with new duplicates", {"plain": ["a", "b"]}, merge(A, spec(plain=["a", "a"]))),
    changed("set with old duplicates, applied", {"plain": ["a", "a", "b"]}, by("q", {"plain": ["a"]})),
    changed(
        "set with old duplicates, applied by force", {"plain": ["a", "a", "b"]}, by("q", {"plain": ["c", "b"]}, True)
    ),
    changed(
        "keyed list with old duplicates, applied",
        {
            "objects": [
                {"name": "1", "v": "p"},
                {"name": "1", "v": "q"},
                {"name": "dn", "v": "r"},
                {"name": "dn", "v": "s"},
            ]
        },
        by("q", {"objects": [{"name": "1", "v": "new"}]}, True),
    ),
    changed(
        "keyed list with old duplicates, elsewhere",
        {"objects": [{"name": "1"}, {"name": "1"}]},
        merge(A, spec(other="x")),
    ),
    changed("keyed list without keys, elsewhere", {"objects": [{"v": "1"}, {"v": "2"}]}, merge(A, spec(other="x"))),
    changed("keyed list without keys, applied", {"objects": [{"v": "1"}]}, by("q", {"objects": [{"name": "2"}]})),
    # ---- fields that are gone, defaults that are new
    changed("field gone", {"gone": "x", "other": "y"}, get(A), merge(A, LABEL)),
    changed("field gone, of the writer", {"gone": "x"}, merge(A + "?fieldManager=u", spec(other="z"))),
    applied(
        "field gone, applied",
        [("a", {"gone": "x", "other": "y"})],
        get(A),
        by("a", {"other": "z"}),
        by("a", {"gone": "x"}),
    ),
    changed(
        "default new",
        {"other": "y"},
        get(A),
        merge(A + "?fieldManager=v", LABEL),
        merge(A + "?fieldManager=v", spec(later="v")),
    ),
    changed(
        "default new, in items", {"keyed": [{"name": "1"}]}, get(A), by("a", {"keyed": [{"name": "1", "d": "later"}]})
    ),
    changed("default new, no spec", None, get(A), merge(A, spec(other="x"))),
    # ---- ownership across types
    applied(
        "granular became atomic",
        [("u2", {"at": {"b": "1"}}), ("ua", {"at": {"a": "1"}})],
        merge(A, LABEL),
        by("ua", {"at": {"a": "1"}}),
        by("ua", {"at": {"a": "2"}}),
    ),
    changed(
        "granular became atomic, updater", {"at": {"a": "1", "b": "2"}}, merge(A, LABEL), by("a", {"at": {"a": "1"}})
    ),
    applied(
        "atomic became a set",
        [("a", {"plain": ["x", "y"]})],
        merge(A, LABEL),
        by("a", {"plain": ["x"]}),
        by("b", {"plain": ["z"]}),
    ),
    applied(
        "atomic became keyed",
        [("a", {"objects": [{"name": "1", "v": "p"}]})],
        merge(A, LABEL),
        by("b", {"objects": [{"name": "2"}]}),
        by("a", {"objects": [{"name": "1", "v": "q"}]}),
    ),
    changed(
        "free became structured", {"any": {"a": "x", "b": 1}}, get(A), merge(A, LABEL), by("a", {"any": {"a": "x"}})
    ),
    changed("free became structured, a scalar", {"any": 5}, get(A), merge(A, LABEL), by("a", {"other": "x"})),
]
