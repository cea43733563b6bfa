//! Writes beside a catalog what lets others read it without this program: a page, a STAC Collection, and an Iceberg
//! REST catalog that is nothing but files.
//!
//! All of it follows from the catalog and is overwritten by the next call. No reader of the catalog itself needs it.

mod collection;
pub(crate) mod moved;
mod page;
mod rest;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::stats::{CellStats, stats, totals};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::plan::FileScanTask;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use object_store::{Attribute, PutOptions};
use serde::Serialize;
use serde_json::Value;

use crate::driver::Driver;
use crate::fetch::{file_error, local_path};
use crate::objects::{self, Put};
use crate::store::{Stores, store_error};
use crate::{explorer, read};

/// The folder of the Iceberg REST catalog: its address is the endpoint that readers are given.
pub const ICEBERG: &str = "iceberg";
/// Where copies of the table's metadata lie. The folder above is the table's to readers that are given one.
const COPIES: &str = "iceberg/metadata";
const COLLECTION: &str = "collection.json";
/// Names the current metadata for readers that are given a table's folder: what stands before `.metadata.json`.
const VERSION_HINT: &str = "version-hint.text";

/// What to publish.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// The explorer as the page, in place of one that says how to read the catalog.
    pub explorer: bool,
    /// The address at which others read the catalog's base. Without one, they read it where it is written.
    pub url: Option<Location>,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct PublishReport {
    /// The endpoint of the Iceberg REST catalog.
    pub endpoint: String,
    /// The table there, as `namespace.name`.
    pub table: String,
    /// The snapshot that others read until the next call; none in an empty catalog.
    pub snapshot_id: Option<String>,
    /// Keys below the base.
    pub written: Vec<String>,
}

/// An object to be written below the base.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) key: String,
    pub(crate) bytes: Bytes,
}

impl Document {
    fn json(key: impl Into<String>, value: &Value) -> Self {
        Self { key: key.into(), bytes: Bytes::from(format!("{value:#}\n")) }
    }
}

/// What the documents are made from.
struct Published {
    catalog: Catalog,
    namespace: String,
    table: String,
    /// Where others read the base.
    base: Location,
    files: Vec<FileScanTask>,
    total: CellStats,
    /// The table metadata that others read, and where they find it.
    metadata: Value,
    metadata_location: String,
}

/// Publishes a catalog as it is now.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a catalog that was opened by its table metadata, and if the explorer is asked for and was
/// not built in; [`ErrorKind::Unsupported`] on the web, which is read only; otherwise the store's.
pub async fn publish(driver: &Driver, catalog: &Catalog, options: PublishOptions) -> Result<PublishReport> {
    if catalog.base().is_web() {
        return Err(Error::unsupported("catalogs are not written over http").with("location", catalog.base()));
    }
    let mut documents = Vec::new();
    let published = Published::of(driver, catalog, options.url, &mut documents).await?;
    documents.extend(rest::documents(&published, catalog.base().is_local()));
    documents.push(Document::json(COLLECTION, &collection::collection(&published, options.explorer)));
    if options.explorer {
        documents.extend(explorer_files()?);
    } else {
        documents.push(Document { key: explorer::PAGE.to_owned(), bytes: page::page(&published).into() });
    }
    for document in &documents {
        put(&driver.stores, catalog.base(), document).await?;
    }
    Ok(PublishReport {
        endpoint: published.base.join(ICEBERG).to_string(),
        table: format!("{}.{}", published.namespace, published.table),
        snapshot_id: catalog.snapshot().map(|snapshot| snapshot.snapshot_id.to_string()),
        written: documents.into_iter().map(|document| document.key).collect(),
    })
}

impl Published {
    async fn of(
        driver: &Driver,
        catalog: &Catalog,
        url: Option<Location>,
        documents: &mut Vec<Document>,
    ) -> Result<Self> {
        let row = catalog.table_row().ok_or_else(|| {
            let message = "a catalog that was opened by its table metadata cannot be published: name its folder";
            Error::invalid(message).with("location", catalog.metadata_location())
        })?;
        let (files, _) = read::list_files(driver, catalog, None).await?;
        let total = totals(&stats(files.iter().map(|file| &*file.data_file), catalog.metadata()));
        let base = url.map_or_else(|| absolute(catalog.base()), Ok)?;
        let (metadata_location, metadata) = if base.normal() == moved::stored_base(catalog)?.normal() {
            let stored = &row.metadata_location;
            documents.extend(version_hint(stored, catalog));
            (stored.clone(), moved::metadata(&driver.stores, catalog).await?)
        } else {
            let mut key_of = |name: &str| format!("{COPIES}/{name}");
            let moved = moved::table(&driver.stores, catalog, &base, documents, &mut key_of, |_| {}).await?;
            documents.push(hint(COPIES, catalog.metadata_location().name()));
            moved
        };
        Ok(Self {
            catalog: catalog.clone(),
            namespace: row.table_namespace.clone(),
            table: row.table_name.clone(),
            base,
            files,
            total,
            metadata,
            metadata_location,
        })
    }
}

impl Published {
    /// The catalog's name: that of its folder.
    fn name(&self) -> String {
        self.base.name().to_owned()
    }

    fn description(&self) -> String {
        let CellStats { row_count, file_count, .. } = self.total;
        format!(
            "STAC items in GeoParquet files, as an Apache Iceberg table: {row_count} rows in {file_count} files. An \
             item is a row for each grid cell it touches."
        )
    }

    /// Where others find the table metadata.
    fn metadata_place(&self) -> Location {
        Location::parse(&self.metadata_location).unwrap_or_else(|_| self.base.clone())
    }
}

/// A base as readers elsewhere on the machine have to name it.
pub(crate) fn absolute(base: &Location) -> Result<Location> {
    let Some(path) = local_path(base) else { return Ok(base.clone()) };
    let path = path.canonicalize().map_err(file_error).context("location", base)?;
    Location::parse(&path.to_string_lossy())
}

/// The hint in the folder of the table's metadata, if that lies below the base.
fn version_hint(metadata_location: &str, catalog: &Catalog) -> Option<Document> {
    let (folder, name) = metadata_location.rsplit_once('/')?;
    let key = Location::parse(folder).ok().and_then(|folder| crate::gc::key_below(catalog.base(), &folder))?;
    Some(hint(&key, name))
}

fn hint(folder: &str, metadata_name: &str) -> Document {
    let version = metadata_name.strip_suffix(".metadata.json").unwrap_or(metadata_name);
    Document { key: format!("{folder}/{VERSION_HINT}"), bytes: version.to_owned().into() }
}

fn explorer_files() -> Result<impl Iterator<Item = Document>> {
    if explorer::file(explorer::PAGE).is_none() {
        return Err(Error::invalid(explorer::MISSING));
    }
    Ok(explorer::FILES
        .iter()
        .map(|(name, bytes)| Document { key: (*name).to_owned(), bytes: Bytes::from_static(bytes) }))
}

/// Whether the object of this key below a catalog's base is never written again under its name.
#[must_use]
pub fn never_changes(key: &str) -> bool {
    let stored = key.starts_with("warehouse/") && !key.ends_with(VERSION_HINT);
    stored || key.starts_with(explorer::HASHED) || key.starts_with("boundaries-")
}

/// What the object of this key below a catalog's base holds.
#[must_use]
pub fn media_type(key: &str) -> &'static str {
    // What the REST catalog answers has no ending.
    if key.starts_with(rest::FOLDER) { "application/json" } else { explorer::media_type(key) }
}

async fn put(stores: &Stores, base: &Location, document: &Document) -> Result<()> {
    let location = base.join(&document.key);
    if location.is_local() {
        return objects::put(stores, &location, document.bytes.clone()).await;
    }
    let kept = if never_changes(&document.key) { Put::Immutable } else { Put::Mutable };
    let mut attributes = objects::attributes(kept);
    attributes.insert(Attribute::ContentType, media_type(&document.key).into());
    let (store, path) = stores.get(&location)?;
    let written = store.put_opts(&path, document.bytes.clone().into(), PutOptions { attributes, ..Default::default() });
    written.await.map(drop).map_err(|error| store_error(error, &location))
}

/// A broken promise of bytes that this program or Iceberg made.
fn corrupt(what: &str, location: &Location, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Corrupt, what.to_owned()).with("location", location).caused_by(error)
}
