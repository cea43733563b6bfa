"""The Python earthcatalog opens and searches catalogs of ours."""

import datetime
import json
import os
import shutil
import signal
import subprocess
import time

import earthcatalog
import pytest
from conftest import BINARY
from conftest import earthcatalog as earthcatalog_command
from duckdb_home import place_extensions
from obstore.store import LocalStore
from shapely.geometry import box


@pytest.fixture(autouse=True, scope="module")
def extensions(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    place_extensions(home)
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(home)
    yield
    os.environ["HOME"] = before or ""


@pytest.fixture
def theirs(catalog):
    return earthcatalog.open(store=LocalStore(), base=str(catalog.base))


def test_it_opens_our_catalog_and_counts_alike(catalog, theirs):
    assert (theirs.grid_type, theirs.grid_resolution) == ("h3", 1)
    stats = theirs.stats()
    assert sum(partition["file_count"] for partition in stats) == len(catalog.data_files())
    ours = catalog.stats()
    ours = ours if isinstance(ours, list) else ours["partitions"]
    rows = {(partition["grid_partition"], str(partition["year"])): partition["row_count"] for partition in ours}
    assert {(partition["grid_partition"], str(partition["year"])): partition["row_count"] for partition in stats} == rows


def test_it_counts_the_items_through_our_hash_index(catalog, theirs):
    assert theirs.unique_item_count() == catalog.items


def test_it_searches_our_catalog(catalog, theirs):
    rows = theirs.table.scan(selected_fields=("id", "geometry_bbox")).to_arrow().to_pylist()
    # Small and away from edges of the map: it opens a database for every file, and takes rings across the antimeridian
    # for ones round the globe.
    row = next(row for row in rows if row["geometry_bbox"] and all(abs(side) < 150 for side in row["geometry_bbox"].values()))
    west, south, east, north = (row["geometry_bbox"][side] for side in ("xmin", "ymin", "xmax", "ymax"))
    middle = [(west + east) / 2, (south + north) / 2]
    bbox = [middle[0] - 0.01, middle[1] - 0.01, middle[0] + 0.01, middle[1] + 0.01]
    text = ",".join(map(str, bbox))
    files = set(theirs.search_files(box(*bbox)))
    assert files and files <= set(catalog.data_files())
    assert set(catalog.files("--bbox", text)) <= files
    found = {item["id"] if isinstance(item, dict) else item.id for item in theirs.search(bbox=bbox).items()}
    ours = {json.loads(line)["id"] for line in earthcatalog_command("search", catalog.base, "--bbox", text).splitlines()}
    assert row["id"] in found and ours <= found
    # It compares planar footprints, ours end at the antimeridian.
    assert len(found - ours) <= len(rows) // 20


def test_its_lock_and_ours_keep_each_other_out(catalog, tmp_path):
    from earthcatalog.lock import CatalogLocked, S3Lock

    base = tmp_path / "catalog"
    shutil.copytree(catalog.base, base)
    lock = {"store": LocalStore(str(base)), "key": ".lock"}
    with S3Lock(owner="their job", **lock):
        refused = subprocess.run([BINARY, "compact", base], capture_output=True, text=True)
        assert refused.returncode == 11 and "their job" in refused.stderr, refused.stderr
        assert json.loads(earthcatalog_command("lock", "status", base, "--json"))["owner"] == "their job"
    earthcatalog_command("compact", base)
    # A source that never ends, so that ours is at work.
    source = tmp_path / "source.ndjson"
    os.mkfifo(source)
    writer = subprocess.Popen([BINARY, "ingest", base, source], stderr=subprocess.DEVNULL)
    while not (base / ".lock").exists():
        time.sleep(0.01)
    with pytest.raises(CatalogLocked, match="earthcatalog-rs/ingest"):
        S3Lock(owner="their job", **lock).acquire()
    writer.send_signal(signal.SIGINT)
    assert writer.wait() == 130
    with S3Lock(owner="their job", **lock):
        pass


def test_it_takes_over_from_a_writer_of_ours_that_died(tmp_path):
    from earthcatalog.lock import S3Lock

    dead = {"owner": "earthcatalog-rs/ingest", "pid": 1, "hostname": "h", "ttl_hours": 0.25, "token": "t", "nonce": 1, "fence": 1}
    acquired = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=16)
    (tmp_path / ".lock").write_text(json.dumps(dead | {"acquired": acquired.isoformat()}))
    with S3Lock(owner="their job", store=LocalStore(str(tmp_path)), key=".lock"):
        assert json.loads((tmp_path / ".lock").read_text())["owner"] == "their job"
