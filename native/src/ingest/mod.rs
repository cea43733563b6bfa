//! Items from sources into a catalog: read, check, spread over cells, sort, encode, put, commit.
//!
//! Memory is bounded whatever the number of items: rows wait in an external sort, and so do the hashes that tell
//! which items came twice and that make the hash index.

mod hash_index;
mod read;
mod report;
mod row;
mod write;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::grid::Grid;
use earthcatalog_core::iceberg::transform::Transform;
use earthcatalog_core::{Error, Result};

use crate::commit::{self, Change};
use crate::read::open;
use crate::store::Stores;

pub use crate::spill::SpillSize;
pub use report::{Counts, FAILURES, Failure, IngestMode, IngestOptions, IngestReport, Progress, Stage};

/// Reads items from sources into a catalog, as one commit.
///
/// Every item is either taken, skipped with a reason that is counted, or listed as failed: see [`IngestReport`]. An
/// item that comes twice in the run, by collection and id, is stored once: the one with the latest `updated`, and of
/// equals the last. A delta does not look for what the catalog holds already: it warns if there is any. Nothing is
/// visible before the commit; if the ingest ends with an error, or read no item at all, nothing has changed.
///
/// # Errors
/// [`NotFound`](earthcatalog_core::ErrorKind::NotFound) if there is no catalog or source, [`Unsupported`](earthcatalog_core::ErrorKind::Unsupported) for a grid or table this
/// program does not write, and what the stores answer.
pub async fn ingest(stores: &Stores, options: &IngestOptions, progress: &dyn Progress) -> Result<IngestReport> {
    let catalog = open(stores, &options.catalog).await?;
    check_writable(&catalog, options.dry_run)?;
    let mut report = IngestReport { dry_run: options.dry_run, ..IngestReport::default() };
    report.mode = effective_mode(options.mode, &catalog);
    let gathered = read::read_items(stores, &catalog, options, progress, &mut report).await?;
    if report.items_processed == 0 {
        if report.mode == IngestMode::Full && has_rows(&catalog) {
            report.warnings.push("no item was read: the catalog is left as it was, and not replaced".to_owned());
        }
        return Ok(report);
    }
    let found = hash_index::sift(stores, &catalog, gathered.names, &mut report).await?;
    let fields = gathered.observed.new_fields(catalog.metadata().schema(), catalog.metadata().last_column_id);
    report.columns_added = fields.iter().map(|field| field.name.clone()).collect();
    let writer = write::Writer::new(stores, &catalog, &fields, options);
    let files = writer.write_files(gathered.rows, found.duplicates, progress, &mut report).await?;
    if options.dry_run {
        return Ok(report);
    }
    progress.update(Stage::Committing, &report.counts());
    let properties = found.index.put(stores, &catalog, &mut report).await?;
    let mode = if report.mode == IngestMode::Full { commit::Mode::Replace } else { commit::Mode::Append };
    let change = Change { mode, new_fields: fields, files, properties, ..Change::default() };
    let outcome = commit::commit(stores, &catalog, change).await?;
    report.snapshot_id = outcome.snapshot_id;
    Ok(report)
}

/// Says at once what a commit would say after everything was read.
fn check_writable(catalog: &Catalog, dry_run: bool) -> Result<()> {
    if let Grid::Unknown(name) = catalog.grid() {
        return Err(Error::unsupported(format!("cannot place items in the grid `{name}`")));
    }
    if dry_run {
        return Ok(());
    }
    if catalog.base().is_web() {
        return Err(Error::unsupported("catalogs are not written over http").with("location", catalog.base()));
    }
    if catalog.table_row().is_none() {
        return Err(Error::unsupported(
            "to write to a catalog, open it by its folder or database, not by its metadata",
        ));
    }
    let metadata = catalog.metadata();
    if metadata.format_version != 2 {
        let version = metadata.format_version;
        return Err(Error::unsupported(format!("a table of format v{version} is not written, only of v2")));
    }
    let fields = metadata.spec(metadata.default_spec_id).map(|spec| spec.fields.as_slice()).unwrap_or_default();
    match fields.iter().find(|field| !matches!(field.transform, Transform::Identity | Transform::Year)) {
        Some(field) => Err(Error::unsupported(format!("a table partitioned by `{}` is not written", field.name))),
        None => Ok(()),
    }
}

/// Auto means full for an empty catalog and delta for any other.
fn effective_mode(mode: IngestMode, catalog: &Catalog) -> IngestMode {
    match mode {
        IngestMode::Auto if has_rows(catalog) => IngestMode::Delta,
        IngestMode::Auto => IngestMode::Full,
        other => other,
    }
}

fn has_rows(catalog: &Catalog) -> bool {
    let total = |key| catalog.snapshot().and_then(|snapshot| snapshot.summary.get(key)?.parse::<u64>().ok());
    // A summary may leave the totals out: a snapshot then counts as rows.
    catalog.snapshot().is_some() && total("total-records") != Some(0)
}
