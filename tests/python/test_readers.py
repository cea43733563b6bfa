"""DuckDB, GeoPandas and Polars read catalogs of ours, offline."""

import importlib
import json
import pathlib
import warnings

import duckdb
import geopandas
import polars
import pyarrow.parquet as pq
import pytest
import shapely


@pytest.fixture(scope="session")
def sql():
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    for name in ("avro", "httpfs", "iceberg", "spatial"):
        folder = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent
        (extension,) = folder.glob(f"extensions/v{duckdb.__version__}/{name}.duckdb_extension")
        connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def one(sql, text):
    ((value,),) = sql.execute(text).fetchall()
    return value


def test_duckdb_scans_the_table(catalog, sql):
    scan = f"iceberg_scan('{catalog.metadata}')"
    assert one(sql, f"SELECT count(DISTINCT id) FROM {scan}") == catalog.items
    types = {name: kind for name, kind, *_ in sql.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    assert types["datetime"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["percent_valid_pixels"], types["latitude"], types["geometry"]) == ("BIGINT", "DOUBLE", "BLOB")
    middle = one(sql, f"SELECT CAST(median(datetime) AS VARCHAR) FROM {scan}")
    later = one(sql, f"SELECT count(DISTINCT id) FROM {scan} WHERE datetime >= '{middle}'")
    everything = sql.execute(f"SELECT DISTINCT id, datetime FROM {scan}").fetchall()
    wanted = one(sql, f"SELECT TIMESTAMPTZ '{middle}'")
    assert later == sum(1 for _, datetime in everything if datetime is not None and datetime >= wanted)
    assert 0 < later < catalog.items


def test_duckdb_prunes_by_cell_without_losing_rows(catalog, sql):
    scan = f"iceberg_scan('{catalog.metadata}')"
    cell, rows = sql.execute(f"SELECT grid_partition, count(*) FROM {scan} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1").fetchall()[0]
    files = [path for path in catalog.data_files() if f"grid_partition={cell}/" in path]
    assert one(sql, f"SELECT count(*) FROM {scan} WHERE grid_partition = '{cell}'") == rows
    assert rows == sum(pq.read_metadata(path).num_rows for path in files)


def test_duckdb_reads_the_files_by_their_folders(catalog, sql):
    pattern = f"{catalog.base}/warehouse/grid_partition=*/year=*/*.parquet"
    read = f"read_parquet('{pattern}', hive_partitioning = true, union_by_name = true)"
    assert one(sql, f"SELECT count(DISTINCT id) FROM {read}") == catalog.items
    # GeoParquet: the geometry comes as one.
    assert one(sql, f"SELECT count(ST_GeometryType(geometry)) FROM {read}") == one(sql, f"SELECT count(id) FROM {read}")
    year = "CASE WHEN year = 'unknown' THEN NULL ELSE CAST(year AS INTEGER) END"
    read = f"read_parquet('{pattern}', hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"
    assert one(sql, f"SELECT count(*) FROM {read} WHERE ({year}) IS DISTINCT FROM date_part('year', datetime)") == 0


def test_duckdb_finds_by_area_what_we_find(catalog, sql):
    read = f"read_parquet('{catalog.base}/warehouse/grid_partition=*/year=*/*.parquet', union_by_name = true)"
    found = one(sql, f"SELECT count(DISTINCT id) FROM {read} WHERE ST_Intersects(geometry, ST_MakeEnvelope(-60, 55, 0, 85))")
    ours = catalog.count("--bbox", "-60,55,0,85")
    # DuckDB takes rings that cross the antimeridian for ones round the globe.
    wide = one(sql, f"SELECT count(DISTINCT id) FROM {read} WHERE ST_XMax(geometry) - ST_XMin(geometry) > 180")
    assert ours <= found <= ours + wide


def test_geopandas_reads_a_file_and_its_covering_is_honest(catalog):
    path = max(catalog.data_files(), key=lambda path: pq.read_metadata(path).num_rows)
    whole = geopandas.read_parquet(path)
    assert len(whole) == pq.read_metadata(path).num_rows
    assert whole.crs is not None and whole.crs.to_epsg() in (4326, None)
    west, south, east, north = whole.total_bounds
    box = (west, south, (west + east) / 2, (south + north) / 2)
    some = geopandas.read_parquet(path, bbox=box)
    bounds = whole.bounds
    touched = whole[(bounds.minx <= box[2]) & (bounds.maxx >= box[0]) & (bounds.miny <= box[3]) & (bounds.maxy >= box[1])]
    assert sorted(some["id"]) == sorted(touched["id"])


def test_every_file_says_what_geometry_it_holds(catalog):
    for path in catalog.data_files():
        geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
        column = geo["columns"][geo["primary_column"]]
        assert geo["version"].startswith("1.1") and column["encoding"] == "WKB"
        shapes = [shapely.from_wkb(value.as_py()) for value in pq.read_table(path, columns=["geometry"])["geometry"] if value.is_valid]
        assert {shape.geom_type for shape in shapes} <= {kind.removesuffix(" Z") for kind in column["geometry_types"]}
        if shapes and "bbox" in column and column["bbox"][0] <= column["bbox"][len(column["bbox"]) // 2]:
            west, south, east, north = shapely.total_bounds(shapes)
            half = len(column["bbox"]) // 2
            assert column["bbox"][0] <= west and column["bbox"][1] <= south
            assert column["bbox"][half] >= east and column["bbox"][half + 1] >= north


def test_polars_scans_the_table_and_reads_a_file(catalog):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = polars.scan_iceberg(catalog.metadata).select("id", "datetime").collect()
    assert frame["id"].n_unique() == catalog.items
    assert frame.schema["datetime"] == polars.Datetime("us", "UTC")
    path = catalog.data_files()[0]
    assert polars.read_parquet(path).height == pq.read_metadata(path).num_rows
