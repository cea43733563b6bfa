//! Sources as a user names them: inventories of every format, folders, JSON, and what is none of these.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use earthcatalog::source::{Entry, SourceOptions, read_sources};
use earthcatalog::store::Stores;
use earthcatalog_core::{Error, ErrorKind};
use earthcatalog_tests::fixtures;
use serde_json::json;

fn read_with(source: &Path, options: &SourceOptions) -> Result<Vec<Entry>, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
        let sources = [source.to_str().unwrap().to_owned()];
        let collecting = async {
            let mut entries = Vec::new();
            while let Some(entry) = receiver.recv().await {
                entries.push(entry);
            }
            entries
        };
        let stores = Stores::default();
        let (read, entries) = tokio::join!(read_sources(&stores, &sources, options, sender), collecting);
        read.map(|()| entries)
    })
}

fn read(source: &Path) -> Result<Vec<Entry>, Error> {
    read_with(source, &SourceOptions::default())
}

/// The locations of the objects, failures and reasons in their order.
fn told(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Object { location, .. } => location.to_string(),
            Entry::Text { key, .. } | Entry::Parsed { key, .. } => format!("item {key}"),
            Entry::Skipped { reason } => format!("skipped: {reason}"),
            Entry::Failed { reason, .. } => format!("failed: {reason}"),
        })
        .collect()
}

fn file(dir: &Path, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn one_inventory_in_four_formats_names_the_same_5000_objects() {
    let Some(fixtures) = fixtures() else { return };
    let input = fixtures.join("upstream/itslive-5k-input");
    let expected = read(&input.join("inventory.csv")).unwrap();
    // 150 rows are of other objects, .nc and .png.
    let objects = expected.iter().filter(|entry| matches!(entry, Entry::Object { .. })).count();
    assert_eq!((expected.len(), objects), (5150, 5000));
    assert!(told(&expected)[0].starts_with("s3://its-live-data/velocity_image_pair/landsatOLI/v02/N60W140/LC08_L1TP_"));
    for name in ["inventory.csv.gz", "inventory.parquet", "inventory/manifest.json"] {
        assert!(read(&input.join(name)).unwrap() == expected, "{name} differs from inventory.csv");
    }
}

#[test]
fn since_compares_times_of_every_format_alike() {
    let Some(fixtures) = fixtures() else { return };
    let input = fixtures.join("upstream/itslive-5k-input");
    // 2025-07-01T00:00:00Z
    let options = SourceOptions { since_us: Some(1_751_328_000_000_000), ..SourceOptions::default() };
    let counts = ["inventory.csv", "inventory.parquet", "inventory/manifest.json"].map(|name| {
        let entries = read_with(&input.join(name), &options).unwrap();
        (entries.len(), entries.iter().filter(|entry| matches!(entry, Entry::Object { .. })).count())
    });
    assert!(counts[0].0 == 5150 && counts[0].1 > 0 && counts[0].1 < 5000, "{counts:?}");
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
}

#[test]
fn a_limit_ends_reading_and_holds_across_sources() {
    let dir = tempfile::tempdir().unwrap();
    let csv = file(dir.path(), "i.csv", "bucket,key\nb,1.json\nb,2.nc\nb,3.json\nb,4.json\n");
    let options = SourceOptions { limit: Some(2), ..SourceOptions::default() };
    let entries = read_with(&csv, &options).unwrap();
    let expected = ["s3://b/1.json", "skipped: name does not end in .json or .geojson", "s3://b/3.json"];
    assert_eq!(told(&entries), expected);
}

#[test]
fn a_csv_manifest_gives_the_columns_and_its_keys_are_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let rows = "\"b\",\"a+b/%C5%BC%2B.stac.json\",\"v\",\"true\",\"false\"\n\
                \"b\",\"old.json\",\"v\",\"false\",\"false\"\n\
                \"b\",\"gone.json\",\"v\",\"true\",\"true\"\n\
                \"b\",\"data.nc\",\"v\",\"true\",\"false\"\n";
    let data = gzipped(rows.as_bytes());
    file(dir.path(), "deep/er/data/1.csv.gz", &data);
    let manifest = json!({
        "sourceBucket": "b", "destinationBucket": "arn:aws:s3:::elsewhere", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker",
        "files": [{ "key": "er/data/1.csv.gz", "size": data.len(), "MD5checksum": md5_hex(&data) }]
    });
    let manifest = file(dir.path(), "deep/er/2025/manifest.json", manifest.to_string());
    let place = dir.path().join("mirror");
    let buckets = BTreeMap::from([("b".to_owned(), place.to_str().unwrap().to_owned())]);
    let entries = read_with(&manifest, &SourceOptions { buckets, ..SourceOptions::default() }).unwrap();
    let expected = [
        format!("{}/a b/\u{17c}+.stac.json", place.display()),
        "skipped: not the latest version".into(),
        "skipped: delete marker".into(),
        "skipped: name does not end in .json or .geojson".into(),
    ];
    assert_eq!(told(&entries), expected);
}

/// MD5 by its definition would be longer than the test: the value is that of `md5sum`.
fn md5_hex(data: &[u8]) -> String {
    let mut child = std::process::Command::new("md5sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(data).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()[..32].to_owned()
}

fn manifest_error(format: &str, md5: &str, data: Option<&[u8]>) -> Error {
    let dir = tempfile::tempdir().unwrap();
    if let Some(data) = data {
        file(dir.path(), "data/1", data);
    }
    let manifest = json!({
        "sourceBucket": "b", "fileFormat": format, "fileSchema": "Bucket, Key",
        "files": [{ "key": "data/1", "MD5checksum": md5 }]
    });
    read(&file(dir.path(), "manifest.json", manifest.to_string())).unwrap_err()
}

#[test]
fn a_data_file_with_another_md5_is_refused_before_any_row() {
    let error = manifest_error("CSV", "00000000000000000000000000000000", Some(b"b,k.json\n"));
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("MD5"), "{error}");
}

#[test]
fn orc_is_refused_by_name_in_a_manifest_and_as_a_file() {
    let error = manifest_error("ORC", "", None);
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("ORC"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let error = read(&file(dir.path(), "part.orc", b"ORC\x11\x00")).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("ORC"), "{error}");
}

#[test]
fn a_missing_data_file_is_an_error_that_says_where_it_was_looked_for() {
    let error = manifest_error("Parquet", "", None);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("data/1") && error.to_string().contains("tried"), "{error}");
}

#[test]
fn keys_cannot_climb_out_of_a_bucket_that_is_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let csv = file(dir.path(), "i.csv", "bucket,key\nb,../../etc/x.json\nb,a..b/x.json\n");
    let buckets = BTreeMap::from([("b".to_owned(), "/mirror".to_owned())]);
    let entries = read_with(&csv, &SourceOptions { buckets, ..SourceOptions::default() }).unwrap();
    assert_eq!(told(&entries), ["failed: key climbs out of `/mirror`", "/mirror/a..b/x.json"]);
}

#[test]
fn what_is_no_source_is_refused_with_what_was_found() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content, found) in [
        ("a.db", b"SQLite format 3\0....".as_slice(), "SQLite database"),
        ("a.zip", b"PK\x03\x04...", "ZIP archive"),
        ("a.json", b"", "empty file"),
        ("a.txt", b"hello\nworld", "neither JSON nor CSV"),
        ("a.html", b"<html>", "HTML"),
        ("a.bin", b"\x01\x00\x02", "binary file"),
        ("b.json", br#"{"type": "Collection", "id": "c"}"#, "STAC collection"),
        ("c.json", br#"{"hello": 1}"#, "no STAC item"),
        ("d.json", br#"[{"type": "Feature"}, "#, "not JSON"),
        ("e.csv", b"bucket,name\nb,k\n", "`bucket`, `name`"),
        ("f.csv.gz", &gzipped(b"PK\x03\x04"), "ZIP archive"),
    ] {
        let error = read(&file(dir.path(), name, content)).unwrap_err();
        assert!(error.to_string().contains(found), "{name}: {error}");
    }
    assert_eq!(read(&dir.path().join("absent.csv")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_parquet_file_of_something_else_is_refused_with_its_columns() {
    let Some(fixtures) = fixtures() else { return };
    let error = read(&fixtures.join("upstream/itslive-5k-s3/warehouse_id_hashes.parquet")).unwrap_err();
    assert!(error.to_string().contains("`id_hash`") || error.to_string().contains("`idhash`"), "{error}");
}

#[test]
fn json_lines_collections_and_arrays_are_told_apart_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let item = |id: &str| json!({ "type": "Feature", "stac_version": "1.0.0", "id": id, "properties": {} });
    let lines = format!("{}\n\n{}\n", item("a"), item("b"));
    let pretty = format!("{:#}", json!({ "type": "FeatureCollection", "features": [item("a"), item("b")] }));
    let keys = |name: &str, content: &[u8]| {
        let path = file(dir.path(), name, content);
        let told = told(&read(&path).unwrap());
        told.iter().map(|text| text.replace(path.to_str().unwrap(), "")).collect::<Vec<_>>()
    };
    assert_eq!(keys("a.ndjson", lines.as_bytes()), ["item :1", "item :3"]);
    assert_eq!(keys("a.ndjson.gz", &gzipped(lines.as_bytes())), ["item :1", "item :3"]);
    assert_eq!(keys("lines.json", lines.as_bytes()), ["item :1", "item :3"]);
    assert_eq!(keys("features.json", pretty.as_bytes()), ["item #1", "item #2"]);
    assert_eq!(keys("line.json", json!({ "features": [item("a")] }).to_string().as_bytes()), ["item #1"]);
    assert_eq!(keys("array.json", json!([item("a"), item("b")]).to_string().as_bytes()), ["item #1", "item #2"]);
    assert_eq!(keys("one.json", format!("\u{feff}{:#}", item("a")).as_bytes()), ["item "]);
    let wrapped = format!("{}\n", json!({ "key": "k/1.json", "item": item("a") }));
    assert_eq!(keys("keyed.ndjson", wrapped.as_bytes()), ["item k/1.json"]);
}

#[test]
fn a_folder_is_read_in_the_order_of_names_and_the_rest_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b/2.json", "b/1.geojson", "a.stac.json", "notes.txt", "b/x.json.gz"] {
        file(dir.path(), name, "{}");
    }
    let entries = read(dir.path()).unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let skipped = || "skipped: name does not end in .json or .geojson".to_owned();
    assert_eq!(told(&entries), [at("a.stac.json"), at("b/1.geojson"), at("b/2.json"), skipped(), skipped()]);
}
