//! What a data file promises: field ids, small footers, indexes, honest metadata and metrics that hold for every row.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::io::Read as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use bytes::Bytes;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::iceberg::metadata::{Field, PrimitiveType, Schema, Type};
use earthcatalog_core::iceberg::value::Value as Bound;
use earthcatalog_core::stac::{ValidItem, decode_items, encode_items, schema};
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::{PartitionKey, WrittenFile, write_data_file};
use earthcatalog_tests::same_json;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use serde_json::{Value, json};

const CELL: &str = "81003ffffffffff";

fn table(extra: &ObservedProperties) -> Schema {
    let mut table = Schema { schema_id: 0, fields: schema::initial_fields() };
    table.fields.extend(extra.new_fields(&table, 34));
    table
}

/// An item of 2021 like those of `ITS_LIVE`, different for each number.
fn item(number: u32) -> Value {
    let (lon, lat) = (f64::from(number % 300) / 2.0 - 75.0, f64::from(number % 160) / 2.0 - 40.0);
    let id = format!("LC08_{number:06}_{:08x}", number.wrapping_mul(2_654_435_761));
    let second = number % 60;
    json!({
        "type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c",
        "geometry": { "type": "Polygon", "coordinates": [[[lon, lat], [lon + 1.0, lat], [lon, lat + 1.0], [lon, lat]]] },
        "bbox": [lon, lat, lon + 1.0, lat + 1.0],
        "properties": {
            "datetime": format!("2021-06-{:02}T00:00:{second:02}Z", number % 30 + 1),
            "platform": if number.is_multiple_of(3) { "LC08" } else { "S1A" },
            "percent_valid_pixels": number % 101,
            "latitude": lat,
            "scene_1_id": format!("scene-{id}"),
        },
        "links": [{ "rel": "collection", "href": "https://example.com/collections/c" }],
        "assets": { "data": { "href": format!("https://example.com/{id}.nc"), "roles": ["data"] } },
    })
}

fn partition() -> PartitionKey {
    PartitionKey { cell: CELL.to_owned(), time_bin: TimeBin::Year, bin: Some(51) }
}

fn rows_of(items: &[Value], table: &Schema) -> RecordBatch {
    let items: Vec<ValidItem> = items.iter().map(|item| ValidItem::from_value(item.clone()).unwrap()).collect();
    encode_items(&items, &vec![CELL; items.len()], table).unwrap()
}

fn write(items: &[Value], table: &Schema) -> WrittenFile {
    write_data_file(&rows_of(items, table), table, &partition()).unwrap()
}

fn footer(bytes: &Bytes) -> ParquetMetaData {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(bytes).unwrap();
    reader.finish().unwrap()
}

fn footer_bytes(bytes: &Bytes) -> u32 {
    u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap())
}

fn read(bytes: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().with_batch_size(1 << 20).build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches.into_iter().next().unwrap()
}

#[test]
fn every_column_is_zstd_and_carries_its_field_id() {
    let table = table(&ObservedProperties::default());
    let file = write(&(0..6).map(item).collect::<Vec<_>>(), &table);
    let metadata = footer(&file.bytes);
    let ids: BTreeMap<String, i32> = table.leaves().into_iter().map(|(path, field)| (path, field.id)).collect();
    for column in metadata.row_group(0).columns() {
        let leaf = column.column_descr().self_type().get_basic_info();
        assert_eq!(leaf.id(), ids[&column.column_path().parts().join(".")]);
        assert!(matches!(column.compression(), Compression::ZSTD(_)));
    }
    assert_eq!(metadata.file_metadata().created_by().unwrap().split(' ').next(), Some("earthcatalog"));
}

#[test]
fn a_small_file_has_a_small_footer_and_no_bloom_filter() {
    let table = table(&ObservedProperties::default());
    let file = write(&(0..6).map(item).collect::<Vec<_>>(), &table);
    println!("6 rows: {} bytes, footer {}", file.bytes.len(), footer_bytes(&file.bytes));
    assert!(footer_bytes(&file.bytes) < 4000, "footer of {} bytes", footer_bytes(&file.bytes));
    assert!(footer(&file.bytes).row_group(0).columns().iter().all(|column| column.bloom_filter_offset().is_none()));
}

#[test]
fn a_large_file_has_row_groups_pages_and_a_bloom_filter_to_read_in_part() {
    let table = table(&ObservedProperties::default());
    let items: Vec<Value> = (0..20_000).map(item).collect();
    let file = write(&items, &table);
    let metadata = footer(&file.bytes);
    let sizes: Vec<i64> = metadata.row_groups().iter().map(RowGroupMetaData::compressed_size).collect();
    println!("{} bytes, footer {}, row groups of {sizes:?}", file.bytes.len(), footer_bytes(&file.bytes));
    assert!(metadata.num_row_groups() > 1);
    let rows: Vec<i64> = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert!(rows.iter().max().unwrap() - rows.iter().min().unwrap() < 10, "{rows:?}");
    let offsets = metadata.offset_index().unwrap();
    for column in &offsets[0] {
        assert!(column.page_locations().len() > 1, "a column of one page");
    }
    let mut found = 0;
    for group in metadata.row_groups() {
        let filters = group.columns().iter().filter(|column| column.bloom_filter_offset().is_some());
        assert_eq!(filters.count(), 1);
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.bytes).unwrap();
    let id = builder.parquet_schema().columns().iter().position(|column| column.name() == "id").unwrap();
    for (group, rows) in rows.into_iter().enumerate() {
        let filter = builder.get_row_group_column_bloom_filter(group, id).unwrap().unwrap();
        let present = items.iter().filter(|item| filter.check(&item["id"].as_str().unwrap())).count();
        assert!(present >= usize::try_from(rows).unwrap());
        assert!(present < usize::try_from(rows).unwrap() + 600, "too many false positives: {present}");
        found += present;
    }
    assert!(found >= items.len());
}

#[test]
fn geo_metadata_is_true_of_the_rows() {
    let table = table(&ObservedProperties::default());
    let mut items: Vec<Value> = (0..3).map(item).collect();
    items[1]["geometry"] = json!({ "type": "Point", "coordinates": [-179.5, 80, 12.5] });
    items[2]["geometry"] = Value::Null;
    let geo = |items: &[Value]| -> Value {
        let metadata = footer(&write(items, &table).bytes);
        let keys = metadata.file_metadata().key_value_metadata().unwrap().clone();
        let geo = keys.into_iter().find(|key| key.key == "geo").unwrap();
        serde_json::from_str(&geo.value.unwrap()).unwrap()
    };
    let column = &geo(&items)["columns"]["geometry"];
    assert_eq!(column["geometry_types"], json!(["Point Z", "Polygon"]));
    assert_eq!(column["bbox"], json!([-179.5, -40.0, -74.0, 80.0]));
    assert_eq!(column["covering"]["bbox"]["xmax"], json!(["geometry_bbox", "xmax"]));
    let column = &geo(&items[2..])["columns"]["geometry"];
    assert_eq!((&column["geometry_types"], column.get("bbox")), (&json!([]), None));
}

#[test]
fn metrics_hold_for_every_row_and_are_tight() {
    let mut observed = ObservedProperties::default();
    let mut items: Vec<Value> = (0..300).map(item).collect();
    items[7]["properties"]["eo:cloud_cover"] = json!(12.5);
    items[8]["properties"]["eo:cloud_cover"] = json!(3);
    items[9]["geometry"] = Value::Null;
    for item in &items {
        observed.observe(item);
    }
    let table = table(&observed);
    let file = write(&items, &table);
    let rows = read(file.bytes.clone());
    let field = |path: &str| table.leaves().into_iter().find(|(leaf, _)| leaf == path).unwrap().1.id;
    let metrics = &file.metrics;
    for (path, leaf) in table.leaves() {
        let column = path.split_once('.').map_or_else(
            || rows.column_by_name(&path).cloned(),
            |(parent, child)| rows.column_by_name(parent)?.as_struct().column_by_name(child).cloned(),
        );
        let Some(column) = column else {
            // Not in the file: null in every row, which is said of the columns that decide a search.
            let said = schema::FILTER_COLUMNS.contains(&path.as_str()).then_some(&300);
            assert_eq!(metrics.null_value_counts.get(&leaf.id), said, "{path}");
            continue;
        };
        assert_eq!(metrics.null_value_counts[&leaf.id], column.logical_null_count() as u64, "{path}");
        let bounded = !schema::UNBOUNDED_COLUMNS.contains(&path.as_str());
        assert_eq!(metrics.lower_bounds.contains_key(&leaf.id), bounded, "{path}");
    }
    let bounds = |path: &str| (metrics.lower_bounds[&field(path)].clone(), metrics.upper_bounds[&field(path)].clone());
    let datetime = rows.column_by_name("datetime").unwrap().as_primitive::<TimestampMicrosecondType>().clone();
    let (first, last) = (datetime.iter().flatten().min().unwrap(), datetime.iter().flatten().max().unwrap());
    assert_eq!(bounds("datetime"), (Bound::Timestamptz(first), Bound::Timestamptz(last)));
    let xmin = rows.column_by_name("geometry_bbox").unwrap().as_struct().column_by_name("xmin").unwrap().clone();
    let xmin: Vec<f64> = xmin.as_primitive::<Float64Type>().iter().flatten().collect();
    assert_eq!(xmin.len(), 299);
    let (west, east) = (xmin.iter().copied().reduce(f64::min).unwrap(), xmin.iter().copied().reduce(f64::max).unwrap());
    assert_eq!(bounds("geometry_bbox.xmin"), (Bound::Double(west), Bound::Double(east)));
    let valid = rows.column_by_name("percent_valid_pixels").unwrap().as_primitive::<Int64Type>().clone();
    assert_eq!(bounds("percent_valid_pixels"), (Bound::Long(0), Bound::Long(100)));
    assert_eq!(valid.iter().flatten().max(), Some(100));
    assert_eq!(bounds("eo:cloud_cover"), (Bound::Double(3.0), Bound::Double(12.5)));
    let text = |text: &str| Bound::String(text.to_owned());
    assert_eq!(bounds("platform"), (text("LC08"), text("S1A")));
    assert_eq!(bounds("scene_1_id"), (text("scene-LC08_00000"), text("scene-LC08_0002:")));
    assert_eq!(metrics.nan_value_counts[&field("latitude")], 0);
}

#[test]
fn a_column_that_misses_a_value_has_no_bounds_to_prune_by() {
    let table = table(&ObservedProperties::default());
    let mut items: Vec<Value> = (0..3).map(item).collect();
    items[1]["properties"]["percent_valid_pixels"] = json!(99.5);
    items[1]["properties"]["datetime"] = json!("2021-06-01T00:00:00.0Z");
    let metrics = write(&items, &table).metrics;
    let id = |name: &str| table.field_by_name(name).unwrap().id;
    let column = id("percent_valid_pixels");
    assert!(!metrics.upper_bounds.contains_key(&column) && !metrics.lower_bounds.contains_key(&column));
    assert!(!metrics.null_value_counts.contains_key(&column));
    assert!(metrics.upper_bounds.contains_key(&id("datetime")));
}

#[test]
fn the_same_rows_give_the_same_bytes_and_foreign_rows_are_refused() {
    let table = table(&ObservedProperties::default());
    let items: Vec<Value> = (0..50).map(item).collect();
    assert_eq!(write(&items, &table).bytes, write(&items, &table).bytes);
    let rows = rows_of(&items, &table);
    for wrong in [
        PartitionKey { cell: "other".to_owned(), time_bin: TimeBin::Year, bin: Some(51) },
        PartitionKey { cell: CELL.to_owned(), time_bin: TimeBin::Year, bin: None },
    ] {
        assert!(write_data_file(&rows, &table, &wrong).is_err());
    }
    assert!(write_data_file(&rows.slice(0, 0), &table, &partition()).is_err());
}

#[test]
fn columns_of_the_schema_that_are_no_scalars_are_left_null() {
    let mut table = table(&ObservedProperties::default());
    let list = Type::List(Box::new(Field::optional(101, "element", Type::Primitive(PrimitiveType::String))));
    table.fields.push(Field::optional(100, "keywords", list));
    let mut tagged = item(1);
    tagged["properties"]["keywords"] = json!(["a", "b"]);
    let file = write(std::slice::from_ref(&tagged), &table);
    assert_eq!(decode_items(&read(file.bytes)).unwrap(), [tagged]);
}

#[test]
fn items_of_the_python_program_and_of_stac_geoparquet_writers_are_read() {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return };
    let mut originals = BTreeMap::new();
    let packed = std::fs::read(fixtures.join("upstream/itslive-5k-input/items.ndjson.gz")).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let item = line["item"].take();
        originals.insert(item["id"].as_str().unwrap().to_owned(), item);
    }
    let mut rows = 0;
    for file in parquet_files(&fixtures.join("upstream/itslive-5k-s3/warehouse")) {
        for decoded in decode_file(&file) {
            let original = &originals[decoded["id"].as_str().unwrap()];
            assert!(same_json(&decoded, original), "{}\n{decoded}\n{original}", file.display());
            rows += 1;
        }
    }
    assert_eq!(rows, 8811);
    for file in parquet_files(&fixtures.join("stac-geoparquet")) {
        let items = decode_file(&file);
        assert!(!items.is_empty());
        for item in items {
            assert!(item["assets"].is_object() && item["links"].is_array(), "{item}");
            ValidItem::from_value(item).unwrap();
        }
    }
}

fn decode_file(file: &std::path::Path) -> Vec<Value> {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    let batches = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    batches.flat_map(|batch| decode_items(&batch.unwrap()).unwrap()).collect()
}

fn parquet_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(parquet_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    files
}
