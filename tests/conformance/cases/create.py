"""POST: what is set, dropped, refused and warned of."""

from cases.steps import JSON, THINGS, YAML, apply, case, delete, get, post, request, thing

UNKNOWN = thing("a", {"image": "i", "bogus": 1, "items": [{"name": "x", "qq": 1}], "labelsG": {"k": "v"}}, bogus=1)
DUPLICATE = (
    '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"image":"i","image":"j","bogus":1}}'
)
DUPLICATE_YAML = """apiVersion: t.dev/v1
kind: Thing
metadata:
  name: a
spec:
  image: i
  image: j
  bogus: 1
"""
FULL = {
    "image": "img",
    "count": 3,
    "num": 1.5,
    "bool": True,
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


def created(name, body, headers=None, query="", **keep):
    return case(name, post(THINGS + query, body, headers, **keep))


def with_meta(**meta):
    return thing("a", {"image": "i"}, **meta)


CASES = [
    case("minimal", post(THINGS, thing("a")), get(THINGS + "/a")),
    case("full", post(THINGS, thing("a", FULL)), get(THINGS + "/a")),
    case("twice", post(THINGS, thing("a")), post(THINGS, thing("a"))),
    case(
        "while the one before is being deleted",
        post(THINGS, thing("a", None, finalizers=["a.io/f"]), quiet=True),
        delete(THINGS + "/a", quiet=True),
        post(THINGS, thing("a")),
        post(THINGS + "?dryRun=All", thing("a")),
    ),
    case(
        "what the server sets is not the client's",
        post(
            THINGS,
            with_meta(
                uid="11111111-1111-4111-8111-111111111111",
                creationTimestamp="2020-01-01T00:00:00Z",
                generation=7,
                selfLink="/x",
                deletionTimestamp="2020-01-01T00:00:00Z",
                deletionGracePeriodSeconds=5,
            ),
        ),
    ),
    case("null timestamps", post(THINGS, with_meta(creationTimestamp=None, deletionTimestamp=None, labels=None))),
    case(
        "empty metadata members vanish",
        post(THINGS, with_meta(labels={}, annotations={}, finalizers=[], ownerReferences=[], generateName="")),
    ),
    case("null label and annotation", post(THINGS, with_meta(labels={"a": None}, annotations={"b": None}))),
    created("resource version", with_meta(resourceVersion="5")),
    created("resource version 0", with_meta(resourceVersion="0")),
    created("resource version empty", with_meta(resourceVersion="")),
    created("status is dropped", thing("a", {"image": "i"}, {"phase": "x"})),
    created("other namespace", with_meta(namespace="other")),
    created("own namespace", with_meta(namespace="{ns}")),
    created("no name", thing()),
    created("generateName", thing(generateName="made-")),
    created("generateName and name", thing("a", generateName="made-")),
    created("generateName bad", thing(generateName="Made_")),
    created("generateName long", thing(generateName="made-" + "x" * 70)),
    case("generateName dry run", post(THINGS + "?dryRun=All", thing(generateName="made-"))),
    created("other kind", {**thing("a"), "kind": "Foo"}),
    created("other version", {**thing("a"), "apiVersion": "t.dev/v2"}),
    created("other group", {**thing("a"), "apiVersion": "x.dev/v1"}),
    created("no kind", {"apiVersion": "t.dev/v1", "metadata": {"name": "a"}}),
    created("no apiVersion", {"kind": "Thing", "metadata": {"name": "a"}}),
    created("no metadata", {"apiVersion": "t.dev/v1", "kind": "Thing"}),
    created("kind a number", {"apiVersion": "t.dev/v1", "kind": 5, "metadata": {"name": "a"}}),
    created("apiVersion bad", {**thing("a"), "apiVersion": "a/b/c"}),
    created("body empty", ""),
    created("body empty object", "{}"),
    created("body null", "null"),
    created("body array", "[]"),
    created("body string", '"x"'),
    created("body cut", '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"'),
    created("body with more behind", '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"}} x'),
    created("body no JSON", "hello"),
    created("metadata a string", {"apiVersion": "t.dev/v1", "kind": "Thing", "metadata": "x"}),
    created("metadata null", {"apiVersion": "t.dev/v1", "kind": "Thing", "metadata": None}),
    created("name a number", {"apiVersion": "t.dev/v1", "kind": "Thing", "metadata": {"name": 5}}),
    created("labels a list", with_meta(labels=["x"])),
    created("label a number", with_meta(labels={"a": 5})),
    created("annotation a bool", with_meta(annotations={"a": True})),
    created("finalizers a string", with_meta(finalizers="x")),
    created("finalizers numbers", with_meta(finalizers=[5])),
    created("ownerReferences a map", with_meta(ownerReferences={})),
    created("creationTimestamp bad", with_meta(creationTimestamp="bad")),
    created("generation a string", with_meta(generation="x")),
    created("managedFields a string", with_meta(managedFields="x")),
    created(
        "managedFields time bad", with_meta(managedFields=[{"manager": "x", "operation": "Update", "time": "bad"}])
    ),
    created("spec a string", thing("a", "x")),
    created("spec null", {**thing("a"), "spec": None}),
    created("spec a list", thing("a", [])),
    created("top level unknown", {**thing("a"), "bogus": 1}),
    # ---- field validation
    created("unknown field, default", UNKNOWN),
    created("unknown field, Warn", UNKNOWN, query="?fieldValidation=Warn"),
    created("unknown field, Ignore", UNKNOWN, query="?fieldValidation=Ignore"),
    created("unknown field, Strict", UNKNOWN, query="?fieldValidation=Strict"),
    created("duplicate field, default", DUPLICATE),
    created("duplicate field, Warn", DUPLICATE, query="?fieldValidation=Warn"),
    created("duplicate field, Ignore", DUPLICATE, query="?fieldValidation=Ignore"),
    created("duplicate field, Strict", DUPLICATE, query="?fieldValidation=Strict"),
    created("field validation unknown", thing("a"), query="?fieldValidation=Bogus"),
    created("field validation empty", UNKNOWN, query="?fieldValidation="),
    created(
        "duplicates nested and in metadata",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a","labels":{"x":"1","x":"2"},"name":"b"},'
        '"spec":{"nested":{"a":"1","a":"2"},"items":[{"name":"x","v":1,"v":2}]},"spec":{"image":"i"}}',
    ),
    created(
        "unknown in embedded metadata",
        thing("a", {"emb": {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "bogus": 1}, "more": 1}}),
    ),
    created("long warnings", thing("a", {f"bogus{n:03}" + "x" * 60: 1 for n in range(80)})),
    created("unknown key with quotes", thing("a", {'bo"g\\us': 1})),
    # ---- YAML
    created("YAML", "apiVersion: t.dev/v1\nkind: Thing\nmetadata: {name: a}\nspec: {image: i, count: 012}\n", YAML),
    created("YAML, duplicate, default", DUPLICATE_YAML, YAML),
    created("YAML, duplicate, Ignore", DUPLICATE_YAML, YAML, "?fieldValidation=Ignore"),
    created("YAML, duplicate, Strict", DUPLICATE_YAML, YAML, "?fieldValidation=Strict"),
    created(
        "YAML, unknown, Strict",
        "apiVersion: t.dev/v1\nkind: Thing\nmetadata: {name: a}\nspec: {bogus: i}\n",
        YAML,
        "?fieldValidation=Strict",
    ),
    created("YAML bad", "a: [", YAML),
    created("YAML without kind", "metadata: {name: a}\n", YAML),
    created("JSON as YAML", thing("a", {"image": "i"}), YAML),
    # ---- media types
    created("no content type", thing("a"), {"Content-Type": None}),
    created("content type with charset", thing("a"), {"Content-Type": "application/json; charset=utf-8"}),
    created("content type text", thing("a"), {"Content-Type": "text/plain"}),
    created("content type form", "a=b", {"Content-Type": "application/x-www-form-urlencoded"}),
    created("content type bad", thing("a"), {"Content-Type": ";;"}),
    created("content type merge patch", thing("a"), {"Content-Type": "application/merge-patch+json"}),
    created("accept YAML", thing("a"), {**JSON, "Accept": "application/yaml"}),
    created("accept nothing served", thing("a"), {**JSON, "Accept": "text/plain"}),
    created("accept Table", thing("a"), {**JSON, "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}),
    # ---- options
    case("dry run", post(THINGS + "?dryRun=All", thing("a", {"image": "i"})), get(THINGS + "/a")),
    created("dry run of a bad value", thing("a", {"image": 5}), query="?dryRun=All"),
    created("dry run unknown", thing("a"), query="?dryRun=Some"),
    created("dry run twice", thing("a"), query="?dryRun=All&dryRun=All"),
    created("dry run empty", thing("a"), query="?dryRun="),
    case("dry run of an existing", post(THINGS, thing("a")), post(THINGS + "?dryRun=All", thing("a"))),
    created("field manager", thing("a", {"image": "i"}), query="?fieldManager=somebody"),
    created("field manager long", thing("a"), query="?fieldManager=" + "x" * 129),
    created("field manager unprintable", thing("a"), query="?fieldManager=a%09b"),
    created(
        "field manager of the user agent", thing("a", {"image": "i"}), {**JSON, "User-Agent": "kubectl/v1.35 (linux)"}
    ),
    created("no user agent", thing("a", {"image": "i"}), {**JSON, "User-Agent": ""}),
    created("two options wrong", thing("a"), query="?dryRun=Some&fieldValidation=Bogus&fieldManager=" + "x" * 129),
    created("pretty", thing("a"), query="?pretty=true"),
    case("POST to an object", request("POST", THINGS + "/a", thing("a"), JSON)),
    # ---- managedFields of the client
    created(
        "managedFields of the client",
        with_meta(
            managedFields=[
                {
                    "manager": "x",
                    "operation": "Apply",
                    "apiVersion": "t.dev/v1",
                    "fieldsType": "FieldsV1",
                    "time": "2020-01-01T00:00:00Z",
                    "fieldsV1": {"f:spec": {"f:count": {}}},
                }
            ]
        ),
    ),
    created(
        "managedFields of the client, an unknown version among them",
        with_meta(
            managedFields=[
                {
                    "manager": m,
                    "operation": "Apply",
                    "apiVersion": v,
                    "fieldsType": "FieldsV1",
                    "time": "2020-01-01T00:00:00Z",
                    "fieldsV1": {"f:spec": {"f:count": {}}},
                }
                for m, v in (("x", "t.dev/v1"), ("y", "t.dev/v7"))
            ]
        ),
    ),
    created("managedFields empty", with_meta(managedFields=[])),
    created("managedFields reset", with_meta(managedFields=[{}])),
    created(
        "managedFields bad operation",
        with_meta(
            managedFields=[
                {
                    "manager": "x",
                    "operation": "Bad",
                    "apiVersion": "t.dev/v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {}},
                }
            ]
        ),
    ),
    created(
        "managedFields long manager",
        with_meta(
            managedFields=[
                {
                    "manager": "x" * 130,
                    "operation": "Update",
                    "apiVersion": "t.dev/v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:count": {}}},
                }
            ]
        ),
    ),
    # ---- numbers and texts
    created(
        "numbers",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"num":1e21,"count":5.0,'
        '"free":{"a":1.0,"b":1e-7,"c":123456789012345678,"d":9223372036854775807,"e":9223372036854775808,"f":-0.0,'
        '"g":1e400,"h":0.1,"i":100000000000000000000000,"j":-5,"k":1E2}}}',
    ),
    created(
        "numbers, as text",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"free":{"a":1.0,'
        '"b":1e-7,"c":123456789012345678,"e":9223372036854775808,"h":0.1,"k":1E2,"l":1e20,"m":1e21,"n":0.000001}}}',
    ),
    created("texts", thing("a", {"image": 'é<>&\u2028 "\\ \t\u0001 \U0001f600', "free": {"<k&>": "\u007f/"}})),
    created(
        "lone surrogate", '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"image":"\\ud800x"}}'
    ),
    created(
        "integer too large",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},' '"spec":{"count":9223372036854775808}}',
    ),
    created(
        "integer as float", '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"count":5.5}}'
    ),
    # ---- pruning, nulls, defaults
    created(
        "null without default is dropped", thing("a", {"image": None, "nested": {"a": None, "b": "x"}, "ports": None})
    ),
    created("null with default", thing("a", {"strDef": None, "nulDef": None, "nul": None, "objDef": None})),
    created("defaults inside", thing("a", {"objDef": {}, "atomObj": [{}, {"a": "x"}], "mapOfStruct": {"k": {}}})),
    created("nulls inside lists", thing("a", {"atomObj": [None], "free": {"a": [None, {"b": None}], "c": None}})),
    created("null in a map of structs", thing("a", {"mapOfStruct": {"k": None}, "labelsG": {"k": None}})),
    created("any holds anything", thing("a", {"any": [1, "x", {"y": None}]})),
    created("any a scalar", thing("a", {"any": 7, "ios": "x"})),
    created("preserving parent, declared child", thing("a", {"freeP": {"unk": 1, "inner": {"k": "1", "unk": 1}}})),
    created("additionalProperties true", thing("a", {"t": {"k": 1, "o": {"a": 1}, "l": [{"a": 1}]}})),
    created("additionalProperties false", thing("a", {"f": {"k": 1}})),
    created(
        "map keys in unknown paths", thing("a", {"mapOfStruct": {"k.1/x": {"q": 1}}, "ports": [{"port": 1, "z": 1}]})
    ),
    created(
        "embedded resource",
        thing(
            "a",
            {
                "emb": {
                    "apiVersion": "v1",
                    "kind": "X",
                    "metadata": {"name": "n", "labels": {}, "creationTimestamp": None},
                    "more": {"x": None},
                }
            },
        ),
    ),
    created("embedded without kind", thing("a", {"emb": {"apiVersion": "v1"}})),
    created("embedded bad kind", thing("a", {"emb": {"apiVersion": "v1", "kind": "9x"}})),
    created("embedded bad apiVersion", thing("a", {"emb": {"apiVersion": "a/b/c", "kind": "X"}})),
    created("embedded apiVersion a number", thing("a", {"emb": {"apiVersion": 5, "kind": "X"}})),
    created(
        "embedded bad metadata",
        thing("a", {"emb": {"apiVersion": "v1", "kind": "X", "metadata": {"name": "Bad_", "labels": {"a b": "c"}}}}),
    ),
    created("embedded empty", thing("a", {"emb": {}})),
    # ---- places
    case("namespace that has no such kind", post("/apis/t.dev/v1/namespaces/{ns}/nothings", thing("a"))),
    case("no such version", post("/apis/t.dev/v9/namespaces/{ns}/things", thing("a"))),
    case("no such group", post("/apis/none.dev/v1/namespaces/{ns}/things", thing("a"))),
    case("without a namespace", post("/apis/t.dev/v1/things", thing("a"))),
    case(
        "cluster-scoped",
        post(
            "/apis/t.dev/v1/plains",
            {**thing("{ns}"), "kind": "Plain", "spec": {"image": "i"}, "status": {"phase": "kept"}},
        ),
        delete("/apis/t.dev/v1/plains/{ns}"),
    ),
    case(
        "cluster-scoped, body with namespace",
        post("/apis/t.dev/v1/plains", {**thing("{ns}", namespace="default"), "kind": "Plain"}),
        delete("/apis/t.dev/v1/plains/{ns}"),
    ),
    case(
        "cluster-scoped, in a namespace",
        post("/apis/t.dev/v1/namespaces/default/plains", {**thing("{ns}"), "kind": "Plain"}),
    ),
    case(
        "second version",
        post(
            "/apis/t.dev/v2/plains", {**thing("{ns}"), "apiVersion": "t.dev/v2", "kind": "Plain", "spec": {"count": 1}}
        ),
        get("/apis/t.dev/v1/plains/{ns}"),
        get("/apis/t.dev/v2/plains/{ns}"),
        apply(
            "/apis/t.dev/v1/plains/{ns}",
            {"apiVersion": "t.dev/v1", "kind": "Plain", "metadata": {"name": "{ns}"}, "spec": {"image": "x"}},
        ),
        apply(
            "/apis/t.dev/v2/plains/{ns}",
            {"apiVersion": "t.dev/v2", "kind": "Plain", "metadata": {"name": "{ns}"}, "spec": {"image": "y"}},
        ),
        delete("/apis/t.dev/v2/plains/{ns}"),
    ),
    created(
        "body too large",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"image":"'
        + "x" * (3 * 1024 * 1024 + 10)
        + '"}}',
    ),
]
