//! Making commits again that another program undid by uploading an older database over them.
//!
//! What a commit added is ingested, so that an item is stored once and its newest version wins, whatever the other
//! program did meanwhile; what it took out and did not put back is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write as _};

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::iceberg::metadata::Snapshot;
use earthcatalog_core::query::Query;
use earthcatalog_core::scan::Output;
use earthcatalog_core::{Error, Result};
use object_store::ObjectStoreExt as _;
use serde::Serialize;
use serde_json::Value;

use crate::delete::{DeleteOptions, delete};
use crate::driver::Driver;
use crate::fetch::file_error;
use crate::ingest::{IngestMode, IngestOptions, ingest};
use crate::read::open;
use crate::record::{self, LostCommit};
use crate::rows::live::{LiveFile, live_files, scan_file};
use crate::rows::rewrite::items_of;
use crate::store::{Stores, store_error};

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// The commits that were lost and are made again, in their order.
    pub commits: Vec<String>,
    /// Those of which nothing is left to make them from.
    pub gone: Vec<String>,
    /// Items that came back, in new versions or as a whole.
    pub items_added: u64,
    /// Items that went again.
    pub items_deleted: u64,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// An item by its collection and id.
type Name = (Option<String>, String);

/// Makes all lost commits of a catalog again, in their order.
///
/// # Errors
/// Those of reading, of ingest and of deletion. What was made again before stays; another replay goes on from there.
pub async fn replay(stores: &Stores, location: &str, dry_run: bool) -> Result<ReplayReport> {
    let mut report = ReplayReport { dry_run, ..ReplayReport::default() };
    let catalog = open(stores, location).await?;
    for lost in record::lost(stores, &catalog).await? {
        let LostCommit { record, listed, state } = lost;
        match &state {
            Some(state) => {
                report.commits.push(record.commit_id);
                again(stores, location, state, &mut report).await?;
            }
            None => report.gone.push(record.commit_id),
        }
        if !dry_run && state.is_some() {
            // Its content is in commits with records of their own.
            let (store, _) = stores.get(catalog.base())?;
            store.delete(&listed.path).await.map_err(|error| store_error(error, catalog.base()))?;
        }
    }
    Ok(report)
}

/// Makes the commit again that led to `state`.
async fn again(stores: &Stores, location: &str, state: &Catalog, report: &mut ReplayReport) -> Result<()> {
    let Some(snapshot) = state.snapshot() else { return Ok(()) };
    let (added, removed) = changed_files(stores, state, snapshot).await?;
    let mut lines = Lines::new()?;
    let mut names = BTreeSet::new();
    for file in &added {
        each_item(stores, state, file, |name, item| if names.insert(name) { lines.push(&item) } else { Ok(()) })
            .await?;
    }
    let mut gone: BTreeMap<Option<String>, BTreeSet<String>> = BTreeMap::new();
    for file in &removed {
        each_item(stores, state, file, |name, _| {
            if !names.contains(&name) {
                gone.entry(name.0).or_default().insert(name.1);
            }
            Ok(())
        })
        .await?;
    }
    let (source, _kept) = lines.finish()?;
    let options = IngestOptions {
        mode: IngestMode::Delta,
        dry_run: report.dry_run,
        ..IngestOptions::new(location, vec![source])
    };
    let taken = ingest(stores, &options, &()).await?;
    report.items_added += taken.items_processed - taken.items_known - taken.duplicates;
    for (collection, ids) in gone {
        let query = Query::new().ids(ids);
        let query = if let Some(collection) = collection { query.collections([collection]) } else { query };
        let options = DeleteOptions { dry_run: report.dry_run, ..DeleteOptions::new(location, query) };
        report.items_deleted += delete(stores, &options).await?.items_deleted;
    }
    Ok(())
}

/// The data files that a snapshot added, and those that it took out.
async fn changed_files(
    stores: &Stores,
    state: &Catalog,
    snapshot: &Snapshot,
) -> Result<(Vec<LiveFile>, Vec<LiveFile>)> {
    let live = live_files(stores, state, snapshot, &[]).await?;
    let present: BTreeSet<&str> = live.iter().map(LiveFile::stored).collect();
    let parent = snapshot.parent_snapshot_id.and_then(|id| state.metadata().snapshot(id));
    let before = match parent {
        Some(parent) => live_files(stores, state, parent, &[]).await?,
        None => Vec::new(),
    };
    let earlier: BTreeSet<String> = before.iter().map(|file| file.stored().to_owned()).collect();
    let removed = before.into_iter().filter(|file| !present.contains(file.stored())).collect();
    let added = live.iter().filter(|file| !earlier.contains(file.stored())).cloned().collect();
    Ok((added, removed))
}

async fn each_item(
    stores: &Stores,
    state: &Catalog,
    file: &LiveFile,
    mut on_item: impl FnMut(Name, Value) -> Result<()>,
) -> Result<()> {
    let driver = Driver::new(stores.clone());
    scan_file(&driver, state, file, Output::Items, |batch| {
        for item in items_of(&batch)? {
            let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
            let name = (text("collection"), text("id").unwrap_or_default());
            on_item(name, item)?;
        }
        Ok(())
    })
    .await
}

/// A temporary file of items, one a line.
struct Lines(BufWriter<tempfile::NamedTempFile>);

impl Lines {
    fn new() -> Result<Self> {
        let file = tempfile::Builder::new().suffix(".ndjson").tempfile().map_err(file_error)?;
        Ok(Self(BufWriter::new(file)))
    }

    fn push(&mut self, item: &Value) -> Result<()> {
        writeln!(self.0, "{item}").map_err(file_error)
    }

    /// Where the file lies, until what comes with it is dropped.
    fn finish(self) -> Result<(String, tempfile::TempPath)> {
        let file = self.0.into_inner().map_err(|error| file_error(error.into_error()))?;
        let path = file.into_temp_path();
        let text = path.to_str().ok_or_else(|| Error::invalid("the folder for temporary files is not UTF-8"))?;
        Ok((text.to_owned(), path))
    }
}
