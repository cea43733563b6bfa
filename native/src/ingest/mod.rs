//! Items from sources into a catalog: read, check, spread over cells, sort, encode, put, commit.
//!
//! Memory is bounded whatever the number of items: rows wait in an external sort, and so do the names that tell which
//! items came twice, which the catalog holds already, and that make the hash index.

mod read;
mod report;
mod retry;
mod sift;
mod staging;

use std::collections::BTreeSet;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::grid::Grid;
use earthcatalog_core::iceberg::metadata::Field;
use earthcatalog_core::iceberg::transform::Transform;
use earthcatalog_core::{Error, ErrorKind, Result};

use crate::commit::{Change, Mode, NewDataFile, commit_revised};
use crate::index::{AsPlanned, PLANS};
use crate::read::open;
use crate::rows::Numbers;
use crate::rows::row::Row;
use crate::rows::write::{FileLimits, Writer};
use crate::store::Stores;

pub use crate::spill::SpillSize;
use retry::Lists;
use staging::Staging;

pub use report::{Counts, FAILURES, Failure, IngestMode, IngestOptions, IngestReport, Progress, Stage};

/// Reads items from sources into a catalog, as one commit.
///
/// Every item is either taken, skipped with a reason that is counted, or listed as failed: see [`IngestReport`]. An
/// item is its collection and id. One that comes twice in the run is stored once: the one with the latest `updated`
/// (else last written), and of equals the last. One that the catalog holds is left out, or takes the place of what is
/// there if it is newer, in the same commit: [`Version::supersedes`](earthcatalog_core::write::version::Version::supersedes).
/// So a second ingest of the same items changes nothing. A run that was killed is run again in the same way: what it had
/// fetched is staged in the catalog's store. Objects that failed are listed there, for [`IngestOptions::retry_failed`]. Nothing is visible before the commit; if the ingest ends with
/// an error, or read no item at all, nothing has changed. If another writer was faster, what it left is looked at
/// anew; nothing is fetched again.
///
/// # Errors
/// [`NotFound`](earthcatalog_core::ErrorKind::NotFound) if there is no catalog or source, [`Unsupported`](earthcatalog_core::ErrorKind::Unsupported) for a grid or table this
/// program does not write, and what the stores answer.
pub async fn ingest(stores: &Stores, options: &IngestOptions, progress: &dyn Progress) -> Result<IngestReport> {
    let catalog = open(stores, &options.catalog).await?;
    check_writable(&catalog, options.dry_run)?;
    let mut report = IngestReport { dry_run: options.dry_run, ..IngestReport::default() };
    report.mode = effective_mode(options.mode, &catalog);
    let lists = if options.retry_failed { Some(Lists::find(stores, catalog.base()).await?) } else { None };
    let staging = Staging::begin(stores, &catalog, options).await?;
    let reading =
        read::Reading { stores, catalog: &catalog, options, lists: lists.as_ref(), staging: staging.as_ref() };
    let gathered = reading.read_items(progress, &mut report).await?;
    let missed = if options.dry_run { None } else { retry::put(stores, catalog.base(), &gathered.missed).await? };
    report.listed_failed = gathered.missed.len() as u64;
    if report.items_processed == 0 {
        if report.mode == IngestMode::Full && has_rows(&catalog) {
            report.warnings.push("no item was read: the catalog is left as it was, and not replaced".to_owned());
        }
    } else {
        let mut run = Run { stores, options, gathered, commit_id: stores.host().draw().to_string(), written: None };
        run.through(catalog, progress, &mut report).await?;
    }
    // What was read is committed, and what was not is listed anew.
    if let Some(staging) = staging {
        staging.end(stores).await?;
    }
    if let Some(lists) = lists.filter(|_| !options.dry_run) {
        lists.end(stores, missed.as_deref()).await?;
    }
    Ok(report)
}

/// What was read, on its way into a catalog that other writers may change meanwhile.
struct Run<'a> {
    stores: &'a Stores,
    options: &'a IngestOptions,
    gathered: read::Gathered,
    commit_id: String,
    /// The data files that were put, and what decides what is in them.
    written: Option<Written>,
}

struct Written {
    left_out: Numbers,
    removed: BTreeSet<String>,
    fields: Vec<Field>,
    files: Vec<NewDataFile>,
    report: IngestReport,
}

impl Run<'_> {
    /// Writes and commits, anew while other writers are faster.
    async fn through(
        &mut self,
        mut catalog: Catalog,
        progress: &dyn Progress,
        report: &mut IngestReport,
    ) -> Result<()> {
        for _ in 1..PLANS {
            let read = report.clone();
            match self.write(&catalog, progress, report).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    *report = read;
                    catalog = open(self.stores, &self.options.catalog).await?;
                    check_writable(&catalog, self.options.dry_run)?;
                }
                other => return other,
            }
        }
        self.write(&catalog, progress, report).await
    }

    async fn write(&mut self, catalog: &Catalog, progress: &dyn Progress, report: &mut IngestReport) -> Result<()> {
        let sifted = sift::sift(self.stores, catalog, self.options, &self.gathered.names, report).await?;
        if sifted.adds_nothing && sifted.index.is_none() {
            return Ok(());
        }
        let metadata = catalog.metadata();
        let fields = self.gathered.observed.new_fields(metadata.schema(), metadata.last_column_id);
        report.columns_added = fields.iter().map(|field| field.name.clone()).collect();
        let files = self.files(catalog, &sifted, &fields, progress, report).await?;
        if self.options.dry_run {
            return Ok(());
        }
        progress.update(Stage::Committing, &report.counts());
        let mode = match report.mode {
            IngestMode::Full => Mode::Replace,
            _ if sifted.removed.is_empty() => Mode::Append,
            _ => Mode::Overwrite(sifted.removed),
        };
        let commit_id = Some(self.commit_id.clone());
        let mut change = Change { mode, new_fields: fields, files, commit_id, ..Change::default() };
        if let Some(index) = sifted.index {
            report.hash_index_rows = Some(index.rows);
            index.put(self.stores, catalog, &mut change).await?;
        }
        let outcome = commit_revised(self.stores, catalog, change, &mut AsPlanned::on(catalog)).await?;
        report.snapshot_id = outcome.snapshot_id;
        Ok(())
    }

    /// The data files: those of the attempt before, if the same rows go into them.
    async fn files(
        &mut self,
        catalog: &Catalog,
        sifted: &sift::Sifted,
        fields: &[Field],
        progress: &dyn Progress,
        report: &mut IngestReport,
    ) -> Result<Vec<NewDataFile>> {
        let same = |before: &Written| {
            before.left_out == sifted.left_out && before.removed == sifted.removed && before.fields == fields
        };
        if let Some(before) = self.written.as_ref().filter(|before| same(before)) {
            report.rows_written = before.report.rows_written;
            report.files_registered = before.report.files_registered;
            report.bytes_written = before.report.bytes_written;
            return Ok(before.files.clone());
        }
        let limits = FileLimits { rows: self.options.file_rows, bytes: self.options.file_bytes };
        let writer = Writer::new(self.stores, catalog, fields, limits, self.options.dry_run);
        let left_out = sifted.left_out.clone();
        let new = self.gathered.rows.read()?;
        let new = new.filter(move |row| row.as_ref().map_or(true, |row| !left_out.contains(row.sequence)));
        let rows = merged(new, sifted.kept.read()?);
        let files = writer.write_files(rows, |put| {
            report.rows_written += put.rows;
            report.files_registered += 1;
            report.bytes_written += put.bytes;
            progress.update(Stage::Writing, &report.counts());
        });
        let files = files.await?;
        // The rows that stayed are no rows of this run.
        report.rows_written = report.rows_written.saturating_sub(sifted.rows_kept);
        report.rows_rewritten = sifted.rows_kept;
        self.written = Some(Written {
            left_out: sifted.left_out.clone(),
            removed: sifted.removed.clone(),
            fields: fields.to_vec(),
            files: files.clone(),
            report: report.clone(),
        });
        Ok(files)
    }
}

/// Two sorted runs as one.
fn merged(
    left: impl Iterator<Item = Result<Row>> + Send + 'static,
    right: impl Iterator<Item = Result<Row>> + Send + 'static,
) -> impl Iterator<Item = Result<Row>> + Send + 'static {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(Ok(one)), Some(Ok(other))) if one > other => right.next(),
        // Of two runs the one with an error ends the merge.
        (Some(_), Some(Err(_))) | (None, _) => right.next(),
        (Some(_), _) => left.next(),
    })
}

/// Says at once what a commit would say after everything was read.
pub(crate) fn check_writable(catalog: &Catalog, dry_run: bool) -> Result<()> {
    if !matches!(catalog.grid(), Grid::H3(_) | Grid::GeoJson(_)) {
        let name = catalog.grid_definition().name();
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
    let is_bin = |transform: &Transform| catalog.time_bin().is_some_and(|bin| bin.transform() == *transform);
    match fields.iter().find(|field| field.transform != Transform::Identity && !is_bin(&field.transform)) {
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
