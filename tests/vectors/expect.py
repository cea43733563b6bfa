"""What each vector must find, worked out over all items with shapely alone: expect.py [FIXTURES]

Rewrites `expect.ids` of every vector file beside this script. Nothing of this project takes part: items come from
tests/fixtures/items.py, from the archives of tests/js/catalogs.mjs, and from the outside archive in FIXTURES (default:
../shared/fixtures beside the project).
"""

import datetime
import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import sys

import shapely
from shapely import affinity
from shapely.geometry import Polygon, box, shape

HERE = pathlib.Path(__file__).parent
LISTED = 40
UTC = datetime.timezone.utc


def unwound(ring):
    """A ring whose longitudes go on beyond 180 instead of jumping, and by how many turns it does not close."""
    out = [tuple(ring[0][:2])]
    for longitude, latitude, *_ in ring[1:]:
        step = longitude - ring[len(out) - 1][0]
        step -= 360 if step > 180 else -360 if step < -180 else 0
        out.append((out[-1][0] + step, latitude))
    return out, round((out[-1][0] - out[0][0]) / 360)


def surface(rings):
    """A polygon in an unwound plane; one that winds round a pole reaches down or up to it."""
    shell, turns = unwound(rings[0])
    if turns:
        pole = 90 if sum(latitude for _, latitude in shell) > 0 else -90
        shell += [(shell[-1][0], pole), (shell[0][0], pole)]
    return Polygon(shell, [unwound(ring)[0] for ring in rings[1:]])


def footprint(geometry):
    kind = geometry["type"]
    if kind == "Polygon":
        return [surface(geometry["coordinates"])]
    if kind == "MultiPolygon":
        return [surface(rings) for rings in geometry["coordinates"]]
    if kind == "LineString":
        return [shapely.LineString(unwound(geometry["coordinates"])[0])]
    if kind == "GeometryCollection":
        return [part for member in geometry["geometries"] for part in footprint(member)]
    return [shape(geometry)]


def everywhere(parts):
    """The same on the turns of the globe beside."""
    return [affinity.translate(part, 360 * turn) for part in parts for turn in (-1, 0, 1)]


def area_of(query):
    if query.get("intersects") is not None:
        return everywhere(footprint(query["intersects"]))
    if query.get("bbox") is not None:
        sides = query["bbox"]
        west, south, east, north = sides if len(sides) == 4 else (sides[0], sides[1], sides[3], sides[4])
        return everywhere([box(west, south, east if east >= west else east + 360, north)])
    return None


def instant(text, end=False):
    """A moment, or the first or last one of a period."""
    parts = [int(part) for part in re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", text).groups() if part] if len(text) <= 10 else None
    if parts is None:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    first = datetime.datetime(*(parts + [1, 1])[:3], tzinfo=UTC)
    if not end:
        return first
    year, month = first.year, first.month
    if len(parts) == 3:
        after = first + datetime.timedelta(days=1)
    elif len(parts) == 2:
        after = datetime.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    else:
        after = datetime.datetime(year + 1, 1, 1, tzinfo=UTC)
    return after - datetime.timedelta(microseconds=1)


def interval_of(text):
    if text is None:
        return None
    first, _, last = text.partition("/")
    if not _:
        return instant(first), instant(first, end=True)
    least, most = datetime.datetime.min.replace(tzinfo=UTC), datetime.datetime.max.replace(tzinfo=UTC)
    return (
        least if first in ("", "..") else instant(first),
        most if last in ("", "..") else instant(last, end=True),
    )


def times_match(properties, interval, rule):
    moments = [properties.get(name) for name in ("datetime", "start_datetime", "end_datetime")]
    moment, start, end = [instant(text) if text else None for text in moments]
    if rule == "datetime":
        return moment is not None and interval[0] <= moment <= interval[1]
    start, end = start or moment, end or moment
    start, end = start or end, end or start
    return start is not None and start <= interval[1] and interval[0] <= end


def value_of(item, name):
    """What lies in an item under a name of a sort key or filter; None where there is nothing."""
    place = item if name.split(".")[0] in ("id", "collection", "assets") else item["properties"]
    for step in name.removeprefix("properties.").split("."):
        place = place.get(step) if isinstance(place, dict) else None
    return place


def compared(value, name):
    return instant(value) if name.endswith("datetime") else value.encode() if isinstance(value, str) else value


def holds(item, condition):
    """Whether a CQL2 condition of the few kinds that the vectors use is true; None where that is not known."""
    if "property" in condition:
        value = value_of(item, condition["property"])
        return None if value is None else compared(value, condition["property"])
    operator, arguments = condition["op"], condition["args"]
    if operator in ("and", "or"):
        sides = [holds(item, side) for side in arguments]
        decisive = operator == "or"
        return decisive if decisive in sides else None if None in sides else not decisive
    if operator == "not":
        side = holds(item, arguments[0])
        return None if side is None else not side
    left = holds(item, arguments[0])
    if operator == "isNull":
        return left is None
    if left is None:
        return None
    constant = lambda value: instant(value["timestamp"]) if isinstance(value, dict) else compared(value, "")
    if operator == "in":
        return left in [constant(value) for value in arguments[1]]
    if operator == "between":
        return constant(arguments[1]) <= left <= constant(arguments[2])
    if operator == "like":
        pattern = "".join({"%": ".*", "_": "."}.get(letter) or re.escape(letter) for letter in arguments[1])
        return re.fullmatch(pattern, left.decode(), re.DOTALL) is not None
    right = constant(arguments[1])
    return {"=": left == right, "<>": left != right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[
        operator
    ]


def in_order(items, keys):
    """Items sorted by the last key first, so that the first one decides; those without a value come last."""
    for key in reversed(keys):
        name = key.lstrip("+-")
        known = [item for item in items if value_of(item, name) is not None]
        known.sort(key=lambda item: compared(value_of(item, name), name), reverse=key.startswith("-"))
        items = known + [item for item in items if value_of(item, name) is None]
    return items


class Items:
    def __init__(self, items):
        self.items = items
        self.parts, self.owners = [], []
        for number, item in enumerate(items):
            for part in footprint(item["geometry"]) if item["geometry"] else []:
                self.parts.append(part)
                self.owners.append(number)
        self.tree = shapely.STRtree(self.parts)

    def ids(self, query):
        area, interval = area_of(query), interval_of(query.get("datetime"))
        numbers = range(len(self.items))
        if area is not None:
            # In the plane, both borders included.
            numbers = {self.owners[part] for shape in area for part in self.tree.query(shape, predicate="intersects")}
        found = {}
        for item in (self.items[number] for number in numbers):
            if query.get("ids") is not None and item["id"] not in query["ids"]:
                continue
            if query.get("collections") is not None and item.get("collection") not in query["collections"]:
                continue
            if interval and not times_match(item["properties"], interval, query.get("temporal")):
                continue
            if query.get("filter") is not None and not holds(item, query["filter"]):
                continue
            found[item["id"]] = item
        if query.get("sortby") is not None:
            return [item["id"] for item in in_order(list(found.values()), query["sortby"])][: query.get("maxItems")]
        return sorted(found, key=lambda text: text.encode())


def items_of(catalog, fixtures):
    if "/" in catalog:
        kind, name = catalog.split("/")
        outside = fixtures / "upstream/itslive-5k-input/items.ndjson.gz"
        archive = {"upstream": outside, "made": HERE / f"../../target/js/{name}/archive/items.ndjson.gz"}[kind]
        if not archive.exists():
            return None
        lines = [json.loads(line) for line in gzip.open(archive, "rt")]
        return [line.get("item", line) for line in lines]
    made = subprocess.run([sys.executable, HERE / "../fixtures/items.py", catalog], check=True, capture_output=True)
    return [json.loads(line) for line in made.stdout.decode().splitlines()]


def expectation(ids):
    if len(ids) <= LISTED:
        return ids
    return {"count": len(ids), "sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest()}


def main():
    fixtures = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "../../../shared/fixtures"
    for file in sorted(HERE.glob("*.json")):
        vectors, known = json.loads(file.read_text()), {}
        for vector in vectors:
            catalog = vector["catalog"]
            if catalog not in known:
                items = items_of(catalog, fixtures)
                known[catalog] = items and Items(items)
            if known[catalog] is None:
                print(f"left as it was: {catalog} {vector['name']}")
                continue
            expect = vector.setdefault("expect", {})
            expect["ids"] = expectation(known[catalog].ids(vector["query"]))
        lines = [json.dumps(vector, ensure_ascii=False, separators=(",", ":")) for vector in vectors]
        file.write_text("[\n" + ",\n".join(lines) + "\n]\n")
        print(f"{file.name}: {len(vectors)} vectors")


if __name__ == "__main__":
    main()
