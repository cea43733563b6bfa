//! STAC GeoParquet files: every item that goes in comes out as the specification can say it.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use arrow_array::RecordBatch;
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use earthcatalog::spool::FileSpool;
use earthcatalog_core::export::geoparquet::GeoParquet;
use earthcatalog_core::export::{MemorySpool, Spool};
use earthcatalog_core::query::datetime::{format_instant, parse_instant};
use earthcatalog_core::stac::{ValidItem, decode_items};
use earthcatalog_tests::items::{Source, sources};
use earthcatalog_tests::same_json;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

const MEMBERS: [&str; 10] = [
    "type",
    "stac_version",
    "stac_extensions",
    "id",
    "geometry",
    "bbox",
    "properties",
    "links",
    "assets",
    "collection",
];
const INSTANTS: [&str; 8] =
    ["datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"];

fn written_through(spool: Box<dyn Spool>, items: &[Value]) -> (Bytes, Vec<String>) {
    let mut file = GeoParquet::new(spool);
    for item in items {
        file.push(item).unwrap();
    }
    let mut bytes = Vec::new();
    while let Some(piece) = file.finish().unwrap() {
        bytes.extend(piece);
    }
    assert!(file.push(&json!({})).is_err(), "nothing comes after the end");
    (bytes.into(), file.remarks())
}

fn written(items: &[Value]) -> (Bytes, Vec<String>) {
    written_through(Box::<MemorySpool>::default(), items)
}

fn batches(file: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(1000).build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn read(file: Bytes) -> Vec<Value> {
    batches(file).iter().flat_map(|batch| decode_items(batch).unwrap()).collect()
}

fn metadata(file: &Bytes) -> ParquetMetaData {
    SerializedFileReader::new(file.clone()).unwrap().metadata().clone()
}

fn key(file: &Bytes, name: &str) -> Value {
    let metadata = metadata(file);
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let pair = pairs.iter().find(|pair| pair.key == name).unwrap();
    serde_json::from_str(pair.value.as_ref().unwrap()).unwrap()
}

/// What the specification can say of an item: known members, properties whose names are free, instants as instants, null
/// the same as absent.
fn sayable(item: &Value) -> Value {
    let mut item = without_nulls(item);
    let members = item.as_object_mut().unwrap();
    members.retain(|name, _| MEMBERS.contains(&name.as_str()));
    members.entry("geometry").or_insert(Value::Null);
    members.entry("links").or_insert(json!([]));
    members.entry("assets").or_insert(json!({}));
    if let Some(geometry) = members.get_mut("geometry") {
        *geometry = plain(geometry);
    }
    let properties = members.get_mut("properties").unwrap().as_object_mut().unwrap();
    properties.retain(|name, _| !MEMBERS.contains(&name.as_str()) && !name.is_empty());
    properties.entry("datetime").or_insert(Value::Null);
    item
}

/// Text as an instant, where every item of the file has one.
fn with_instants(item: &Value, instants: &[&str]) -> Value {
    let mut item = item.clone();
    for name in instants {
        let Some(value) = item["properties"].get_mut(*name) else { continue };
        if let Some(text) = value.as_str() {
            *value = format_instant(instant(text).unwrap()).into();
        }
    }
    item
}

/// RFC 3339, and what real archives write for it.
fn instant(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    [text.clone(), format!("{text}Z"), format!("{text}T00:00:00Z")].iter().find_map(|text| parse_instant(text).ok())
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(elements) => elements.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// A geometry of `type` and `coordinates`, its rings closed, its positions of one length, no latitude beyond a pole.
fn plain(geometry: &Value) -> Value {
    if geometry.is_null() {
        return Value::Null;
    }
    if let Some(members) = geometry.get("geometries") {
        let members: Vec<Value> = members.as_array().unwrap().iter().map(plain).collect();
        return json!({ "type": "GeometryCollection", "geometries": members });
    }
    let dimensions = shortest(&geometry["coordinates"]).min(3);
    let depth = match geometry["type"].as_str() {
        Some("Polygon") => 1,
        Some("MultiPolygon") => 2,
        _ => 99,
    };
    json!({ "type": geometry["type"], "coordinates": closed(&geometry["coordinates"], depth, dimensions) })
}

fn shortest(coordinates: &Value) -> usize {
    let elements = coordinates.as_array().unwrap();
    match elements.first() {
        Some(Value::Number(_)) => elements.len(),
        _ => elements.iter().map(shortest).min().unwrap_or(2),
    }
}

fn closed(coordinates: &Value, depth: usize, dimensions: usize) -> Value {
    let elements = coordinates.as_array().unwrap();
    if let Some(Value::Number(_)) = elements.first() {
        let mut position = elements[..dimensions.min(elements.len())].to_vec();
        position[1] = json!(position[1].as_f64().unwrap().clamp(-90.0, 90.0));
        return position.into();
    }
    let mut elements: Vec<Value> =
        elements.iter().map(|element| closed(element, depth.wrapping_sub(1), dimensions)).collect();
    if depth == 0 && elements.first() != elements.last() {
        elements.push(elements[0].clone());
    }
    elements.into()
}

#[test]
fn items_of_every_source_come_back_from_stac_geoparquet() {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return };
    let mut compared = 0;
    for Source { name, documents, .. } in sources(&fixtures) {
        let parse = |document: &Value| ValidItem::parse(document.to_string().as_bytes()).ok();
        let items: Vec<Value> = documents.iter().filter_map(parse).map(|valid| valid.item).collect();
        let (file, remarks) = written(&items);
        let back = read(file.clone());
        assert_eq!(back.len(), items.len(), "{name}");
        let steady = |instant_name: &&str| {
            let texts = items.iter().filter_map(|item| item["properties"].get(*instant_name));
            texts
                .filter(|value| !value.is_null())
                .all(|value| value.as_str().is_some_and(|text| instant(text).is_some()))
        };
        let instants: Vec<&str> = INSTANTS.into_iter().filter(steady).collect();
        for (before, after) in items.iter().zip(&back) {
            let (before, after) = (with_instants(&sayable(before), &instants), without_nulls(after));
            let before = without_nulls(&before);
            assert!(same_json(&before, &after), "{name}\nin:  {before}\nout: {after}\n{remarks:?}");
        }
        compared += items.len();
        let parquet = metadata(&file);
        println!(
            "{name:<64} {:>6} items {:>5} columns {:>8} bytes, footer {:>6}, {remarks:?}",
            items.len(),
            parquet.file_metadata().schema_descr().num_columns(),
            file.len(),
            u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap())
        );
    }
    assert!(compared > 10_000, "the fixtures have more items than {compared}");
}

#[expect(clippy::needless_pass_by_value, reason = "written where it is called")]
fn item(id: &str, properties: Value) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c",
        "geometry": { "type": "Point", "coordinates": [1.5, 2.5] }, "bbox": [1.0, 2.0, 3.0, 4.0],
        "properties": properties, "links": [], "assets": {},
    })
}

#[test]
fn the_columns_are_those_of_the_specification() {
    let mut one = item("a", json!({ "datetime": "2020-01-01T00:00:00.25Z", "eo:cloud_cover": 5, "gsd": null }));
    one["assets"] = json!({ "B1": { "href": "x", "roles": ["data"], "raster:bands": [{ "nodata": 0 }] } });
    one["links"] = json!([{ "rel": "self", "href": "y", "type": "application/json" }]);
    one["stac_extensions"] = json!(["https://example.com/eo"]);
    let projected = json!({ "type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]] });
    let mut two = item("b", json!({ "datetime": null, "eo:cloud_cover": 7.5, "proj:geometry": projected }));
    two["bbox"] = json!([1.0, 2.0, -10.0, 3.0, 4.0, 10.0]);
    two["assets"] = json!({ "B2": { "href": "z", "proj:geometry": projected } });
    let (file, remarks) = written(&[one.clone(), two.clone()]);
    assert!(remarks.is_empty(), "{remarks:?}");
    let batch = batches(file.clone()).swap_remove(0);
    let kind = |name: &str| batch.schema().field_with_name(name).unwrap().data_type().clone();
    assert_eq!(kind("datetime"), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(kind("geometry"), DataType::Binary);
    assert_eq!(kind("proj:geometry"), DataType::Binary);
    assert_eq!(kind("eo:cloud_cover"), DataType::Float64);
    let members = |kind: DataType| match kind {
        DataType::Struct(fields) => fields.iter().map(|field| field.name().clone()).collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    assert_eq!(members(kind("bbox")), ["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"]);
    assert_eq!(members(kind("assets")), ["B1", "B2"]);
    let DataType::List(link) = kind("links") else { panic!() };
    assert_eq!(members(link.data_type().clone()), ["href", "rel", "type"]);
    let DataType::List(extension) = kind("stac_extensions") else { panic!() };
    assert_eq!(extension.data_type(), &DataType::Utf8);
    let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        names,
        [
            "type",
            "stac_version",
            "stac_extensions",
            "id",
            "geometry",
            "bbox",
            "links",
            "assets",
            "collection",
            "datetime",
            "eo:cloud_cover",
            "proj:geometry"
        ]
    );
    assert_eq!(key(&file, "stac-geoparquet"), json!({ "version": "1.1.0" }));
    let read = read(file);
    for (before, after) in [&one, &two].into_iter().zip(&read) {
        assert!(same_json(&with_instants(&sayable(before), &INSTANTS), after), "{before}\n{after}");
    }
}

#[test]
fn the_geo_key_says_what_is_there_and_names_a_covering_only_if_it_covers() {
    let honest = item("a", json!({ "datetime": null }));
    let geo = key(&written(std::slice::from_ref(&honest)).0, "geo");
    let column = &geo["columns"]["geometry"];
    assert_eq!((&geo["version"], &geo["primary_column"]), (&json!("1.1.0"), &json!("geometry")));
    assert_eq!((&column["encoding"], &column["geometry_types"]), (&json!("WKB"), &json!(["Point"])));
    assert_eq!(column["bbox"], json!([1.5, 2.5, 1.5, 2.5]));
    assert_eq!(column["covering"]["bbox"]["ymax"], json!(["bbox", "ymax"]));
    assert_eq!(column.get("crs"), None, "the default is OGC:CRS84");
    for bbox in [json!([10, 2, 3, 4]), json!([1.6, 2, 3, 4]), Value::Null] {
        let mut wrong = item("b", json!({ "datetime": null }));
        wrong["bbox"] = bbox.clone();
        let (file, _) = written(&[honest.clone(), wrong.clone()]);
        assert_eq!(key(&file, "geo")["columns"]["geometry"].get("covering"), None, "{bbox}");
        assert!(same_json(&read(file)[1], &sayable(&wrong)));
    }
    let mut placeless = item("c", json!({ "datetime": null }));
    placeless["geometry"] = Value::Null;
    placeless.as_object_mut().unwrap().remove("bbox");
    let geo = key(&written(&[honest, placeless.clone()]).0, "geo");
    assert!(geo["columns"]["geometry"].get("covering").is_some(), "an item without a place is nowhere else");
    let geo = key(&written(&[placeless]).0, "geo");
    assert_eq!(geo["columns"]["geometry"]["geometry_types"], json!([]));
}

#[test]
fn heights_are_kept_and_said() {
    let mut one = item("a", json!({ "datetime": null }));
    one["geometry"] = json!({ "type": "Point", "coordinates": [1.5, 2.5, 30.0] });
    let (file, _) = written(&[one.clone()]);
    let column = key(&file, "geo")["columns"]["geometry"].clone();
    assert_eq!(
        (&column["geometry_types"], &column["bbox"]),
        (&json!(["Point Z"]), &json!([1.5, 2.5, 30.0, 1.5, 2.5, 30.0]))
    );
    assert_eq!(read(file)[0]["geometry"], one["geometry"]);
}

#[test]
fn values_of_several_kinds_are_json_text_and_come_back() {
    let values =
        [json!("a"), json!(1), json!(null), json!([1, "x"]), json!({ "k": {} }), json!("[1]"), json!(u64::MAX)];
    let items: Vec<Value> = values.iter().map(|value| item("a", json!({ "datetime": null, "mixed": value }))).collect();
    let (file, remarks) = written(&items);
    assert_eq!(remarks, ["kept as JSON text, since no Parquet type holds all the values: `mixed`"]);
    let back = read(file);
    for (item, back) in items.iter().zip(&back) {
        assert!(same_json(&sayable(item), back), "{item}\n{back}");
    }
}

#[test]
fn what_has_no_place_is_told() {
    let mut odd = item("a", json!({ "datetime": null, "id": "other", "bbox": 1, "ok": 1 }));
    odd["foreign"] = json!(true);
    let (file, remarks) = written(&[odd.clone(), odd.clone()]);
    assert_eq!(
        remarks,
        [
            "STAC GeoParquet has no place for member `foreign` of 2 items, property `bbox` of 2 items, property `id` of 2 items"
        ]
    );
    assert!(same_json(&read(file)[0], &sayable(&odd)));
}

#[test]
fn parts_of_items_and_none_at_all_are_files_too() {
    for items in [vec![], vec![json!({ "id": "a" }), json!({ "properties": { "x": 1 } }), json!({})]] {
        let (file, _) = written(&items);
        assert_eq!(read(file.clone()).len(), items.len());
        assert_eq!(key(&file, "geo")["primary_column"], "geometry");
        let columns = metadata(&file).file_metadata().schema().get_fields().len();
        assert!(columns >= 10, "what is required is there: {columns}");
    }
}

#[test]
fn a_geometry_that_is_none_is_refused_with_its_item() {
    let mut wrong = item("the-one", json!({ "datetime": null }));
    wrong["geometry"] = json!({ "type": "Circle" });
    let mut file = GeoParquet::new(Box::<MemorySpool>::default());
    file.push(&wrong).unwrap();
    let error = std::iter::repeat_with(|| file.finish()).find_map(Result::err).unwrap();
    assert!(error.to_string().contains("the-one"), "{error}");
}

#[test]
fn the_bytes_do_not_depend_on_where_items_wait_and_row_groups_are_bounded() {
    let items: Vec<Value> =
        (0..70_000).map(|number| json!({ "id": number.to_string(), "properties": { "n": number % 7 } })).collect();
    let (in_memory, _) = written(&items);
    let (in_file, _) = written_through(Box::<FileSpool>::default(), &items);
    assert_eq!(in_memory, in_file);
    let metadata = metadata(&in_memory);
    let rows: Vec<i64> =
        metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [65_536, 4_464]);
    let n = metadata.row_group(0).columns().iter().find(|column| column.column_path().string() == "n").unwrap();
    assert!(n.statistics().is_some() && n.column_index_offset().is_some(), "engines prune by scalars");
    assert_eq!(read(in_memory).len(), items.len());
}
