//! The data files of a snapshot, with what tells older from newer, and reading one of them whole.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use earthcatalog_core::catalog::{Catalog, TimeBin};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::iceberg::manifest::{
    ManifestEntry, ManifestFile, parse_manifest, parse_manifest_list, refuse_deletes,
};
use earthcatalog_core::iceberg::metadata::{Snapshot, TableMetadata, Transform};
use earthcatalog_core::iceberg::value::Value;
use earthcatalog_core::plan::FileScanTask;
use earthcatalog_core::query::Query;
use earthcatalog_core::scan::file::FileScan;
use earthcatalog_core::scan::{Output, ScanContext};
use earthcatalog_core::stac::schema;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{Error, Location, Result, limits};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::driver::Driver;
use crate::fetch::read_object;
use crate::store::Stores;

/// Manifests read at once.
const MANIFESTS: usize = 16;

/// A data file of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct LiveFile {
    /// What the manifest says.
    pub(crate) entry: ManifestEntry,
    /// Where it is read.
    pub(crate) location: Location,
}

impl LiveFile {
    /// Where it lies, as stored: its name in a commit.
    pub(crate) fn stored(&self) -> &str {
        &self.entry.data_file.file_path
    }

    /// The one cell and time bin of its rows.
    ///
    /// # Errors
    /// [`earthcatalog_core::ErrorKind::Unsupported`] for other partitions.
    pub(crate) fn partition(&self, metadata: &TableMetadata) -> Result<PartitionKey> {
        let file = &self.entry.data_file;
        let fields = metadata.spec(file.spec_id).map(|spec| spec.fields.as_slice()).unwrap_or_default();
        let (mut cell, mut time_bin, mut bin) = (None, TimeBin::default(), None);
        for (field, value) in fields.iter().zip(&file.partition) {
            let source = metadata.field_by_id(field.source_id).map(|field| field.name.as_str());
            match (source, &field.transform, value) {
                (Some(schema::GRID_PARTITION), Transform::Identity, Some(Value::String(text))) => {
                    cell = Some(text.clone());
                }
                (Some(schema::DATETIME), transform, None | Some(Value::Int(_) | Value::Date(_)))
                    if TimeBin::of_transform(transform).is_some() =>
                {
                    time_bin = TimeBin::of_transform(transform).unwrap_or_default();
                    bin = match value {
                        // Iceberg has days as dates, some writers as numbers.
                        Some(Value::Int(number) | Value::Date(number)) => Some(*number),
                        _ => None,
                    };
                }
                _ => {
                    let message = format!("partitions by `{}` are not rewritten", field.name);
                    return Err(Error::unsupported(message).with("location", &self.location));
                }
            }
        }
        let cell = cell.ok_or_else(|| Error::corrupt("data file without a cell").with("location", &self.location))?;
        Ok(PartitionKey { cell, time_bin, bin })
    }
}

/// The manifests of a snapshot.
pub(crate) async fn manifests(stores: &Stores, catalog: &Catalog, snapshot: &Snapshot) -> Result<Vec<ManifestFile>> {
    let Some(list) = &snapshot.manifest_list else {
        let inline = |path: &String| ManifestFile::inline(path.clone(), snapshot.snapshot_id);
        return Ok(snapshot.manifests.iter().map(inline).collect());
    };
    let location = catalog.resolve(list)?;
    let bytes = read_object(stores, &location, object_bytes()).await?;
    parse_manifest_list(&bytes).context("location", &location)
}

/// The live data files of a snapshot, by manifest, with the metrics of the `wanted` fields.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Unsupported`] for tables with delete files; those of reading.
pub(crate) async fn live_files(
    stores: &Stores,
    catalog: &Catalog,
    snapshot: &Snapshot,
    wanted: &[i32],
) -> Result<Vec<LiveFile>> {
    let manifests = manifests(stores, catalog, snapshot).await?;
    refuse_deletes(&manifests)?;
    let read = stream::iter(&manifests).map(|manifest| manifest_files(stores, catalog, manifest, wanted));
    let lists: Vec<Vec<LiveFile>> = read.buffered(MANIFESTS).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

/// The live data files of the current snapshot; none of an empty table.
///
/// # Errors
/// As [`live_files`].
pub(crate) async fn current_files(stores: &Stores, catalog: &Catalog) -> Result<Vec<LiveFile>> {
    match catalog.snapshot() {
        Some(snapshot) => live_files(stores, catalog, snapshot, &[]).await,
        None => Ok(Vec::new()),
    }
}

async fn manifest_files(
    stores: &Stores,
    catalog: &Catalog,
    manifest: &ManifestFile,
    wanted: &[i32],
) -> Result<Vec<LiveFile>> {
    let location = catalog.resolve(&manifest.manifest_path)?;
    let bytes = read_object(stores, &location, object_bytes()).await?;
    let entries = parse_manifest(&bytes, catalog.metadata(), manifest, wanted).context("location", &location)?;
    let file = |entry: ManifestEntry| {
        let location = catalog.resolve(&entry.data_file.file_path)?;
        Ok(LiveFile { entry, location })
    };
    entries.into_iter().map(file).collect()
}

/// The most bytes of an object that is read whole.
pub(crate) fn object_bytes() -> usize {
    usize::try_from(limits::OBJECT_BYTES).unwrap_or(usize::MAX)
}

/// Reads all rows of a data file, a batch at a time, in the order of the file.
///
/// # Errors
/// Those of reading and `on_batch`'s, with the file.
pub(crate) async fn scan_file(
    driver: &Driver,
    catalog: &Catalog,
    file: &LiveFile,
    output: Output,
    mut on_batch: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let metadata = catalog.metadata();
    let schema = Arc::new(metadata.schema().clone());
    let mapping = metadata.name_mapping()?.map(Arc::new);
    let context = ScanContext::new(Arc::new(Query::new()), schema, mapping, output)?;
    let task = FileScanTask { location: file.location.clone(), data_file: Arc::new(file.entry.data_file.clone()) };
    let mut scan = FileScan::new(task, Arc::new(context), Arc::default());
    let read = driver.run(&mut scan, |batch| {
        on_batch(batch)?;
        Ok(ControlFlow::Continue(()))
    });
    read.await.map(drop).context("location", &file.location)
}
