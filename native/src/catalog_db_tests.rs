//! Images made here against the layout PyIceberg writes, and pointers moved on both.

use super::*;

const LOCATION: &str = "s3://bucket/catalog/warehouse/earthcatalog/stac_items/metadata/00000-a.metadata.json";

fn fixture() -> Option<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/upstream/itslive-5k-s3/earthcatalog.db");
    let image = std::fs::read(path).ok();
    if image.is_none() {
        eprintln!("skipped: no {path}");
    }
    image
}

fn master(image: &[u8]) -> Vec<(String, String, i64, Option<String>)> {
    let connection = open(image).unwrap();
    let mut statement = connection.prepare("SELECT type, name, rootpage, sql FROM sqlite_master").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

#[test]
fn a_new_image_has_the_layout_of_one_that_pyiceberg_wrote() {
    let Some(theirs) = fixture() else { return };
    let ours = create_database(&TableName::default(), LOCATION).unwrap();
    assert_eq!(master(&ours), master(&theirs));
    assert_eq!(ours.len(), theirs.len());
    // Format, page size, versions, reserved bytes; then text encoding, user version, application id.
    assert_eq!(ours[..24], theirs[..24]);
    assert_eq!(ours[56..72], theirs[56..72]);
}

#[test]
fn a_pointer_moves_once_and_leaves_the_old_one_behind() {
    let name = TableName::default();
    let image = create_database(&name, LOCATION).unwrap();
    let moved = swap_pointer(&image, &name, LOCATION, "new").unwrap();
    assert_eq!(read_pointer(&moved, &name).unwrap(), "new");
    let previous: String = open(&moved)
        .unwrap()
        .query_row("SELECT previous_metadata_location FROM iceberg_tables", [], |row| row.get(0))
        .unwrap();
    assert_eq!(previous, LOCATION);
    let error = swap_pointer(&moved, &name, LOCATION, "other").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn a_pointer_moves_in_a_database_that_pyiceberg_wrote() {
    let Some(image) = fixture() else { return };
    let name = TableName::default();
    let old = read_pointer(&image, &name).unwrap();
    let moved = swap_pointer(&image, &name, &old, LOCATION).unwrap();
    assert_eq!(read_pointer(&moved, &name).unwrap(), LOCATION);
    assert_eq!(moved.len(), image.len());
}

#[test]
fn a_pointer_moves_in_the_older_layout_without_a_type_column() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&TABLES[0].replace(" \n\ticeberg_type VARCHAR(5),", "")).unwrap();
    connection
        .execute("INSERT INTO iceberg_tables VALUES ('earthcatalog', 'earthcatalog', 'stac_items', 'old', NULL)", [])
        .unwrap();
    let image = serialize(connection).unwrap();
    let name = TableName::default();
    let moved = swap_pointer(&image, &name, "old", "new").unwrap();
    assert_eq!(read_pointer(&moved, &name).unwrap(), "new");
}

#[test]
fn other_tables_of_the_database_keep_their_rows() {
    let name = TableName::default();
    let other = TableName { table: "other".into(), ..TableName::default() };
    let connection = open(&create_database(&name, LOCATION).unwrap()).unwrap();
    connection
        .execute("INSERT INTO iceberg_tables SELECT catalog_name, table_namespace, 'other', 'x', NULL, 'TABLE' FROM iceberg_tables", [])
        .unwrap();
    let image = serialize(connection).unwrap();
    let moved = swap_pointer(&image, &name, LOCATION, "new").unwrap();
    assert_eq!(read_pointer(&moved, &other).unwrap(), "x");
}

#[test]
fn a_trigger_in_a_foreign_database_does_not_run() {
    let name = TableName::default();
    let connection = open(&create_database(&name, LOCATION).unwrap()).unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER evil AFTER UPDATE ON iceberg_tables BEGIN UPDATE iceberg_tables SET metadata_location = 'evil'; END",
        )
        .unwrap();
    let image = serialize(connection).unwrap();
    let moved = swap_pointer(&image, &name, LOCATION, "new").unwrap();
    assert_eq!(read_pointer(&moved, &name).unwrap(), "new");
}

#[test]
fn what_is_no_sound_database_is_refused_by_kind() {
    let name = TableName::default();
    let image = create_database(&name, LOCATION).unwrap();
    assert_eq!(read_pointer(b"", &name).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(read_pointer(&image[..4096], &name).unwrap_err().kind(), ErrorKind::Corrupt);
    let mut log = image.clone();
    log[18..20].copy_from_slice(&[2, 2]);
    assert_eq!(read_pointer(&log, &name).unwrap_err().kind(), ErrorKind::Unsupported);
    let mut damaged = image.clone();
    damaged[4096..8192].fill(0xff);
    assert_eq!(read_pointer(&damaged, &name).unwrap_err().kind(), ErrorKind::Corrupt);
    let gone = TableName { table: "gone".into(), ..TableName::default() };
    assert_eq!(read_pointer(&image, &gone).unwrap_err().kind(), ErrorKind::Changed);
    let endless = "x".repeat(1001);
    assert_eq!(create_database(&name, &endless).unwrap_err().kind(), ErrorKind::Invalid);
}
