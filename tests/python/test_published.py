"""What `publish` writes is read from plain hosting by DuckDB, PyIceberg and Polars, through Iceberg's REST interface."""

import importlib
import json
import pathlib
import socket
import subprocess
import urllib.request

import duckdb
import polars
import pystac
import pytest
from bucket import Bucket
from conftest import BINARY, earthcatalog, make
from pyiceberg.catalog.rest import RestCatalog

ITEMS = 100


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A catalog that is served, and published for who reads it there over HTTP alone."""
    catalog = make(tmp_path_factory.mktemp("published"), "itslive", 200)
    catalog.url = f"http://127.0.0.1:{free_port()}"
    earthcatalog("publish", catalog.base, "--url", catalog.url)
    words = [BINARY, "serve", str(catalog.base), "--port", catalog.url.rsplit(":", 1)[1]]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout.readline().strip() == catalog.url
    yield catalog
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A catalog in a bucket, published where it lies."""
    store = Bucket()
    archive = tmp_path_factory.mktemp("archive")
    earthcatalog("sample", archive, "--items", ITEMS)
    flags = ["--single-writer", "--opt", f"aws_endpoint_url={store.url}"]
    for words in (["init", "s3://data/catalog"], ["ingest", "s3://data/catalog", archive / "items.ndjson.gz"], ["publish", "s3://data/catalog"]):
        earthcatalog(*words, *flags)
    yield store
    store.close()


def fetched(published, key):
    with urllib.request.urlopen(f"{published.url}/{key}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def sql(bucket):
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    for name in ("avro", "httpfs", "iceberg"):
        folder = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent
        (extension,) = folder.glob(f"extensions/v{duckdb.__version__}/{name}.duckdb_extension")
        connection.execute(f"LOAD '{extension}'")
    host = bucket.url.removeprefix("http://")
    connection.execute(f"CREATE SECRET (TYPE s3, PROVIDER config, ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false, REGION 'us-west-2')")
    return connection


def one(sql, text):
    ((value,),) = sql.execute(text).fetchall()
    return value


def attached(sql, name, url):
    sql.execute(f"ATTACH '' AS {name} (TYPE iceberg, ENDPOINT '{url}/iceberg', AUTHORIZATION_TYPE 'none')")
    return f"{name}.earthcatalog.stac_items"


def test_duckdb_attaches_a_catalog_on_the_web(published, sql):
    table = attached(sql, "web", published.url)
    assert one(sql, f"SELECT count(DISTINCT id) FROM {table}") == published.items
    names = sql.execute("SELECT database, schema, name FROM (SHOW ALL TABLES)").fetchall()
    assert ("web", "earthcatalog", "stac_items") in names
    assert 0 < one(sql, f"SELECT count(DISTINCT id) FROM {table} WHERE datetime >= TIMESTAMPTZ '2015-01-01'") < published.items


def test_duckdb_attaches_a_catalog_in_a_bucket(bucket, sql):
    table = attached(sql, "stored", f"{bucket.url}/data/catalog")
    assert one(sql, f"SELECT count(DISTINCT id) FROM {table}") == ITEMS


def test_duckdb_scans_the_folder_that_holds_the_hint(published, sql):
    assert one(sql, f"SELECT count(DISTINCT id) FROM iceberg_scan('{published.url}/iceberg')") == published.items


def rest(bucket):
    reach = {"s3.endpoint": bucket.url, "s3.anonymous": "true", "s3.region": "us-west-2", "s3.force-virtual-addressing": "false"}
    return RestCatalog("shared", uri=f"{bucket.url}/data/catalog/iceberg", **reach)


def test_pyiceberg_lists_plans_and_reads(bucket):
    catalog = rest(bucket)
    assert catalog.list_namespaces() == [("earthcatalog",)]
    assert catalog.list_tables("earthcatalog") == [("earthcatalog", "stac_items")]
    table = catalog.load_table("earthcatalog.stac_items")
    files = [task.file.file_path for task in table.scan().plan_files()]
    assert files and all(path.startswith("s3://data/catalog/warehouse/") for path in files)
    rows = table.scan(selected_fields=("id",)).to_arrow()
    assert len(set(rows["id"].to_pylist())) == ITEMS


def test_polars_reads_rows(bucket):
    table = rest(bucket).load_table("earthcatalog.stac_items")
    reach = {"aws_endpoint_url": bucket.url, "aws_skip_signature": "true", "aws_region": "us-west-2", "aws_allow_http": "true"}
    frame = polars.scan_iceberg(table, storage_options=reach, reader_override="native").select("id").collect()
    assert frame["id"].n_unique() == ITEMS


def test_a_browser_is_told_what_it_gets(bucket):
    types = {key.removeprefix("data/catalog/"): kind for key, kind in bucket.types.items()}
    assert types["index.html"] == "text/html; charset=utf-8"
    assert types["collection.json"] == types["iceberg/v1/namespaces"] == "application/json"


def test_the_collection_is_one(published):
    collection = pystac.Collection.from_dict(fetched(published, "collection.json"))
    assert collection.extra_fields["table:row_count"] == sum(part["row_count"] for part in published.stats()["partitions"])
    ((west, south, east, north),) = collection.extent.spatial.bboxes
    ((start, end),) = collection.extent.temporal.intervals
    items = [json.loads(line) for line in earthcatalog("search", published.base).splitlines()]
    datetimes = [item["properties"]["datetime"] for item in items]
    assert start.isoformat() <= min(datetimes) and max(datetimes)[:19] <= end.isoformat()[:19]
    assert west >= -180 and east <= 180 and south <= min(item["bbox"][1] for item in items)
    assert north >= max(item["bbox"][3] for item in items)


def test_where_it_was_written_it_is_read_without_an_address(own_catalog, sql):
    report = json.loads(earthcatalog("publish", own_catalog.base, "--json"))
    assert report["endpoint"] == str(own_catalog.base / "iceberg")
    table = json.loads((own_catalog.base / "iceberg/v1/namespaces/earthcatalog/tables/stac_items").read_text())
    assert table["metadata-location"] == own_catalog.metadata
    folder = own_catalog.base / "warehouse/earthcatalog/stac_items"
    assert one(sql, f"SELECT count(DISTINCT id) FROM iceberg_scan('{folder}')") == own_catalog.items
    assert own_catalog.count() == own_catalog.items
    assert json.loads(earthcatalog("gc", own_catalog.base, "--grace", "0s", "--dry-run", "--json"))["keys"] == []
    earthcatalog("check", own_catalog.base)
