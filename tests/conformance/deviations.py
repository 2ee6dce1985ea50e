"""Where the answers are meant to differ. Each entry names the row of docs/compatibility.md that gives the reason; the test fails when
that row is gone, when a difference is gone, or when this server answers something else than what is written here."""

VERSION = "a body of another version of the kind is refused without warnings about its fields"
SCALE = (
    "a Scale that can't be decoded is refused with what is wrong in it, not with `no kind is registered for the type"
    " v1.Scale`"
)
NUMBERS = "a `resourceVersion` that is no number is refused with 400 in a get and a watch, too, not 500"
PARTIAL = "`Accept` with `as=PartialObjectMetadataList` for a single object is 406, not 500; `v=v1beta1` is not served"
READ = (
    "what was written under an older schema of its kind is read as it was stored, until the next write; a kube-apiserver fills in"
    " new defaults and drops what is no longer declared on every read"
)
YAML = "after 406 the failure comes as JSON, also when only YAML was asked for"
PROTOBUF = "HTTP/2, protobuf answers"

# row: {(case, number of the step): (the status this server answers, a part of what it answers)}
DEVIATIONS = {
    "a `resourceVersion` on create is refused with 400, not 500": {
        ("create/resource version", 0): (400, "resourceVersion should not be set on objects to be created")
    },
    "`dryRun=All` in the query of a DELETE counts beside a body, too": {
        ("delete/query beside a body", 2): (200, '"name": "a"')
    },
    "a PUT to `/status` with another kind is refused with 422; a kube-apiserver takes it": {
        ("subresources/status update of another kind", 2): (422, "must be Thing")
    },
    VERSION: {
        ("patch/merge apiVersion", 1): (422, "must be t.dev/v1"),
        ("update/other version", 1): (400, "does not match the expected API version"),
    },
    SCALE: {
        ("subresources/scale update of a Thing", 2): (400, "does not match the expected API version (autoscaling/v1)"),
        ("subresources/scale update of another version", 2): (
            400,
            "does not match the expected API version (autoscaling/v1)",
        ),
        ("subresources/scale update of another kind", 2): (422, "must be Scale"),
        ("subresources/scale update a string", 2): (
            400,
            "cannot unmarshal string into Go struct field ScaleSpec.spec.replicas",
        ),
        ("subresources/scale update a float", 2): (
            400,
            "cannot unmarshal number 2.5 into Go struct field ScaleSpec.spec.replicas",
        ),
        ("subresources/scale update too large for 32 bits", 2): (400, "cannot unmarshal number 3000000000"),
        ("subresources/scale update unknown field, Strict", 2): (
            400,
            'strict decoding error: unknown field \\"bogus\\"',
        ),
        ("subresources/scale update empty", 2): (400, "unexpected end of JSON input"),
        ("subresources/scale merge patch a string", 2): (
            422,
            "cannot unmarshal string into Go struct field ScaleSpec.spec.replicas",
        ),
    },
    "a POST to the path of an object is 405; a kube-apiserver creates the object": {
        ("create/POST to an object", 0): (405, "create is not supported")
    },
    NUMBERS: {
        ("read/object, bad revision", 1): (400, "parsing"),
        ("watches/from no number", 4): (400, "parsing"),
        ("watches/from negative", 4): (400, "parsing"),
    },
    PARTIAL: {
        ("read/accept partial list for an object", 1): (406, "only the following media types"),
        ("read/accept Table v1beta1", 1): (406, "only the following media types"),
    },
    READ: {
        ("changes/bad enum, same by update", 2): (200, '"spec": {"e": "C"}'),
        ("changes/null that was nullable", 2): (200, '"spec": {"nothing": null}'),
        ("changes/field gone", 2): (200, '"spec": {"gone": "x", "other": "y"}'),
        ("changes/field gone, applied", 2): (200, '"spec": {"gone": "x", "other": "y"}'),
        ("changes/default new", 2): (200, '"spec": {"other": "y"}'),
        ("changes/default new, in items", 2): (200, '"spec": {"keyed": [{"name": "1"}]}'),
        ("changes/free became structured", 2): (200, '"spec": {"any": {"a": "x", "b": 1}}'),
        ("changes/free became structured, a scalar", 2): (200, '"spec": {"any": 5}'),
    },
    YAML: {("watches/YAML", 4): (406, "application/json;stream=watch")},
    PROTOBUF: {
        (f"read/accept {name}", 1): (
            406,
            "only the following media types are accepted: application/json, application/yaml",
        )
        for name in (
            "text",
            "HTML",
            "CBOR",
            "broken",
            "Table of another version",
            "Table of another group",
            "unknown form",
            "form without group",
            "protobuf",
        )
    },
}
DEVIATIONS[PROTOBUF].update(
    {
        ("create/accept nothing served", 0): (406, "only the following media types"),
        ("read/accept list as text", 1): (406, "only the following media types"),
        ("watches/text", 4): (406, "only the following media types"),
        ("read/accept partial protobuf or JSON", 1): (200, '"kind": "PartialObjectMetadata"'),
    }
)

EMPTY = "an empty PartialObjectMetadataList has `items: []`, not `items: null`"
DEVIATIONS |= {
    "a path with an empty or an undecodable segment is 400; a method that HTTP does not define is 501": {
        ("read/object, name with a percent", 0): (400, "can't be decoded"),
        ("read/double slash", 1): (400, "can't be decoded"),
        ("read/unknown method", 1): (501, "the method is not known"),
    },
    EMPTY: {
        **{
            (f"read/selector {name}", 5): (200, '"items": []')
            for name in (
                "empty value",
                "not exists",
                "same key twice",
                "key with a prefix",
                "key named in",
                "field other namespace",
                "field of the kind, empty",
                "field escaped",
                "in nothing",
            )
        },
        **{
            (f"delete/collection {name}", 4): (200, '"items": []')
            for name in ("all", "with options", "Table", "partial")
        },
        ("delete/collection empty", 1): (200, '"items": []'),
        ("read/partial list, empty", 0): (200, '"items": []'),
    },
    "a type in `Accept` with `q=0` is refused, as HTTP has it": {
        ("read/accept q=0", 1): (406, "only the following media types")
    },
    "documents about the API itself (`/apis/…`) are JSON only": {
        ("read/group as YAML", 0): (406, "application/json"),
        ("read/group resources as text", 0): (406, "application/json"),
    },
    "a continue token that can't be read is refused in other words": {
        **{
            (f"read/list {name}", 3): (400, "it is none of this server's")
            for name in ("continue bad", "continue bad base64", "continue of another version")
        }
    },
}
DEVIATIONS[YAML][("read/YAML of a missing object", 0)] = (404, 'things.t.dev \\"a\\" not found')
