"""What cases are made of. A step is a plain dict; texts in it may hold {ns}, the namespace of the case, and tokens of earlier
answers (<uid1>, <rv2>, <continue1>; see normal.py)."""

THINGS = "/apis/t.dev/v1/namespaces/{ns}/things"
JSON = {"Content-Type": "application/json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
YAML = {"Content-Type": "application/yaml"}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
PARTIAL = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
PARTIAL_LIST = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}


def case(name, *steps):
    """Steps may be nested in lists."""
    return {"name": name, "steps": list(flat(steps))}


def flat(steps):
    for step in steps:
        if isinstance(step, list):
            yield from flat(step)
        else:
            yield step


def request(method, path, body=None, headers=None, **keep):
    """keep: order (of managedFields matters), text (the body is compared as text), lines (so is the number
    of its lines), quiet (only the status is compared, unless it fails: for what other cases look at)."""
    step = {"do": "request", "method": method, "path": path, **keep}
    if body is not None:
        step["body"] = body
    if headers:
        step["headers"] = headers
    return step


def get(path, headers=None, **keep):
    return request("GET", path, None, headers, **keep)


def post(path, body, headers=None, **keep):
    return request("POST", path, body, headers or JSON, **keep)


def put(path, body, headers=None, **keep):
    return request("PUT", path, body, headers or JSON, **keep)


def delete(path, body=None, headers=None, **keep):
    return request("DELETE", path, body, headers or (JSON if body is not None else None), **keep)


def merge(path, body, **keep):
    return request("PATCH", path, body, MERGE, **keep)


def json_patch(path, body, **keep):
    return request("PATCH", path, body, {"Content-Type": "application/json-patch+json"}, **keep)


def apply(path, body, manager="a", force=None, query="", **keep):
    path += f"?fieldManager={manager}" if manager is not None else "?"
    if force is not None:
        path += f"&force={str(force).lower()}"
    return request("PATCH", path + query, body, {"Content-Type": "application/apply-patch+yaml"}, **keep)


def watch(name, path, headers=None):
    return {"do": "watch", "name": name, "path": path, **({"headers": headers} if headers else {})}


def events(name, count=None, **keep):
    """As many events, or all of them until the watch ends. keep: bookmarks (progress bookmarks count), until (the name of an
    object: its event is the last)."""
    return {"do": "events", "name": name, "count": count, **keep}


def forget():
    return {"do": "forget"}


def change_kinds():
    """The kinds of changed/ take the place of those before. Cases with it run together: all up to here, then the rest of all."""
    return {"do": "change_kinds"}


def thing(name=None, spec=None, status=None, **meta):
    body = {"apiVersion": "t.dev/v1", "kind": "Thing", "metadata": {}}
    if name is not None:
        body["metadata"]["name"] = name
    body["metadata"].update(meta)
    if spec is not None:
        body["spec"] = spec
    if status is not None:
        body["status"] = status
    return body
