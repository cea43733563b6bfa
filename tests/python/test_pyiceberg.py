"""PyIceberg opens, plans on, reads and appends to catalogs of ours."""

import pyarrow as pa
from conftest import earthcatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import And, GreaterThanOrEqual, In, LessThanOrEqual
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import StaticTable

NONE_CELL = "__none__"
# The columns and types that readers of the Python program's catalogs rely on.
CONTRACT = {
    "id": pa.string(), "grid_partition": pa.string(), "geometry": pa.binary(), "platform": pa.string(),
    "percent_valid_pixels": pa.int64(), "date_dt": pa.int64(), "proj:code": pa.string(), "assets": pa.string(),
    "links": pa.string(), "stac_version": pa.string(), "type": pa.string(), "version": pa.string(),
    "sat:orbit_state": pa.string(), "scene_1_id": pa.string(), "scene_2_id": pa.string(),
    "scene_1_frame": pa.string(), "scene_2_frame": pa.string(), "mid_datetime": pa.string(),
    "stac_extensions": pa.string(), "collection": pa.string(), "latitude": pa.float64(), "longitude": pa.float64(),
    "bbox": pa.string(),
} | {name: pa.timestamp("us", tz="UTC") for name in ("datetime", "start_datetime", "end_datetime", "created", "updated")}


def table_of(catalog):
    sql = SqlCatalog("earthcatalog", uri=f"sqlite:///{catalog.base}/earthcatalog.db", warehouse=str(catalog.base / "warehouse"))
    assert sql.list_tables("earthcatalog") == [("earthcatalog", "stac_items")]
    return sql.load_table("earthcatalog.stac_items")


def small(kind):
    """Text and binary come as their large variants, depending on the version."""
    return {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(kind, kind)


def planned(table, row_filter):
    return sorted(task.file.file_path for task in table.scan(row_filter=row_filter).plan_files())


def test_rows_and_types(catalog):
    table = table_of(catalog)
    rows = table.scan().to_arrow()
    assert rows.num_rows == sum(partition["row_count"] for partition in partitions(catalog))
    assert len(set(rows["id"].to_pylist())) == catalog.items == catalog.count()
    types = {field.name: small(field.type) for field in rows.schema}
    assert {name: types.get(name) for name in CONTRACT} == CONTRACT
    assert [field.name for field in types["geometry_bbox"]] == ["xmin", "ymin", "xmax", "ymax"]


def partitions(catalog):
    stats = catalog.stats()
    return stats if isinstance(stats, list) else stats["partitions"]


def test_metadata_is_what_the_specification_wants(catalog):
    metadata = table_of(catalog).metadata
    assert metadata.format_version == 2
    fields = [(field.source_id, field.field_id, field.name, str(field.transform)) for field in metadata.partition_specs[0].fields]
    assert fields == [(2, 1000, "grid_partition", "identity"), (4, 1001, "year", "year")]
    snapshot = metadata.current_snapshot()
    files = catalog.data_files()
    assert snapshot.summary["total-data-files"] == str(len(files))
    assert metadata.refs["main"].snapshot_id == metadata.current_snapshot_id == metadata.snapshot_log[-1].snapshot_id
    assert metadata.last_sequence_number == snapshot.sequence_number
    assert len(metadata.metadata_log) >= 1
    mapping = metadata.name_mapping()
    assert mapping is not None
    assert [field.field_id for field in mapping.root] == [field.field_id for field in metadata.schema().fields]


def test_all_files_are_planned(catalog):
    table = table_of(catalog)
    assert planned(table, "id is not null") == catalog.data_files() == catalog.files()


def test_a_filter_by_cell_plans_the_files_that_we_plan(catalog):
    table = table_of(catalog)
    cells = sorted({partition["grid_partition"] for partition in partitions(catalog)})
    chosen = set(cells[:: max(1, len(cells) // 5)])
    named = [path for path in catalog.files() if any(f"grid_partition={cell}/" in path for cell in chosen)]
    assert planned(table, In("grid_partition", chosen)) == named


def test_a_filter_by_time_plans_the_files_that_we_plan(catalog):
    table = table_of(catalog)
    # All columns: 0.9.1 stumbles over a file without a selected one unless the partition's source is selected too.
    rows = table.scan().to_arrow()
    datetimes = sorted(value for value in rows["datetime"].to_pylist() if value)
    start, end = datetimes[len(datetimes) // 3], datetimes[len(datetimes) // 2]
    ours = catalog.files("--datetime", f"{start.isoformat()}/{end.isoformat()}")
    if rows["start_datetime"].null_count < rows.num_rows:
        # Items that last are found wherever they overlap.
        row_filter = And(LessThanOrEqual("start_datetime", end.isoformat()), GreaterThanOrEqual("end_datetime", start.isoformat()))
    else:
        row_filter = And(LessThanOrEqual("datetime", end.isoformat()), GreaterThanOrEqual("datetime", start.isoformat()))
    assert 0 < len(ours) < len(catalog.files())
    assert ours == planned(table, row_filter)


def test_a_search_by_area_plans_the_files_that_we_plan(catalog):
    table = table_of(catalog)
    west, south, east, north = area(table)
    bbox = f"{west},{south},{east},{north}"
    cells = set(catalog.cells("--bbox", bbox)) | {NONE_CELL}
    row_filter = And(
        In("grid_partition", cells),
        And(
            And(LessThanOrEqual("geometry_bbox.xmin", east), GreaterThanOrEqual("geometry_bbox.xmax", west)),
            And(LessThanOrEqual("geometry_bbox.ymin", north), GreaterThanOrEqual("geometry_bbox.ymax", south)),
        ),
    )
    ours = catalog.files("--bbox", bbox)
    assert 0 < len(ours) < len(catalog.files())
    assert ours == planned(table, row_filter)


def area(table):
    """A box of some degrees round one item that is not near the antimeridian."""
    boxes = table.scan(selected_fields=("geometry_bbox",)).to_arrow()["geometry_bbox"].to_pylist()
    box = next(box for box in boxes if box and -150 < box["xmin"] <= box["xmax"] < 150 and abs(box["ymin"]) < 80)
    return box["xmin"] - 1, box["ymin"] - 1, box["xmax"] + 1, box["ymax"] + 1


def test_the_metadata_opens_without_a_catalog(catalog):
    assert StaticTable.from_metadata(catalog.metadata).scan().count() == table_of(catalog).scan().count()


def test_pyiceberg_appends_and_we_read_on(own_catalog):
    before = own_catalog.count()
    files = len(own_catalog.files())
    table = table_of(own_catalog)
    rows = table.scan().to_arrow()
    first = rows.slice(0, 1).to_pylist()[0] | {"id": "appended-by-pyiceberg"}
    added = pa.Table.from_pylist([first], schema=schema_to_pyarrow(table.schema(), include_field_ids=False))
    table.append(added)
    assert own_catalog.count() == before + 1
    assert len(own_catalog.files()) == files + 1
    assert own_catalog.count("--ids", "appended-by-pyiceberg") == 1
    (item,) = earthcatalog("search", own_catalog.base, "--ids", "appended-by-pyiceberg").splitlines()
    assert '"appended-by-pyiceberg"' in item


def test_we_append_after_pyiceberg_did(own_catalog, tmp_path):
    table = table_of(own_catalog)
    with table.transaction() as transaction:
        transaction.set_properties({"owner": "somebody else"})
    archive = tmp_path / "more"
    earthcatalog("sample", archive, "--items", 10, "--seed", 8)
    earthcatalog("ingest", own_catalog.base, archive, "--mode", "delta")
    table = table_of(own_catalog)
    assert table.properties["owner"] == "somebody else"
    assert own_catalog.count() == 40
    assert len(set(table.scan().to_arrow()["id"].to_pylist())) == 40


def test_a_full_ingest_replaces_what_pyiceberg_sees(own_catalog, tmp_path):
    archive = tmp_path / "anew"
    earthcatalog("sample", archive, "--items", 10, "--seed", 9)
    earlier = table_of(own_catalog).current_snapshot().snapshot_id
    earthcatalog("ingest", own_catalog.base, archive, "--mode", "full")
    table = table_of(own_catalog)
    assert len(set(table.scan().to_arrow()["id"].to_pylist())) == 10 == own_catalog.count()
    # The snapshot before is kept: time travel works.
    assert len(set(table.scan(snapshot_id=earlier).to_arrow()["id"].to_pylist())) == 30
    assert table.current_snapshot().summary.operation.value == "overwrite"
