//! Making a table anew from the data files that are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::iceberg::manifest::{DataFile, EntryStatus, ManifestEntry};
use earthcatalog_core::iceberg::metadata::TableMetadata;
use earthcatalog_core::scan::Output;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::garbage::{Kind, kind_of};
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::write::version::row_versions;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use serde::Serialize;

use crate::commit::{Change, Mode, adopt, commit_revised};
use crate::driver::Driver;
use crate::fetch::{blocking, read_object};
use crate::gc::list;
use crate::index::{AsPlanned, NewIndex, replanned};
use crate::ingest::check_writable;
use crate::read::open;
use crate::rows::Numbers;
use crate::rows::live::{LiveFile, current_files, object_bytes, scan_file};
use crate::rows::rewrite::items_of;
use crate::rows::row::{Name, Row, SortOrder};
use crate::rows::write::{FileLimits, Writer};
use crate::spill::{Runs, Sorter};
use crate::store::Stores;

/// Memory of sorting names; that of rows is an option.
const NAMES_BYTES: usize = 16 << 20;
/// Where this program and the Python program keep the table's metadata.
const METADATA_FOLDER: &str = "warehouse/earthcatalog/stac_items/metadata";

/// What to repair and how.
#[derive(Clone, Debug)]
pub struct RepairOptions {
    /// The catalog's location.
    pub catalog: String,
    /// Takes every data file below the base, and not only those that the current snapshot names. That brings back what
    /// was deleted and is not yet collected.
    pub all_data_files: bool,
    /// Reads and counts, changes nothing.
    pub dry_run: bool,
    /// Rows held in memory before they go to temporary files, in bytes.
    pub memory_bytes: usize,
}

impl RepairOptions {
    /// Repairs `catalog` out of what its current snapshot names.
    #[must_use]
    pub fn new(catalog: impl Into<String>) -> Self {
        Self { catalog: catalog.into(), all_data_files: false, dry_run: false, memory_bytes: 128 << 20 }
    }
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// The catalog had no database; one was made.
    pub database_made: bool,
    /// Data files that were read.
    pub files_read: u64,
    /// Their rows.
    pub rows_read: u64,
    /// Items, each in its newest version.
    pub items: u64,
    /// Rows written: one for each cell of each item.
    pub rows_written: u64,
    /// Data files written.
    pub files_written: u64,
    /// Objects and rows that could not be used, and why.
    pub lost: BTreeMap<String, String>,
    /// The snapshot that was committed.
    pub snapshot_id: Option<i64>,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// Writes all items anew that can be read: each once, in its newest version, in each of its cells, with true counts
/// and bounds and a true hash index; as one commit. Earlier snapshots stay as they are.
///
/// A catalog without a database gets one that points to its newest readable table metadata.
///
/// # Errors
/// [`ErrorKind::NotFound`] for a place without database and metadata; those of the commit.
pub async fn repair(stores: &Stores, options: &RepairOptions) -> Result<RepairReport> {
    let (all, made) = match open(stores, &options.catalog).await {
        Ok(_) => (options.all_data_files, false),
        Err(error) if error.kind() == ErrorKind::NotFound && !options.dry_run => {
            make_database(stores, &options.catalog, error).await?;
            (true, true)
        }
        Err(error) => return Err(error),
    };
    replanned(async || {
        let catalog = open(stores, &options.catalog).await?;
        check_writable(&catalog, options.dry_run)?;
        let mut report = RepairReport { dry_run: options.dry_run, database_made: made, ..RepairReport::default() };
        once(stores, &catalog, options, all, &mut report).await?;
        Ok(report)
    })
    .await
}

async fn once(
    stores: &Stores,
    catalog: &Catalog,
    options: &RepairOptions,
    all: bool,
    report: &mut RepairReport,
) -> Result<()> {
    let files = if all { found_files(stores, catalog).await? } else { current_files(stores, catalog).await? };
    let (files, names) = read_names(stores, catalog, files, report).await?;
    let winners = newest(&names, report).await?;
    let (rows, observed) = read_rows(stores, catalog, &files, &winners, options.memory_bytes, report).await?;
    if options.dry_run || report.items == 0 {
        return Ok(());
    }
    let metadata = catalog.metadata();
    let fields = observed.new_fields(metadata.schema(), metadata.last_column_id);
    let writer = Writer::new(stores, catalog, &fields, FileLimits { rows: 100_000, bytes: 192 << 20 }, false);
    let written = writer.write_files(rows.read()?, |put| {
        report.rows_written += put.rows;
        report.files_written += 1;
    });
    let files = written.await?;
    let mut change = Change { mode: Mode::Replace, new_fields: fields, files, ..Change::default() };
    let index = blocking(move || {
        let mut last = None;
        let ids = names.read()?.map(|name| name.map(|name| name.identity.id));
        NewIndex::write(ids.filter(move |id| id.as_ref().map_or(true, |id| last.replace(*id) != Some(*id))))
    });
    index.await?.put(stores, catalog, &mut change).await?;
    let outcome = commit_revised(stores, catalog, change, &mut AsPlanned::on(catalog)).await?;
    report.snapshot_id = outcome.snapshot_id;
    Ok(())
}

/// Makes a database for a catalog that lost it, pointing to the newest table metadata: its columns are those of the
/// data files, whatever its snapshot is.
async fn make_database(stores: &Stores, catalog: &str, missing: Error) -> Result<()> {
    let base = Location::parse(catalog)?;
    let mut newest: Option<((u64, i64), String)> = None;
    for object in list(stores, &base).await? {
        let Some(name) = object.key.strip_prefix(METADATA_FOLDER).and_then(|name| name.strip_prefix('/')) else {
            continue;
        };
        let version = name.ends_with(".metadata.json").then(|| name.split('-').next()?.parse().ok()).flatten();
        let Some(version) = version else { continue };
        let bytes = read_object(stores, &base.join(&object.key), object_bytes()).await?;
        let Ok(metadata) = TableMetadata::parse(&bytes) else { continue };
        let age = (version, metadata.last_updated_ms);
        if newest.as_ref().is_none_or(|(known, _)| *known < age) {
            newest = Some((age, format!("{}/metadata/{name}", metadata.location.trim_end_matches('/'))));
        }
    }
    let Some((_, place)) = newest else { return Err(missing) };
    adopt(stores, &base, &place).await
}

/// Every data file below the base, the newest last.
async fn found_files(stores: &Stores, catalog: &Catalog) -> Result<Vec<LiveFile>> {
    let mut found = list(stores, catalog.base()).await?;
    found.retain(|object| kind_of(&object.key, METADATA_FOLDER) == Some(Kind::Data));
    found.sort_by(|one, other| (one.modified_us, &one.key).cmp(&(other.modified_us, &other.key)));
    let file = |object: crate::gc::Listed| {
        let location = catalog.base().join(&object.key);
        let data_file = DataFile {
            file_path: location.to_string(),
            file_format: "PARQUET".to_owned(),
            partition: Vec::new(),
            spec_id: catalog.metadata().default_spec_id,
            record_count: 0,
            file_size_bytes: object.bytes,
            metrics: BTreeMap::new(),
        };
        let entry = ManifestEntry {
            status: EntryStatus::Added,
            snapshot_id: 0,
            sequence_number: object.modified_us,
            data_file,
        };
        LiveFile { entry, location }
    };
    Ok(found.into_iter().map(file).collect())
}

/// The files that can be read, with the names of their rows; rows are numbered in the order of the files.
async fn read_names(
    stores: &Stores,
    catalog: &Catalog,
    mut files: Vec<LiveFile>,
    report: &mut RepairReport,
) -> Result<(Vec<LiveFile>, Runs<Name>)> {
    files.sort_by_key(|file| file.entry.sequence_number);
    let driver = Driver::new(stores.clone());
    let mut names = Sorter::new(NAMES_BYTES);
    let mut readable = Vec::with_capacity(files.len());
    for file in files {
        let first = report.rows_read;
        let mut pending = Vec::new();
        let mut rows = 0;
        let read = scan_file(&driver, catalog, &file, Output::Versions, |batch| {
            for name in row_versions(&batch, false)? {
                if let Some((identity, version)) = name {
                    pending.push(Name { identity, version, sequence: first + rows });
                }
                rows += 1;
            }
            Ok(())
        });
        match read.await {
            Ok(()) => {
                report.rows_read += rows;
                pending.into_iter().try_for_each(|name| names.push(name))?;
                readable.push(file);
            }
            Err(error) if is_loss(&error) => drop(report.lost.insert(file.location.to_string(), error.to_string())),
            Err(error) => return Err(error),
        }
    }
    report.files_read = readable.len() as u64;
    Ok((readable, names.finish().0))
}

fn is_loss(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::NotFound | ErrorKind::Invalid)
}

/// The numbers of the rows that hold the newest version of each item: by `updated`, then by the age of the file.
async fn newest(names: &Runs<Name>, report: &mut RepairReport) -> Result<Numbers> {
    let names = names.clone();
    let (winners, items) = blocking(move || {
        let (mut winners, mut items) = (Numbers::default(), 0);
        let mut names = names.read()?.peekable();
        while let Some(name) = names.next().transpose()? {
            let ends = !matches!(names.peek(), Some(Ok(next)) if next.identity == name.identity);
            if ends {
                winners.insert(name.sequence);
                items += 1;
            }
        }
        Ok((winners, items))
    })
    .await?;
    report.items = items;
    Ok(winners)
}

async fn read_rows(
    stores: &Stores,
    catalog: &Catalog,
    files: &[LiveFile],
    winners: &Numbers,
    memory_bytes: usize,
    report: &mut RepairReport,
) -> Result<(Runs<Row>, ObservedProperties)> {
    let driver = Driver::new(stores.clone());
    let mut rows = Sorter::new(memory_bytes);
    let mut observed = ObservedProperties::default();
    let time_bin = catalog.time_bin().unwrap_or_default();
    let mut number = 0;
    for file in files {
        scan_file(&driver, catalog, file, Output::Items, |batch| {
            for item in items_of(&batch)? {
                number += 1;
                if !winners.contains(number - 1) {
                    continue;
                }
                let id = item.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
                let item = match ValidItem::from_value(item) {
                    Ok(item) => item,
                    Err(error) => {
                        report.lost.insert(format!("item `{id}` in {}", file.location), error.to_string());
                        report.items -= 1;
                        continue;
                    }
                };
                observed.observe(&item.item);
                let json: Arc<[u8]> =
                    serde_json::to_vec(&item.item).map_err(|error| Error::internal("JSON").caused_by(error))?.into();
                for cell in catalog.grid().item_cells(item.shape.as_ref()) {
                    let partition = PartitionKey::new(&cell, time_bin, item.datetime_us);
                    rows.push(Row::new(&item, partition, number, Arc::clone(&json), SortOrder::Time))?;
                }
            }
            Ok(())
        })
        .await?;
    }
    Ok((rows.finish().0, observed))
}
