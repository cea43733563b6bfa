//! Deleting items: the data files that hold them are written again without them.

use std::ops::ControlFlow;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::query::Query;
use earthcatalog_core::search::Search;
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::hash_index::{IdHash, read_hashes, subtract_hashes};
use earthcatalog_core::write::id_filter::IdFilter;
use earthcatalog_core::write::version::Identity;
use earthcatalog_core::{Error, Result};
use serde::Serialize;
use serde_json::Value;

use crate::commit::{Change, Mode, commit_revised};
use crate::driver::Driver;
use crate::fetch::blocking;
use crate::index::{AsPlanned, NewIndex, open_complete, replanned};
use crate::ingest::check_writable;
use crate::read::open;
use crate::rows::held::{ByItem, Held, held_rows};
use crate::rows::live::current_files;
use crate::rows::rewrite::{Leaving, without};
use crate::rows::row::{put_identity, take_identity};
use crate::rows::write::{FileLimits, Writer};
use crate::spill::{Parts, Record, Runs, Sorter};
use crate::store::Stores;

/// Memory of the sorts of names.
const NAMES_BYTES: usize = 8 << 20;

/// What to delete.
#[derive(Clone, Debug)]
pub struct DeleteOptions {
    /// The catalog's location.
    pub catalog: String,
    /// The items that match go.
    pub query: Query,
    /// Counts, changes nothing.
    pub dry_run: bool,
    /// Rows held in memory before they go to temporary files, in bytes.
    pub memory_bytes: usize,
}

impl DeleteOptions {
    /// Deletes the items of `catalog` that match `query`.
    #[must_use]
    pub fn new(catalog: impl Into<String>, query: Query) -> Self {
        Self { catalog: catalog.into(), query, dry_run: false, memory_bytes: 128 << 20 }
    }
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeleteReport {
    /// Items that are gone.
    pub items_deleted: u64,
    /// Their rows: one in every cell.
    pub rows_deleted: u64,
    /// Rows of other items that were written again.
    pub rows_rewritten: u64,
    /// Data files that held them.
    pub files_removed: u64,
    /// Data files that came in their place.
    pub files_written: u64,
    /// The snapshot that was committed.
    pub snapshot_id: Option<i64>,
    /// Nothing was changed.
    pub dry_run: bool,
}

impl Record for Identity {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        put_identity(output, self);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        take_identity(&mut Parts(bytes))
    }
}

/// Deletes the items that match, in every cell they lie in, as one commit. Earlier snapshots keep them.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Invalid`] for a query that restricts nothing; those of reading and of the commit.
pub async fn delete(stores: &Stores, options: &DeleteOptions) -> Result<DeleteReport> {
    if options.query == Query::new() {
        return Err(Error::invalid("a deletion has to say which items: by ids or by a filter"));
    }
    replanned(async || {
        let catalog = open(stores, &options.catalog).await?;
        check_writable(&catalog, options.dry_run)?;
        once(stores, &catalog, options).await
    })
    .await
}

async fn once(stores: &Stores, catalog: &Catalog, options: &DeleteOptions) -> Result<DeleteReport> {
    let mut report = DeleteReport { dry_run: options.dry_run, ..DeleteReport::default() };
    let (names, filter) = names_of(stores, catalog, &options.query).await?;
    if filter.is_empty() {
        return Ok(report);
    }
    let files = current_files(stores, catalog).await?;
    let held = held_rows(stores, catalog, &files, Some(filter), false).await?;
    let found = blocking(move || find(&names, &held)).await?;
    let left = without(stores, catalog, &files, &found.leaving, options.memory_bytes).await?;
    report.items_deleted = found.items;
    report.rows_deleted = left.rows_gone;
    report.rows_rewritten = left.rows_kept;
    report.files_removed = left.files.len() as u64;
    if options.dry_run || left.files.is_empty() {
        return Ok(report);
    }
    let metadata = catalog.metadata();
    let fields = ObservedProperties::default().new_fields(metadata.schema(), metadata.last_column_id);
    let limits = FileLimits { rows: 100_000, bytes: 192 << 20 };
    let writer = Writer::new(stores, catalog, &fields, limits, false);
    let files = writer.write_files(left.rows.read()?, |_| {}).await?;
    report.files_written = files.len() as u64;
    let mut change = Change { mode: Mode::Overwrite(left.files), new_fields: fields, files, ..Change::default() };
    if let Some(index) = open_complete(stores, catalog).await? {
        let gone = found.gone;
        let index = blocking(move || NewIndex::write(subtract_hashes(read_hashes(index)?, gone.read()?))).await?;
        index.put(stores, catalog, &mut change).await?;
    }
    let outcome = commit_revised(stores, catalog, change, &mut AsPlanned::on(catalog)).await?;
    report.snapshot_id = outcome.snapshot_id;
    Ok(report)
}

/// The items that match, sorted, and a filter of their ids.
async fn names_of(stores: &Stores, catalog: &Catalog, query: &Query) -> Result<(Runs<Identity>, IdFilter)> {
    let mut names = Sorter::new(NAMES_BYTES);
    let mut filter = IdFilter::default();
    let mut search = Search::new(catalog, query.clone())?.ids_only();
    let driver = Driver::new(stores.clone());
    driver
        .run(&mut search, |item| {
            if let Some(id) = item.get("id").and_then(Value::as_str) {
                let identity = Identity::new(item.get("collection").and_then(Value::as_str), id);
                filter.insert(&identity.id);
                names.push(identity)?;
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
    Ok((names.finish().0, filter))
}

struct Found {
    leaving: Runs<Leaving>,
    items: u64,
    /// The ids of which no row is left.
    gone: Runs<IdHash>,
}

impl Record for IdHash {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

/// Finds all rows of the named items, and the ids that no other item shares.
fn find(names: &Runs<Identity>, held: &Runs<Held>) -> Result<Found> {
    let mut names = names.read()?.peekable();
    let mut held = ByItem::new(held)?;
    let (mut leaving, mut gone) = (Sorter::new(NAMES_BYTES), Sorter::new(NAMES_BYTES));
    let mut items = 0;
    // The id that was looked at last, and whether all its rows leave.
    let mut current: Option<(IdHash, bool)> = None;
    while let Some(rows) = held.next_item()? {
        let Some(identity) = rows.first().map(|row| row.identity) else { continue };
        while let Some(before) = names.next_if(|name| name.as_ref().map_or(true, |name| *name < identity)) {
            before?;
        }
        let leaves = matches!(names.peek(), Some(Ok(name)) if *name == identity);
        if leaves {
            items += 1;
            let mut last = None;
            for row in &rows {
                if last.replace(row.file) != Some(row.file) {
                    leaving.push(Leaving { file: row.file, identity })?;
                }
            }
        }
        match &mut current {
            Some((id, all)) if *id == identity.id => *all &= leaves,
            _ => {
                if let Some((id, true)) = current.replace((identity.id, leaves)) {
                    gone.push(id)?;
                }
            }
        }
    }
    if let Some((id, true)) = current {
        gone.push(id)?;
    }
    Ok(Found { leaving: leaving.finish().0, items, gone: gone.finish().0 })
}
