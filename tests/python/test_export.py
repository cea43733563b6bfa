"""Files that a search writes, read by the programs they are for."""

import asyncio
import csv
import json
import math

import geopandas
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import pytest
import rustac
import shapely
import stac_geoparquet.arrow
from conftest import earthcatalog


@pytest.fixture(scope="session")
def items(catalog):
    """The items as the command prints them, by id."""
    lines = earthcatalog("search", catalog.base).splitlines()
    return {item["id"]: item for item in map(json.loads, lines)}


@pytest.fixture(scope="session")
def parquet(catalog, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "items.parquet"
    earthcatalog("search", catalog.base, "-o", path)
    return path


INSTANTS = ("datetime", "start_datetime", "end_datetime", "created", "updated")


def plain(value, key=None):
    """What all readers agree on: null is absent, tuples are lists, instants are to the second and numbers are numbers."""
    if isinstance(value, dict):
        members = {name: plain(member, name) for name, member in value.items() if member is not None}
        return members
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if key in INSTANTS and isinstance(value, str):
        return pandas.Timestamp(value).tz_convert("UTC").floor("s").isoformat()
    return value


def same(left, right):
    assert plain(left) == plain(right)


def test_stac_geoparquet_gives_the_items_back(items, parquet):
    table = pq.read_table(parquet)
    back = {item["id"]: item for item in stac_geoparquet.arrow.stac_table_to_items(table)}
    assert back.keys() == items.keys()
    for id, item in items.items():
        same(back[id], item)
        pystac.Item.from_dict(plain_nulls(back[id]))


def plain_nulls(item):
    """PySTAC knows no null where a member may be absent; `datetime` it must have."""
    item = {name: member for name, member in item.items() if member is not None or name == "geometry"}
    item["assets"] = {key: {k: v for k, v in asset.items() if v is not None} for key, asset in item["assets"].items() if asset}
    item["links"] = [{k: v for k, v in link.items() if v is not None} for link in item["links"]]
    item["properties"] = {k: v for k, v in item["properties"].items() if v is not None or k == "datetime"}
    return item


def test_rustac_gives_the_items_back(items, parquet):
    async def read():
        return await rustac.read(str(parquet))

    collection = asyncio.run(read())
    back = {item["id"]: item for item in collection["features"]}
    assert back.keys() == items.keys()
    for id, item in items.items():
        same(back[id], item)


def test_geopandas_knows_the_geometries_and_prunes_by_bbox(items, parquet):
    frame = geopandas.read_parquet(parquet)
    assert set(frame["id"]) == items.keys()
    assert frame.crs is not None
    for id, geometry in zip(frame["id"], frame.geometry):
        assert geometry.equals_exact(shapely.geometry.shape(items[id]["geometry"]), 0)
    geo = json.loads(pq.read_metadata(parquet).metadata[b"geo"])["columns"]["geometry"]
    assert set(geo["geometry_types"]) == set(frame.geom_type)
    assert geo["bbox"] == pytest.approx(list(frame.total_bounds))
    if "covering" in geo:
        west, south, east, north = frame.total_bounds
        box = (west, south, (west + east) / 2, (south + north) / 2)
        bounds = frame.bounds
        touched = frame[(bounds.minx <= box[2]) & (bounds.maxx >= box[0]) & (bounds.miny <= box[3]) & (bounds.maxy >= box[1])]
        assert set(touched["id"]) <= set(geopandas.read_parquet(parquet, bbox=box)["id"])


def test_duckdb_sees_structs_and_instants(items, parquet):
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    connection.execute("SET TimeZone = 'UTC'")
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM '{parquet}'").fetchall()}
    assert types["datetime"] == "TIMESTAMP WITH TIME ZONE"
    assert types["bbox"].startswith("STRUCT(xmin DOUBLE") and types["assets"].startswith("STRUCT(")
    assert types["links"].endswith("[]") and types["stac_extensions"] == "VARCHAR[]"
    asset = next(iter(next(iter(items.values()))["assets"]))
    found = connection.execute(f"SELECT id, assets.\"{asset}\".href FROM '{parquet}'").fetchall()
    assert dict(found) == {id: item["assets"].get(asset, {}).get("href") for id, item in items.items()}


def test_the_file_says_which_specification_it_follows(parquet):
    metadata = pq.read_metadata(parquet).metadata
    assert json.loads(metadata[b"stac-geoparquet"]) == {"version": "1.1.0"}


def test_pyarrow_reads_the_arrow_stream_and_file(catalog, items, tmp_path):
    earthcatalog("search", catalog.base, "-o", tmp_path / "items.arrows")
    earthcatalog("search", catalog.base, "-o", tmp_path / "items.arrow")
    stream = pa.ipc.open_stream(tmp_path.joinpath("items.arrows").read_bytes()).read_all()
    file = pa.ipc.open_file(tmp_path / "items.arrow").read_all()
    assert stream.equals(file)
    assert set(stream["id"].to_pylist()) == items.keys()


def test_pandas_reads_the_csv(catalog, items, tmp_path):
    path = tmp_path / "items.csv"
    earthcatalog("search", catalog.base, "-o", path)
    frame = pandas.read_csv(path, dtype={"id": str}, float_precision="round_trip")
    assert set(frame["id"]) == items.keys()
    scalars = 0
    for row in frame.to_dict("records"):
        item = items[row["id"]]
        assert [row[side] for side in ("west", "south", "east", "north")] == item["bbox"][:4]
        for name, value in item["properties"].items():
            if name in row and isinstance(value, (int, float)) and not isinstance(value, bool):
                assert math.isclose(row[name], value, rel_tol=0)
                scalars += 1
    assert scalars > 0
    with path.open(newline="") as text:
        rows = list(csv.reader(text, strict=True))
    assert all(len(row) == len(rows[0]) for row in rows)
    assert path.read_bytes().endswith(b"\r\n")


def test_geopandas_reads_the_geojson(catalog, items, tmp_path):
    path = tmp_path / "items.geojson"
    earthcatalog("search", catalog.base, "-o", path)
    frame = geopandas.read_file(path)
    assert len(frame) == len(items)
    assert not frame.geometry.isna().any()
