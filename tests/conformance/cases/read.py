"""GET of objects and collections: forms of the answer, selectors, pages, revisions; what is not served."""

from cases.steps import (JSON, PARTIAL, PARTIAL_LIST, TABLE, THINGS, case, delete, forget, get, merge, post, request, thing)

A = THINGS + "/a"
ALL = "/apis/t.dev/v1/things"
MADE = post(THINGS, thing("a", {"image": "i", "bool": True, "num": 1.5, "setS": ["s"]}, labels={"l": "v"}), quiet=True)


def accepting(name, accept, path=A):
    return case("accept " + name, MADE, get(path, {"Accept": accept}))


def some(count, **more):
    """things t0, t1, … with labels n, parity and every (on all)."""
    return [post(THINGS, thing(f"t{n}", {"image": f"i{n % 2}", "replicas": n},
                               labels={"n": str(n), "parity": "odd" if n % 2 else "even", "every": "x", **more}), quiet=True)
            for n in range(count)]


def selected(name, query):
    return case("selector " + name, some(5), get(f"{THINGS}?{query}", PARTIAL_LIST))


def listed(name, query, headers=None):
    return case("list " + name, some(3), get(f"{THINGS}?{query}", headers or PARTIAL_LIST))


T = "application/json;as=Table;v=v1;g=meta.k8s.io"
P = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
CASES = [
    # ---- one object
    case("object", MADE, get(A)), case("missing object", get(A)), case("object of a missing kind", get("/apis/t.dev/v1/namespaces/{ns}/nothings/a")),
    case("object, revision 0", MADE, get(A + "?resourceVersion=0")), case("object, its revision", MADE, get(A + "?resourceVersion=<rv1>")),
    case("object, bad revision", MADE, get(A + "?resourceVersion=x")), case("object, revision of the future", MADE, get(A + "?resourceVersion=99999999")),
    case("object, pretty", MADE, get(A + "?pretty=true")), case("object of a strange name", get(THINGS + "/A_b")),
    case("object, name with a percent", get(THINGS + "/a%2Fb")), case("HEAD", MADE, request("HEAD", A)),
    case("OPTIONS", MADE, request("OPTIONS", A)), case("unknown method", MADE, request("BREW", A)),
    case("trailing slash", MADE, get(A + "/")), case("double slash", MADE, get(THINGS + "//a")),
    # ---- negotiation
    accepting("nothing", ""), accepting("anything", "*/*"), accepting("JSON", "application/json"), accepting("any application", "application/*"),
    accepting("YAML", "application/yaml"), accepting("text", "text/plain"), accepting("HTML", "text/html"), accepting("protobuf", "application/vnd.kubernetes.protobuf"),
    accepting("protobuf, then JSON", "application/vnd.kubernetes.protobuf,application/json"), accepting("CBOR", "application/cbor"),
    accepting("kubectl's", "application/json, */*"), accepting("charset", "application/json;charset=utf-8"),
    accepting("q-values", "application/yaml;q=0.1,application/json;q=0.9"), accepting("q-values, other order", "application/json;q=0.1,application/yaml;q=0.9"),
    accepting("q=0", "application/json;q=0"), accepting("broken", ";;;"), accepting("Table", T), accepting("Table v1beta1", T.replace("v=v1", "v=v1beta1")),
    accepting("Table of another version", T.replace("v=v1", "v=v9")), accepting("Table of another group", T.replace("meta.k8s.io", "x.io")),
    accepting("Table, then JSON", "application/json;as=Table;v=v9;g=meta.k8s.io,application/json"), accepting("Table as YAML", T.replace("json", "yaml")),
    accepting("kubectl's Table", T + "," + T.replace("v=v1", "v=v1beta1") + ",application/json"), accepting("partial", P), accepting("partial list for an object", PL),
    accepting("unknown form", "application/json;as=Nothing;v=v1;g=meta.k8s.io"), accepting("form without group", "application/json;as=Table;v=v1"),
    accepting("Table of objects", T, A + "?includeObject=Object"), accepting("Table of metadata", T, A + "?includeObject=Metadata"),
    accepting("Table of none", T, A + "?includeObject=None"), accepting("Table of something", T, A + "?includeObject=Bogus"),
    accepting("Table of a list", T, THINGS), accepting("Table of a list of objects", T, THINGS + "?includeObject=Object"),
    accepting("partial list", PL, THINGS), accepting("partial for a list", P, THINGS), accepting("list as YAML", "application/yaml", THINGS),
    accepting("list as text", "text/plain", THINGS), accepting("partial protobuf or JSON", "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + P, A),
    case("Table of an empty list", get(THINGS, TABLE)), case("partial list, empty", get(THINGS, PARTIAL_LIST)),
    case("Table of a missing object", get(A, TABLE)), case("YAML of a missing object", get(A, {"Accept": "application/yaml"})),
    case("Table with status", MADE, merge(A + "/status", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, quiet=True), get(A, TABLE)),
    case("Table of the second page", some(3), get(THINGS + "?limit=2", TABLE), get(THINGS + "?limit=2&continue=<continue1>", TABLE)),
    # ---- lists
    case("empty list", get(THINGS)), case("list of two", some(2), get(THINGS)), case("list of a missing namespace", get("/apis/t.dev/v1/namespaces/nowhere/things")),
    case("list over all namespaces", some(2, where="{ns}"), get(ALL + "?labelSelector=where={ns}", PARTIAL_LIST)),
    case("list of a missing kind", get("/apis/t.dev/v1/nothings")), case("list of a missing version", get("/apis/t.dev/v9/things")),
    case("list of a missing group", get("/apis/none.dev/v1/things")), listed("as objects", "", JSON),
    listed("limit", "limit=2"), listed("limit as large", "limit=3"), listed("limit 0", "limit=0"), listed("limit negative", "limit=-1"),
    listed("limit no number", "limit=x"), listed("limit with a selector", "limit=2&labelSelector=every=x"),
    case("pages", some(5), get(THINGS + "?limit=2", PARTIAL_LIST), get(THINGS + "?limit=2&continue=<continue1>", PARTIAL_LIST),
         get(THINGS + "?limit=2&continue=<continue2>", PARTIAL_LIST)),
    case("pages are one snapshot", some(4), get(THINGS + "?limit=2", PARTIAL_LIST), delete(THINGS + "/t3", quiet=True),
         post(THINGS, thing("t9"), quiet=True), get(THINGS + "?limit=5&continue=<continue1>", PARTIAL_LIST)),
    case("pages without limit", some(3), get(THINGS + "?limit=2", PARTIAL_LIST), get(THINGS + "?continue=<continue1>", PARTIAL_LIST)),
    case("page with a revision", some(3), get(THINGS + "?limit=2", PARTIAL_LIST), get(THINGS + "?limit=2&resourceVersion=1&continue=<continue1>", PARTIAL_LIST)),
    case("page with revision 0", some(3), get(THINGS + "?limit=2", PARTIAL_LIST), get(THINGS + "?limit=2&resourceVersion=0&continue=<continue1>", PARTIAL_LIST)),
    listed("continue bad", "continue=bad"), listed("continue bad base64", "continue=!!"), listed("continue of another version", "continue=eyJ2IjoieCJ9"),
    listed("continue and revision 0", "resourceVersion=0&limit=2"), listed("revision 0", "resourceVersion=0"), listed("revision", "resourceVersion=1"),
    listed("revision of the last write", "resourceVersion=<rv1>"), listed("revision no number", "resourceVersion=x"),
    listed("revision negative", "resourceVersion=-1"), listed("revision of the future", "resourceVersion=99999999"),
    listed("revision of the future, not older", "resourceVersion=99999999&resourceVersionMatch=NotOlderThan"),
    listed("match without revision", "resourceVersionMatch=Exact"), listed("match NotOlderThan without revision", "resourceVersionMatch=NotOlderThan"),
    listed("match unknown", "resourceVersion=1&resourceVersionMatch=Bogus"), listed("match exact of 0", "resourceVersion=0&resourceVersionMatch=Exact"),
    listed("match not older than 0", "resourceVersion=0&resourceVersionMatch=NotOlderThan"),
    listed("match not older", "resourceVersion=1&resourceVersionMatch=NotOlderThan"),
    case("list exact", MADE, get(A), merge(A, {"spec": {"image": "j"}}), post(THINGS, thing("b"), quiet=True),
         get(THINGS + "?resourceVersion=<rv1>&resourceVersionMatch=Exact"), get(THINGS + "?resourceVersion=<rv1>&resourceVersionMatch=NotOlderThan", PARTIAL_LIST),
         get(THINGS + "?resourceVersion=<rv2>&resourceVersionMatch=Exact", PARTIAL_LIST)),
    case("list exact in pages", some(3), get(THINGS, PARTIAL_LIST), post(THINGS, thing("t9"), quiet=True),
         get(THINGS + "?resourceVersion=<rv3>&resourceVersionMatch=Exact&limit=2", PARTIAL_LIST),
         get(THINGS + "?limit=2&continue=<continue1>", PARTIAL_LIST)),
    case("list exact, limit and revision without match", some(3), get(THINGS, PARTIAL_LIST), post(THINGS, thing("t9"), quiet=True),
         get(THINGS + "?resourceVersion=<rv3>&limit=2", PARTIAL_LIST)),
    listed("match with continue", "continue=x&resourceVersion=1&resourceVersionMatch=Exact"), listed("sendInitialEvents", "sendInitialEvents=true"),
    listed("sendInitialEvents false", "sendInitialEvents=false"), listed("watch false", "watch=false"), listed("watch 0", "watch=0"),
    listed("unknown parameter", "bogus=1"), listed("timeoutSeconds", "timeoutSeconds=5"), listed("timeoutSeconds bad", "timeoutSeconds=x"),
    listed("includeObject without Table", "includeObject=Bogus"), listed("allowWatchBookmarks", "allowWatchBookmarks=true"),
    # ---- selectors
    selected("equals", "labelSelector=n=1"), selected("double equals", "labelSelector=n==1"), selected("not equals", "labelSelector=n!=1"),
    selected("not equals, missing key", "labelSelector=zz!=1"), selected("in", "labelSelector=n in (1,3)"), selected("notin", "labelSelector=n notin (1,3)"),
    selected("exists", "labelSelector=n"), selected("not exists", "labelSelector=!n"), selected("several", "labelSelector=parity=odd,n!=1"),
    selected("spaces", "labelSelector= n  in ( 1 , 3 ) , parity = odd "), selected("empty", "labelSelector="), selected("empty value", "labelSelector=n="),
    selected("in with an empty value", "labelSelector=n in (,1)"), selected("in nothing", "labelSelector=n in ()"), selected("in without parentheses", "labelSelector=n in 1"),
    selected("greater", "labelSelector=n>2"), selected("less", "labelSelector=n<2"), selected("greater than text", "labelSelector=n>x"),
    selected("bad key", "labelSelector=a b=1"), selected("bad key characters", "labelSelector=-a=1"), selected("bad value", "labelSelector=n=-"),
    selected("long value", "labelSelector=n=" + "x" * 64), selected("only an operator", "labelSelector=="), selected("only a comma", "labelSelector=,"),
    selected("trailing comma", "labelSelector=n=1,"), selected("exclamation and equals", "labelSelector=!n=1"), selected("two keys", "labelSelector=n parity"),
    selected("upper case IN", "labelSelector=n IN (1)"), selected("same key twice", "labelSelector=n=1,n=2"), selected("key with a prefix", "labelSelector=a.b/c"),
    selected("key with bad prefix", "labelSelector=A.b/c"), selected("unclosed", "labelSelector=n in (1"), selected("key named in", "labelSelector=in in (in)"),
    selected("field name", "fieldSelector=metadata.name=t1"), selected("field name, not", "fieldSelector=metadata.name!=t1"),
    selected("field name, double equals", "fieldSelector=metadata.name==t1"), selected("field namespace", "fieldSelector=metadata.namespace={ns}"),
    selected("field other namespace", "fieldSelector=metadata.namespace=other"), selected("field of the kind", "fieldSelector=spec.image=i1"),
    selected("field of the kind, not", "fieldSelector=spec.image!=i1"), selected("field of the kind, number", "fieldSelector=spec.replicas=3"),
    selected("field of the kind, empty", "fieldSelector=spec.image="), selected("field unknown", "fieldSelector=spec.count=1"),
    selected("field status", "fieldSelector=status.phase=x"), selected("field several", "fieldSelector=metadata.name!=t1,spec.image=i1"),
    selected("field without operator", "fieldSelector=metadata.name"), selected("field empty", "fieldSelector="), selected("field in", "fieldSelector=metadata.name in (a)"),
    selected("field escaped", "fieldSelector=metadata.name=t\\,1"), selected("field bad escape", "fieldSelector=metadata.name=t\\1"),
    selected("field and label", "fieldSelector=spec.image=i1&labelSelector=n=1"), selected("field comma", "fieldSelector=,"), selected("field uid", "fieldSelector=metadata.uid=x"),
    selected("given twice", "labelSelector=n=1&labelSelector=n=2"),
    # ---- not served
    case("DELETE of a subresource", MADE, request("DELETE", A + "/status")), case("POST to status", MADE, request("POST", A + "/status", thing("a"), JSON)),
    case("subresource unknown", MADE, get(A + "/bogus")), case("PATCH of a collection", request("PATCH", THINGS, {}, {"Content-Type": "application/merge-patch+json"})),
    case("scale of a kind without", post("/apis/t.dev/v1/plains", {**thing("{ns}"), "kind": "Plain"}, quiet=True), get("/apis/t.dev/v1/plains/{ns}/scale"),
         get("/apis/t.dev/v1/plains/{ns}/status"), delete("/apis/t.dev/v1/plains/{ns}", quiet=True)),
    case("namespaced kind without a namespace", get("/apis/t.dev/v1/things/a")), case("cluster kind in a namespace", get("/apis/t.dev/v1/namespaces/{ns}/plains")),
    case("POST over all namespaces", request("POST", ALL, thing("a"), JSON)), case("DELETE over all namespaces of nothing", request("DELETE", ALL + "?labelSelector=none=such")),
    case("path unknown", get("/apis/t.dev/v1/namespaces/{ns}/things/a/b/c")), case("group resources", get("/apis/t.dev/v1")), case("group", get("/apis/t.dev")),
    case("group unknown", get("/apis/none.dev")), case("version unknown", get("/apis/t.dev/v9")), case("second version's resources", get("/apis/t.dev/v2")),
    case("POST to a group version", request("POST", "/apis/t.dev/v1", {}, JSON)), case("group as YAML", get("/apis/t.dev", {"Accept": "application/yaml"})),
    case("group resources as text", get("/apis/t.dev/v1", {"Accept": "text/plain"})),
]
FORGOTTEN = [
    case("continue after the history is gone", some(4), get(THINGS + "?limit=2", PARTIAL_LIST), post(THINGS, thing("t9"), quiet=True),
         post(THINGS, thing("ta"), quiet=True), forget(), get(THINGS + "?limit=2&continue=<continue1>", PARTIAL_LIST),
         get(THINGS + "?limit=2&continue=<continue2>", PARTIAL_LIST)),
    case("exact revision that is gone", some(2), get(THINGS, PARTIAL_LIST), post(THINGS, thing("t9"), quiet=True), post(THINGS, thing("ta"), quiet=True), forget(),
         get(THINGS + "?resourceVersion=<rv1>&resourceVersionMatch=Exact", PARTIAL_LIST)),
]
CASES += FORGOTTEN
