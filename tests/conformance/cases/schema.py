"""Every keyword of a schema, in the words of the reference."""

from cases.steps import THINGS, apply, case, json_patch, merge, post, put, thing


def refused(title, spec):
    return case(title, post(THINGS, thing("a", spec)))


def rule(keyword, value):
    return refused(f"{keyword} {value!r}"[:60], {"rules": {keyword: value}})


RULES = {
    "enum": ["A", "C", "", 5, None],
    "enumInt": [1, 3, "1"],
    "maxLength": ["12345", "123456", "ééééé", "éééééé", 1],
    "maxLength1": ["xx"],
    "minLength": ["a", "", "éé"],
    "pattern": ["a", "Zx", ""],
    "lengthAndPattern": ["A", "ABCDE", "AB"],
    "maximum": [10, 11, 11.5, "x"],
    "maximumExclusive": [99, 100],
    "minimum": [0, -1],
    "minimumExclusive": [1, 0],
    "maximumFloat": [2, 2.5, 3, 2.6],
    "minimumFloat": [0, 0.4, 0.5, 1],
    "multipleOf": [5, 6, 0, -5],
    "multipleOfFloat": [1, 1.5, 1.25],
    "minItems": [[], [1]],
    "maxItems": [[1, 2, 3], [10], [10, 11, 12]],
    "maxItems1": [[1, 2]],
    "minProperties": [{}, {"a": 1}],
    "maxProperties": [{"a": 1, "b": 2, "c": 3}, {"a": 10}],
    "required": [{}, {"a": "1"}, {"a": "1", "b": "2"}, {"a": 1, "b": "2", "c": "y"}],
    "anyOf": ["xy", "ab", "abc", 5],
    "oneOf": ["xy", "ab", "xyz"],
    "allOf": ["xyz", "xy", "abc", "ab"],
    "not": ["good", "bad"],
    "anyOfRequired": [{"a": "1"}, {}, {"c": "1"}],
    "boolean": [True, "true", 1],
    "number": [1, 1.5, "1", True, [1]],
    "integer": [1, 1.0, 1.5, "1", {}],
    "int32": [3000000000],
    "int64": [1e300],
    "listOfLists": [[["a"], ["bcd"]], ["x"], [[5]]],
}
FORMATS = {
    "bsonobjectid": ["507f1f77bcf86cd799439011", "x"],
    "uri": ["https://a/b?c#d", "/x", "a:b", "x", "", "http://a b", ":"],
    "email": ["a@b.c", "A <a@b.c>", "a", "a@", "@b"],
    "hostname": ["a", "a.bc", "a.b", "a_b", "1.2.3.4", "a.", "é.com", "", "-a"],
    "ipv4": ["1.2.3.4", "01.2.3.4", "1.2.3", "::1", "256.1.1.1"],
    "ipv6": ["::1", "::ffff:1.2.3.4", "1.2.3.4", "g::"],
    "cidr": ["10.0.0.0/8", "10.0.0.1/8", "10.0.0.0", "::/0", "1.2.3.4/33"],
    "mac": ["01:23:45:67:89:ab", "01-23-45-67-89-ab", "0123.4567.89ab", "x", "01:23"],
    "uuid": ["a7e4b8b0-9f7c-11ee-8c90-0242ac120002", "A7E4B8B09F7C11EE8C900242AC120002", "x"],
    "uuid3": ["a3bb189e-8bf9-3888-9912-ace4e6543002", "a7e4b8b0-9f7c-41ee-8c90-0242ac120002"],
    "uuid4": ["a7e4b8b0-9f7c-41ee-8c90-0242ac120002", "a7e4b8b0-9f7c-11ee-8c90-0242ac120002"],
    "uuid5": ["74738ff5-5367-5958-9aee-98fffdcd1876", "a7e4b8b0-9f7c-41ee-8c90-0242ac120002"],
    "isbn": ["0321751043", "978-0321751041", "321751043"],
    "isbn10": ["0321751043", "978-0321751041", "0321751044"],
    "isbn13": ["978-0321751041", "0321751043", "978 3401013190"],
    "creditcard": ["4111-1111-1111-1111", "4111111111111112", "x"],
    "ssn": ["111-11-1111", "111 11 1111", "111-11-111"],
    "hexcolor": ["#FFFFFF", "fff", "#ggg", "#ff"],
    "rgbcolor": ["rgb(100,100,100)", "rgb(0, 0, 0)", "rgb(256,0,0)", "100,100,100"],
    "byte": ["aGk=", "aGk", "", "!"],
    "password": ["anything", ""],
    "date": ["2020-01-01", "2020-13-01", "2020-1-1", ""],
    "duration": ["1h", "22 ns", "1 week", "1d", "P1D", "5", "", "1.5h", "-1s"],
    "datetime": [
        "2020-01-01t00:00:00z",
        "2020-01-01T00:00:00.123+02:00",
        "2020-01-01 00:00:00",
        "2020-01-01T00:00:00",
        "2020-02-30T00:00:00Z",
        "2020-01-01T24:00:00Z",
        "",
    ],
}
BAD = {"enum": "C", "maxLength": "123456", "required": {"a": "1"}}

CASES = [rule(keyword, value) for keyword, values in RULES.items() for value in values]
CASES += [
    refused(f"format {name} {value!r}", {"formats": {name: value}})
    for name, values in FORMATS.items()
    for value in values
]
CASES += [
    refused(f"format {name} of a number", {"formats": {name: 5}}) for name in ("date", "datetime", "uuid", "byte")
]
CASES += [
    refused(f"type of {name}, {value!r}", {name: value})
    for name, values in {
        "image": [True, 5, 1.5, [], {}],
        "bool": ["x"],
        "count": ["x", 1.5, True],
        "num": ["x"],
        "setS": ["x", {"a": 1}, [1]],
        "ports": [{}, ["x"], [[]], [None]],
        "nested": ["x", [], {"a": 5}, {"c": 5}],
        "labelsG": [{"a": 5}, "x"],
        "ios": [1.5, True, {}, [1], None],
        "iosEnum": ["A", 65, 66, "B", 7, "7"],
        "free": ["x", []],
        "nul": [5],
        "objDef": [5],
        "mapOfStruct": [{"k": 5}],
        "structA": [5],
    }.items()
    for value in values
]
CASES += [
    refused("several at once", {"image": 5, "count": "x", "rules": BAD, "ports": [{"name": "x"}]}),
    refused("set with duplicates", {"setS": ["a", "b", "a", "a", "b"]}),
    refused("set of integers with duplicates", {"setI": [1, 2, 1]}),
    refused(
        "map-list with duplicates",
        {"ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}, {"port": 1, "protocol": "UDP"}]},
    ),
    refused("map-list without its key", {"ports": [{"name": "x"}]}),
    refused("map-list item no object", {"items": ["x"]}),
    refused("nested map-list with duplicates", {"items": [{"name": "x", "sub": [{"id": 1}, {"id": 1}]}]}),
    refused("duplicates below a map key", {"mapOfLists": {"k.1": ["a", "a"]}}),
    refused("required item of a map-list", {"items": [{"v": 1}]}),
    refused("scale path negative", {"replicas": -1}),
    refused("scale path too large", {"replicas": 101}),
    refused("scale path a float", {"replicas": 2.5}),
    refused("scale path a string", {"replicas": "2"}),
    case(
        "by update", post(THINGS, thing("a")), put(THINGS + "/a", thing("a", {"rules": BAD}, resourceVersion="<rv1>"))
    ),
    case("by merge patch", post(THINGS, thing("a")), merge(THINGS + "/a", {"spec": {"rules": BAD}})),
    case(
        "by JSON patch",
        post(THINGS, thing("a")),
        json_patch(THINGS + "/a", [{"op": "add", "path": "/spec", "value": {"rules": {"enum": "C"}}}]),
    ),
    case("by apply", apply(THINGS + "/a", thing("a", {"rules": BAD}))),
    case("of status", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": {"n": 8}})),
    case("of status, type", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": {"n": "x", "phase": 5}})),
    case("of status, anyOf", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": {"either": "ab"}})),
    case(
        "of status, duplicates",
        post(THINGS, thing("a")),
        merge(THINGS + "/a/status", {"status": {"conditions": [{"type": "A"}, {"type": "A"}]}}),
    ),
    case("of status, scale path", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": {"replicas": -1}})),
    case(
        "of status, required", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": {"conditions": [{}]}})
    ),
    case("of status, unknown", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": {"bogus": 1}})),
    case("of status, a string", post(THINGS, thing("a")), merge(THINGS + "/a/status", {"status": "x"})),
]
