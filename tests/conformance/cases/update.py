"""PUT: preconditions, what cannot be changed, generations, and writes that change nothing."""

from cases.steps import JSON, THINGS, YAML, case, delete, get, post, put, request, thing

A = THINGS + "/a"
MADE = post(THINGS, thing("a", {"image": "i"}), quiet=True)


def update(name, body, *more, query="", headers=None):
    return case(name, MADE, put(A + query, body, headers), *more)


def body(spec=None, rv="<rv1>", status=None, **meta):
    return thing("a", {"image": "i"} if spec is None else spec, status, resourceVersion=rv, **meta)


CASES = [
    update("changes the spec", body({"image": "j"}), get(A)),
    update("changes nothing", body(), get(A)),
    update("changes labels only", body(labels={"a": "b"}), get(A)),
    update("adds an empty map", body({"image": "i", "nested": {}})),
    update("adds an empty list", body({"image": "i", "setS": []})),
    update(
        "reorders a list",
        body({"image": "i", "setS": ["a", "b"]}),
        put(A, body({"image": "i", "setS": ["b", "a"]}, rv="<rv2>")),
    ),
    update("without resourceVersion", thing("a", {"image": "j"})),
    update("resourceVersion empty", body(rv="")),
    update("resourceVersion 0", body(rv="0")),
    update("resourceVersion no number", body(rv="abc")),
    update("resourceVersion negative", body(rv="-1")),
    update("resourceVersion a JSON number", body(rv=5)),
    update("stale", body({"image": "j"}), put(A, body({"image": "k"}))),
    update("resourceVersion of the future", body({"image": "j"}, rv="999999999")),
    case("missing object", put(A, body({"image": "j"}, rv="1"))),
    case("missing object without resourceVersion", put(A, thing("a", {"image": "j"}))),
    update("other name", {**body(), "metadata": {"name": "b", "resourceVersion": "<rv1>"}}),
    update("no name", {**body(), "metadata": {"resourceVersion": "<rv1>"}}),
    update("other namespace", body(namespace="other")),
    update("no namespace", body()),
    update("right uid", body({"image": "j"}, uid="<uid1>")),
    update("wrong uid", body({"image": "j"}, uid="q")),
    update("wrong uid and stale", body({"image": "j"}, uid="q", rv="1")),
    update(
        "creationTimestamp and generation are the server's",
        body({"image": "j"}, creationTimestamp="2020-01-01T00:00:00Z", generation=77, selfLink="/x"),
    ),
    update("deletionTimestamp set", body(deletionTimestamp="2020-01-01T00:00:00Z")),
    update("deletionGracePeriodSeconds set", body(deletionGracePeriodSeconds=5)),
    case(
        "deletionTimestamp unset is ignored",
        post(THINGS, thing("a", {"image": "i"}, finalizers=["a.io/f"])),
        delete(A),
        put(A, body({"image": "j"}, rv="<rv2>", finalizers=["a.io/f"])),
    ),
    update("generateName changed", body(generateName="made-")),
    update("status ignored", body(status={"phase": "x"}), get(A)),
    update("spec removed", thing("a", None, resourceVersion="<rv1>")),
    update("spec null", {**body(), "spec": None}),
    update("other kind", {**body(), "kind": "Foo"}),
    update("other version", {**body(), "apiVersion": "t.dev/v2"}),
    update("no kind", {"metadata": {"name": "a", "resourceVersion": "<rv1>"}}),
    update("empty body", ""),
    update("bad body", "{"),
    update("dry run", body({"image": "j"}), get(A), query="?dryRun=All"),
    update("dry run that changes nothing", body(), query="?dryRun=All"),
    update("dry run bad", body(), query="?dryRun=x"),
    update("field validation bad", body(), query="?fieldValidation=x"),
    update("unknown field, Warn", body({"bogus": 1})),
    update("unknown field, Strict", body({"bogus": 1}), query="?fieldValidation=Strict"),
    update(
        "duplicate field, Strict",
        '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a",'
        '"resourceVersion":"<rv1>"},"spec":{"image":"i","image":"j"}}',
        query="?fieldValidation=Strict",
    ),
    update(
        "YAML",
        "apiVersion: t.dev/v1\nkind: Thing\nmetadata: {name: a, resourceVersion: '<rv1>'}\nspec: {image: y}\n",
        headers=YAML,
    ),
    update("media type", body(), headers={"Content-Type": "text/plain"}),
    update("field manager", body({"image": "i", "count": 1}), query="?fieldManager=other"),
    update("field manager takes over", body({"image": "j"}), query="?fieldManager=other"),
    update("same manager grows", body({"image": "i", "count": 1})),
    update("same manager loses", body({"count": 1})),
    update("managedFields empty", body(managedFields=[])),
    update("managedFields reset", body(managedFields=[{}]), put(A, body({"image": "j"}, rv="<rv2>"))),
    update("managedFields null", body(managedFields=None)),
    update(
        "managedFields replaced",
        body(
            managedFields=[
                {
                    "manager": "x",
                    "operation": "Update",
                    "apiVersion": "t.dev/v1",
                    "fieldsType": "FieldsV1",
                    "time": "2020-01-01T00:00:00Z",
                    "fieldsV1": {"f:spec": {"f:image": {}}},
                }
            ]
        ),
    ),
    update(
        "managedFields of an unknown version",
        body(
            managedFields=[
                {
                    "manager": "x",
                    "operation": "Apply",
                    "apiVersion": "t.dev/v9",
                    "fieldsType": "FieldsV1",
                    "time": "2020-01-01T00:00:00Z",
                    "fieldsV1": {"f:spec": {"f:image": {}}},
                }
            ]
        ),
    ),
    update(
        "managedFields not decodable",
        body(
            managedFields=[
                {
                    "manager": "x",
                    "operation": "Update",
                    "apiVersion": "t.dev/v1",
                    "fieldsType": "FieldsV9",
                    "time": "2020-01-01T00:00:00Z",
                    "fieldsV1": {"f:spec": {"f:image": {}}},
                }
            ]
        ),
    ),
    update(
        "number 1.0 over 1",
        body({"num": 1}),
        put(
            A,
            '{"apiVersion":"t.dev/v1","kind":"Thing","metadata":{"name":"a","resourceVersion":"<rv2>"},'
            '"spec":{"num":1.0,"strDef":"sd","nulDef":"nd","replicas":1,"objDef":{"x":3,"y":4}}}',
            JSON,
        ),
    ),
    case("on a deleted object", MADE, delete(A), put(A, body())),
    case("PUT on the collection", request("PUT", THINGS, thing("a"), JSON)),
    case(
        "cluster-scoped without status subresource",
        post("/apis/t.dev/v1/plains", {**thing("{ns}", {"image": "i"}), "kind": "Plain"}),
        put(
            "/apis/t.dev/v1/plains/{ns}",
            {**thing("{ns}", {"image": "i"}, {"phase": "x"}, resourceVersion="<rv1>"), "kind": "Plain"},
        ),
        delete("/apis/t.dev/v1/plains/{ns}"),
    ),
]
