//! Merging the small data files of each partition: fewer to plan, to open and to list.
//!
//! What is merged stays readable in earlier snapshots until it is expired and collected. Each commit takes a bounded
//! number of partitions, so that a run that is stopped keeps what it did and the next one goes on.

use std::collections::BTreeSet;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::iceberg::metadata::Field;
use earthcatalog_core::scan::Output;
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::compaction::{Bucket, Candidate, CompactionPlan, Policy, plan_compaction};
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::write::version::{Identity, Version, row_versions};
use earthcatalog_core::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::commit::{Change, Mode, NewDataFile, commit_revised};
use crate::driver::Driver;
use crate::index::{CarryOn, PLANS, carried_on};
use crate::ingest::check_writable;
use crate::optimize::optimize_if_worthwhile;
use crate::read::open;
use crate::rows::Numbers;
use crate::rows::live::{LiveFile, current_files, scan_file};
use crate::rows::rewrite::{items_of, stored_row};
use crate::rows::row::{Name, Row};
use crate::rows::write::{FileLimits, Writer};
use crate::spill::{Runs, Sorter};
use crate::store::Stores;

pub use crate::rows::row::SortOrder;

/// Most input of one commit.
const COMMIT_BYTES: u64 = 1 << 30;
const COMMIT_FILES: usize = 1_000;
/// Memory of sorting names; that of rows is an option.
const NAMES_BYTES: usize = 16 << 20;

/// What to merge and how.
#[derive(Clone, Debug)]
pub struct CompactOptions {
    /// The catalog's location.
    pub catalog: String,
    /// Partitions with fewer small files are left alone.
    pub threshold: usize,
    /// Size that merged files are to have.
    pub target_bytes: u64,
    /// How the rows of a merged file are sorted.
    pub order: SortOrder,
    /// Only these partitions: a cell, or `CELL/YEAR`. All if empty.
    pub partitions: Vec<String>,
    /// Plans, changes nothing.
    pub dry_run: bool,
    /// Rows held in memory before they go to temporary files, in bytes.
    pub memory_bytes: usize,
    /// Most rows of a data file.
    pub file_rows: usize,
    /// Most JSON of a data file's items, in bytes.
    pub file_bytes: usize,
}

impl CompactOptions {
    /// Merges everything in `catalog` that is worth it.
    ///
    /// The target is what a browser fetches in parts without noticing, and near what ingest makes of a full file.
    #[must_use]
    pub fn new(catalog: impl Into<String>) -> Self {
        Self {
            catalog: catalog.into(),
            threshold: 2,
            target_bytes: 8 << 20,
            order: SortOrder::Time,
            partitions: Vec::new(),
            dry_run: false,
            memory_bytes: 128 << 20,
            file_rows: 100_000,
            file_bytes: 192 << 20,
        }
    }

    fn wants(&self, partition: &PartitionKey) -> bool {
        let bin = partition.human_bin();
        let named = |name: &String| {
            name.strip_prefix(&partition.cell)
                .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/') == Some(bin.as_str()))
        };
        self.partitions.is_empty() || self.partitions.iter().any(named)
    }
}

/// What a compaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Partitions looked at.
    pub buckets_scanned: u64,
    /// Partitions whose files were merged.
    pub buckets_compacted: u64,
    /// Data files of the partitions looked at, before.
    pub files_before: u64,
    /// Data files of the partitions looked at, after.
    pub files_after: u64,
    /// Rows of the merged files.
    pub rows: u64,
    /// Bytes of the merged files.
    pub bytes: u64,
    /// Rows that were older versions of items, or copies.
    pub rows_dropped: u64,
    /// Snapshots committed.
    pub snapshots: u64,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Partitions that were left as they are, and why.
    pub warnings: Vec<String>,
}

/// Merges small data files, a batch of partitions a commit, and then the manifests if they are many.
///
/// Within a partition the newest version of an item stays: by `updated`, then by the snapshot it came with. Files of
/// the Python program come out in this program's layout, their items as they are.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for tables this program does not write; those of reading and of the commit. What was
/// committed before stays.
pub async fn compact(stores: &Stores, options: &CompactOptions) -> Result<CompactReport> {
    let mut report = CompactReport { dry_run: options.dry_run, ..CompactReport::default() };
    let mut left_alone = BTreeSet::new();
    for round in 1..=PLANS {
        let catalog = open(stores, &options.catalog).await?;
        check_writable(&catalog, options.dry_run)?;
        let files = current_files(stores, &catalog).await?;
        let plan = plan(&catalog, &files, options)?;
        if round == 1 {
            report.buckets_scanned = plan.buckets_scanned;
            report.files_before = plan.files;
            report.files_after = plan.files;
        }
        if options.dry_run {
            for bucket in &plan.buckets {
                report.count(bucket, bucket.merged_files, bucket.rows, bucket.bytes);
            }
            return Ok(report);
        }
        let mut run = Run::new(stores, options, &catalog, &files, &mut report, &mut left_alone);
        match run.all(plan.buckets).await {
            // Another writer took a file that was to be merged: look at what it left.
            Err(error) if error.kind() == ErrorKind::Conflict && round < PLANS => {}
            Err(error) => return Err(error),
            Ok(()) => {
                report.snapshots += u64::from(optimize_if_worthwhile(stores, &options.catalog).await?);
                return Ok(report);
            }
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("other writers were faster {PLANS} times")))
}

fn plan(catalog: &Catalog, files: &[LiveFile], options: &CompactOptions) -> Result<CompactionPlan> {
    let candidate = |file: &LiveFile| {
        let partition = file.partition(catalog.metadata())?;
        let data_file = &file.entry.data_file;
        Ok(Candidate { partition, bytes: data_file.file_size_bytes, rows: data_file.record_count })
    };
    let candidates = files.iter().map(candidate).collect::<Result<Vec<_>>>()?;
    let policy = Policy {
        threshold: options.threshold,
        target_bytes: options.target_bytes,
        file_rows: u64::try_from(options.file_rows).unwrap_or(u64::MAX),
    };
    Ok(plan_compaction(&candidates, &policy, |partition| options.wants(partition)))
}

impl CompactReport {
    fn count(&mut self, bucket: &Bucket, files: u64, rows: u64, bytes: u64) {
        self.buckets_compacted += 1;
        self.rows += rows;
        self.bytes += bytes;
        self.files_after = (self.files_after + files).saturating_sub(bucket.files.len() as u64);
    }
}

/// A compaction planned on one state of the catalog.
struct Run<'a> {
    stores: &'a Stores,
    options: &'a CompactOptions,
    catalog: &'a Catalog,
    files: &'a [LiveFile],
    fields: Vec<Field>,
    report: &'a mut CompactReport,
    /// Partitions that merging does not improve, or whose rows cannot be written.
    left_alone: &'a mut BTreeSet<PartitionKey>,
}

/// What came of a partition.
struct Merged {
    files: Vec<NewDataFile>,
    bytes: u64,
    rows: u64,
    dropped: u64,
}

impl<'a> Run<'a> {
    fn new(
        stores: &'a Stores,
        options: &'a CompactOptions,
        catalog: &'a Catalog,
        files: &'a [LiveFile],
        report: &'a mut CompactReport,
        left_alone: &'a mut BTreeSet<PartitionKey>,
    ) -> Self {
        let metadata = catalog.metadata();
        // A table of the Python program gets the columns of this one's layout.
        let fields = ObservedProperties::default().new_fields(metadata.schema(), metadata.last_column_id);
        Self { stores, options, catalog, files, fields, report, left_alone }
    }

    async fn all(&mut self, buckets: Vec<Bucket>) -> Result<()> {
        let mut pending: Vec<(Bucket, Merged)> = Vec::new();
        for bucket in buckets {
            if self.left_alone.contains(&bucket.partition) {
                continue;
            }
            let merged = match self.merge(&bucket).await {
                Ok(merged) => merged,
                Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt) => {
                    self.leave(&bucket, &format!("its rows cannot be written again: {error}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if merged.files.len() >= bucket.files.len() && merged.dropped == 0 {
                self.leave(&bucket, "merging leaves as many files");
                continue;
            }
            pending.push((bucket, merged));
            let bytes: u64 = pending.iter().map(|(bucket, _)| bucket.bytes).sum();
            let files: usize = pending.iter().map(|(bucket, _)| bucket.files.len()).sum();
            if bytes >= COMMIT_BYTES || files >= COMMIT_FILES {
                self.commit(std::mem::take(&mut pending)).await?;
            }
        }
        if pending.is_empty() { Ok(()) } else { self.commit(pending).await }
    }

    fn leave(&mut self, bucket: &Bucket, reason: &str) {
        let (cell, bin) = (&bucket.partition.cell, bucket.partition.human_bin());
        self.report.warnings.push(format!("partition {cell}/{bin} is left as it is: {reason}"));
        self.left_alone.insert(bucket.partition.clone());
    }

    async fn merge(&self, bucket: &Bucket) -> Result<Merged> {
        let mut files: Vec<&LiveFile> = bucket.files.iter().filter_map(|place| self.files.get(*place)).collect();
        files.sort_by_key(|file| (file.entry.sequence_number, file.stored().to_owned()));
        let (rows, names) = self.read(&files, &bucket.partition).await?;
        let mut left_out = Numbers::default();
        let mut dropped = 0;
        let mut last: Option<Name> = None;
        for name in names.read()? {
            let name = name?;
            if let Some(older) = last.replace(name).filter(|older| older.identity == name.identity) {
                left_out.insert(older.sequence);
                dropped += 1;
            }
        }
        let rows_per_file = usize::try_from(bucket.rows_per_file()).unwrap_or(usize::MAX);
        let limits = FileLimits { rows: rows_per_file, bytes: self.options.file_bytes };
        let writer = Writer::new(self.stores, self.catalog, &self.fields, limits, false);
        let kept = move |row: &Result<Row>| row.as_ref().map_or(true, |row| !left_out.contains(row.sequence));
        let mut merged = Merged { files: Vec::new(), bytes: 0, rows: 0, dropped };
        let written = writer.write_files(rows.read()?.filter(kept), |put| {
            merged.rows += put.rows;
            merged.bytes += put.bytes;
        });
        let files = written.await?;
        Ok(Merged { files, ..merged })
    }

    /// Sorts the rows of files, and the names of their items; later ones have higher numbers.
    async fn read(&self, files: &[&LiveFile], partition: &PartitionKey) -> Result<(Runs<Row>, Runs<Name>)> {
        let driver = Driver::new(self.stores.clone());
        let mut rows = Sorter::new(self.options.memory_bytes);
        let mut names = Sorter::new(NAMES_BYTES);
        let mut sequence = 0;
        for file in files {
            scan_file(&driver, self.catalog, file, Output::Items, |batch| {
                let versions = row_versions(&batch, false)?;
                for (item, name) in items_of(&batch)?.into_iter().zip(versions) {
                    let (row, _) = stored_row(item, partition, sequence, self.options.order)?;
                    let (identity, version): (Identity, Version) =
                        name.ok_or_else(|| Error::invalid("a row without an id"))?;
                    rows.push(row)?;
                    names.push(Name { identity, version, sequence })?;
                    sequence += 1;
                }
                Ok(())
            })
            .await?;
        }
        Ok((rows.finish().0, names.finish().0))
    }

    async fn commit(&mut self, pending: Vec<(Bucket, Merged)>) -> Result<()> {
        let stored = |place: &usize| self.files.get(*place).map(|file| file.stored().to_owned());
        let removed = pending.iter().flat_map(|(bucket, _)| &bucket.files).filter_map(stored).collect();
        let files = pending.iter().flat_map(|(_, merged)| merged.files.iter().cloned()).collect();
        let change = Change {
            mode: Mode::Rewrite(removed),
            new_fields: self.fields.clone(),
            files,
            summary: carried_on(self.catalog),
            ..Change::default()
        };
        commit_revised(self.stores, self.catalog, change, &mut CarryOn).await?;
        self.report.snapshots += 1;
        for (bucket, merged) in pending {
            self.report.count(&bucket, merged.files.len() as u64, merged.rows, merged.bytes);
            self.report.rows_dropped += merged.dropped;
        }
        Ok(())
    }
}
