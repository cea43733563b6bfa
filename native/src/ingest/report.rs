//! What an ingest is asked for and what it tells.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::source::SourceOptions;
use crate::spill::SpillSize;

/// What happens to the items that are in the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IngestMode {
    /// Full while the catalog is empty, delta after.
    #[default]
    Auto,
    /// They are replaced. Readers see the old ones until the one commit that replaces them all.
    Full,
    /// They stay; the new ones are added.
    Delta,
}

/// What to ingest and how.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// The catalog's location.
    pub catalog: String,
    /// Where items come from: see [`crate::source::read_sources`].
    pub sources: Vec<String>,
    /// What happens to what is there.
    pub mode: IngestMode,
    /// Leaves out objects of inventories and folders last written before: µs since 1970 UTC.
    pub since_us: Option<i64>,
    /// At most so many items.
    pub limit: Option<u64>,
    /// So many items are fetched at once.
    pub concurrency: usize,
    /// Makes the hash index from all rows where the catalog has none that can be relied on.
    pub update_hash_index: bool,
    /// Takes what earlier runs listed as failed too.
    pub retry_failed: bool,
    /// So many items that are fetched one by one are kept together in the catalog's store until they are committed, so
    /// that a run that is killed does not fetch them twice; 0 for none.
    pub staged_items: usize,
    /// Reads and checks everything, counts rows and files, writes nothing.
    pub dry_run: bool,
    /// Where the objects of an inventory's bucket are read from, by bucket; `s3://<bucket>` if it is not named.
    pub buckets: BTreeMap<String, String>,
    /// Rows held in memory before they go to temporary files, in bytes.
    pub memory_bytes: usize,
    /// Most rows of a data file.
    pub file_rows: usize,
    /// Most JSON of a data file's items, in bytes: what bounds the memory of encoding it.
    pub file_bytes: usize,
}

impl IngestOptions {
    /// An ingest of `sources` into `catalog`, all else at its default.
    #[must_use]
    pub fn new(catalog: impl Into<String>, sources: Vec<String>) -> Self {
        Self {
            catalog: catalog.into(),
            sources,
            mode: IngestMode::Auto,
            since_us: None,
            limit: None,
            concurrency: 64,
            update_hash_index: false,
            retry_failed: false,
            staged_items: 256,
            dry_run: false,
            buckets: BTreeMap::new(),
            memory_bytes: 256 << 20,
            file_rows: 100_000,
            file_bytes: 192 << 20,
        }
    }

    pub(super) fn source_options(&self) -> SourceOptions {
        SourceOptions { since_us: self.since_us, limit: self.limit, buckets: self.buckets.clone() }
    }
}

/// Something that should have been an item and is not in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its bucket and key, path, or file and line.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

/// What an ingest did. Each object and line of the sources is in exactly one of `items_processed`, `items_failed` and
/// `items_skipped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// Valid items read, those that came twice included.
    pub items_processed: u64,
    /// Rows of the data files: an item has one in every cell it touches.
    pub rows_written: u64,
    /// Data files committed; in a dry run, those that would be.
    pub files_registered: u64,
    /// What could not be read or is no valid item.
    pub items_failed: u64,
    /// Those that failed, the first [`FAILURES`] of them.
    pub failed: Vec<Failure>,
    /// How many of them are listed in the catalog, to be tried again with `retry_failed`.
    pub listed_failed: u64,
    /// What was left out on purpose, by reason.
    pub items_skipped: BTreeMap<String, u64>,
    /// Items of which the run held a newer one.
    pub duplicates: u64,
    /// Items left out because the catalog holds them, in this version or a newer one.
    pub items_known: u64,
    /// Items that took the place of an older version in the catalog.
    pub items_replaced: u64,
    /// Rows of other items that were written again, because they lay in a data file with an older version.
    pub rows_rewritten: u64,
    /// Full or delta, if auto was asked for.
    pub mode: IngestMode,
    /// Nothing was written.
    pub dry_run: bool,
    /// The snapshot that was committed.
    pub snapshot_id: Option<i64>,
    /// Bytes of the data files.
    pub bytes_written: u64,
    /// Ids in the catalog's hash index, if it has one.
    pub hash_index_rows: Option<u64>,
    /// Columns the table got for the items' properties.
    pub columns_added: Vec<String>,
    /// What sorting the rows took.
    pub sort: SpillSize,
    /// What the reader of the report should know.
    pub warnings: Vec<String>,
}

/// Most failures that are listed; all are counted.
pub const FAILURES: usize = 100_000;

impl IngestReport {
    pub(super) fn fail(&mut self, key: String, reason: String) {
        self.items_failed += 1;
        if self.failed.len() < FAILURES {
            self.failed.push(Failure { key, reason });
        }
    }

    pub(super) fn skip(&mut self, reason: String) {
        *self.items_skipped.entry(reason).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            items_processed: self.items_processed,
            items_failed: self.items_failed,
            items_skipped: self.items_skipped.values().sum(),
            rows_total: self.sort.records,
            rows_written: self.rows_written,
            files_registered: self.files_registered,
            bytes_written: self.bytes_written,
        }
    }
}

/// How far an ingest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Valid items read.
    pub items_processed: u64,
    /// Items that failed.
    pub items_failed: u64,
    /// Objects and lines left out.
    pub items_skipped: u64,
    /// Rows to be written, once all items are read; copies of items that came twice included.
    pub rows_total: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Data files put.
    pub files_registered: u64,
    /// Their bytes.
    pub bytes_written: u64,
}

/// What an ingest is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reading and checking items.
    Reading,
    /// Writing data files.
    Writing,
    /// Writing the snapshot.
    Committing,
}

/// Is told how far an ingest is, often: drawing is to be throttled there.
pub trait Progress: Send + Sync {
    /// Called after each item read and each file written.
    fn update(&self, stage: Stage, counts: &Counts);
}

/// Tells nobody.
impl Progress for () {
    fn update(&self, _stage: Stage, _counts: &Counts) {}
}
