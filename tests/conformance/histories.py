"""Random histories of one object: created, updated, patched, applied, forced and deleted by several managers. The same seed gives
the same history everywhere and always."""

import copy

from cases.steps import THINGS, apply, case, delete, events, get, json_patch, merge, post, put, thing, watch

A = THINGS + "/a"
MANAGERS = ("a", "b", "c")
LAST = "<last-rv>"


class Dice:
    """A small generator of random numbers whose sequence no library changes."""

    def __init__(self, seed):
        self.state = (seed * 2654435761 + 88172645463325252) & (2**64 - 1) or 1
        for _ in range(10):
            self.below(2)

    def below(self, limit):
        self.state ^= (self.state << 13) & (2**64 - 1)
        self.state ^= self.state >> 7
        self.state ^= (self.state << 17) & (2**64 - 1)
        return (self.state >> 11) % limit

    def one(self, choices):
        return choices[self.below(len(choices))]

    def chance(self, percent):
        return self.below(100) < percent

    def some(self, choices):
        """Any of them, in any order."""
        left = [choice for choice in choices if self.chance(50)]
        return [left.pop(self.below(len(left))) for _ in range(len(left))]


def part(dice, members, percent=50):
    """An object with some of the members, each made by its function."""
    return {name: make(dice) for name, make in members.items() if dice.chance(percent)}


def free(dice, depth=0):
    """Anything."""
    kind = dice.below(7 if depth < 2 else 4)
    if kind < 4:
        return dice.one([1, 2.5, "x", True])
    if kind == 4:
        return [free(dice, depth + 1) for _ in range(dice.below(3))]
    return {name: free(dice, depth + 1) for name in dice.some(("k", "l", "m"))}


def one(*values):
    return lambda dice: copy.deepcopy(dice.one(values))


def sub_items(dice):
    return [{"id": number, **part(dice, {"s": one("p", "q")})} for number in dice.some((1, 2))]


FIELDS = {
    "image": one("aa", "bb", "cc"),
    "replicas": one(1, 2, 5),
    "count": one(0, 7),
    "num": one(1, 1.5, -2),
    "bool": one(True, False),
    "strDef": one("sd", "x"),
    "nulDef": one("nd", None, "y"),
    "nul": one("x", None),
    "setS": lambda dice: dice.some(("x", "y", "z")),
    "setI": lambda dice: dice.some((1, 2, 10)),
    "atom": lambda dice: dice.some(("x", "y")),
    "ios": one(5, "5", "x%"),
    "objDef": lambda dice: part(dice, {"x": one(3, 4), "z": one(4, 5)}),
    "atomObj": lambda dice: [part(dice, {"a": one("1", "2"), "b": one("bd", "c")}) for _ in range(dice.below(3))],
    "ports": lambda dice: [
        {**key, **part(dice, {"name": one("n", "o"), "w": one(7, 8)})}
        for key in dice.some(({"port": 80}, {"port": 80, "protocol": "UDP"}, {"port": 443, "protocol": "TCP"}))
    ],
    "items": lambda dice: [
        {"name": name, **part(dice, {"v": one(1, 2), "w": one(1, 2), "sub": sub_items})}
        for name in dice.some(("a", "b", "c", "d"))
    ],
    "labelsG": lambda dice: part(dice, {"k": one("1", "2"), "l.m/n": one("1", "2")}),
    "labelsA": lambda dice: part(dice, {"k": one("1", "2"), "l": one("1", "2")}),
    "structA": lambda dice: part(dice, {"a": one("1", "2"), "b": one("1", "2")}),
    "nested": lambda dice: part(
        dice, {"a": one("1", "2"), "b": one("1", "2"), "c": lambda dice: part(dice, {"d": one("1", "2")})}
    ),
    "mapOfStruct": lambda dice: {
        key: part(dice, {"a": one("1", "2"), "b": one("mb", "2")}) for key in dice.some(("k", "l"))
    },
    "mapOfLists": lambda dice: {key: dice.some(("x", "y")) for key in dice.some(("k", "l"))},
    "free": lambda dice: {name: free(dice) for name in dice.some(("k", "m"))},
    "any": free,
    "t": lambda dice: {name: dice.one([1, "x", [1]]) for name in dice.some(("k", "l"))},
}
WRONG = {
    "image": one(5, True),
    "count": one("x"),
    "bogus": one(1),
    "setS": one(["x", "x"]),
    "items": one([{"v": 1}]),
    "replicas": one(-1, 500),
}
LABELS = {"l": one("1", "2"), "m.n/o": one("1", "2")}
STATUS = {
    "phase": one("p", "q"),
    "replicas": one(1, 2),
    "conditions": lambda dice: [
        {"type": name, **part(dice, {"status": one("True", "False")})} for name in dice.some(("R", "S"))
    ],
}
PATHS = {
    "/spec/image": FIELDS["image"],
    "/spec/setS": FIELDS["setS"],
    "/spec/setS/0": one("x", "y", "w"),
    "/spec/setS/-": one("x", "v"),
    "/spec/items": FIELDS["items"],
    "/spec/items/0": one({"name": "a", "v": 9}, {"name": "e"}),
    "/spec/items/0/v": one(1, 3),
    "/spec/items/-": one({"name": "f"}, {"name": "a", "w": 4}),
    "/spec/nested": FIELDS["nested"],
    "/spec/nested/c": one({}, {"d": "3"}),
    "/spec/free/m": free,
    "/spec/ports/0/w": one(7, 9),
    "/spec/ports": FIELDS["ports"],
    "/spec/structA/a": one("1", "3"),
    "/spec/mapOfStruct/k": one({}, {"a": "5"}),
    "/metadata/labels/l": one("1", "3"),
    "/metadata/labels": one({}, {"l": "1"}),
    "/spec": lambda dice: part(dice, FIELDS, 20),
    "/spec/count": FIELDS["count"],
    "/spec/any": free,
    "/spec/labelsA/k": one("1", "3"),
}


def metadata(dice):
    meta = {}
    if dice.chance(25):
        meta["labels"] = part(dice, LABELS) or {"l": "3"}
    if dice.chance(10):
        meta["annotations"] = {"l": dice.one("12")}
    if dice.chance(8):
        meta["finalizers"] = dice.some(("a.io/f", "b.io/g")) or ["c.io/h"]
    return meta


def spec(dice, percent=15):
    return spoilt(dice, part(dice, FIELDS, percent))


def spoilt(dice, fields):
    """Now and then with one mistake; of several the reference picks any."""
    if dice.chance(6):
        name = dice.one(sorted(WRONG))
        fields[name] = WRONG[name](dice)
    return fields


class History:
    """Makes the steps; what each manager applied last is changed rather than made anew, as people do."""

    def __init__(self, seed):
        self.dice = Dice(seed)
        self.applied = {}

    def config(self, manager):
        known = self.applied.get(manager)
        if known is None or self.dice.chance(30):
            known = part(self.dice, FIELDS, 15)
        else:
            known = {name: value for name, value in known.items() if self.dice.chance(75)}
            known.update(part(self.dice, FIELDS, 6))
        self.applied[manager] = known
        return spoilt(self.dice, copy.deepcopy(known))

    def apply(self):
        manager = self.dice.one(MANAGERS)
        body = thing("a", self.config(manager), None, **metadata(self.dice))
        return apply(A, body, manager, True if self.dice.chance(40) else None)

    def post(self):
        return post(
            THINGS + "?fieldManager=" + self.dice.one(MANAGERS),
            thing("a", spec(self.dice), None, **metadata(self.dice)),
        )

    def put(self):
        return put(
            A + "?fieldManager=" + self.dice.one(MANAGERS),
            thing("a", spec(self.dice, 25), None, resourceVersion=LAST, **metadata(self.dice)),
        )

    def merge(self):
        body = {"spec": {name: None if self.dice.chance(25) else value for name, value in spec(self.dice).items()}}
        if self.dice.chance(20):
            body["metadata"] = {"labels": {"l": self.dice.one([None, "1", "2"])}}
        if self.dice.chance(5):
            body["spec"] = None
        return merge(A + "?fieldManager=" + self.dice.one(MANAGERS), body)

    def json_patch(self):
        operations = []
        for _ in range(1 + self.dice.below(2)):
            path = self.dice.one(sorted(PATHS))
            operation = {"op": self.dice.one(["add", "add", "replace", "remove", "test"]), "path": path}
            if operation["op"] != "remove":
                operation["value"] = PATHS[path](self.dice)
            operations.append(operation)
        return json_patch(A + "?fieldManager=" + self.dice.one(MANAGERS), operations)

    def status(self):
        manager, status = self.dice.one(MANAGERS), part(self.dice, STATUS)
        if self.dice.chance(50):
            return merge(f"{A}/status?fieldManager={manager}", {"status": status})
        return apply(A + "/status", thing("a", None, status), manager, True if self.dice.chance(50) else None)

    def scale(self):
        """Of an object with a spec: the reference forgets the defaults of one that scaling makes, until the next write."""
        return [
            merge(A, {"spec": {}}),
            merge(
                A + "/scale?fieldManager=" + self.dice.one(MANAGERS), {"spec": {"replicas": self.dice.one([1, 2, 5])}}
            ),
        ]

    def managers(self):
        """Somebody puts the list of managers right, or wrong."""
        entries = []
        for manager in self.dice.some(MANAGERS):
            fields = {"f:" + name: {} for name in self.dice.some(sorted(FIELDS)[:6])}
            entries.append(
                {
                    "manager": manager,
                    "operation": self.dice.one(("Apply", "Update")),
                    "fieldsType": "FieldsV1",
                    "apiVersion": self.dice.one(("t.dev/v1", "t.dev/v1", "t.dev/v1", "t.dev/v7")),
                    "time": "2020-01-01T00:00:00Z",
                    "fieldsV1": {"f:spec": fields} if fields else {},
                }
            )
        value = self.dice.one([entries, entries, [{}], []])
        return json_patch(
            A + "?fieldManager=" + self.dice.one(MANAGERS),
            [{"op": "replace", "path": "/metadata/managedFields", "value": value}],
        )

    def step(self):
        roll = self.dice.below(100)
        for limit, make in (
            (42, self.apply),
            (60, self.merge),
            (72, self.json_patch),
            (82, self.put),
            (88, self.status),
            (91, self.scale),
            (94, self.managers),
            (97, self.post),
        ):
            if roll < limit:
                return make()
        return delete(A)

    def steps(self, count):
        """At the end it is seen as a watch saw it."""
        first = self.post() if self.dice.chance(40) else self.apply()
        return (
            [first]
            + [self.step() for _ in range(count - 1)]
            + [
                get(A),
                watch("w", THINGS + "?watch=true&resourceVersion=<rv1>"),
                post(THINGS, thing("end"), quiet=True),
                events("w", until="end"),
            ]
        )


PLAIN = {"image": FIELDS["image"], "count": FIELDS["count"]}


class PlainHistory(History):
    """Of a kind without subresources, in two versions."""

    def path(self, version, manager, more=""):
        return f"/apis/t.dev/{version}/plains/{{ns}}?fieldManager={manager}{more}"

    def plain(self, version, members, **meta):
        return {"apiVersion": "t.dev/" + version, "kind": "Plain", "metadata": {"name": "{ns}", **meta}, **members}

    def members(self):
        return part(
            self.dice,
            {"spec": lambda dice: part(dice, PLAIN), "status": lambda dice: part(dice, {"phase": one("p", "q")})},
            70,
        )

    def step(self):
        version, manager = self.dice.one(("v1", "v2")), self.dice.one(MANAGERS)
        roll = self.dice.below(100)
        if roll < 50:
            force = True if self.dice.chance(50) else None
            return apply(self.path(version, manager).split("?")[0], self.plain(version, self.members()), manager, force)
        if roll < 70:
            return merge(self.path(version, manager), self.members())
        if roll < 85:
            return put(self.path(version, manager), self.plain(version, self.members(), resourceVersion=LAST))
        if roll < 90:
            return delete(self.path(version, manager).split("?")[0])
        return post(f"/apis/t.dev/{version}/plains?fieldManager={manager}", self.plain(version, self.members()))

    def steps(self, count):
        last = "/apis/t.dev/v1/plains/{ns}"
        return [self.step() for _ in range(count)] + [
            get(last),
            get(last.replace("v1", "v2")),
            delete(last, quiet=True),
        ]


def history(seed, count=12):
    """Every sixth is one of the other kind."""
    kind = PlainHistory if seed % 6 == 0 else History
    return case(f"seed {seed}", *kind(seed).steps(count))
