//! Tables and catalogs that other programs wrote: what we read of them, and what we refuse.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper may end the test")]

use bytes::Bytes;
use earthcatalog_core::catalog::hash_index::{UniqueItems, parquet_rows};
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::catalog::sqlite::Pages;
use earthcatalog_core::catalog::stats::{stats, top_cells, totals};
use earthcatalog_core::catalog::{Catalog, Open, OpenOptions, Writer};
use earthcatalog_core::grid::Grid;
use earthcatalog_core::iceberg::manifest::{
    ManifestContent, ManifestEntry, ManifestFile, parse_manifest, parse_manifest_list, refuse_deletes,
};
use earthcatalog_core::iceberg::metadata::{PrimitiveType, TableMetadata};
use earthcatalog_core::iceberg::value::Value;
use earthcatalog_core::machine::drive;
use earthcatalog_core::{Error, ErrorKind, Location, Machine, Request, Result, Span, Step};
use earthcatalog_tests::fixtures;
use std::collections::BTreeMap;
use std::path::Path;

fn read(request: &Request) -> Result<Bytes> {
    let bytes = std::fs::read(request.location.normal())
        .map_err(|error| Error::new(ErrorKind::NotFound, "no such file").caused_by(error))?;
    Ok(cut(Bytes::from(bytes), &request.range))
}

fn cut(bytes: Bytes, span: &Span) -> Bytes {
    let at = |at: u64| usize::try_from(at).unwrap().min(bytes.len());
    match span {
        Span::Whole => bytes,
        Span::Prefix(most) => bytes.slice(..at(*most)),
        Span::Tail(most) => bytes.slice(bytes.len().saturating_sub(at(*most))..),
        Span::Bytes(range) => bytes.slice(at(range.start)..at(range.end)),
    }
}

fn location(path: &Path) -> Location {
    Location::parse(path.to_str().unwrap()).unwrap()
}

fn open(path: &Path) -> Result<Catalog> {
    let mut found = drive(&mut Open::new(&location(path), OpenOptions::default()), read)?;
    Ok(found.pop().unwrap())
}

fn fetch(catalog: &Catalog, stored: &str) -> Vec<u8> {
    let location = catalog.resolve(stored).unwrap();
    std::fs::read(location.as_str()).unwrap_or_else(|error| panic!("{location}: {error}"))
}

fn manifests(catalog: &Catalog) -> Vec<ManifestFile> {
    let list = catalog.snapshot().unwrap().manifest_list.clone().unwrap();
    parse_manifest_list(&fetch(catalog, &list)).unwrap()
}

fn entries(catalog: &Catalog, wanted: &[i32]) -> Result<Vec<ManifestEntry>> {
    let mut all = Vec::new();
    for manifest in manifests(catalog) {
        let bytes = fetch(catalog, &manifest.manifest_path);
        all.extend(parse_manifest(&bytes, catalog.metadata(), &manifest, wanted)?);
    }
    Ok(all)
}

/// The totals the table's own writer noted in the snapshot.
fn assert_totals_are_the_writers(catalog: &Catalog, entries: &[ManifestEntry]) {
    let summary = &catalog.snapshot().unwrap().summary;
    let noted = |key: &str| summary.get(key).unwrap().parse::<u64>().unwrap();
    let rows: u64 = entries.iter().map(|entry| entry.data_file.record_count).sum();
    let bytes: u64 = entries.iter().map(|entry| entry.data_file.file_size_bytes).sum();
    assert_eq!(entries.len() as u64, noted("total-data-files"));
    assert_eq!((rows, bytes), (noted("total-records"), noted("total-files-size")));
}

#[test]
fn catalogs_of_the_python_program_are_read_where_they_lie() {
    let Some(fixtures) = fixtures() else { return };
    for name in ["itslive-5k-s3", "itslive-5k-s3-v2"] {
        let folder = fixtures.join("upstream").join(name);
        let catalog = open(&folder).unwrap();
        let by_database = open(&folder.join("earthcatalog.db")).unwrap();
        assert_eq!(catalog.metadata(), by_database.metadata());
        assert_eq!(catalog.base(), by_database.base());
        assert_eq!(catalog.grid_definition(), &GridDefinition::H3 { resolution: 1 });
        assert!(matches!(catalog.grid(), Grid::H3(grid) if grid.resolution() == 1));
        assert_eq!((catalog.writer(), catalog.warnings().len()), (Writer::Foreign, 0));
        assert_eq!(manifests(&catalog).len(), 2);
        for manifest in manifests(&catalog) {
            assert_eq!(fetch(&catalog, &manifest.manifest_path).len() as u64, manifest.manifest_length);
        }
        let entries = entries(&catalog, &[4, 26]).unwrap();
        assert_totals_are_the_writers(&catalog, &entries);
        assert_eq!(entries.len(), 1_459);
        let files = || entries.iter().map(|entry| &entry.data_file);
        for file in files() {
            let path = catalog.resolve(&file.file_path).unwrap();
            let size = std::fs::metadata(path.as_str()).unwrap().len();
            assert_eq!(size, file.file_size_bytes, "{path}");
        }
        let partitions = stats(files(), catalog.metadata());
        let sums = totals(&partitions);
        assert_eq!((sums.row_count, sums.file_count), (8_811, 1_459));
        assert!(partitions.is_sorted_by_key(|one| (one.grid_partition.clone(), one.year.clone())));
        let top = top_cells(&partitions, 3);
        assert!(top.is_sorted_by(|one, two| one.row_count >= two.row_count) && top.len() == 3);
        assert_eq!(drive(&mut UniqueItems::new(&catalog), read).unwrap(), [5_000]);
    }
}

#[test]
fn partition_values_and_bounds_are_those_of_the_files() {
    let Some(fixtures) = fixtures() else { return };
    let catalog = open(&fixtures.join("upstream/itslive-5k-s3")).unwrap();
    let entries = entries(&catalog, &[2, 4, 26, 7]).unwrap();
    let epoch = |year: i64| (year - 1970) * 31_556_952_000_000;
    for entry in &entries {
        let file = &entry.data_file;
        let [Some(Value::String(cell)), Some(Value::Int(year))] = file.partition.as_slice() else {
            panic!("{:?} of {}", file.partition, file.file_path)
        };
        // Not how values are found, but a check that they are: this writer put them into its paths.
        let path = format!("grid_partition={cell}/year={}/", 1970 + year);
        assert!(file.file_path.contains(&path), "{} is not in {path}", file.file_path);
        let datetime = &file.metrics[&4];
        let Some((Value::Timestamptz(lower), Value::Timestamptz(upper))) =
            datetime.lower.clone().zip(datetime.upper.clone())
        else {
            panic!("{datetime:?}")
        };
        assert!(lower <= upper && datetime.null_count == Some(0));
        assert_eq!(datetime.value_count, Some(file.record_count));
        let years =
            (epoch(i64::from(1970 + year)) - 864_000_000_000)..(epoch(i64::from(1971 + year)) + 864_000_000_000);
        assert!(years.contains(&lower) && years.contains(&upper), "{lower} {upper} in {year}");
        assert_eq!(file.metrics[&2].lower, Some(Value::String(cell.clone())));
        assert!(matches!(file.metrics[&26].lower, Some(Value::Double(latitude)) if latitude.abs() <= 90.0));
        assert!(matches!(file.metrics[&7].upper, Some(Value::Long(_))));
        assert_eq!(file.metrics.len(), 4);
        assert_eq!(file.file_format, "PARQUET");
    }
    let snapshots: BTreeMap<i64, i64> =
        entries.iter().map(|entry| (entry.snapshot_id, entry.sequence_number)).collect();
    let committed = catalog.metadata().snapshots.iter().map(|one| (one.snapshot_id, one.sequence_number)).collect();
    assert_eq!(snapshots, committed, "ids and sequence numbers are inherited from the manifest");
    for manifest in manifests(&catalog) {
        let summaries = manifest.partitions.unwrap();
        let year =
            |bytes: &Option<Vec<u8>>| Value::from_bound_bytes(&PrimitiveType::Int, bytes.as_ref().unwrap()).unwrap();
        let years: Vec<i64> = entries
            .iter()
            .filter(|entry| entry.snapshot_id == manifest.added_snapshot_id)
            .filter_map(|entry| entry.data_file.partition[1].as_ref()?.as_i64())
            .collect();
        assert_eq!(year(&summaries[1].lower).as_i64(), years.iter().min().copied());
        assert_eq!(year(&summaries[1].upper).as_i64(), years.iter().max().copied());
        assert!(!summaries[0].contains_null);
    }
    assert_eq!(catalog.metadata().name_mapping().unwrap().unwrap().field_id(&["proj:code"]), Some(8));
}

#[test]
fn sql_catalogs_with_relative_locations_are_rebased() {
    let Some(fixtures) = fixtures() else { return };
    let open_duckdb = |name: &str| open(&fixtures.join("iceberg").join(name).join("pyiceberg_catalog.db")).unwrap();
    for name in ["partition_timestamptz", "partition_timestamp", "null_stats", "case_sensitive_names"] {
        let catalog = open_duckdb(&format!("duckdb-{name}"));
        let entries = entries(&catalog, &[1, 2]).unwrap();
        assert_totals_are_the_writers(&catalog, &entries);
        for entry in &entries {
            let path = catalog.resolve(&entry.data_file.file_path).unwrap();
            let rows = parquet_rows(&std::fs::read(path.as_str()).unwrap().into()).unwrap();
            assert_eq!(rows, entry.data_file.record_count);
        }
    }
    let partitions = |name: &str| -> Vec<String> {
        let catalog = open_duckdb(name);
        let entries = entries(&catalog, &[]).unwrap();
        let shown = entries.iter().map(|entry| entry.data_file.partition[0].as_ref().unwrap().to_string());
        shown.collect()
    };
    assert_eq!(partitions("duckdb-partition_timestamptz"), ["2023-05-15T14:30:45Z", "2023-08-22T09:15:20Z"]);
    assert_eq!(partitions("duckdb-partition_timestamp"), ["2023-05-15T14:30:45", "2023-08-22T09:15:20"]);
    let names = open_duckdb("duckdb-case_sensitive_names");
    assert!(names.hash_index().is_none(), "only tables with a grid have a hash index");
}

#[test]
fn tables_are_opened_by_their_metadata_object_too() {
    let Some(fixtures) = fixtures() else { return };
    let iceberg = fixtures.join("iceberg");
    for (path, partitions) in [
        ("duckdb-partition_bigint/metadata/v2.metadata.json", vec![i64::MAX.to_string(), i64::MIN.to_string()]),
        ("icebird/hyperparam-iceberg/spark/bunnies/metadata/v2.metadata.json", vec![]),
        ("icebird/hyperparam-iceberg/java/bunnies/metadata/v3.metadata.json", vec![]),
        (
            "icebird/hyperparam-iceberg/athena/example/metadata/00001-aaf0d033-d06b-43c7-be60-67f83abd4aca.metadata.json",
            vec![],
        ),
    ] {
        let catalog = open(&iceberg.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        refuse_deletes(&manifests(&catalog)).unwrap();
        let entries = entries(&catalog, &[]).unwrap();
        assert_totals_are_the_writers(&catalog, &entries);
        let mut found: Vec<String> = entries
            .iter()
            .flat_map(|entry| entry.data_file.partition.iter().flatten())
            .map(ToString::to_string)
            .collect();
        found.sort_by_key(|text| text.starts_with('-'));
        assert_eq!(found, partitions, "{path}");
    }
    let upstream = fixtures.join("upstream/itslive-5k-s3");
    let by_database = open(&upstream).unwrap();
    let direct = open(Path::new(by_database.metadata_location().as_str())).unwrap();
    assert_eq!(direct.base(), by_database.base(), "data files beside the table's folder are found as well");
    assert_eq!(entries(&direct, &[]).unwrap(), entries(&by_database, &[]).unwrap());
    assert!(direct.table_row().is_none());
}

#[test]
fn renamed_columns_keep_their_id_and_dates_and_buckets_their_type() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("iceberg/icebird/hyperparam-iceberg/spark/rename_column/metadata");
    let (before, after) =
        (open(&folder.join("v2.metadata.json")).unwrap(), open(&folder.join("v3.metadata.json")).unwrap());
    assert_eq!(before.metadata().schema().field_by_name("date").unwrap().id, 3);
    assert_eq!(after.metadata().schema().field_by_name("event_date").unwrap().id, 3);
    assert_eq!(after.metadata().schema().field_by_name("date"), None);
    let mut tuples: Vec<String> =
        entries(&after, &[]).unwrap().iter().map(|entry| format!("{:?}", entry.data_file.partition)).collect();
    tuples.sort();
    let expected = ["Some(Int(0)), Some(Date(18993))", "Some(Int(2)), Some(Date(18994))", "Some(Int(3)), None"];
    assert_eq!(tuples, expected.map(|tuple| format!("[{tuple}]")));
    assert_eq!(entries(&before, &[]).unwrap().len(), 3);
}

#[test]
fn tables_with_delete_files_are_refused_by_name() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("iceberg/icebird/hyperparam-iceberg");
    for table in [
        "spark/bunnies/metadata/v3",
        "spark/bunnies/metadata/v5",
        "java/bunnies/metadata/v4",
        "java/bunnies/metadata/v5",
    ] {
        let catalog = open(&folder.join(format!("{table}.metadata.json"))).unwrap();
        let list = manifests(&catalog);
        assert!(list.iter().any(|manifest| manifest.content == ManifestContent::Deletes));
        for error in [refuse_deletes(&list).unwrap_err(), entries(&catalog, &[]).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("delete files"), "{error}");
            assert!(error.context().iter().any(|(_, value)| value.contains("bunnies")), "{error}");
        }
    }
}

#[test]
fn a_decoded_manifest_equals_what_another_reader_decoded() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("iceberg/icebird");
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let list = parse_manifest_list(
        &std::fs::read(folder.join("snap-8656952484400131532-1-a85973e4-4009-4cba-875e-5278a2c6027d.avro")).unwrap(),
    )
    .unwrap();
    let expected = &json("snap-8656952484400131532-1-a85973e4-4009-4cba-875e-5278a2c6027d.json")[0];
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].manifest_path, expected["manifest_path"]);
    assert_eq!(list[0].manifest_length, expected["manifest_length"].as_u64().unwrap());
    assert_eq!(list[0].added_rows_count, expected["added_rows_count"].as_u64());
    assert_eq!(list[0].sequence_number, 1);
    // The other reader is written in JavaScript, whose numbers do not hold it.
    assert_eq!(list[0].added_snapshot_id, 8_656_952_484_400_131_532);

    let header = json("a85973e4-4009-4cba-875e-5278a2c6027d-m0.metadata.json");
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let table = format!(
        r#"{{"format-version":1,"location":"t","last-updated-ms":0,"last-column-id":9,"schema":{}}}"#,
        text(&header["metadata"]["schema"])
    );
    let table = TableMetadata::parse(table.as_bytes()).unwrap();
    let wanted: Vec<i32> = (1..=8).collect();
    let bytes = std::fs::read(folder.join("a85973e4-4009-4cba-875e-5278a2c6027d-m0.avro")).unwrap();
    let entries = parse_manifest(&bytes, &table, &list[0], &wanted).unwrap();
    let expected = &json("a85973e4-4009-4cba-875e-5278a2c6027d-m0.json")[0]["data_file"];
    assert_eq!(entries.len(), 1);
    let file = &entries[0].data_file;
    assert_eq!(file.file_path, expected["file_path"]);
    assert_eq!(file.file_size_bytes, expected["file_size_in_bytes"].as_u64().unwrap());
    let mut compared = 0;
    for (name, metric) in [("lower_bounds", true), ("upper_bounds", false)] {
        for pair in expected[name].as_array().unwrap() {
            let id = i32::try_from(pair["key"].as_i64().unwrap()).unwrap();
            let metrics = &file.metrics[&id];
            let found = if metric { &metrics.lower } else { &metrics.upper };
            let bytes: Vec<u8> = serde_json::from_value(pair["value"].clone()).unwrap();
            assert_eq!(found.as_ref().unwrap().to_bound_bytes(), bytes, "{name} of {id}");
            compared += 1;
        }
    }
    assert_eq!(compared, 16);
    for (name, null) in [("value_counts", false), ("null_value_counts", true)] {
        for pair in expected[name].as_array().unwrap() {
            let metrics = &file.metrics[&i32::try_from(pair["key"].as_i64().unwrap()).unwrap()];
            let found = if null { metrics.null_count } else { metrics.value_count };
            assert_eq!(found, pair["value"].as_u64(), "{name}");
        }
    }
}

#[test]
fn metadata_of_the_rust_library_is_accepted_or_refused_as_it_does() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("iceberg/iceberg-rust");
    let parse = |name: &str| TableMetadata::parse(&std::fs::read(folder.join(name)).unwrap());
    for name in [
        "TableMetadataV1Compat.json",
        "TableMetadataV1PartitionSpecsWithoutDefaultId.json",
        "TableMetadataV1SchemasWithoutCurrentId.json",
        "TableMetadataV1Valid.json",
        "TableMetadataV2.json",
        "TableMetadataV2Valid.json",
        "TableMetadataV2ValidMinimal.json",
        "example_table_metadata_v2_deep_history.json",
    ] {
        parse(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert_eq!(parse("example_empty_table_metadata_v2.json").unwrap().current_snapshot(), None);
    assert_eq!(parse("example_table_metadata_v2.json").unwrap().current_snapshot_id, Some(3_055_729_675_574_597_004));
    let evolved = parse("example_table_metadata_v2_partition_evolution.json").unwrap();
    assert!(evolved.partition_specs.len() > 1 && evolved.spec(evolved.default_spec_id).is_some());
    for (name, kind) in [
        ("TableMetadataUnsupportedVersion.json", ErrorKind::Unsupported),
        ("TableMetadataV3ValidMinimal.json", ErrorKind::Unsupported),
        ("TableMetadataV3ValidEncryption.json", ErrorKind::Unsupported),
        ("TableMetadataV1NoValidSchema.json", ErrorKind::Corrupt),
        ("TableMetadataV2CurrentSchemaNotFound.json", ErrorKind::Corrupt),
        ("TableMetadataV2MissingLastPartitionId.json", ErrorKind::Corrupt),
        ("TableMetadataV2MissingPartitionSpecs.json", ErrorKind::Corrupt),
        ("TableMetadataV2MissingSchemas.json", ErrorKind::Corrupt),
        ("TableMetadataV2MissingSortOrder.json", ErrorKind::Corrupt),
        ("ViewMetadataV1Valid.json", ErrorKind::Corrupt),
        ("load_table_response.json", ErrorKind::Corrupt),
    ] {
        assert_eq!(parse(name).unwrap_err().kind(), kind, "{name}");
    }
    let specs = parse("TableMetadataV1PartitionSpecsWithoutDefaultId.json").unwrap();
    assert_eq!(specs.default_spec_id, 2);
    let compat = parse("TableMetadataV1Compat.json").unwrap();
    assert_eq!(compat.current_snapshot_id, Some(917_896_971_991_367_610));
    for name in ["manifest-list-v2-1.avro", "manifest-list-v2-2.avro"] {
        let list = parse_manifest_list(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        assert_eq!((list.len(), list[0].content), (1, ManifestContent::Data), "{name}");
    }
}

/// Reads from memory; the database is overwritten after so many of its reads.
struct Store {
    objects: BTreeMap<String, Bytes>,
    log: Vec<(String, Span)>,
    overwrite: usize,
}

impl Store {
    fn read(&mut self, request: &Request) -> Result<Bytes> {
        let name = request.location.to_string();
        assert_eq!(request.volatile, name.to_ascii_lowercase().contains(".db"), "{name}");
        self.log.push((name.clone(), request.range.clone()));
        let object = self.objects.get_mut(&name).ok_or_else(|| Error::new(ErrorKind::NotFound, "no such object"))?;
        if request.volatile && self.overwrite > 0 && matches!(request.range, Span::Bytes(_)) {
            self.overwrite -= 1;
            let mut changed = object.to_vec();
            changed[27] = changed[27].wrapping_add(1);
            changed[95] = changed[27];
            *object = changed.into();
        }
        Ok(cut(object.clone(), &request.range))
    }
}

const MINIMAL: &str = r#"{"format-version":1,"location":"s3://old/cat/warehouse/n/t","last-updated-ms":0,
    "last-column-id":0,"schema":{"type":"struct","fields":[]}}"#;

fn store(tables: &[(&str, &str)], padding: usize) -> Store {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE padding (x); CREATE TABLE iceberg_tables (catalog_name TEXT, table_namespace TEXT,
             table_name TEXT, metadata_location TEXT, previous_metadata_location TEXT)",
        )
        .unwrap();
    for _ in 0..padding {
        connection.execute("INSERT INTO padding VALUES (?1)", [vec![0_u8; 4000]]).unwrap();
    }
    let insert =
        "INSERT INTO iceberg_tables VALUES ('c', ?1, ?2, 's3://old/cat/warehouse/n/t/metadata/1.metadata.json', NULL)";
    for (namespace, name) in tables {
        connection.execute(insert, [namespace, name]).unwrap();
    }
    let image = Bytes::copy_from_slice(&connection.serialize("main").unwrap());
    let objects = BTreeMap::from([
        ("/new/earthcatalog.db".to_owned(), image),
        ("/new/warehouse/n/t/metadata/1.metadata.json".to_owned(), Bytes::from(MINIMAL)),
    ]);
    Store { objects, log: Vec::new(), overwrite: 0 }
}

fn open_in(store: &mut Store, table: Option<(&str, &str)>) -> Result<Catalog> {
    let table = table.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
    let mut machine = Open::new(&Location::parse("/new/").unwrap(), OpenOptions { table });
    let mut found = drive(&mut machine, |request| store.read(request))?;
    assert_eq!(found.len(), 1);
    Ok(found.pop().unwrap())
}

#[test]
fn a_small_database_costs_one_request_and_a_large_one_its_pages_only() {
    let mut small = store(&[("n", "t")], 0);
    let catalog = open_in(&mut small, None).unwrap();
    assert_eq!(small.log.len(), 2);
    assert_eq!(catalog.resolve("s3a://old/cat/warehouse/x").unwrap().as_str(), "/new/warehouse/x");

    let mut large = store(&[("n", "t")], 3_000);
    assert_eq!(open_in(&mut large, None).unwrap().metadata(), catalog.metadata());
    let of_database = large.log.iter().filter(|(name, _)| name == "/new/earthcatalog.db");
    let spans: Vec<&Span> = of_database.map(|(_, span)| span).collect();
    assert!(spans.iter().all(|span| !matches!(span, Span::Whole)), "{spans:?}");
    let read: u64 =
        spans.iter().map(|span| if let Span::Bytes(range) = span { range.end - range.start } else { 0 }).sum();
    assert!(read < 256 << 10, "{read} of {} bytes were read", large.objects["/new/earthcatalog.db"].len());
}

#[test]
fn a_database_that_is_overwritten_while_it_is_read_is_read_again_but_not_for_ever() {
    let large = || {
        // The rows come last, beyond the first read.
        let mut store = store(&[], 100);
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        let image = store.objects["/new/earthcatalog.db"].to_vec();
        connection.deserialize_read_exact("main", image.as_slice(), image.len(), false).unwrap();
        connection
            .execute_batch(
                "DROP TABLE iceberg_tables; CREATE TABLE iceberg_tables (catalog_name, table_namespace, table_name,
                 metadata_location, previous_metadata_location);
                 INSERT INTO iceberg_tables VALUES ('c', 'n', 't', 's3://old/cat/warehouse/n/t/metadata/1.metadata.json', NULL);
                 DROP TABLE padding; CREATE TABLE padding (x);
                 CREATE TABLE filler (x)",
            )
            .unwrap();
        for row in 0..400 {
            let sql = "INSERT INTO iceberg_tables VALUES ('c', 'n', ?1, 's3://old/x', NULL)";
            connection.execute(sql, [format!("{row:0>900}")]).unwrap();
        }
        let image = Bytes::copy_from_slice(&connection.serialize("main").unwrap());
        store.objects.insert("/new/earthcatalog.db".to_owned(), image);
        store
    };
    let wanted = Some(("n", "t"));
    let mut quiet = large();
    open_in(&mut quiet, wanted).unwrap();
    assert!(quiet.log.len() > 3, "{:?}", quiet.log);
    let mut once = large();
    once.overwrite = 1;
    open_in(&mut once, wanted).unwrap();
    assert!(once.log.len() > quiet.log.len());
    let mut always = large();
    always.overwrite = usize::MAX;
    assert_eq!(open_in(&mut always, wanted).unwrap_err().kind(), ErrorKind::Changed);
    assert!(always.log.len() < 40);
}

#[test]
fn the_table_is_the_named_one_the_default_one_or_the_only_one() {
    let name = |catalog: Catalog| catalog.table_row().unwrap().table_name.clone();
    let several = [("n", "t"), ("earthcatalog", "stac_items"), ("n", "u")];
    assert_eq!(name(open_in(&mut store(&several[..1], 0), None).unwrap()), "t");
    assert_eq!(name(open_in(&mut store(&several[..1], 0), Some(("n", "t"))).unwrap()), "t");
    let kind = |tables: &[(&str, &str)], table| open_in(&mut store(tables, 0), table).unwrap_err();
    let error = kind(&[several[0], several[2]], None);
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("`n.t`, `n.u`"), "{error}");
    assert_eq!(kind(&several, Some(("n", "v"))).kind(), ErrorKind::NotFound);
    assert_eq!(kind(&[], None).kind(), ErrorKind::NotFound);
    let mut preferred = store(&several, 0);
    let stored = preferred.objects.remove("/new/warehouse/n/t/metadata/1.metadata.json").unwrap();
    // For this table the stored location does not end in its name, so it is read where it says.
    preferred.objects.insert("s3://old/cat/warehouse/n/t/metadata/1.metadata.json".into(), stored);
    assert_eq!(name(open_in(&mut preferred, None).unwrap()), "stac_items");
}

#[test]
fn a_table_that_lies_elsewhere_is_read_there_with_a_warning() {
    let mut store = store(&[("n", "t")], 0);
    let metadata = store.objects.remove("/new/warehouse/n/t/metadata/1.metadata.json").unwrap();
    let error = open_in(&mut store, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    store.objects.insert("s3://old/cat/warehouse/n/t/metadata/1.metadata.json".into(), metadata);
    let catalog = open_in(&mut store, None).unwrap();
    assert_eq!(catalog.warnings().len(), 1);
    assert_eq!(catalog.resolve("s3://old/cat/x").unwrap().as_str(), "s3://old/cat/x");
    store.objects.clear();
    assert_eq!(open_in(&mut store, None).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_grid_of_regions_is_read_with_the_catalog_or_warned_about() {
    let with = |path: &str| {
        let mut store = store(&[("n", "t")], 0);
        let properties = format!(
            r#"{{"properties":{{"earthcatalog.grid.type":"geojson","earthcatalog.grid.boundaries_path":"{path}"}},"#
        );
        let metadata = Bytes::from(MINIMAL.replacen('{', &properties, 1));
        store.objects.insert("/new/warehouse/n/t/metadata/1.metadata.json".into(), metadata);
        let regions = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":"west"},
            "geometry":{"type":"Polygon","coordinates":[[[-180,-90],[0,-90],[0,90],[-180,90],[-180,-90]]]}}]}"#;
        store.objects.insert("/new/regions.json".into(), Bytes::from(regions));
        store
    };
    for path in ["s3://old/cat/regions.json", "regions.json", "/new/regions.json"] {
        let catalog = open_in(&mut with(path), None).unwrap();
        assert!(matches!(catalog.grid(), Grid::GeoJson(_)), "{path}: {:?}", catalog.warnings());
        assert!(catalog.warnings().is_empty());
    }
    for path in ["s3://elsewhere/regions.json", "gone.json", ""] {
        let catalog = open_in(&mut with(path), None).unwrap();
        assert!(matches!(catalog.grid(), Grid::Unknown(_)), "{path}");
        assert_eq!(catalog.info().warnings.len(), 1, "{path}");
    }
    let mut broken = with("regions.json");
    broken.objects.insert("/new/regions.json".into(), Bytes::from("{}"));
    let error = open_in(&mut broken, None).unwrap_err();
    assert!(error.to_string().contains("/new/regions.json"), "{error}");
}

#[test]
fn a_cut_answer_is_refused_before_anything_reads_it() {
    let mut machine = Open::new(&Location::parse("/new").unwrap(), OpenOptions::default());
    let Step::NeedsData(requests) = machine.step().unwrap() else { panic!() };
    assert_eq!(requests.len(), 1);
    let long = Bytes::from(vec![0; (64 << 10) + 1]);
    assert_eq!(machine.supply(requests[0].id, long).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn damaged_objects_of_a_real_catalog_never_panic() {
    let Some(fixtures) = fixtures() else { return };
    let catalog = open(&fixtures.join("upstream/itslive-5k-s3")).unwrap();
    let metadata = std::fs::read(catalog.metadata_location().as_str()).unwrap();
    let list = fetch(&catalog, catalog.snapshot().unwrap().manifest_list.as_ref().unwrap());
    let first = manifests(&catalog).remove(0);
    let manifest = fetch(&catalog, &first.manifest_path);
    let database = std::fs::read(catalog.database().as_str()).unwrap();
    let hashes = std::fs::read(fixtures.join("upstream/itslive-5k-s3/warehouse_id_hashes.parquet")).unwrap();
    let wanted = [2, 4, 13, 23];
    damage(&metadata, 1, |bytes| drop(TableMetadata::parse(bytes)));
    damage(&list, 1, |bytes| drop(parse_manifest_list(bytes)));
    damage(&database, 7, |bytes| drop(Pages::new(&Bytes::copy_from_slice(bytes), true).and_then(|it| it.table_rows())));
    // The header and the first entries, then samples.
    let head = &manifest[..manifest.len().min(12_000)];
    damage(head, 3, |bytes| drop(parse_manifest(bytes, catalog.metadata(), &first, &wanted)));
    damage(&manifest, manifest.len() / 6, |bytes| drop(parse_manifest(bytes, catalog.metadata(), &first, &wanted)));
    let tail = &hashes[hashes.len() - 600..];
    damage(tail, 1, |bytes| drop(parquet_rows(&Bytes::copy_from_slice(bytes))));
}

/// Every `step`-th truncation and byte flip.
fn damage(bytes: &[u8], step: usize, mut read: impl FnMut(&[u8])) {
    for at in (0..bytes.len()).step_by(step) {
        read(&bytes[..at]);
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        read(&flipped);
        flipped[at] = if at % 2 == 0 { 0xff } else { 0 };
        read(&flipped);
    }
}
