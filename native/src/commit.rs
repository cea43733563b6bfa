//! The one place where the visible state of a catalog changes.
//!
//! Order of writes: data files (by the caller), manifests, manifest list, table metadata, and last the database that
//! points to it. Everything before the database is new and unnamed by anything, so a reader sees the old snapshot or
//! the new one and never a part; a commit that stops half-way leaves only objects nobody reads.

mod attempt;
mod doubt;
mod init;
pub(crate) mod target;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::{Location, Result};
use futures::future::BoxFuture;

use crate::objects;
use crate::store::Stores;
use crate::trial;
use attempt::Attempt;
use target::Target;

pub use crate::snapshot::{Change, Mode, NewDataFile, Stamp};
pub(crate) use doubt::{is_final, pause, read_back, state_unknown};
pub(crate) use init::adopt;
pub use init::init;

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The snapshot that the commit made; if it made none, the one that is current, if any.
    pub snapshot_id: Option<i64>,
    /// Where, as stored, the table's metadata lies.
    pub metadata_location: String,
    /// The commit's name in the snapshot's summary.
    pub commit_id: String,
    /// A commit of this name had been made before, by another call; nothing was changed.
    pub already: bool,
}

/// Has a say when another writer was faster: how a change is to be made on what that writer left.
pub trait Revise: Send {
    /// The change to make on `base`, the catalog as it is now; `None` for `change` as it is.
    ///
    /// A revised change counts as planned on `base`: properties that the other writer set may be set again, and
    /// [`Mode::Replace`] replaces what is there now. It keeps the commit's id. Its data files are already put.
    /// What a change does is checked against `base` either way.
    ///
    /// # Errors
    /// Whatever keeps the change from being made; the commit ends with it.
    fn revise<'a>(&'a mut self, base: &'a Catalog, change: &'a Change) -> BoxFuture<'a, Result<Option<Change>>>;
}

/// Makes a change to a catalog that was opened before: one new snapshot, or none of it.
///
/// The database is written only while it is the one that the new state was built on. If another writer was faster,
/// the change is built anew on what that writer left; data files and their manifests are kept. Files that the change
/// takes out must still be live then. If the store does not tell what became of the write, the commit looks for
/// itself in the table and goes on from what it finds; nothing that was put is ever deleted.
///
/// New objects are recorded below the place the table says it lies at, also when the catalog was opened from a copy
/// elsewhere, so that everything moves together: see [`stored_location`].
///
/// # Errors
/// [`Conflict`](earthcatalog_core::ErrorKind::Conflict) if what another writer did cannot be built on: any commit under [`Mode::Replace`]; a file
/// that is to go and is not live, which is named; a new grid, partitioning or clashing columns, or another value of a
/// property that the change sets. [`Unsupported`](earthcatalog_core::ErrorKind::Unsupported) for tables this program does not write.
/// [`CommitStateUnknown`](earthcatalog_core::ErrorKind::CommitStateUnknown) if the commit may or may not have happened; a repeat with the same
/// [`Change::commit_id`] finds out. After any other error it has not happened.
pub async fn commit(stores: &Stores, catalog: &Catalog, change: Change) -> Result<CommitOutcome> {
    commit_by(stores, catalog, change, None).await
}

/// As [`commit`], but asks `reviser` each time another writer was faster.
///
/// # Errors
/// As [`commit`], and the reviser's.
pub async fn commit_revised(
    stores: &Stores,
    catalog: &Catalog,
    change: Change,
    reviser: &mut dyn Revise,
) -> Result<CommitOutcome> {
    commit_by(stores, catalog, change, Some(reviser)).await
}

async fn commit_by(
    stores: &Stores,
    catalog: &Catalog,
    change: Change,
    mut reviser: Option<&mut dyn Revise>,
) -> Result<CommitOutcome> {
    let mut attempt = Attempt::new(stores, catalog, change)?;
    trial::ensure(stores, catalog.base()).await?;
    for number in 1..=doubt::ATTEMPTS {
        let reviser = reviser.as_mut().map(|reviser| &mut **reviser as &mut dyn Revise);
        match attempt.step(reviser).await {
            Ok(Some(outcome)) => {
                attempt.finish(&outcome).await;
                return Ok(outcome);
            }
            Ok(None) => pause(&attempt.commit_id, number).await,
            Err(error) => return Err(attempt.explained(error)),
        }
    }
    let outcome = attempt.last_look().await?;
    attempt.finish(&outcome).await;
    Ok(outcome)
}

/// Puts an immutable object, such as a data file, so that it is there for good once this returns.
///
/// On a local disk that means temporary file, flush, rename, flush of the folder: a commit that names the object
/// never outlives it.
///
/// # Errors
/// The store's.
pub async fn put(stores: &Stores, location: &Location, bytes: Bytes) -> Result<()> {
    objects::put(stores, location, bytes).await
}

/// How the object `key` below a catalog's base is recorded in the table.
///
/// Stored locations are absolute: bare paths for local disks, `s3://bucket/key` and the like for stores. For a
/// catalog that was moved or copied they lie below the place it was made at, as all its others do, and are read
/// where the catalog was opened. The object itself is put at `catalog.base().join(key)`.
///
/// # Errors
/// [`Invalid`](earthcatalog_core::ErrorKind::Invalid) for a catalog that was opened by its table metadata, without its database.
pub fn stored_location(catalog: &Catalog, key: &str) -> Result<String> {
    Ok(Target::of(catalog)?.stored(key))
}
