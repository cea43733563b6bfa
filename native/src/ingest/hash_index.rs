//! Which items came twice, and the hash index of what the catalog holds after the commit.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};

use earthcatalog_core::catalog::{Catalog, properties};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::write::hash_index::{IdHash, merge_hashes, read_hashes, write_hashes};
use earthcatalog_core::{ErrorKind, Result};
use object_store::{ObjectStoreExt as _, WriteMultipart};
use uuid::Uuid;

use super::has_rows;
use super::report::{IngestMode, IngestReport};
use super::row::Name;
use crate::commit::stored_location;
use crate::fetch::{blocking, file_error, open_file};
use crate::spill::{Sorted, Sorter};
use crate::store::{Stores, store_error};

/// One bit an item: whether a newer one of the same name is in the run.
#[derive(Debug, Default)]
pub(super) struct Duplicates(Vec<u64>);

impl Duplicates {
    /// Whether the item is to be left out.
    pub(super) fn contains(&self, sequence: u64) -> bool {
        let word = usize::try_from(sequence / 64).ok().and_then(|place| self.0.get(place));
        word.is_some_and(|word| word & (1 << (sequence % 64)) != 0)
    }

    fn insert(&mut self, sequence: u64) {
        let Ok(place) = usize::try_from(sequence / 64) else { return };
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place) {
            *word |= 1 << (sequence % 64);
        }
    }
}

/// What [`sift`] found.
pub(super) struct Sifted {
    pub(super) duplicates: Duplicates,
    pub(super) index: NewIndex,
}

/// A hash index that is written but not put; `None` if the catalog goes on without one.
pub(super) struct NewIndex(Option<(File, u64)>);

/// Goes once through the sorted names: marks the items that came twice, and writes the new hash index to a temporary
/// file, merged with the catalog's.
pub(super) async fn sift(
    stores: &Stores,
    catalog: &Catalog,
    names: Sorter<Name>,
    report: &mut IngestReport,
) -> Result<Sifted> {
    let previous = previous_index(stores, catalog, report).await?;
    let wanted = !report.dry_run && !matches!(previous, Previous::Incomplete);
    let (sifted, duplicates, known) = blocking(move || {
        let (names, _) = names.finish()?;
        let mut unique =
            Unique { names, ahead: None, duplicates: Duplicates::default(), count: 0, ids: 0, last_id: None };
        let mut ids_before = 0;
        let index = match previous {
            _ if !wanted => {
                for hash in unique.by_ref() {
                    hash?;
                }
                None
            }
            Previous::File(file) => {
                let before = read_hashes(file)?.inspect(|_| ids_before += 1);
                Some(write(merge_hashes(before, unique.by_ref()))?)
            }
            // Merged with nothing: a hash comes twice where two collections share an id.
            _ => Some(write(merge_hashes(std::iter::empty(), unique.by_ref()))?),
        };
        let ids_after = index.as_ref().map_or(u64::MAX, |(_, rows)| *rows);
        let known = (unique.ids + ids_before).saturating_sub(ids_after);
        Ok((Sifted { duplicates: unique.duplicates, index: NewIndex(index) }, unique.count, known))
    })
    .await?;
    report.duplicates = duplicates;
    report.ids_known = known;
    if known > 0 {
        let stays = "the older copies stay, and a search finds one of them";
        report.warnings.push(format!("{known} ids are in the catalog already: {stays}"));
    }
    Ok(sifted)
}

enum Previous {
    /// The catalog is empty or replaced: the index starts anew.
    None,
    File(File),
    /// The catalog holds items that no index knows: one of the new items alone would be wrong.
    Incomplete,
}

async fn previous_index(stores: &Stores, catalog: &Catalog, report: &mut IngestReport) -> Result<Previous> {
    if report.mode == IngestMode::Full || report.dry_run {
        return Ok(Previous::None);
    }
    let Some(location) = catalog.hash_index() else {
        if !has_rows(catalog) {
            return Ok(Previous::None);
        }
        report.warnings.push("the catalog has items but no hash index; none is written".to_owned());
        return Ok(Previous::Incomplete);
    };
    match open_file(stores, &location, None).await {
        Ok(file) => Ok(Previous::File(file)),
        Err(error) if error.kind() == ErrorKind::NotFound && !has_rows(catalog) => Ok(Previous::None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            report.warnings.push(format!("the catalog's hash index is not there; it is left as it is: {error}"));
            Ok(Previous::Incomplete)
        }
        Err(error) => Err(error).context("hash index", &location),
    }
}

fn write(hashes: impl Iterator<Item = Result<IdHash>>) -> Result<(File, u64)> {
    let mut file = tempfile::tempfile().map_err(file_error)?;
    let rows = write_hashes(&mut file, hashes)?;
    file.rewind().map_err(file_error)?;
    Ok((file, rows))
}

impl NewIndex {
    /// Puts the index and returns the table properties that name it.
    pub(super) async fn put(
        self,
        stores: &Stores,
        catalog: &Catalog,
        report: &mut IngestReport,
    ) -> Result<BTreeMap<String, String>> {
        let Some((file, rows)) = self.0 else {
            return Ok(BTreeMap::new());
        };
        let key = format!("warehouse/index/id_hashes-{}.parquet", Uuid::new_v4());
        put_file(stores, catalog, &key, file).await.context("hash index", &key)?;
        report.hash_index_rows = Some(rows);
        Ok(BTreeMap::from([
            (properties::HASH_INDEX_PATH.to_owned(), stored_location(catalog, &key)?),
            (properties::HASH_INDEX_ROWS.to_owned(), rows.to_string()),
        ]))
    }
}

/// Puts a file that may be too large for memory, in parts.
async fn put_file(stores: &Stores, catalog: &Catalog, key: &str, mut file: File) -> Result<()> {
    const PART_BYTES: usize = 8 << 20;
    let location = catalog.base().join(key);
    let failed = |error| store_error(error, &location);
    let (store, path) = stores.get(&location)?;
    let upload = store.put_multipart(&path).await.map_err(failed)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    loop {
        let (back, part) = blocking(move || {
            let mut part = Vec::new();
            file.by_ref().take(PART_BYTES as u64).read_to_end(&mut part).map_err(file_error)?;
            Ok((file, part))
        })
        .await?;
        file = back;
        if part.is_empty() {
            break;
        }
        upload.wait_for_capacity(2).await.map_err(failed)?;
        upload.put(part.into());
    }
    upload.finish().await.map_err(failed)?;
    Ok(())
}

/// The id hashes of the items that are kept, ascending; a hash may repeat where collections share an id.
struct Unique {
    names: Sorted<Name>,
    ahead: Option<Name>,
    duplicates: Duplicates,
    /// How many are marked as duplicates.
    count: u64,
    /// How many different hashes there were.
    ids: u64,
    last_id: Option<IdHash>,
}

impl Unique {
    fn give(&mut self, name: Name) -> IdHash {
        self.ids += u64::from(self.last_id.replace(name.id) != Some(name.id));
        name.id
    }
}

impl Iterator for Unique {
    type Item = Result<IdHash>;

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
                Some(Ok(next)) if next.is_same(&current) => {
                    self.duplicates.insert(current.sequence);
                    self.count += 1;
                    current = next;
                }
                Some(Ok(next)) => {
                    self.ahead = Some(next);
                    return Some(Ok(self.give(current)));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => return Some(Ok(self.give(current))),
            }
        }
    }
}
