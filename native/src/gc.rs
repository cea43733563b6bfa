//! Collecting garbage: objects of the catalog that no kept snapshot names and that are old enough to be nobody's yet.
//!
//! The order makes it safe beside writers. Objects are listed first; then the catalog is read, so that what was
//! committed meanwhile is seen as named; then only what is older than the grace may go, so that what a commit in flight
//! has put stays; and before anything is deleted the database is read again: if it moved, all is judged anew. Names are
//! never used twice, so a deletion that is carried out late cannot hit a new object.

mod roots;

use std::collections::BTreeMap;

use earthcatalog_core::catalog::{Catalog, DATABASE_NAME};
use earthcatalog_core::write::garbage::{Kind, kind_of};
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde::Serialize;

use crate::index::replanned;
use crate::ingest::check_writable;
use crate::lock::server_now_ms;
use crate::read::open;
use crate::record;
use crate::store::{Stores, store_error};
pub(crate) use roots::key_below;
use roots::roots;

/// Deletions under way at once.
const DELETIONS: usize = 16;
/// Deletions after which the database is looked at again.
const ROUND: usize = 1_000;
/// Keys that a report lists.
const LISTED: usize = 1_000;

/// What to collect.
#[derive(Clone, Debug)]
pub struct GcOptions {
    /// The catalog's location.
    pub catalog: String,
    /// Objects last written this or later stay: µs since 1970, by the store's clock, which [`store_now_us`] tells.
    pub before_us: i64,
    /// Lists, deletes nothing.
    pub dry_run: bool,
}

/// What was collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Objects below the catalog's base.
    pub objects: u64,
    /// Of these, what kept snapshots name, the database and what belongs to it.
    pub kept: u64,
    /// Named by nobody, but too young.
    pub young: u64,
    /// Not known to be the catalog's: left alone.
    pub unknown: u64,
    /// Deleted, by kind; in a dry run, what would be.
    pub deleted: BTreeMap<Kind, u64>,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Their keys below the base, the first 1,000 of them.
    pub keys: Vec<String>,
    /// The keys of unknown objects, the first 1,000 of them.
    pub unknown_keys: Vec<String>,
    /// Nothing was deleted.
    pub dry_run: bool,
}

struct Doomed {
    key: String,
    path: Path,
    kind: Kind,
    bytes: u64,
}

/// What time it is by the clock of the store that holds a catalog, in µs since 1970. This machine's clock is no
/// substitute: if it is fast, what a writer has just put looks old. It will do for a dry run where nothing can be put.
///
/// # Errors
/// Those of opening the catalog and of putting the object whose age tells.
pub async fn store_now_us(stores: &Stores, catalog: &str, dry_run: bool) -> Result<i64> {
    let base = open(stores, catalog).await?.base().clone();
    let now_ms = match server_now_ms(stores, &base).await {
        Err(_) if dry_run => stores.host().now_ms(),
        told => told?,
    };
    Ok(now_ms.saturating_mul(1_000))
}

/// Deletes what nobody needs. Never touches anything outside the catalog's base, nor what it does not recognise.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if a kept snapshot cannot be read: what it names would not be known. Those of the store.
pub async fn collect_garbage(stores: &Stores, options: &GcOptions) -> Result<GcReport> {
    let mut report = replanned(async || one_look(stores, options).await).await?;
    report.dry_run = options.dry_run;
    Ok(report)
}

async fn one_look(stores: &Stores, options: &GcOptions) -> Result<GcReport> {
    let opened = open(stores, &options.catalog).await?;
    check_writable(&opened, options.dry_run)?;
    let listed = list(stores, opened.base()).await?;
    let catalog = open(stores, &options.catalog).await?;
    let records_before_us = options.before_us.saturating_sub(record::KEPT_US);
    let roots = roots(stores, &catalog, records_before_us).await?;
    let mut report = GcReport { objects: listed.len() as u64, ..GcReport::default() };
    let mut doomed = Vec::new();
    for object in listed {
        let Listed { key, path, modified_us, bytes } = object;
        let Some(kind) = kind_of(&key, &roots.metadata_folder) else {
            if is_own(&key) || roots.holds(&key) {
                report.kept += 1;
            } else {
                report.unknown += 1;
                if report.unknown_keys.len() < LISTED {
                    report.unknown_keys.push(key);
                }
            }
            continue;
        };
        let before_us = if kind == Kind::Record { records_before_us } else { options.before_us };
        if roots.holds(&key) {
            report.kept += 1;
        } else if modified_us >= before_us {
            report.young += 1;
        } else {
            doomed.push(Doomed { key, path, kind, bytes });
        }
    }
    for round in doomed.chunks(ROUND) {
        if !options.dry_run {
            stores.confirm_lease().await?;
            let present = open(stores, &options.catalog).await?;
            if present.metadata_location() != catalog.metadata_location() {
                return Err(Error::new(ErrorKind::Conflict, "the catalog was changed while garbage was collected"));
            }
            delete(stores, opened.base(), round).await?;
        }
        for Doomed { key, kind, bytes, .. } in round {
            *report.deleted.entry(*kind).or_default() += 1;
            report.deleted_bytes += bytes;
            if report.keys.len() < LISTED {
                report.keys.push(key.clone());
            }
        }
    }
    Ok(report)
}

/// What is the catalog's without being named by the table, and never garbage.
fn is_own(key: &str) -> bool {
    key == DATABASE_NAME || key == ".lock" || key.starts_with("_ec/")
}

async fn delete(stores: &Stores, base: &Location, doomed: &[Doomed]) -> Result<()> {
    let (store, _) = stores.get(base)?;
    let deletions = stream::iter(doomed).map(|object| {
        let store = &store;
        async move {
            match store.delete(&object.path).await {
                // Another collector was faster.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(store_error(error, &base.join(&object.key))),
            }
        }
    });
    deletions.buffer_unordered(DELETIONS).try_collect().await
}

/// An object below the base.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) path: Path,
    pub(crate) modified_us: i64,
    pub(crate) bytes: u64,
}

/// Every object below the base.
pub(crate) async fn list(stores: &Stores, base: &Location) -> Result<Vec<Listed>> {
    let (store, prefix) = stores.get(base)?;
    let mut found = Vec::new();
    let mut objects = store.list(Some(&prefix));
    while let Some(object) = objects.try_next().await.map_err(|error| store_error(error, base))? {
        // A prefix ends at a segment, so that `a/catalog2` is not below `a/catalog`.
        let below = object.location.as_ref().strip_prefix(prefix.as_ref());
        let below = if prefix.as_ref().is_empty() { below } else { below.and_then(|below| below.strip_prefix('/')) };
        let Some(key) = below.map(str::to_owned) else { continue };
        let modified_us = object.last_modified.timestamp_micros();
        found.push(Listed { key, path: object.location, modified_us, bytes: object.size });
    }
    Ok(found)
}

/// The folder of the table's metadata as a key below the base.
pub(crate) fn metadata_folder(catalog: &Catalog) -> Result<String> {
    let folder = catalog.metadata_location().parent().map(|folder| key_below(catalog.base(), &folder));
    folder.flatten().ok_or_else(|| {
        let message = "the table's metadata does not lie below the catalog's folder: nothing there is collected";
        Error::unsupported(message).with("location", catalog.metadata_location())
    })
}
