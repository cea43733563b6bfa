//! The hash index of a catalog: whether it can be trusted, reading it, and putting a new one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};

use earthcatalog_core::catalog::{Catalog, properties};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::write::hash_index::{IdHash, read_hashes, write_hashes};
use earthcatalog_core::{Error, ErrorKind, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use serde::Serialize;

use crate::commit::{Change, Revise, commit_revised, stored_location};
use crate::fetch::{blocking, file_error, open_file};
use crate::read::open;
use crate::rows::held::{ByItem, held_rows};
use crate::rows::live::current_files;
use crate::spill::Runs;
use crate::store::{Stores, store_error};

/// How often an operation is planned anew because another writer was faster.
pub(crate) const PLANS: u32 = 20;

/// Where the index of a catalog whose items it holds completely lies; `None` if there is no such index.
///
/// An index is complete in the snapshot whose summary names it, or for which it was rebuilt, and every operation of this program carries the name on
/// while that stays true. A snapshot of another program names none: it may hold items that the index does not know.
pub(crate) fn complete_index(catalog: &Catalog) -> Option<&str> {
    let properties = &catalog.metadata().properties;
    let noted = properties.get(properties::HASH_INDEX_PATH)?;
    let snapshot = catalog.snapshot()?;
    let named = snapshot.summary.get(properties::INDEX_OF_SNAPSHOT) == Some(noted);
    let rebuilt = properties.get(properties::HASH_INDEX_SNAPSHOT) == Some(&snapshot.snapshot_id.to_string());
    (named || rebuilt).then_some(noted.as_str())
}

/// The entries of a snapshot's summary for an index that stays complete.
pub(crate) fn carried_on(catalog: &Catalog) -> BTreeMap<String, String> {
    let index = complete_index(catalog).map(|index| (properties::INDEX_OF_SNAPSHOT.to_owned(), index.to_owned()));
    index.into_iter().collect()
}

/// Opens the complete index; `None` if there is none or its object is gone.
pub(crate) async fn open_complete(stores: &Stores, catalog: &Catalog) -> Result<Option<File>> {
    let Some(noted) = complete_index(catalog) else { return Ok(None) };
    let location = catalog.resolve(noted)?;
    match open_file(stores, &location, None).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("hash index", &location),
    }
}

/// An index that is written but not put.
#[derive(Debug)]
pub(crate) struct NewIndex {
    file: File,
    /// Its hashes.
    pub(crate) rows: u64,
}

impl NewIndex {
    /// Writes ascending, unique hashes to a temporary file.
    ///
    /// # Errors
    /// Those of `hashes` and of the file.
    pub(crate) fn write(hashes: impl Iterator<Item = Result<IdHash>>) -> Result<Self> {
        let mut file = tempfile::tempfile().map_err(file_error)?;
        let rows = write_hashes(&mut file, hashes)?;
        file.rewind().map_err(file_error)?;
        Ok(Self { file, rows })
    }

    /// Puts the index, and has a change name it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn put(self, stores: &Stores, catalog: &Catalog, change: &mut Change) -> Result<()> {
        let key = format!("warehouse/index/id_hashes-{}.parquet", stores.host().draw());
        put_file(stores, catalog, &key, self.file).await.context("hash index", &key)?;
        let noted = stored_location(catalog, &key)?;
        change.properties.insert(properties::HASH_INDEX_PATH.to_owned(), noted.clone());
        change.properties.insert(properties::HASH_INDEX_ROWS.to_owned(), self.rows.to_string());
        change.summary.insert(properties::INDEX_OF_SNAPSHOT.to_owned(), noted);
        Ok(())
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

/// Refuses to build on what another writer left: what was planned may no longer be true.
#[derive(Debug)]
pub(crate) struct AsPlanned(pub(crate) Option<i64>);

impl AsPlanned {
    /// Holds a change to the state it was planned on.
    pub(crate) fn on(catalog: &Catalog) -> Self {
        Self(catalog.snapshot().map(|snapshot| snapshot.snapshot_id))
    }
}

impl Revise for AsPlanned {
    fn revise<'a>(&'a mut self, base: &'a Catalog, _: &'a Change) -> BoxFuture<'a, Result<Option<Change>>> {
        let unchanged = base.snapshot().map(|snapshot| snapshot.snapshot_id) == self.0;
        async move {
            if unchanged {
                return Ok(None);
            }
            Err(Error::new(ErrorKind::Conflict, "another writer changed the catalog meanwhile"))
        }
        .boxed()
    }
}

/// Makes a change on whatever another writer left, and says of the index what is true there.
#[derive(Debug)]
pub(crate) struct CarryOn;

impl Revise for CarryOn {
    fn revise<'a>(&'a mut self, base: &'a Catalog, change: &'a Change) -> BoxFuture<'a, Result<Option<Change>>> {
        let mut revised = change.clone();
        revised.summary.remove(properties::INDEX_OF_SNAPSHOT);
        revised.summary.extend(carried_on(base));
        async move { Ok(Some(revised)) }.boxed()
    }
}

/// What rebuilding or verifying an index found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexReport {
    /// Ids in the catalog's rows.
    pub ids: u64,
    /// Ids in the index that is there; `None` without one.
    pub indexed: Option<u64>,
    /// Ids of rows that the index lacks.
    pub missing: u64,
    /// Hashes of the index that no row has.
    pub surplus: u64,
    /// Whether the index is named as the current snapshot's.
    pub trusted: bool,
}

impl IndexReport {
    /// Whether the index says what the rows say.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.indexed.is_some() && self.missing == 0 && self.surplus == 0
    }
}

/// Compares the index with the ids of all rows.
///
/// # Errors
/// Those of reading.
pub async fn verify(stores: &Stores, location: &str) -> Result<IndexReport> {
    let catalog = open(stores, location).await?;
    compare(stores, &catalog).await
}

pub(crate) async fn compare(stores: &Stores, catalog: &Catalog) -> Result<IndexReport> {
    let files = current_files(stores, catalog).await?;
    let held = held_rows(stores, catalog, &files, None, false).await?;
    let index = match catalog.hash_index() {
        Some(location) => match open_file(stores, &location, None).await {
            Ok(file) => Some(file),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).context("hash index", &location),
        },
        None => None,
    };
    let trusted = complete_index(catalog).is_some();
    blocking(move || {
        let mut report = IndexReport { trusted, indexed: index.as_ref().map(|_| 0), ..IndexReport::default() };
        let noted: Box<dyn Iterator<Item = Result<IdHash>>> = match index {
            Some(file) => Box::new(read_hashes(file)?),
            None => Box::new(std::iter::empty()),
        };
        let mut noted = noted.peekable();
        for id in ids_of(&held)? {
            let id = id?;
            report.ids += 1;
            while let Some(other) = noted.next_if(|other| other.as_ref().map_or(true, |other| *other < id)) {
                other?;
                report.indexed = report.indexed.map(|count| count + 1);
                report.surplus += 1;
            }
            match noted.next_if(|other| other.as_ref().is_ok_and(|other| *other == id)) {
                Some(_) => report.indexed = report.indexed.map(|count| count + 1),
                None => report.missing += 1,
            }
        }
        for rest in noted {
            rest?;
            report.indexed = report.indexed.map(|count| count + 1);
            report.surplus += 1;
        }
        Ok(report)
    })
    .await
}

/// The different ids of sorted rows.
pub(crate) fn ids_of(held: &Runs<crate::rows::held::Held>) -> Result<impl Iterator<Item = Result<IdHash>> + use<>> {
    let mut items = ByItem::new(held)?;
    let mut last = None;
    Ok(std::iter::from_fn(move || {
        loop {
            match items.next_item() {
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
                Ok(Some(rows)) => {
                    let id = rows.first()?.identity.id;
                    if last.replace(id) != Some(id) {
                        return Some(Ok(id));
                    }
                }
            }
        }
    }))
}

/// Writes the index anew from all rows, as a commit, and answers with its number of ids.
///
/// # Errors
/// Those of reading and of the commit.
pub async fn rebuild(stores: &Stores, location: &str) -> Result<u64> {
    replanned(async || {
        let catalog = open(stores, location).await?;
        let files = current_files(stores, &catalog).await?;
        let held = held_rows(stores, &catalog, &files, None, false).await?;
        let index = blocking(move || NewIndex::write(ids_of(&held)?)).await?;
        let rows = index.rows;
        let mut change = Change::default();
        index.put(stores, &catalog, &mut change).await?;
        // No rows come or go, so there is no new snapshot whose summary could name the index.
        let snapshot = catalog.snapshot().map(|snapshot| snapshot.snapshot_id.to_string());
        change.properties.extend(snapshot.map(|id| (properties::HASH_INDEX_SNAPSHOT.to_owned(), id)));
        commit_revised(stores, &catalog, change, &mut AsPlanned::on(&catalog)).await?;
        Ok(rows)
    })
    .await
}

/// Plans and commits anew while other writers are faster, a bounded number of times.
pub(crate) async fn replanned<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    for _ in 1..PLANS {
        match attempt().await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            other => return other,
        }
    }
    attempt().await
}
