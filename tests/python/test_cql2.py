"""The CQL2 of cql2-rs as the oracle of filters: what a search finds is what its `matches` says of every item.

It knows no unknown: a filter that names what an item lacks has no answer there, so each item here has every property that
is compared, and only `IS NULL` is asked of others. Text and JSON go to the search in turn, the JSON as cql2-rs writes it.
"""

import json
import random

import cql2
import pytest

from conftest import earthcatalog

ITEMS, FILTERS = 80, 120
WORDS = ["", "a", "A", "Abc", "abc", "sentinel-2a", "sentinel-2b", "50%", "it's", "x_y"]
COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]


def item(rng, number):
    x, y = rng.randint(-8, 8), rng.randint(-8, 8)
    wide, high = rng.randint(1, 6), rng.randint(1, 6)
    ring = [[x, y], [x + wide, y], [x + wide, y + high], [x, y + high], [x, y]]
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": f"item-{number:02}", "links": [], "assets": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": f"20{rng.randint(18, 23)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:00:00Z",
            "count": rng.randint(-3, 9),
            "eo:cloud_cover": rng.randint(0, 20) / 2,
            "platform": rng.choice(WORDS),
            "name": rng.choice(WORDS),
            **({"rare": 1} if rng.random() < 0.3 else {}),
        },
    }


def text(word):
    return "'" + word.replace("'", "''") + "'"


def predicate(rng):
    """One test of an item, as CQL2 text."""
    number = rng.choice(["count", '"eo:cloud_cover"'])
    word = rng.choice(["platform", "name"])
    value, other = rng.randint(-3, 9), rng.randint(-3, 9)
    comparison = rng.choice(COMPARISONS)
    x, y = rng.randint(-8, 8), rng.randint(-8, 8)
    day = f"20{rng.randint(18, 23)}-06-15T00:00:00Z"
    return rng.choice([
        f"{number} {comparison} {value}",
        f"{number} {comparison} {value + 0.5}",
        f"{number} BETWEEN {min(value, other)} AND {max(value, other)}",
        f"{number} IN ({value}, {other})",
        f"{number} {rng.choice('+-*')} {other} {comparison} {value}",
        f"{word} {comparison} {text(rng.choice(WORDS))}",
        f"{word} IN ({text(rng.choice(WORDS))}, {text(rng.choice(WORDS))})",
        f"{word} LIKE {text(rng.choice(['%', 'a%', '%c', 'sentinel-2_', '%-%', 'A__']))}",
        f"CASEI({word}) = CASEI({text(rng.choice(WORDS))})",
        f"rare IS {rng.choice(['', 'NOT '])}NULL",
        f"datetime {rng.choice(['<', '>'])} TIMESTAMP('{day}')",
        f"{rng.choice(['S_INTERSECTS', 'S_DISJOINT', 'S_WITHIN'])}(geometry, "
        f"POLYGON(({x} {y}, {x + 5} {y}, {x + 5} {y + 5}, {x} {y + 5}, {x} {y})))",
        f"id = 'item-{rng.randint(0, ITEMS):02}'",
    ])


def expression(rng, depth=2):
    if depth == 0 or rng.random() < 0.4:
        return predicate(rng)
    if rng.random() < 0.3:
        return f"NOT ({expression(rng, depth - 1)})"
    return f"({expression(rng, depth - 1)}) {rng.choice(['AND', 'OR'])} ({expression(rng, depth - 1)})"


@pytest.fixture(scope="module")
def items():
    rng = random.Random(30)
    return [item(rng, number) for number in range(ITEMS)]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("cql2")
    (folder / "items.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    earthcatalog("init", folder / "catalog", "--resolution", 2)
    earthcatalog("ingest", folder / "catalog", folder / "items.ndjson")
    return folder / "catalog"


def test_filters_find_what_cql2_rs_finds(catalog, items):
    rng = random.Random(31)
    found = 0
    for number in range(FILTERS):
        written = expression(rng)
        parsed = cql2.parse_text(written)
        wanted = {item["id"] for item in items if parsed.matches(item)}
        asked = written if number % 2 else json.dumps(parsed.to_json())
        lines = earthcatalog("search", catalog, "--filter", asked, "--fields", "id").splitlines()
        got = {json.loads(line)["id"] for line in lines}
        assert got == wanted, f"{asked}: missing {wanted - got}, wrong {got - wanted}"
        found += len(got)
    assert found > 10 * FILTERS, "filters that find nothing prove nothing"
