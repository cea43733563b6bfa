//! Which objects of an inventory a catalog does not hold yet, for tens of millions of them in bounded memory.

use std::cmp::Ordering;
use std::fs::File;
use std::path::Path;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::write::delta::{DeltaRow, delta_batch, delta_schema, id_of_key, not_known};
use earthcatalog_core::write::hash_index::{IdHash, hash_id, read_hashes};
use earthcatalog_core::{Error, ErrorKind, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::fetch::{blocking, file_error, open_file};
use crate::index::{complete_index, ids_of};
use crate::read::open;
use crate::rows::held::held_rows;
use crate::rows::live::current_files;
use crate::rows::row::{put_optional, take_optional};
use crate::source::{Entry, SourceOptions, read_sources};
use crate::spill::{Parts, Record, Runs, Sorter, put_text};
use crate::store::Stores;

/// Memory of each of the two sorts; they do not overlap.
const MEMORY_BYTES: usize = 48 << 20;
/// Rows written at once.
const BATCH_ROWS: usize = 8_192;
/// Entries that wait to be sorted.
const ENTRIES: usize = 1_024;

/// What to compare.
#[derive(Clone, Debug)]
pub struct DeltaOptions {
    /// The catalog's location.
    pub catalog: String,
    /// An inventory: CSV, Parquet or `manifest.json`.
    pub inventory: String,
    /// Leaves out objects last written before: µs since 1970 UTC.
    pub since_us: Option<i64>,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeltaReport {
    /// Items in the inventory.
    pub objects: u64,
    /// Those the catalog does not hold: the rows of the delta.
    pub new: u64,
    /// Objects left out: no items, old versions, before `since`.
    pub skipped: u64,
    /// Rows of the inventory that name no object.
    pub broken: u64,
    /// What the reader of the report should know.
    pub warnings: Vec<String>,
}

/// Writes the objects of an inventory whose ids the catalog's hash index does not hold to a Parquet file, in the order
/// of the inventory.
///
/// An object's id is what its key says: see [`id_of_key`]. Without an index the ids of all rows are read.
///
/// # Errors
/// Those of reading; [`ErrorKind::Invalid`] for a source that is no inventory.
pub async fn delta(stores: &Stores, options: &DeltaOptions, output: &Path) -> Result<DeltaReport> {
    let catalog = open(stores, &options.catalog).await?;
    let mut report = DeltaReport::default();
    let objects = objects(stores, options, &mut report).await?;
    let known = known_ids(stores, &catalog, &mut report).await?;
    let output = output.to_owned();
    let new = blocking(move || {
        let mut in_order = Sorter::new(MEMORY_BYTES);
        for row in not_known(objects.read()?, |row: &ByHash| row.0.row.id_hash, known.read()?) {
            in_order.push(InOrder(row?.0))?;
        }
        let (in_order, _) = in_order.finish();
        drop(objects);
        write(&output, in_order.read()?.map(|row| row.map(|row| row.0.row)))
    })
    .await?;
    report.new = new;
    Ok(report)
}

/// The objects of the inventory, sorted by the hash of their ids.
async fn objects(stores: &Stores, options: &DeltaOptions, report: &mut DeltaReport) -> Result<Runs<ByHash>> {
    let (sender, mut receiver) = mpsc::channel(ENTRIES);
    let sources = [options.inventory.clone()];
    let source_options = SourceOptions { since_us: options.since_us, ..SourceOptions::default() };
    let reading = read_sources(stores, &sources, &source_options, sender);
    let sorting = blocking(move || {
        let mut sorter = Sorter::new(MEMORY_BYTES);
        let (mut found, mut skipped, mut broken) = (0, 0, 0);
        while let Some(entry) = receiver.blocking_recv() {
            match entry {
                Entry::Skipped { .. } => skipped += 1,
                Entry::Failed { .. } => broken += 1,
                Entry::Object { key, modified_us, .. } => {
                    let (bucket, key) = key.split_once('/').ok_or_else(|| no_inventory().with("object", &key))?;
                    let id_hash = hash_id(id_of_key(key));
                    let row = DeltaRow {
                        bucket: bucket.to_owned(),
                        key: key.to_owned(),
                        id_hash,
                        last_modified_us: modified_us,
                    };
                    sorter.push(ByHash(Object { number: found, row }))?;
                    found += 1;
                }
                Entry::Text { key, .. } | Entry::Parsed { key, .. } => return Err(no_inventory().with("object", key)),
            }
        }
        Ok((sorter.finish().0, found, skipped, broken))
    });
    let (read, sorted) = tokio::join!(reading, sorting);
    let (runs, found, skipped, broken) = sorted?;
    read?;
    (report.objects, report.skipped, report.broken) = (found, skipped, broken);
    Ok(runs)
}

fn no_inventory() -> Error {
    Error::invalid("a delta is taken of an S3 Inventory: its manifest.json, or a CSV or Parquet file of it")
}

/// The ids that the catalog holds: by its index, or out of its rows.
enum Known {
    Index(File),
    Rows(Runs<crate::rows::held::Held>),
}

impl Known {
    fn read(&self) -> Result<Box<dyn Iterator<Item = Result<IdHash>>>> {
        Ok(match self {
            Self::Index(file) => Box::new(read_hashes(file.try_clone().map_err(file_error)?)?),
            Self::Rows(rows) => Box::new(ids_of(rows)?),
        })
    }
}

async fn known_ids(stores: &Stores, catalog: &Catalog, report: &mut DeltaReport) -> Result<Known> {
    if let Some(location) = catalog.hash_index() {
        match open_file(stores, &location, None).await {
            Ok(file) => {
                if catalog.snapshot().is_some() && complete_index(catalog).is_none() {
                    let message = "the hash index may lack items that another program added: they are listed as new";
                    report.warnings.push(message.to_owned());
                }
                return Ok(Known::Index(file));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("hash index", &location),
        }
    }
    let files = current_files(stores, catalog).await?;
    Ok(Known::Rows(held_rows(stores, catalog, &files, None, false).await?))
}

fn write(output: &Path, rows: impl Iterator<Item = Result<DeltaRow>>) -> Result<u64> {
    let unwritable = |error| Error::new(ErrorKind::Unavailable, "cannot write the delta").caused_by(error);
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside its place and renamed at the end, so that no reader takes half a delta for a whole one.
    let file = tempfile::NamedTempFile::new_in(folder).map_err(file_error).context("folder", folder.display())?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(file.as_file(), delta_schema(), Some(properties)).map_err(unwritable)?;
    let (mut count, mut pending) = (0, Vec::with_capacity(BATCH_ROWS));
    for row in rows {
        pending.push(row?);
        count += 1;
        if pending.len() == BATCH_ROWS {
            writer.write(&delta_batch(&pending)?).map_err(unwritable)?;
            pending.clear();
        }
    }
    writer.write(&delta_batch(&pending)?).map_err(unwritable)?;
    writer.close().map_err(unwritable)?;
    file.persist(output).map_err(|error| file_error(error.error)).context("file", output.display())?;
    Ok(count)
}

/// An object with its number in the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Object {
    number: u64,
    row: DeltaRow,
}

impl Object {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.row.bucket.len() + self.row.key.len()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.row.id_hash);
        output.extend_from_slice(&self.number.to_le_bytes());
        put_optional(output, self.row.last_modified_us);
        put_text(output, &self.row.bucket);
        put_text(output, &self.row.key);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let id_hash = parts.array()?;
        let number = u64::from_le_bytes(parts.array()?);
        let last_modified_us = take_optional(&mut parts)?;
        let bucket = parts.text()?.to_owned();
        Some(Self { number, row: DeltaRow { bucket, key: parts.text()?.to_owned(), id_hash, last_modified_us } })
    }
}

/// Two orders of the same records.
macro_rules! ordered {
    ($name:ident, $key:expr) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        struct $name(Object);

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                let key: fn(&Object) -> (IdHash, u64) = $key;
                key(&self.0).cmp(&key(&other.0))
            }
        }

        impl Record for $name {
            fn size_bytes(&self) -> usize {
                self.0.size_bytes()
            }

            fn encode(&self, output: &mut Vec<u8>) {
                self.0.encode(output);
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                Object::decode(bytes).map(Self)
            }
        }
    };
}

ordered!(ByHash, |object| (object.row.id_hash, object.number));
ordered!(InOrder, |object| ([0; 16], object.number));
