//! Which items are new: not twice in the run, not in the catalog, or newer than what is there.

use std::collections::BTreeSet;
use std::fs::File;

use earthcatalog_core::Result;
use earthcatalog_core::catalog::{Catalog, properties};
use earthcatalog_core::write::hash_index::{merge_hashes, read_hashes};
use earthcatalog_core::write::id_filter::IdFilter;

use super::report::{IngestMode, IngestOptions, IngestReport};
use crate::fetch::blocking;
use crate::index::{NewIndex, ids_of, open_complete};
use crate::rows::Numbers;
use crate::rows::held::{ByItem, Held, held_rows};
use crate::rows::live::{LiveFile, current_files};
use crate::rows::rewrite::{Leaving, without};
use crate::rows::row::{Name, Row};
use crate::spill::{Runs, Sorted, Sorter};
use crate::store::Stores;

/// Memory of the sort of what leaves.
const LEAVING_BYTES: usize = 8 << 20;

/// What [`sift`] found.
pub(super) struct Sifted {
    /// The items that are not written, by their number in the run.
    pub(super) left_out: Numbers,
    /// Whether that is all of them.
    pub(super) adds_nothing: bool,
    /// The data files that lose rows, by stored location.
    pub(super) removed: BTreeSet<String>,
    /// The rows of these files that stay.
    pub(super) kept: Runs<Row>,
    pub(super) rows_kept: u64,
    /// The hash index of the catalog after the commit, where it changes.
    pub(super) index: Option<NewIndex>,
}

/// Compares the sorted names with what the catalog holds.
pub(super) async fn sift(
    stores: &Stores,
    catalog: &Catalog,
    options: &IngestOptions,
    names: &Runs<Name>,
    report: &mut IngestReport,
) -> Result<Sifted> {
    let files = match report.mode {
        IngestMode::Full => Vec::new(),
        _ => current_files(stores, catalog).await?,
    };
    let index = if files.is_empty() { None } else { open_complete(stores, catalog).await? };
    let wanted = wants_index(catalog, options, index.is_some(), files.is_empty(), report);
    let seen = first_pass(names, index.as_ref(), files.is_empty()).await?;
    report.duplicates = seen.duplicates;
    // All rows have to be looked at for an index where there is none to go on from.
    let anew = wanted && index.is_none();
    let held = if files.is_empty() || (seen.filter.is_empty() && !anew) {
        None
    } else {
        let filter = (!anew).then_some(seen.filter);
        Some(held_rows(stores, catalog, &files, filter, seen.contents).await?)
    };
    let joined = match &held {
        Some(held) => join(names, held, seen.left_out).await?,
        None => Joined { left_out: seen.left_out, leaving: Sorter::new(0).finish().0, known: 0, replaced: 0 },
    };
    (report.items_known, report.items_replaced) = (joined.known, joined.replaced);
    let left = without(stores, catalog, &files, &joined.leaving, options.memory_bytes).await?;
    let adds_nothing = seen.items == joined.known;
    let changes = wanted && (anew || !adds_nothing) && !options.dry_run;
    let index = if changes { Some(new_index(names, index, held, files).await?) } else { None };
    Ok(Sifted {
        left_out: joined.left_out,
        adds_nothing,
        removed: left.files,
        kept: left.rows,
        rows_kept: left.rows_kept,
        index,
    })
}

/// Whether the catalog has a hash index after the commit: if it had one, was empty, or the user wants one.
fn wants_index(
    catalog: &Catalog,
    options: &IngestOptions,
    complete: bool,
    is_empty: bool,
    report: &mut IngestReport,
) -> bool {
    let noted = catalog.metadata().properties.contains_key(properties::HASH_INDEX_PATH);
    if complete || is_empty || options.update_hash_index {
        return true;
    }
    let advice = "--update-hash-index, or `index rebuild`, makes one from all rows";
    report.warnings.push(if noted {
        format!("another program changed the catalog since its hash index was written; the index is not used: {advice}")
    } else {
        format!("the catalog has items but no hash index, and none is written: {advice}")
    });
    false
}

struct Seen {
    left_out: Numbers,
    duplicates: u64,
    /// Different items.
    items: u64,
    /// The ids of those that the catalog may hold.
    filter: IdFilter,
    /// Whether it takes their contents to tell which are newer.
    contents: bool,
}

/// Marks the items that came twice, and picks those that the index knows; all, without an index.
async fn first_pass(names: &Runs<Name>, index: Option<&File>, is_empty: bool) -> Result<Seen> {
    let names = names.clone();
    let index = index.map(File::try_clone).transpose().map_err(crate::fetch::file_error)?;
    blocking(move || {
        let mut newest = Newest::new(&names)?;
        let mut known = index.map(read_hashes).transpose()?.map(Iterator::peekable);
        let (mut filter, mut contents, mut items) = (IdFilter::default(), false, 0);
        while let Some(name) = newest.next().transpose()? {
            items += 1;
            let id = name.identity.id;
            let candidate = match &mut known {
                None => !is_empty,
                Some(known) => {
                    while let Some(before) = known.next_if(|hash| hash.as_ref().map_or(true, |hash| *hash < id)) {
                        before?;
                    }
                    known.peek().is_some_and(|hash| hash.as_ref().is_ok_and(|hash| *hash == id))
                }
            };
            if candidate {
                filter.insert(&id);
                contents |= name.version.updated_us.is_none();
            }
        }
        let Newest { left_out, duplicates, .. } = newest;
        Ok(Seen { left_out, duplicates, items, filter, contents })
    })
    .await
}

struct Joined {
    left_out: Numbers,
    leaving: Runs<Leaving>,
    known: u64,
    replaced: u64,
}

/// Compares each item with the rows that the catalog holds of it.
async fn join(names: &Runs<Name>, held: &Runs<Held>, mut left_out: Numbers) -> Result<Joined> {
    let (names, held) = (names.clone(), held.clone());
    blocking(move || {
        let mut newest = Newest::new(&names)?;
        let mut held = ByItem::new(&held)?;
        let mut leaving = Sorter::new(LEAVING_BYTES);
        let (mut known, mut replaced) = (0, 0);
        while let Some(name) = newest.next().transpose()? {
            let rows = held.seek(&name.identity)?;
            let Some(stored) = rows.iter().max_by(|one, other| one.compare_age(other)) else { continue };
            if !name.version.supersedes(&stored.version) {
                known += 1;
                left_out.insert(name.sequence);
                continue;
            }
            replaced += 1;
            let mut last = None;
            for row in &rows {
                if last.replace(row.file) != Some(row.file) {
                    leaving.push(Leaving { file: row.file, identity: row.identity })?;
                }
            }
        }
        Ok(Joined { left_out, leaving: leaving.finish().0, known, replaced })
    })
    .await
}

/// The ids of the catalog and of the run.
async fn new_index(
    names: &Runs<Name>,
    index: Option<File>,
    held: Option<Runs<Held>>,
    files: Vec<LiveFile>,
) -> Result<NewIndex> {
    let names = names.clone();
    blocking(move || {
        let new = Newest::new(&names)?.map(|name| name.map(|name| name.identity.id));
        match (index, held) {
            (Some(index), _) => NewIndex::write(merge_hashes(read_hashes(index)?, new)),
            (None, Some(held)) if !files.is_empty() => NewIndex::write(merge_hashes(ids_of(&held)?, new)),
            // Merged with nothing: a hash comes twice where two collections share an id.
            _ => NewIndex::write(merge_hashes(std::iter::empty(), new)),
        }
    })
    .await
}

/// The newest of each item in sorted names; the others are marked.
struct Newest {
    names: Sorted<Name>,
    ahead: Option<Name>,
    left_out: Numbers,
    duplicates: u64,
}

impl Newest {
    fn new(names: &Runs<Name>) -> Result<Self> {
        Ok(Self { names: names.read()?, ahead: None, left_out: Numbers::default(), duplicates: 0 })
    }
}

impl Iterator for Newest {
    type Item = Result<Name>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut current = match self.ahead.take() {
            Some(name) => name,
            None => match self.names.next()? {
                Ok(name) => name,
                Err(error) => return Some(Err(error)),
            },
        };
        loop {
            match self.names.next() {
                Some(Ok(next)) if next.identity == current.identity => {
                    self.left_out.insert(current.sequence);
                    self.duplicates += 1;
                    current = next;
                }
                Some(Ok(next)) => {
                    self.ahead = Some(next);
                    return Some(Ok(current));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => return Some(Ok(current)),
            }
        }
    }
}
