//! The page reader against SQLite itself: the same rows from the same image, read whole and piece by piece.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper may end the test")]

use bytes::Bytes;
use earthcatalog_core::ErrorKind;
use earthcatalog_core::catalog::sqlite::{Found, Pages, SqlValue, Table};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// A small generator of numbers, so that every failure can be repeated from its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn length(&mut self) -> usize {
        let longest = [4, 40, 400, 4_000, 40_000][usize::try_from(self.below(5)).unwrap()];
        usize::try_from(self.below(longest)).unwrap()
    }
}

fn image(connection: &mut Connection) -> Bytes {
    Bytes::copy_from_slice(&connection.serialize("main").unwrap())
}

fn expected(connection: &Connection, table: &str) -> Vec<Vec<SqlValue>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY rowid")).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..width)
            .map(|column| {
                Ok(match row.get_ref(column)? {
                    ValueRef::Null => SqlValue::Null,
                    ValueRef::Integer(number) => SqlValue::Integer(number),
                    ValueRef::Real(number) => SqlValue::Real(number),
                    ValueRef::Text(text) => SqlValue::Text(String::from_utf8(text.to_vec()).unwrap()),
                    ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_vec()),
                })
            })
            .collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn whole(found: Found<Table>) -> Table {
    match found {
        Found::Whole(table) => table,
        Found::Missing(missing) => panic!("a whole image lacks {missing:?}"),
    }
}

/// Reads by asking for missing pages only, and says how many bytes that took.
fn by_ranges(image: &Bytes, start: usize, name: &str) -> (Table, u64) {
    let mut pages = Pages::new(&image.slice(..start.min(image.len())), false).unwrap();
    let mut fetched = start as u64;
    loop {
        match pages.read_table(name).unwrap() {
            Found::Whole(table) => return (table, fetched),
            Found::Missing(missing) => {
                assert!(!missing.is_empty());
                for range in missing {
                    fetched += range.end - range.start;
                    let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                    pages.supply(range.start as u64, &image.slice(range));
                }
            }
        }
    }
}

fn random_database(seed: u64) -> Connection {
    let mut numbers = Numbers(seed);
    let connection = Connection::open_in_memory().unwrap();
    let page_size = 512_u64 << numbers.below(8);
    connection.execute_batch(&format!("PRAGMA page_size = {page_size}; VACUUM;")).unwrap();
    connection
        .execute_batch("CREATE TABLE other (x); CREATE TABLE t (a, \"b c\" TEXT, n INTEGER, bytes BLOB)")
        .unwrap();
    for row in 0..numbers.below(400) {
        let text: String = (0..numbers.length()).map(|at| if at % 7 == 0 { 'é' } else { 'x' }).collect();
        let bytes: Vec<u8> = (0..numbers.length()).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let number = i64::MIN.wrapping_add(1) >> numbers.below(64);
        let mixed = if row % 3 == 0 { rusqlite::types::Value::Real(0.1) } else { rusqlite::types::Value::Null };
        let sql = "INSERT INTO t VALUES (?1, ?2, ?3, ?4)";
        connection.execute(sql, rusqlite::params![mixed, text, -number, bytes]).unwrap();
        if row % 11 == 10 {
            connection.execute("DELETE FROM t WHERE rowid % 5 = 1", []).unwrap();
        }
    }
    connection.execute_batch("ALTER TABLE t ADD COLUMN late VARCHAR(5)").unwrap();
    connection.execute("INSERT INTO t (late) VALUES ('yes')", []).unwrap();
    connection
}

#[test]
fn random_databases_read_as_sqlite_reads_them_whole_and_by_ranges() {
    for seed in 0..10 {
        let mut connection = random_database(seed);
        let image = image(&mut connection);
        let expected = expected(&connection, "t");
        let pad = |table: Table| -> Vec<Vec<SqlValue>> {
            assert_eq!(table.columns, ["a", "b c", "n", "bytes", "late"]);
            let width = table.columns.len();
            table
                .rows
                .into_iter()
                .map(|mut row| {
                    row.resize(width, SqlValue::Null);
                    row
                })
                .collect()
        };
        let found = whole(Pages::new(&image, true).unwrap().read_table("T").unwrap());
        assert!(pad(found) == expected, "seed {seed}, whole");
        for start in [100, 4096, 65_536] {
            let (found, _) = by_ranges(&image, start, "t");
            assert!(pad(found) == expected, "seed {seed}, from {start} bytes");
        }
    }
}

#[test]
fn a_small_table_in_a_large_database_costs_a_few_pages() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE big (x); CREATE TABLE t (a); INSERT INTO t VALUES ('here')").unwrap();
    for _ in 0..500 {
        connection.execute("INSERT INTO big VALUES (?1)", [vec![1_u8; 10_000]]).unwrap();
    }
    let image = image(&mut connection);
    assert!(image.len() > 5_000_000);
    let (table, fetched) = by_ranges(&image, 4096, "t");
    assert_eq!(table.rows, [[SqlValue::Text("here".into())]]);
    assert!(fetched <= 3 * 4096, "{fetched} bytes were fetched");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let open = |image: &[u8]| Pages::new(&Bytes::copy_from_slice(image), true).map(|_| ()).unwrap_err();
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (a)").unwrap();
    let error = open(&image(&mut connection));
    assert_eq!((error.kind(), error.message().contains("UTF-16")), (ErrorKind::Unsupported, true), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let error = open(&std::fs::read(&path).unwrap());
    assert_eq!((error.kind(), error.message().contains("WAL")), (ErrorKind::Unsupported, true), "{error}");

    for nothing in ["", "<html>", "SQLite format 3"] {
        assert_eq!(open(nothing.as_bytes()).kind(), ErrorKind::Corrupt);
    }
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID; CREATE TABLE u (a)").unwrap();
    let image = image(&mut connection);
    let pages = Pages::new(&image, true).unwrap();
    assert_eq!(pages.read_table("t").unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(pages.read_table("missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(pages.table_rows().unwrap_err().kind(), ErrorKind::NotFound);
}

const OLD_LAYOUT: &str = "CREATE TABLE iceberg_tables (
	catalog_name VARCHAR(255) NOT NULL,
	table_namespace VARCHAR(255) NOT NULL,
	table_name VARCHAR(255) NOT NULL,
	metadata_location VARCHAR(1000),
	previous_metadata_location VARCHAR(1000),
	PRIMARY KEY (catalog_name, table_namespace, table_name)
)";

#[test]
fn both_layouts_of_a_catalog_read_alike_and_views_are_left_out() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(OLD_LAYOUT).unwrap();
    let long = format!("s3://{}/metadata/1.metadata.json", "b".repeat(9_000));
    let insert = "INSERT INTO iceberg_tables VALUES ('c', 'n', ?1, ?2, NULL)";
    connection.execute(insert, ["t", &long]).unwrap();
    connection.execute(insert, rusqlite::params!["empty", None::<String>]).unwrap();
    let rows = |connection: &mut Connection| {
        let Found::Whole(rows) = Pages::new(&image(connection), true).unwrap().table_rows().unwrap() else { panic!() };
        rows
    };
    let old = rows(&mut connection);
    assert_eq!(old.len(), 1);
    assert_eq!((old[0].table_name.as_str(), &old[0].metadata_location), ("t", &long));
    connection.execute_batch("ALTER TABLE iceberg_tables ADD COLUMN iceberg_type VARCHAR(5)").unwrap();
    connection.execute("INSERT INTO iceberg_tables VALUES ('c', 'n', 'v', 'x', NULL, 'VIEW')", []).unwrap();
    assert_eq!(rows(&mut connection), old);
}

#[test]
fn damaged_images_never_panic() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("PRAGMA page_size = 512; VACUUM; {OLD_LAYOUT}")).unwrap();
    for table in 0..12 {
        let location = format!("s3://b/{}", "k".repeat(table * 90));
        let insert = "INSERT INTO iceberg_tables VALUES ('c', 'n', ?1, ?2, NULL)";
        connection.execute(insert, [&table.to_string(), &location]).unwrap();
    }
    let image = image(&mut connection);
    let read = |bytes: Vec<u8>| {
        let bytes = Bytes::from(bytes);
        for whole in [true, false] {
            let _ = Pages::new(&bytes, whole).and_then(|pages| pages.table_rows());
        }
    };
    for length in 0..image.len() {
        if length < 600 || length % 37 == 0 {
            read(image[..length].to_vec());
        }
    }
    for position in 0..image.len() {
        let flips: &[u8] = if position < 1200 { &[0x01, 0x80, 0xff] } else { &[0x81] };
        for flip in flips {
            let mut damaged = image.to_vec();
            damaged[position] ^= flip;
            read(damaged);
        }
    }
}
