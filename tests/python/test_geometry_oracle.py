"""Shapely as the oracle of areas: what a search finds is what Shapely says of every pair.

Shapely knows the plane alone. So footprints and areas are unrolled where they jump at ±180, closed over a pole that they
wind round, and cut into the world, as FORMAT.md says in section 5; that is done here by itself, from its words.
"""

import json
import math
import random

import pytest
import shapely
from shapely.affinity import translate
from shapely.geometry import mapping

from conftest import earthcatalog

FOOTPRINTS, AREAS = 120, 60
WORLD = shapely.box(-180, -90, 180, 90)


def unrolled(line):
    """The positions with every step the shorter way."""
    points = [tuple(line[0][:2])]
    for x, y, *_ in line[1:]:
        step = (x - points[-1][0] + 180) % 360 - 180
        # A step of exactly half a turn goes as it is written; none is made here.
        points.append((points[-1][0] + step, y))
    return points


def jumps(line):
    return any(abs(b[0] - a[0]) > 180 for a, b in zip(line, line[1:]))


def ring_on_globe(ring):
    points = unrolled(ring) if jumps(ring) else [tuple(point[:2]) for point in ring]
    turned = points[-1][0] - points[0][0]
    if abs(turned) > 180:
        pole = 90 if sum(y for _, y in points[1:]) >= 0 else -90
        points += [(points[-1][0], pole), (points[0][0], pole)]
    return shapely.make_valid(shapely.Polygon(points))


def in_world(planar):
    """Cut at ±180, each piece moved to where it lies."""
    return shapely.union_all([translate(planar, turn).intersection(WORLD) for turn in (-720, -360, 0, 360, 720)])


def on_globe(geometry):
    kind, coordinates = geometry["type"], geometry.get("coordinates")
    if kind == "Point":
        return shapely.Point(coordinates[:2])
    if kind == "LineString":
        return in_world(shapely.LineString(unrolled(coordinates)))
    if kind == "Polygon":
        outer, *holes = (in_world(ring_on_globe(ring)) for ring in coordinates)
        return outer.difference(shapely.union_all(holes)) if holes else outer
    if kind == "GeometryCollection":
        return shapely.union_all([on_globe(member) for member in geometry["geometries"]])
    assert kind.startswith("Multi")
    return shapely.union_all([on_globe({"type": kind[5:], "coordinates": part}) for part in coordinates])


def meet(a, b):
    """+180 and -180 are one meridian."""
    return any(translate(a, turn).intersects(b) for turn in (-360, 0, 360))


def wrapped(points):
    return [[(x + 180) % 360 - 180, y] for x, y in points]


def star(rng, x, y, wide, high):
    corners = rng.randint(3, 9)
    start = rng.random()
    ring = []
    for number in range(corners):
        turn = 2 * math.pi * (start + number / corners)
        reach = rng.uniform(0.3, 1)
        ring.append((x + wide * reach * math.cos(turn), max(-89.9, min(89.9, y + high * reach * math.sin(turn)))))
    return ring + ring[:1]


def place(rng):
    x = rng.choice([rng.uniform(-180, 180), rng.uniform(170, 190)])
    y = rng.choice([rng.uniform(-88, 88), rng.uniform(60, 85), rng.uniform(-85, -60)])
    return x, y


def sizes(rng):
    high = rng.choice([0.05, 0.5, 2, 8, 25]) * rng.uniform(0.5, 1)
    return min(high * rng.uniform(0.5, 5), 80), high


def polar_ring(rng):
    corners = rng.randint(3, 8)
    north = rng.random() < 0.5
    start = rng.uniform(0, 360)
    ring = [(start + 360 * number / corners, 90 - rng.uniform(1, 25)) for number in range(corners)]
    ring = wrapped(ring if north else [(x, -y) for x, y in ring])
    return {"type": "Polygon", "coordinates": [ring + ring[:1]]}


def geometry(rng):
    (x, y), (wide, high) = place(rng), sizes(rng)
    kind = rng.choice(["star", "star", "star", "split", "hole", "polar", "line", "point", "multi", "height", "collection"])
    if kind == "polar":
        return polar_ring(rng)
    if kind == "point":
        return {"type": "Point", "coordinates": wrapped([(x, y)])[0]}
    ring = wrapped(star(rng, x, y, wide, high))
    polygon = {"type": "Polygon", "coordinates": [ring]}
    if kind == "split":
        return json.loads(json.dumps(mapping(on_globe(polygon))))
    if kind == "hole":
        centre = unrolled(ring)
        mx, my = (sum(values[1:]) / (len(centre) - 1) for values in zip(*centre))
        hole = [(mx + (px - mx) * 0.25, my + (py - my) * 0.25) for px, py in centre]
        return {"type": "Polygon", "coordinates": [ring, wrapped(hole)]}
    if kind == "line":
        return {"type": "LineString", "coordinates": ring[:-1]}
    if kind == "height":
        return {"type": "Polygon", "coordinates": [[[px, py, 100.0] for px, py in ring]]}
    other = {"type": "Polygon", "coordinates": [wrapped(star(rng, *place(rng), *sizes(rng)))]}
    if kind == "multi":
        return {"type": "MultiPolygon", "coordinates": [[ring], other["coordinates"]]}
    if kind == "collection":
        point = {"type": "Point", "coordinates": wrapped([place(rng)])[0]}
        return {"type": "GeometryCollection", "geometries": [point, other]}
    return polygon


def box(rng):
    """West, south, east, north; west > east over ±180; up to the whole world."""
    west, south = rng.uniform(-180, 180), rng.uniform(-90, 80)
    if rng.random() < 0.15:
        west, east = -180, 180
    elif rng.random() < 0.3:
        east = west + rng.uniform(180, 359)
    else:
        east = west + rng.choice([0.1, 3, 30]) * rng.uniform(0.5, 2)
    if east > 180:
        east -= 360
    return [west, south, east, min(90, south + rng.choice([0.1, 5, 40]) * rng.uniform(0.5, 2))]


def box_on_globe(west, south, east, north):
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


@pytest.fixture(scope="module")
def footprints():
    rng = random.Random(20)
    return {f"item-{number:03}": geometry(rng) for number in range(FOOTPRINTS)}


@pytest.fixture(scope="module", params=["1", "3"])
def searched(request, tmp_path_factory, footprints):
    folder = tmp_path_factory.mktemp("oracle")
    with open(folder / "items.ndjson", "w") as lines:
        for name, footprint in footprints.items():
            item = {
                "type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": footprint,
                "properties": {"datetime": "2020-01-01T00:00:00Z"}, "links": [], "assets": {},
            }
            lines.write(json.dumps(item) + "\n")
    earthcatalog("init", folder / "catalog", "--resolution", request.param)
    earthcatalog("ingest", folder / "catalog", folder / "items.ndjson")
    return folder / "catalog"


def found(catalog, *arguments):
    lines = earthcatalog("search", catalog, *arguments).splitlines()
    names = [json.loads(line)["id"] for line in lines]
    assert len(names) == len(set(names)), "an item came twice"
    return set(names)


def expected(shapes, area):
    return {name for name, footprint in shapes.items() if meet(footprint, area)}


@pytest.fixture(scope="module")
def shapes(footprints):
    return {name: on_globe(footprint) for name, footprint in footprints.items()}


def test_geometries_find_what_shapely_finds(searched, shapes):
    rng = random.Random(21)
    pairs = 0
    for _ in range(AREAS // 2):
        area = geometry(rng)
        wanted = expected(shapes, on_globe(area))
        got = found(searched, "--intersects", json.dumps(area))
        assert got == wanted, f"{area}: missing {wanted - got}, wrong {got - wanted}"
        pairs += len(wanted)
    assert pairs > 30, "areas that meet nothing prove nothing"


def test_boxes_find_what_shapely_finds(searched, shapes):
    rng = random.Random(22)
    pairs = 0
    for _ in range(AREAS // 2):
        area = box(rng)
        wanted = expected(shapes, box_on_globe(*area))
        got = found(searched, "--bbox=" + ",".join(map(str, area)))
        assert got == wanted, f"{area}: missing {wanted - got}, wrong {got - wanted}"
        pairs += len(wanted)
    assert pairs > 100, "areas that meet nothing prove nothing"
