"""Merge patches and JSON patches (RFC 7386, RFC 6902), where the reference follows them and where it does not."""

from cases.steps import JSON, THINGS, case, delete, get, json_patch, merge, post, request, thing

A = THINGS + "/a"
SPEC = {"image": "i", "num": 1, "bool": False, "atom": ["a", "b", "c"], "setI": [1, 2, 3], "labelsG": {"k": "<", "e": "é", "a/b": "s"},
        "free": {"o": {}, "l": [], "m": {"x": 1, "y": [1, {"z": None}]}, "n": None, "f": 1.5, "~": "t", "": "empty"}}
MADE = post(THINGS, thing("a", SPEC, labels={"l": "v"}), quiet=True)


def merged(name, patch, *more, query=""):
    return case("merge " + name, MADE, merge(A + query, patch), *more)


def patched(name, *operations, query=""):
    return case("json " + name, MADE, json_patch(A + query, list(operations)))


def raw(name, body, query=""):
    return case("json " + name, MADE, json_patch(A + query, body))


def op(name, path, *value, **more):
    operation = {"op": name, "path": path, **more}
    if value:
        operation["value"] = value[0]
    return operation


FREE = "/spec/free"
CASES = [
    # ---- RFC 7386
    merged("changes a member", {"spec": {"image": "j"}}, get(A)),
    merged("changes nothing", {"spec": {"image": "i"}}, get(A)),
    merged("empty", {}),
    merged("removes by null", {"spec": {"image": None}}),
    merged("removes what is not there", {"spec": {"count": None}}),
    merged("removes a default", {"spec": {"strDef": None, "nulDef": None, "objDef": None}}),
    merged("removes the spec", {"spec": None}),
    merged("replaces a list", {"spec": {"atom": ["x"]}}),
    merged("empty list", {"spec": {"atom": []}}),
    merged("scalar replaced by object", {"spec": {"free": {"f": {"a": None, "b": {"c": None}}}}}),
    merged("list replaced by object", {"spec": {"free": {"l": {"a": None, "b": 1}}}}),
    merged("object replaced by scalar", {"spec": {"free": {"m": 5}}}),
    merged("object replaced by list", {"spec": {"free": {"m": [None, {"a": None}]}}}),
    merged("nulls in new objects", {"spec": {"free": {"new": {"a": None, "b": {"c": None, "d": 1}}}}}),
    merged("nulls in lists", {"spec": {"free": {"new": [None, {"a": None}, [None]]}}}),
    merged("null in an existing free member", {"spec": {"free": {"m": {"x": None}}}}),
    merged("nested deep", {"spec": {"free": {"m": {"new": {"a": {"b": 1}}}}}}),
    merged("array", "[]"), merged("string", '"x"'), merged("number", "5"), merged("null", "null"), merged("cut", "{"),
    merged("empty body", ""),
    merged("array, Ignore", "[]", query="?fieldValidation=Ignore"),
    merged("null, Ignore", "null", query="?fieldValidation=Ignore"),
    merged("cut, Ignore", "{", query="?fieldValidation=Ignore"),
    merged("unknown field", {"spec": {"bogus": 1}}),
    merged("unknown field, Strict", {"spec": {"bogus": 1}}, query="?fieldValidation=Strict"),
    merged("unknown field, Ignore", {"spec": {"bogus": 1}}, query="?fieldValidation=Ignore"),
    merged("duplicate member", '{"spec":{"image":"x","image":"y"}}'),
    merged("duplicate member, Strict", '{"spec":{"image":"x","image":"y"}}', query="?fieldValidation=Strict"),
    merged("duplicate member, Ignore", '{"spec":{"image":"x","image":"y"}}', query="?fieldValidation=Ignore"),
    merged("field validation bad", {}, query="?fieldValidation=x"),
    merged("dry run", {"spec": {"image": "j"}}, get(A), query="?dryRun=All"),
    merged("dry run bad", {}, query="?dryRun=x"),
    merged("force", {}, query="?force=true"),
    merged("force false", {}, query="?force=false"),
    merged("field manager long", {}, query="?fieldManager=" + "x" * 129),
    merged("right resourceVersion", {"metadata": {"resourceVersion": "<rv1>"}, "spec": {"image": "j"}}),
    merged("stale resourceVersion", {"metadata": {"resourceVersion": "1"}, "spec": {"image": "j"}}),
    merged("resourceVersion null", {"metadata": {"resourceVersion": None}}),
    merged("resourceVersion empty", {"metadata": {"resourceVersion": ""}}),
    merged("resourceVersion no number", {"metadata": {"resourceVersion": "x"}}),
    merged("name", {"metadata": {"name": "b"}}),
    merged("name null", {"metadata": {"name": None}}),
    merged("namespace", {"metadata": {"namespace": "other"}}),
    merged("namespace null", {"metadata": {"namespace": None}}),
    merged("uid", {"metadata": {"uid": "zz"}}),
    merged("uid null", {"metadata": {"uid": None}}),
    merged("kind", {"kind": "Foo"}),
    merged("kind null", {"kind": None}),
    merged("apiVersion", {"apiVersion": "t.dev/v2"}),
    merged("apiVersion null", {"apiVersion": None}),
    merged("metadata null", {"metadata": None}),
    merged("metadata a string", {"metadata": "x"}),
    merged("labels added and removed", {"metadata": {"labels": {"l": None, "m": "n"}, "annotations": {"x": "y"}}}),
    merged("labels null", {"metadata": {"labels": None}}),
    merged("creationTimestamp, generation", {"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z", "generation": 7}}),
    merged("deletionTimestamp", {"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}}),
    merged("status", {"status": {"phase": "x"}}),
    merged("wrong type", {"spec": {"image": 5}}),
    merged("number 1.0 over 1", '{"spec":{"num":1.0}}'),
    merged("managedFields empty", {"metadata": {"managedFields": []}}),
    merged("managedFields reset", {"metadata": {"managedFields": [{}]}}, merge(A, {"spec": {"image": "z"}})),
    merged("managedFields null", {"metadata": {"managedFields": None}}),
    merged("managedFields wrong type", {"metadata": {"managedFields": "x"}}),
    merged("managedFields bad time", {"metadata": {"managedFields": [{"time": "x"}]}}),
    merged("managedFields replaced", {"spec": {"count": 9}, "metadata": {"managedFields": [
        {"manager": "q", "operation": "Apply", "apiVersion": "t.dev/v1", "fieldsType": "FieldsV1",
         "time": "2020-01-01T00:00:00.999+02:00", "fieldsV1": {"f:spec": {"f:image": {}}}},
        {"manager": "r", "operation": "Update", "apiVersion": "t.dev/v1", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:spec": {"f:count": {}, "f:atom": {}}, "q:z": {}}}]}}),
    case("merge missing object", merge(A, {"spec": {"image": "j"}})),
    case("merge deleted object", MADE, delete(A), merge(A, {"spec": {"image": "j"}})),
    case("merge the collection", merge(THINGS, {})),
    case("merge a second manager", MADE, merge(A + "?fieldManager=other", {"spec": {"image": "j", "count": 5}}),
         merge(A + "?fieldManager=third", {"spec": {"count": None}})),

    # ---- media types
    case("strategic", MADE, request("PATCH", A, {"spec": {}}, {"Content-Type": "application/strategic-merge-patch+json"})),
    case("JSON as patch", MADE, request("PATCH", A, {"spec": {}}, JSON)),
    case("no content type", MADE, request("PATCH", A, {"spec": {}}, {"Content-Type": None})),
    case("merge with charset", MADE,
         request("PATCH", A, {"spec": {"image": "j"}}, {"Content-Type": "application/merge-patch+json; charset=utf-8"})),
    case("unknown patch type", MADE, request("PATCH", A, {"spec": {}}, {"Content-Type": "application/x-patch"})),
    case("CBOR apply", MADE, request("PATCH", A, {"spec": {}}, {"Content-Type": "application/apply-patch+cbor"})),

    # ---- RFC 6902, section 4
    patched("add a member", op("add", "/spec/count", 5)), patched("add over a member", op("add", "/spec/image", "j")),
    patched("add to a list", op("add", "/spec/atom/1", "x")), patched("add at the end", op("add", "/spec/atom/-", "x")),
    patched("add at the length", op("add", "/spec/atom/3", "x")), patched("add behind the end", op("add", "/spec/atom/4", "x")),
    patched("add below a missing parent", op("add", "/spec/nested/a", "x")),
    patched("add without value", op("add", FREE + "/new")), patched("add null", op("add", FREE + "/new", None)),
    patched("add the whole", op("add", "", {})), patched("add deep", op("add", FREE + "/m/y/1/q", {"r": [1]})),
    patched("add a label", op("add", "/metadata/labels/m", "n")),
    patched("remove a member", op("remove", "/spec/image")), patched("remove a missing member", op("remove", "/spec/count")),
    patched("remove an item", op("remove", "/spec/atom/0")), patched("remove a missing item", op("remove", "/spec/atom/3")),
    patched("remove the end", op("remove", "/spec/atom/-")), patched("remove the whole", op("remove", "")),
    patched("replace a member", op("replace", "/spec/image", "j")),
    patched("replace a missing member", op("replace", "/spec/count", 5)),
    patched("replace below a missing parent", op("replace", "/spec/nested/a", "x")),
    patched("replace an item", op("replace", "/spec/atom/1", "x")), patched("replace a missing item", op("replace", "/spec/atom/3", "x")),
    patched("replace without value", op("replace", "/spec/image")), patched("replace by null", op("replace", "/spec/image", None)),
    patched("replace the whole", op("replace", "", {"spec": {}})),
    patched("replace the whole by an object", op("replace", "", thing("a", {"image": "whole"}))),
    patched("move", {"op": "move", "from": "/spec/image", "path": "/spec/strDef"}),
    patched("move in a list", {"op": "move", "from": "/spec/atom/0", "path": "/spec/atom/2"}),
    patched("move a missing", {"op": "move", "from": "/spec/count", "path": "/spec/num"}),
    patched("move into itself", {"op": "move", "from": FREE + "/m", "path": FREE + "/m/x"}),
    patched("move without from", op("move", "/spec/image")),
    patched("copy", {"op": "copy", "from": "/spec/image", "path": "/spec/strDef"}),
    patched("copy a missing", {"op": "copy", "from": "/spec/count", "path": FREE + "/new"}),
    patched("copy to the end", {"op": "copy", "from": "/spec/atom/0", "path": "/spec/atom/-"}),
    patched("copy an object", {"op": "copy", "from": FREE + "/m", "path": FREE + "/copy"}, op("replace", FREE + "/copy/x", 2)),
    patched("test good", op("test", "/spec/image", "i"), op("replace", "/spec/image", "j")),
    patched("test bad", op("test", "/spec/image", "x")),
    patched("test a missing member, null", op("test", "/spec/count", None)),
    patched("test a missing member, no value", op("test", "/spec/count")),
    patched("test a missing member, a value", op("test", "/spec/count", 1)),
    patched("test below a missing parent", op("test", "/spec/nested/a", None)),
    patched("test a bad index", op("test", "/spec/atom/9", None)),
    patched("test number", op("test", "/spec/num", 1)), patched("test number as float", op("test", "/spec/num", 1.0)),
    patched("test float", op("test", FREE + "/f", 1.5)), patched("test bool", op("test", "/spec/bool", False)),
    patched("test null", op("test", FREE + "/n", None)), patched("test a list", op("test", "/spec/atom", ["a", "b", "c"])),
    patched("test a list reordered", op("test", "/spec/atom", ["b", "a", "c"])),
    patched("test a shorter list", op("test", "/spec/atom", ["a"])),
    patched("test an object", op("test", FREE + "/m", {"y": [1, {"z": None}], "x": 1})),
    patched("test an object with less", op("test", FREE + "/m", {"x": 1})),
    patched("test empty object against empty list", op("test", FREE + "/o", [])),
    patched("test empty list against empty object", op("test", FREE + "/l", {})),
    patched("test empty object", op("test", FREE + "/o", {})), patched("test string against number", op("test", "/spec/num", "1")),
    raw("test less-than raw", '[{"op":"test","path":"/spec/labelsG/k","value":"<"}]'),
    raw("test less-than escaped", '[{"op":"test","path":"/spec/labelsG/k","value":"\\u003c"}]'),
    raw("test accent raw", '[{"op":"test","path":"/spec/labelsG/e","value":"é"}]'),
    raw("test accent escaped", '[{"op":"test","path":"/spec/labelsG/e","value":"\\u00e9"}]'),
    patched("test without value of an object", op("test", "/spec/nested")),
    patched("test the whole", op("test", "", {})),
    patched("a failure undoes all", op("replace", "/spec/image", "j"), op("test", "/spec/num", 2)),
    # ---- pointers
    patched("escaped slash", op("replace", "/spec/labelsG/a~1b", "x")), patched("escaped tilde", op("replace", FREE + "/~0", "x")),
    patched("tilde alone", op("replace", FREE + "/~", "x")), patched("tilde and another", op("add", FREE + "/a~2b", "x")),
    patched("empty member name", op("replace", FREE + "/", "x")), patched("without leading slash", op("replace", "spec/image", "x")),
    patched("no slash at all", op("replace", "image", "x")), patched("index with leading zero", op("replace", "/spec/atom/01", "x")),
    patched("index with sign", op("replace", "/spec/atom/+1", "x")), patched("index -1", op("replace", "/spec/atom/-1", "x")),
    patched("index -3", op("remove", "/spec/atom/-3")), patched("index -4", op("remove", "/spec/atom/-4")),
    patched("add at -1", op("add", "/spec/atom/-1", "x")), patched("add at -4", op("add", "/spec/atom/-4", "x")),
    patched("add at -5", op("add", "/spec/atom/-5", "x")), patched("test at -1", op("test", "/spec/atom/-1", "c")),
    patched("index no number", op("replace", "/spec/atom/x", "x")), patched("index 1e0", op("replace", "/spec/atom/1e0", "x")),
    patched("below a scalar", op("add", "/spec/image/x", 1)), patched("index into an object", op("add", FREE + "/o/0", 1)),
    patched("replace the end", op("replace", "/spec/atom/-", "x")), patched("move from the end", {
        "op": "move", "from": "/spec/atom/-", "path": FREE + "/new"}),
    # ---- forms
    raw("empty list", "[]"), raw("null", "null"), raw("object", "{}"), raw("string", '"x"'), raw("number", "5"), raw("cut", "["),
    raw("empty body", ""), raw("cut, Ignore", "[", "?fieldValidation=Ignore"), raw("list of null", "[null]"),
    raw("list of numbers", "[5]"), raw("path a number", '[{"op":"add","path":5,"value":1}]'),
    raw("op a number", '[{"op":5,"path":"/spec/image","value":"x"}]'),
    raw("from a number", '[{"op":"move","from":5,"path":"/spec/image"}]'),
    raw("unknown op", '[{"op":"frob","path":"/spec/image"}]'), raw("op upper case", '[{"op":"ADD","path":"/spec/image","value":"x"}]'),
    raw("no op", '[{"path":"/spec/image","value":"x"}]'), raw("no path", '[{"op":"add","value":"x"}]'),
    raw("unknown member", '[{"op":"replace","path":"/spec/image","value":"x","foo":1}]'),
    raw("unknown member, Strict", '[{"op":"replace","path":"/spec/image","value":"x","foo":1}]', "?fieldValidation=Strict"),
    raw("unknown member, Ignore", '[{"op":"replace","path":"/spec/image","value":"x","foo":1}]', "?fieldValidation=Ignore"),
    raw("duplicate member", '[{"op":"replace","path":"/spec/image","value":"x","value":"y"}]'),
    raw("duplicate member, Strict", '[{"op":"replace","path":"/spec/image","value":"x","value":"y"}]', "?fieldValidation=Strict"),
    raw("unknown field, Strict", '[{"op":"add","path":"/spec/bogus","value":"x"}]', "?fieldValidation=Strict"),
    raw("unknown field", '[{"op":"add","path":"/spec/bogus","value":"x"}]'),
    raw("too many operations", "[" + ",".join(['{"op":"test","path":"/spec/num","value":1}'] * 10001) + "]"),
    raw("as many operations as allowed", "[" + ",".join(['{"op":"test","path":"/spec/num","value":1}'] * 10000) + "]"),
    patched("dry run", op("replace", "/spec/image", "j"), query="?dryRun=All"),
    patched("force", op("replace", "/spec/image", "j"), query="?force=true"),
    patched("wrong type", op("replace", "/spec/image", 5)), patched("kind", op("replace", "/kind", "Foo")),
    patched("remove kind", op("remove", "/kind")), patched("remove metadata", op("remove", "/metadata")),
    patched("name", op("replace", "/metadata/name", "b")), patched("stale", op("replace", "/metadata/resourceVersion", "1")),
    patched("resourceVersion null", op("replace", "/metadata/resourceVersion", None)),
    patched("managedFields replaced", op("replace", "/metadata/managedFields", [
        {"manager": "kubectl", "operation": "Apply", "apiVersion": "t.dev/v1", "fieldsType": "FieldsV1",
         "time": "2020-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:image": {}}}}])),
    patched("managedFields sees the live ones", op("test", "/metadata/managedFields/0/manager", "conformance")),
    case("json missing object", json_patch(A, [])),
    case("json test of uid", MADE, json_patch(A, [op("test", "/metadata/uid", "<uid1>"), op("replace", "/spec/image", "k")])),
]
