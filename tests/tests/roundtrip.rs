//! Every valid item comes out of a data file as it went in; every other one is refused for a reason that holds.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray};
use bytes::Bytes;
use earthcatalog_core::ErrorKind;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::iceberg::metadata::Schema;
use earthcatalog_core::stac::{ValidItem, decode_items, encode_items, schema};
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::{PartitionKey, write_data_file};
use earthcatalog_tests::generated::cases;
use earthcatalog_tests::items::{Source, sources};
use earthcatalog_tests::same_json;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[derive(Default)]
struct Report {
    items: usize,
    equal: usize,
    equal_without_own_columns: usize,
    not_items: usize,
    patched: usize,
    columns: usize,
    json_bytes: usize,
    file_bytes: usize,
    refused: Vec<String>,
    doubtful: Vec<String>,
}

#[test]
fn items_of_every_source_come_back_as_they_went_in() {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return };
    let mut table = String::new();
    let (mut items, mut refused, mut doubtful) = (0, 0, 0);
    for Source { name, documents, .. } in sources(&fixtures) {
        let report = check(&documents);
        let _ = writeln!(
            table,
            "{name:<64} {:>6} {:>6} {:>6} {:>5} {:>5} {:>6} {:>4} {:>9} {:>9}",
            report.items,
            report.equal,
            report.equal_without_own_columns,
            report.refused.len(),
            report.not_items,
            report.patched,
            report.columns,
            report.json_bytes,
            report.file_bytes
        );
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in &report.refused {
            *reasons.entry(reason).or_default() += 1;
        }
        for (reason, count) in reasons {
            let _ = writeln!(table, "    refused {count:>4}: {reason}");
        }
        assert_eq!(report.equal, report.items, "{name}: items that are not equal\n{table}");
        assert_eq!(report.equal_without_own_columns, report.items, "{name}: items that are not equal\n{table}");
        for item in &report.doubtful {
            eprintln!("refused although valid: {item}");
        }
        doubtful += report.doubtful.len();
        items += report.items;
        refused += report.refused.len();
    }
    println!(
        "{:<64} {:>6} {:>6} {:>6} {:>5} {:>5} {:>6} {:>4} {:>9} {:>9}\n{table}",
        "source", "items", "equal", "no own", "ref.", "other", "patch", "cols", "JSON", "Parquet"
    );
    println!("{items} items, all equal; {refused} refused");
    assert_eq!(doubtful, 0, "items refused although valid, see above");
    assert!(items > 10_000, "the fixtures have more items than {items}");
}

fn check(documents: &[Value]) -> Report {
    let mut report = Report::default();
    let (mut valid, mut observed) = (Vec::new(), ObservedProperties::default());
    for document in documents {
        if document["type"] != "Feature" {
            report.not_items += 1;
            continue;
        }
        let bytes = document.to_string();
        match ValidItem::parse(bytes.as_bytes()) {
            Ok(item) => {
                report.json_bytes += bytes.len();
                observed.observe(document);
                valid.push(item);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid);
                if !is_invalid(document) {
                    report.doubtful.push(format!("{error}: {document}"));
                }
                let reason = error.to_string();
                report.refused.push(reason.split([':', '(']).next().unwrap_or_default().trim().to_owned());
            }
        }
    }
    report.items = valid.len();
    let mut table = Schema { schema_id: 0, fields: schema::initial_fields() };
    let without_own_columns = write_and_read(&valid, &table);
    report.equal_without_own_columns = equal_items(&valid, &without_own_columns.items);
    table.fields.extend(observed.new_fields(&table, 34));
    report.columns = table.fields.len();
    let read = write_and_read(&valid, &table);
    report.equal = equal_items(&valid, &read.items);
    (report.patched, report.file_bytes) = (read.patched, read.file_bytes);
    report
}

#[derive(Default)]
struct ReadBack {
    items: Vec<Value>,
    patched: usize,
    file_bytes: usize,
}

/// Items through the data files of their partitions, in the order of the items.
fn write_and_read(items: &[ValidItem], table: &Schema) -> ReadBack {
    let mut partitions: BTreeMap<PartitionKey, Vec<usize>> = BTreeMap::new();
    for (position, item) in items.iter().enumerate() {
        partitions.entry(PartitionKey::new("cell", TimeBin::Year, item.datetime_us)).or_default().push(position);
    }
    let mut read = ReadBack { items: vec![Value::Null; items.len()], ..ReadBack::default() };
    for (partition, positions) in partitions {
        let members: Vec<ValidItem> = positions.iter().map(|position| items[*position].clone()).collect();
        let rows = encode_items(&members, &vec!["cell"; members.len()], table).unwrap();
        let file = write_data_file(&rows, table, &partition).unwrap();
        assert_eq!(file.record_count, members.len() as u64);
        read.file_bytes += file.bytes.len();
        let back = read_file(file.bytes, &mut read.patched);
        assert_eq!(back.len(), positions.len());
        for (position, item) in positions.into_iter().zip(back) {
            read.items[position] = item;
        }
    }
    read
}

fn read_file(bytes: Bytes, patched: &mut usize) -> Vec<Value> {
    let batches = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().with_batch_size(1000).build().unwrap();
    let mut items = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        if let Some(patches) = batch.column_by_name(schema::JSON_PATCH) {
            *patched += patches.len() - patches.null_count();
        }
        items.extend(decode_items(&batch).unwrap());
    }
    items
}

fn equal_items(before: &[ValidItem], after: &[Value]) -> usize {
    assert_eq!(before.len(), after.len());
    let pairs = before.iter().zip(after);
    pairs
        .filter(|(before, after)| {
            let equal = same_json(&before.item, after);
            if !equal {
                eprintln!("in:  {}\nout: {after}", before.item);
            }
            equal
        })
        .count()
}

/// Whether STAC forbids the item, judged apart from the code under test: the rules that real items were seen to break.
fn is_invalid(item: &Value) -> bool {
    let without_version = !item["stac_version"].is_string();
    let without_id = item["id"].as_str().is_none_or(str::is_empty);
    let mut times = ["datetime", "start_datetime", "end_datetime"].iter().map(|name| &item["properties"][*name]);
    let not_a_time = times.any(|time| match time {
        Value::Null => false,
        Value::String(text) => !has_time_and_offset(text),
        _ => true,
    });
    without_version || without_id || not_a_time || !is_geometry(&item["geometry"])
}

/// RFC 3339 §5.6 requires a time and an offset: `2020-01-01T00:00:00Z`, `…+01:00`.
fn has_time_and_offset(text: &str) -> bool {
    let numeric = |offset: &str| offset.len() == 6 && offset.starts_with(['+', '-']) && offset.as_bytes()[3] == b':';
    let offset = text.get(19..).unwrap_or_default();
    offset.ends_with(['Z', 'z']) || offset.get(offset.len().saturating_sub(6)..).is_some_and(numeric)
}

/// RFC 7946 §3.1, and coordinates in degrees (half a pixel beyond a pole is forgiven): arrays nested as the type asks,
/// rings of at least three places.
fn is_geometry(geometry: &Value) -> bool {
    let coordinates = &geometry["coordinates"];
    match geometry["type"].as_str() {
        Some("Point") => is_position(coordinates),
        Some("MultiPoint") => all(coordinates, is_position),
        Some("LineString") => all(coordinates, is_position) && coordinates[1].is_array(),
        Some("MultiLineString") => all(coordinates, |line| all(line, is_position) && line[1].is_array()),
        Some("Polygon") => all(coordinates, is_ring),
        Some("MultiPolygon") => all(coordinates, |polygon| all(polygon, is_ring)),
        Some("GeometryCollection") => all(&geometry["geometries"], is_geometry),
        _ => geometry.is_null(),
    }
}

fn all(elements: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    elements.as_array().is_some_and(|elements| elements.iter().all(fits))
}

fn is_ring(ring: &Value) -> bool {
    all(ring, is_position) && ring[2].is_array()
}

fn is_position(position: &Value) -> bool {
    let within = |index: usize, most: f64| position[index].as_f64().is_some_and(|degrees| degrees.abs() <= most);
    within(0, 360.0) && within(1, 91.0)
}

/// Any JSON value, with numbers at the edges of what columns hold.
fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-100_i32..100).prop_map(|half| Value::from(f64::from(half) / 2.0)),
        Just(json!(9_007_199_254_740_993_u64)),
    ];
    let text = prop_oneof![
        ".{0,20}".prop_map(Value::from),
        Just(json!("2021-06-15T12:00:00Z")),
        Just(json!("2021-06-15T12:00:00.1234567+05:30")),
        Just(json!("2021-06-15")),
    ];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Names that mean something elsewhere, differ in case alone, need escaping in a JSON pointer, or are anything.
fn any_name() -> impl Strategy<Value = String> {
    let names = schema::initial_fields().into_iter().map(|field| field.name).collect::<Vec<_>>();
    let odd = ["", "/", "~", "~1", "a/b", "a.b", "ID", "Platform", "x", "X", "0", "-", "properties", "\u{0}", "ü"];
    prop_oneof![
        prop::sample::select(names),
        prop::sample::select(odd.map(str::to_owned).to_vec()),
        "[a-e]".prop_map(String::from),
        ".{0,6}"
    ]
}

fn any_geometry() -> impl Strategy<Value = Value> {
    let position = (-180.0..180.0, -90.0..90.0, any::<bool>(), -10.0..10.0)
        .prop_map(|(x, y, three, z)| if three { json!([x, y, z]) } else { json!([x, y]) });
    let points = prop::collection::vec(position.clone(), 2..5);
    let ring = (-170.0..170.0, -80.0..80.0, 0.1..9.0, any::<bool>()).prop_map(|(x, y, size, closed)| {
        let mut ring = vec![json!([x, y]), json!([x + size, y]), json!([x, y + size])];
        ring.extend(closed.then(|| json!([x, y])));
        json!(ring)
    });
    let rings = prop::collection::vec(ring, 1..3);
    let simple = prop_oneof![
        position.prop_map(|place| json!({ "type": "Point", "coordinates": place })),
        points.clone().prop_map(|places| json!({ "type": "MultiPoint", "coordinates": places })),
        points.prop_map(|places| json!({ "type": "LineString", "coordinates": places })),
        rings.clone().prop_map(|rings| json!({ "type": "MultiPolygon", "coordinates": [rings.get(..1)] })),
        rings.prop_map(|rings| json!({ "type": "Polygon", "coordinates": rings.get(..1), "bbox": [1, 2, 3, 4] })),
        Just(Value::Null),
    ];
    simple.prop_recursive(2, 6, 3, |inner| {
        let members = inner.prop_filter("a collection has no null member", |member| !member.is_null());
        prop::collection::vec(members, 1..3)
            .prop_map(|members| json!({ "type": "GeometryCollection", "geometries": members }))
    })
}

fn any_item() -> impl Strategy<Value = Value> {
    let members = |most| prop::collection::vec((any_name(), any_value()), 0..most);
    (members(12), members(4), any_geometry(), any::<bool>()).prop_map(
        |(properties, foreign, geometry, null_datetime)| {
            let mut item: Map<String, Value> = foreign.into_iter().collect();
            let mut properties: Map<String, Value> = properties.into_iter().collect();
            for name in ["datetime", "start_datetime", "end_datetime"] {
                properties.remove(name);
            }
            let datetime = if null_datetime { Value::Null } else { json!("2021-06-15T12:00:00.000Z") };
            properties.insert("datetime".to_owned(), datetime);
            item.insert("type".to_owned(), json!("Feature"));
            item.insert("stac_version".to_owned(), json!("1.0.0"));
            item.insert("id".to_owned(), json!("a"));
            item.insert("geometry".to_owned(), geometry);
            item.insert("properties".to_owned(), properties.into());
            item.retain(|name, value| name != "bbox" || value.is_array());
            Value::Object(item)
        },
    )
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_valid_items_come_back_together_as_they_went_in(items in prop::collection::vec(any_item(), 1..5)) {
        let valid: Vec<ValidItem> = items.iter().map(|item| ValidItem::from_value(item.clone()).unwrap()).collect();
        let mut observed = ObservedProperties::default();
        for item in &items {
            observed.observe(item);
        }
        let mut table = Schema { schema_id: 0, fields: schema::initial_fields() };
        table.fields.extend(observed.new_fields(&table, 34));
        for (item, back) in items.iter().zip(write_and_read(&valid, &table).items) {
            prop_assert!(same_json(item, &back), "in:  {}\nout: {}", item, back);
        }
    }

    #[test]
    fn no_text_in_a_column_makes_decoding_panic(name in any_name(), text in any_value(), patch in any_value()) {
        let texts = |value: &Value| Arc::new(StringArray::from(vec![value.to_string()])) as ArrayRef;
        let columns = [("id", texts(&text)), ("json_patch", texts(&json!([{ "op": "add", "path": name, "value": patch }])))];
        let columns = columns.into_iter().chain([(name.as_str(), texts(&text))]);
        let names: std::collections::HashMap<&str, ArrayRef> = columns.collect();
        let rows = RecordBatch::try_from_iter_with_nullable(names.into_iter().map(|(name, array)| (name, array, true)));
        let _ = decode_items(&rows.unwrap());
    }
}
