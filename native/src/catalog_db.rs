//! `earthcatalog.db`: the one mutable object, an SQLite image in the layout of PyIceberg's `SqlCatalog`.
//!
//! Images are made and changed in memory; whoever calls puts them where they belong.

use earthcatalog_core::{Error, ErrorKind, Result, limits};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, params};

/// The file's name below a catalog's base.
pub const DATABASE_NAME: &str = "earthcatalog.db";

/// The tables as `SQLAlchemy` writes them, white space included, so that an image differs from PyIceberg's in nothing
/// but its row.
const TABLES: [&str; 2] = [
    "CREATE TABLE iceberg_tables (\n\tcatalog_name VARCHAR(255) NOT NULL, \n\ttable_namespace VARCHAR(255) NOT NULL, \
     \n\ttable_name VARCHAR(255) NOT NULL, \n\tmetadata_location VARCHAR(1000), \
     \n\tprevious_metadata_location VARCHAR(1000), \n\ticeberg_type VARCHAR(5), \
     \n\tPRIMARY KEY (catalog_name, table_namespace, table_name)\n)",
    "CREATE TABLE iceberg_namespace_properties (\n\tcatalog_name VARCHAR(255) NOT NULL, \
     \n\tnamespace VARCHAR(255) NOT NULL, \n\tproperty_key VARCHAR(255) NOT NULL, \
     \n\tproperty_value VARCHAR(1000) NOT NULL, \n\tPRIMARY KEY (catalog_name, namespace, property_key)\n)",
];
/// Longest location PyIceberg's column declares; other databases behind `SqlCatalog` enforce it.
const LOCATION_CHARS: usize = 1000;

/// The name of a table in a SQL catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// Column `catalog_name`.
    pub catalog: String,
    /// Column `table_namespace`.
    pub namespace: String,
    /// Column `table_name`.
    pub table: String,
}

impl Default for TableName {
    /// `earthcatalog`, `earthcatalog`, `stac_items`: the names the Python program uses.
    fn default() -> Self {
        Self { catalog: "earthcatalog".into(), namespace: "earthcatalog".into(), table: "stac_items".into() }
    }
}

/// An image with one namespace and one table whose metadata lies at `metadata_location`.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a location of more than 1000 characters.
pub fn create_database(name: &TableName, metadata_location: &str) -> Result<Vec<u8>> {
    check_location(metadata_location)?;
    let connection = Connection::open_in_memory().map_err(internal)?;
    connection.execute_batch("PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8';").map_err(internal)?;
    for table in TABLES {
        connection.execute_batch(table).map_err(internal)?;
    }
    connection
        .execute(
            "INSERT INTO iceberg_namespace_properties VALUES (?1, ?2, 'exists', 'true')",
            params![name.catalog, name.namespace],
        )
        .map_err(internal)?;
    connection
        .execute(
            "INSERT INTO iceberg_tables VALUES (?1, ?2, ?3, ?4, NULL, 'TABLE')",
            params![name.catalog, name.namespace, name.table, metadata_location],
        )
        .map_err(internal)?;
    serialize(connection)
}

/// Where the table's current metadata lies.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for bytes that are no sound database, [`ErrorKind::Unsupported`] for one in write-ahead-log
/// mode, [`ErrorKind::Changed`] if the table is gone.
pub fn read_pointer(image: &[u8], name: &TableName) -> Result<String> {
    let connection = open(image)?;
    pointer(&connection, name)
}

/// The image with the table's pointer moved from `old` to `new`, and `old` kept as the previous one.
///
/// # Errors
/// As [`read_pointer`]; [`ErrorKind::Conflict`] if the pointer is not `old` (another writer moved it).
pub fn swap_pointer(image: &[u8], name: &TableName, old: &str, new: &str) -> Result<Vec<u8>> {
    check_location(new)?;
    let connection = open(image)?;
    let changed = connection
        .execute(
            "UPDATE iceberg_tables SET metadata_location = ?1, previous_metadata_location = ?2 \
             WHERE catalog_name = ?3 AND table_namespace = ?4 AND table_name = ?5 AND metadata_location = ?2",
            params![new, old, name.catalog, name.namespace, name.table],
        )
        .map_err(corrupt)?;
    match changed {
        1 => {}
        0 => return Err(Error::new(ErrorKind::Conflict, "another writer moved the table on").with("expected", old)),
        more => return Err(Error::corrupt(format!("the table is listed {more} times"))),
    }
    if pointer(&connection, name)? != new {
        return Err(Error::corrupt("the database did not keep the new metadata location"));
    }
    serialize(connection)
}

/// Opens an image in memory with everything off that could make a foreign file act: triggers, views, extensions.
fn open(image: &[u8]) -> Result<Connection> {
    let too_large = u64::try_from(image.len()).map_or(true, |length| length > limits::DATABASE_BYTES);
    if too_large || !image.starts_with(b"SQLite format 3\0") {
        return Err(Error::corrupt("the catalog database is not an SQLite database"));
    }
    // Database header, bytes 18 and 19: 1 is the rollback journal, 2 the write-ahead log.
    if image.get(18..20) != Some(&[1, 1]) {
        return Err(Error::unsupported("the catalog database is in write-ahead-log mode"));
    }
    let mut connection = Connection::open_in_memory().map_err(internal)?;
    for (switch, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    ] {
        connection.set_db_config(switch, on).map_err(internal)?;
    }
    connection.deserialize_read_exact(MAIN_DB, image, image.len(), false).map_err(corrupt)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(corrupt)?;
    if verdict != "ok" {
        return Err(Error::corrupt(format!("the catalog database is damaged: {verdict}")));
    }
    Ok(connection)
}

fn pointer(connection: &Connection, name: &TableName) -> Result<String> {
    let found = connection.query_row(
        "SELECT metadata_location FROM iceberg_tables \
         WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3",
        params![name.catalog, name.namespace, name.table],
        |row| row.get::<_, Option<String>>(0),
    );
    match found {
        Ok(Some(location)) => Ok(location),
        Ok(None) => Err(Error::corrupt("the table has no metadata location")),
        Err(rusqlite::Error::QueryReturnedNoRows) => {
            let table = format!("{}.{}", name.namespace, name.table);
            Err(Error::new(ErrorKind::Changed, format!("the catalog no longer has the table `{table}`")))
        }
        Err(error) => Err(corrupt(error)),
    }
}

fn serialize(mut connection: Connection) -> Result<Vec<u8>> {
    let image = connection.serialize(MAIN_DB).map_err(internal)?.to_vec();
    if image.get(18..20) != Some(&[1, 1]) {
        return Err(Error::internal("the catalog database was not written for the rollback journal"));
    }
    Ok(image)
}

fn check_location(location: &str) -> Result<()> {
    if location.chars().count() > LOCATION_CHARS {
        return Err(Error::invalid(format!("metadata location has more than {LOCATION_CHARS} characters"))
            .with("location", location));
    }
    Ok(())
}

fn internal(error: rusqlite::Error) -> Error {
    Error::internal("SQLite failed on a catalog database in memory").caused_by(error)
}

fn corrupt(error: rusqlite::Error) -> Error {
    Error::corrupt("the catalog database cannot be read").caused_by(error)
}

#[cfg(test)]
#[path = "catalog_db_tests.rs"]
mod tests;
