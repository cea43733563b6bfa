//! Snapshots made in memory, read back by the `iceberg` crate.

use bytes::Bytes;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::iceberg::metadata::{PrimitiveType, Type};
use earthcatalog_core::iceberg::value::Value;
use earthcatalog_core::stac::schema::initial_fields;
use earthcatalog_core::write::metrics::Metrics;
use earthcatalog_core::write::partition::PartitionKey;
use iceberg::spec::{Manifest, ManifestContentType, ManifestStatus, Operation, Transform};

use super::*;

const LOCATION: &str = "s3://bucket/catalog/warehouse/earthcatalog/stac_items";

fn stamp(number: u64) -> Stamp {
    let id = i64::try_from(number).unwrap();
    Stamp {
        now_ms: 1_700_000_000_000 + id,
        snapshot_id: 9_000_000_000_000_000_000 + id,
        uuid: Uuid::from_u64_pair(1, number),
    }
}

fn new_base() -> Base {
    let made = create_table(LOCATION, &initial_fields(), &BTreeMap::new(), &stamp(0)).unwrap();
    Base::parse(&made.location, &made.bytes).unwrap()
}

fn file(cell: &str, year: Option<i32>, number: usize) -> NewDataFile {
    let time = Value::Timestamptz;
    let text = |value: &str| Value::String(value.into());
    let metrics = Metrics {
        null_value_counts: BTreeMap::from([(3, 1), (4, 1), (13, 3)]),
        nan_value_counts: BTreeMap::new(),
        lower_bounds: BTreeMap::from([(1, text("a first id of many")), (2, text(cell)), (3, text("x")), (4, time(1))]),
        upper_bounds: BTreeMap::from([(1, text("b last id of them all")), (2, text(cell)), (4, time(2))]),
    };
    NewDataFile {
        location: format!("s3://bucket/catalog/warehouse/{cell}/{number}.parquet"),
        partition: PartitionKey { cell: cell.into(), time_bin: TimeBin::Year, bin: year },
        record_count: 3,
        file_size_bytes: 100,
        metrics,
    }
}

fn change(files: Vec<NewDataFile>) -> Change {
    Change { files, commit_id: Some("commit".into()), ..Change::default() }
}

/// All objects of a commit by location, and the base after it.
async fn apply(
    base: &Base,
    change: &Change,
    stamp: Stamp,
    manifests: &HashMap<String, Bytes>,
) -> (Base, HashMap<String, Bytes>) {
    let addition = base.add(change, &stamp).await.unwrap();
    let mut objects = manifests.clone();
    objects.extend(addition.objects().map(|object| (object.location.clone(), object.bytes.clone())));
    let bytes: Vec<Bytes> = base.manifest_locations().map(|place| objects[place].clone()).collect();
    let removal = base.remove(&change.mode, &bytes, &stamp, Uuid::from_u64_pair(2, 2)).await.unwrap();
    objects.extend(
        removal
            .iter()
            .flat_map(|removal| removal.objects().map(|object| (object.location.clone(), object.bytes.clone()))),
    );
    let next = base.next(change, &addition, removal.as_ref(), stamp.uuid).await.unwrap();
    objects.extend(next.objects.iter().map(|object| (object.location.clone(), object.bytes.clone())));
    let mut base = Base::parse(&next.metadata_location, &objects[&next.metadata_location]).unwrap();
    if let Some(list) = base.manifest_list().map(str::to_owned) {
        base.set_manifest_list(&objects[&list]).unwrap();
    }
    (base, objects)
}

fn live_files(base: &Base, objects: &HashMap<String, Bytes>) -> Vec<String> {
    let manifests = base.manifest_locations().map(|place| Manifest::parse_avro(&objects[place]).unwrap());
    let entries = manifests.flat_map(|manifest| manifest.entries().to_vec());
    let live = entries.filter(|entry| entry.status != ManifestStatus::Deleted);
    let mut paths: Vec<String> = live.map(|entry| entry.data_file.file_path().to_owned()).collect();
    paths.sort();
    paths
}

#[test]
fn a_new_table_keeps_the_ids_of_the_contract() {
    let base = new_base();
    let schema = base.metadata.current_schema();
    for field in initial_fields() {
        assert_eq!(schema.field_by_id(field.id).unwrap().name, field.name);
    }
    let spec = base.metadata.default_partition_spec();
    let fields: Vec<_> = spec
        .fields()
        .iter()
        .map(|field| (field.source_id, field.field_id, field.name.as_str(), field.transform))
        .collect();
    assert_eq!(fields, [(2, 1000, "grid_partition", Transform::Identity), (4, 1001, "year", Transform::Year)]);
    assert_eq!(base.metadata.last_partition_id(), 1001);
    assert!(base.metadata.default_sort_order().fields.is_empty());
    assert_eq!(base.snapshot_id(), None);
    assert!(base.metadata_location().starts_with(&format!("{LOCATION}/metadata/00000-")));
    let mapping = &base.properties()[table::NAME_MAPPING_KEY];
    assert_eq!(mapping, &table::name_mapping(schema).unwrap());
}

#[tokio::test]
async fn an_append_keeps_what_was_there_and_sums_it_up() {
    let base = new_base();
    let files = vec![file("b", Some(50), 1), file("a", Some(51), 2), file("a", None, 3)];
    let (base, objects) = apply(&base, &change(files), stamp(1), &HashMap::new()).await;
    let (base, objects) = apply(&base, &change(vec![file("c", Some(50), 4)]), stamp(2), &objects).await;
    assert_eq!(live_files(&base, &objects).len(), 4);

    let snapshot = base.metadata.current_snapshot().unwrap();
    assert_eq!(snapshot.parent_snapshot_id(), Some(stamp(1).snapshot_id));
    assert_eq!((snapshot.sequence_number(), base.metadata.last_sequence_number()), (2, 2));
    let summary = snapshot.summary();
    assert_eq!(summary.operation, Operation::Append);
    for (key, value) in [
        ("added-data-files", "1"),
        ("added-records", "3"),
        ("added-files-size", "100"),
        ("changed-partition-count", "1"),
        ("total-data-files", "4"),
        ("total-records", "12"),
        ("total-files-size", "400"),
        ("total-delete-files", "0"),
        (properties::COMMIT_ID, "commit"),
    ] {
        assert_eq!(summary.additional_properties.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(base.metadata.history().len(), 2);
    assert_eq!(base.metadata.metadata_log().len(), 2);
    assert_eq!(base.snapshot_of_commit("commit").map(|id| id > 0), Some(true));
    assert_eq!(base.snapshot_of_commit("other"), None);
    assert!(base.metadata_location().contains("/00002-"));
}

#[tokio::test]
async fn a_manifest_is_sorted_compressed_and_says_what_it_spans() {
    let base = new_base();
    let files = (0..9000).map(|number| file(&format!("{:03}", (number * 7) % 1000), Some(50), number)).collect();
    let (base, objects) = apply(&base, &change(files), stamp(1), &HashMap::new()).await;
    assert_eq!(base.manifests.len(), 3);
    let mut last = Vec::new();
    for manifest in &base.manifests {
        let bytes = &objects[&manifest.manifest_path];
        assert_eq!(manifest.manifest_length, i64::try_from(bytes.len()).unwrap());
        assert!(bytes.len() < 3000 * 40, "{} bytes", bytes.len());
        assert_eq!((manifest.content, manifest.sequence_number), (ManifestContentType::Data, 1));
        let cell = &manifest.partitions.as_ref().unwrap()[0];
        let (lower, upper) =
            (cell.lower_bound.clone().unwrap().into_vec(), cell.upper_bound.clone().unwrap().into_vec());
        assert!(last <= lower && lower <= upper);
        last = upper;
        let entries = Manifest::parse_avro(bytes).unwrap();
        assert_eq!(entries.entries().len(), 3000);
        let cells: Vec<_> =
            entries.entries().iter().map(|entry| format!("{:?}", entry.data_file.partition())).collect();
        assert!(cells.is_sorted());
    }
}

#[tokio::test]
async fn metrics_follow_the_tables_properties() {
    let (base, objects) = apply(&new_base(), &change(vec![file("a", Some(50), 1)]), stamp(1), &HashMap::new()).await;
    let manifest = Manifest::parse_avro(&objects[base.manifest_locations().next().unwrap()]).unwrap();
    let file = manifest.entries()[0].data_file.clone();
    assert_eq!(file.lower_bounds()[&1].to_human_string().trim_matches('"'), "a first id of ma");
    assert_eq!(file.upper_bounds()[&1].to_human_string().trim_matches('"'), "b last id of thf");
    assert_eq!(file.null_value_counts()[&4], 1);
    assert_eq!(file.null_value_counts().get(&3), Some(&1));
    assert!(!file.lower_bounds().contains_key(&3), "a geometry has no order");
    assert!(!file.lower_bounds().contains_key(&2), "a cell is the partition's value already");
    assert_eq!(file.value_counts(), &HashMap::from([(13, 3)]), "rows are counted once, unless all are null");
    assert_eq!(file.lower_bounds()[&4].to_bytes().unwrap().as_slice(), [0; 8], "times are rounded");
}

#[tokio::test]
async fn clustered_manifests_hold_the_same_entries_in_order() {
    let mut state = (new_base(), HashMap::new());
    for number in 0..3_u64 {
        let cells = ["c", "a", "b"].map(|cell| file(cell, Some(50), usize::try_from(number).unwrap()));
        state = apply(&state.0, &change(cells.into()), stamp(number), &state.1).await;
    }
    let (before, objects) = state;
    let cluster = Change { mode: Mode::Cluster, ..change(Vec::new()) };
    let (base, objects) = apply(&before, &cluster, stamp(9), &objects).await;
    assert_eq!((before.manifests.len(), base.manifests.len()), (3, 1));
    assert_eq!(live_files(&base, &objects), live_files(&before, &objects));
    let listed = &base.manifests[0];
    assert_eq!(
        (listed.added_files_count, listed.existing_files_count, listed.deleted_files_count),
        (Some(0), Some(9), Some(0))
    );
    assert_eq!((listed.sequence_number, listed.min_sequence_number), (4, 1));
    let manifest = Manifest::parse_avro(&objects[&listed.manifest_path]).unwrap();
    // Who asks what a snapshot added is not told of files that were there before.
    assert!(manifest.entries().iter().all(|entry| entry.status == ManifestStatus::Existing));
    let came = |entry: &std::sync::Arc<iceberg::spec::ManifestEntry>| (entry.snapshot_id, entry.sequence_number);
    let came: BTreeSet<_> = manifest.entries().iter().map(came).collect();
    assert_eq!(
        came,
        (0..3).map(|number| (Some(stamp(number).snapshot_id), Some(i64::try_from(number).unwrap() + 1))).collect()
    );
    let cells: Vec<_> = manifest.entries().iter().map(|entry| format!("{:?}", entry.data_file.partition())).collect();
    assert!(cells.is_sorted());
    let (last, first) = (before.metadata.current_snapshot().unwrap(), base.metadata.current_snapshot().unwrap());
    assert_eq!(first.summary().operation, Operation::Replace);
    let total = |snapshot: &Snapshot| snapshot.summary().additional_properties["total-records"].clone();
    assert_eq!(total(first), total(last));
}

#[tokio::test]
async fn a_replacement_marks_the_old_files_as_deleted() {
    let files = vec![file("a", Some(50), 1), file("b", None, 2)];
    let (base, objects) = apply(&new_base(), &change(files), stamp(1), &HashMap::new()).await;
    let replace = Change { mode: Mode::Replace, ..change(vec![file("b", None, 3)]) };
    let (base, objects) = apply(&base, &replace, stamp(2), &objects).await;
    assert_eq!(live_files(&base, &objects), ["s3://bucket/catalog/warehouse/b/3.parquet"]);
    let deleted = base.manifests.iter().find(|manifest| manifest.has_deleted_files()).unwrap();
    assert_eq!((deleted.deleted_files_count, deleted.deleted_rows_count), (Some(2), Some(6)));
    let entries = Manifest::parse_avro(&objects[&deleted.manifest_path]).unwrap();
    for entry in entries.entries() {
        assert_eq!((entry.snapshot_id, entry.sequence_number), (Some(stamp(2).snapshot_id), Some(1)));
    }
    let summary = base.metadata.current_snapshot().unwrap().summary();
    assert_eq!(summary.operation, Operation::Overwrite);
    for (key, value) in [
        ("total-data-files", "1"),
        ("deleted-data-files", "2"),
        ("total-records", "3"),
        ("changed-partition-count", "2"),
    ] {
        assert_eq!(summary.additional_properties[key], value, "{key}");
    }
    // The deletions are told once; the next snapshot does not carry them on.
    let (base, objects) = apply(&base, &change(vec![file("c", None, 4)]), stamp(3), &objects).await;
    assert_eq!(base.manifests.len(), 2);
    assert_eq!(live_files(&base, &objects).len(), 2);
}

#[tokio::test]
async fn some_files_leave_and_their_neighbours_keep_their_numbers() {
    let path = |name: &str| format!("s3://bucket/catalog/warehouse/{name}.parquet");
    let files = vec![file("a", Some(50), 1), file("a", Some(50), 2), file("b", None, 3)];
    let (base, objects) = apply(&new_base(), &change(files), stamp(1), &HashMap::new()).await;
    let (base, objects) = apply(&base, &change(vec![file("c", None, 4)]), stamp(2), &objects).await;
    let merge =
        Change { mode: Mode::Rewrite([path("a/1"), path("a/2")].into()), ..change(vec![file("a", Some(50), 5)]) };
    let (base, objects) = apply(&base, &merge, stamp(3), &objects).await;
    assert_eq!(live_files(&base, &objects), [path("a/5"), path("b/3"), path("c/4")]);
    let summary = base.metadata.current_snapshot().unwrap().summary();
    assert_eq!(summary.operation, Operation::Replace);
    for (key, value) in [
        ("total-data-files", "3"),
        ("total-records", "9"),
        ("deleted-data-files", "2"),
        ("added-data-files", "1"),
        ("total-files-size", "300"),
        ("changed-partition-count", "1"),
    ] {
        assert_eq!(summary.additional_properties[key], value, "{key}");
    }
    let touched = base.manifests.iter().find(|manifest| manifest.has_deleted_files()).unwrap();
    assert_eq!((touched.deleted_files_count, touched.existing_files_count), (Some(2), Some(1)));
    for entry in Manifest::parse_avro(&objects[&touched.manifest_path]).unwrap().entries() {
        let by = if entry.status == ManifestStatus::Deleted { stamp(3) } else { stamp(1) };
        assert_eq!((entry.snapshot_id, entry.sequence_number), (Some(by.snapshot_id), Some(1)));
        assert_eq!(entry.file_sequence_number, Some(1));
    }
    // A manifest that was touched goes on with what lives in it.
    let (base, objects) = apply(&base, &change(vec![file("d", None, 6)]), stamp(4), &objects).await;
    assert_eq!(live_files(&base, &objects).len(), 4);
    let delete = Change { mode: Mode::Overwrite([path("b/3")].into()), ..change(Vec::new()) };
    let (base, objects) = apply(&base, &delete, stamp(5), &objects).await;
    assert_eq!(live_files(&base, &objects), [path("a/5"), path("c/4"), path("d/6")]);
    let summary = base.metadata.current_snapshot().unwrap().summary();
    assert_eq!(
        (&summary.operation, summary.additional_properties["total-records"].as_str()),
        (&Operation::Delete, "9")
    );

    let bytes: Vec<Bytes> = base.manifest_locations().map(|place| objects[place].clone()).collect();
    let gone = Mode::Rewrite([path("a/5"), path("b/3")].into());
    let error = base.remove(&gone, &bytes, &stamp(6), stamp(6).uuid).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(&path("b/3")), "{error}");
}

#[tokio::test]
async fn snapshots_are_forgotten_unless_they_are_in_use() {
    let (base, objects) = apply(&new_base(), &change(vec![file("a", None, 1)]), stamp(1), &HashMap::new()).await;
    let (base, objects) = apply(&base, &change(vec![file("b", None, 2)]), stamp(2), &objects).await;
    let expire = |id: i64| Change { expired_snapshots: [id, 77].into(), ..change(Vec::new()) };
    let (expired, _) = apply(&base, &expire(stamp(1).snapshot_id), stamp(3), &objects).await;
    let ids: Vec<i64> = expired.metadata.snapshots().map(|snapshot| snapshot.snapshot_id()).collect();
    assert_eq!(ids, [stamp(2).snapshot_id]);
    assert_eq!(expired.snapshot_id(), base.snapshot_id());
    assert_eq!(expired.metadata.history().len(), 1);
    assert!(expired.descends_from(&[base.metadata_location().to_owned()]));
    assert!(!base.descends_from(&[expired.metadata_location().to_owned()]));

    let nothing = change(Vec::new());
    let addition = base.add(&nothing, &stamp(4)).await.unwrap();
    let current = expire(stamp(2).snapshot_id);
    let error = base.next(&current, &addition, None, stamp(4).uuid).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);

    let mut tagged: serde_json::Value = serde_json::from_slice(&objects[base.metadata_location()]).unwrap();
    tagged["refs"]["release"] = serde_json::json!({ "snapshot-id": stamp(1).snapshot_id, "type": "tag" });
    let tagged = Base::parse(base.metadata_location(), tagged.to_string().as_bytes()).unwrap();
    let error = tagged.next(&expire(stamp(1).snapshot_id), &addition, None, stamp(4).uuid).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn new_columns_make_a_new_schema_and_the_name_mapping_follows() {
    let base = new_base();
    let id = base.metadata.last_column_id() + 1;
    let cloud = Field::optional(id, "eo:cloud_cover", Type::Primitive(PrimitiveType::Double));
    let evolve = Change { new_fields: vec![cloud.clone()], ..change(vec![file("a", Some(50), 1)]) };
    let (base, objects) = apply(&base, &evolve, stamp(1), &HashMap::new()).await;
    assert_eq!((base.metadata.current_schema_id(), base.metadata.last_column_id()), (1, id));
    assert_eq!(base.metadata.current_snapshot().unwrap().schema_id(), Some(1));
    assert_eq!(
        base.properties()[table::NAME_MAPPING_KEY],
        table::name_mapping(base.metadata.current_schema()).unwrap()
    );

    // The same change again adds nothing; another column under the same id is a conflict.
    let (again, _) = apply(&base, &evolve, stamp(2), &objects).await;
    assert_eq!(again.metadata.current_schema_id(), 1);
    for clash in [
        Field::optional(id, "other", Type::Primitive(PrimitiveType::Double)),
        Field::optional(id + 1, "EO:cloud_cover", Type::Primitive(PrimitiveType::Double)),
        Field::optional(id, "eo:cloud_cover", Type::Primitive(PrimitiveType::String)),
    ] {
        let clashing = Change { new_fields: vec![clash], ..change(Vec::new()) };
        assert_eq!(base.add(&clashing, &stamp(3)).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[tokio::test]
async fn properties_alone_make_no_snapshot() {
    let only = Change { properties: BTreeMap::from([("k".into(), "v".into())]), ..change(Vec::new()) };
    let (base, _) = apply(&new_base(), &only, stamp(1), &HashMap::new()).await;
    assert_eq!(base.snapshot_id(), None);
    assert_eq!(base.properties()["k"], "v");
}

#[tokio::test]
async fn a_table_of_the_python_program_grows_and_keeps_its_properties() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/fixtures/upstream/itslive-5k-s3/warehouse/earthcatalog/stac_items/metadata"
    );
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("skipped: no {folder}");
        return;
    };
    let objects: HashMap<String, Bytes> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap().into()))
        .collect();
    let name = |place: &str| place.rsplit('/').next().unwrap().to_owned();
    let latest = objects.keys().filter(|name| name.ends_with(".metadata.json")).max().unwrap().clone();
    let mut base = Base::parse(&format!("s3://its-live-data/x/metadata/{latest}"), &objects[&latest]).unwrap();
    let list = name(base.manifest_list().unwrap());
    base.set_manifest_list(&objects[&list]).unwrap();
    let by_place: HashMap<String, Bytes> =
        base.manifest_locations().map(|place| (place.to_owned(), objects[&name(place)].clone())).collect();

    let mut append = change(vec![file("81003ffffffffff", Some(50), 1)]);
    let id = base.metadata.last_column_id() + 1;
    append.new_fields = vec![Field::optional(id, "json_patch", Type::Primitive(PrimitiveType::String))];
    let (grown, after) = apply(&base, &append, stamp(5), &by_place).await;
    assert_eq!(live_files(&grown, &after).len(), 1460);
    let summary = &grown.metadata.current_snapshot().unwrap().summary().additional_properties;
    assert_eq!(summary["total-records"], "8814");
    for (key, value) in base.properties() {
        if key != table::NAME_MAPPING_KEY {
            assert_eq!(grown.properties().get(key), Some(value));
        }
    }

    let replace = Change { mode: Mode::Replace, ..change(vec![file("81003ffffffffff", Some(50), 1)]) };
    let (replaced, after) = apply(&base, &replace, stamp(6), &by_place).await;
    assert_eq!(live_files(&replaced, &after).len(), 1);
    let summary = &replaced.metadata.current_snapshot().unwrap().summary().additional_properties;
    assert_eq!((summary["deleted-data-files"].as_str(), summary["total-records"].as_str()), ("1459", "3"));
}

#[test]
fn other_format_versions_are_refused_by_name() {
    let made = create_table(LOCATION, &initial_fields(), &BTreeMap::new(), &stamp(0)).unwrap();
    let text = String::from_utf8(made.bytes.to_vec()).unwrap();
    let third = text.replace("\"format-version\":2", "\"format-version\":3").replacen('{', "{\"next-row-id\":0,", 1);
    let error = Base::parse("x", third.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(Base::parse("x", b"{}").unwrap_err().kind(), ErrorKind::Corrupt);
}
