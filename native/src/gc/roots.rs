//! What the kept snapshots of a catalog name.

use std::collections::HashSet;
use std::path::PathBuf;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::properties;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::iceberg::manifest::parse_manifest;
use earthcatalog_core::iceberg::metadata::Snapshot;
use earthcatalog_core::{Location, Result, limits};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::fetch::{local_path, read_object};
use crate::record::{self, LostCommit};
use crate::rows::live::manifests;
use crate::store::Stores;

/// Manifests read at once.
const MANIFESTS: usize = 16;

/// The objects below the base that must stay.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// The key of the folder of the table's metadata.
    pub(super) metadata_folder: String,
    keys: HashSet<String>,
    /// Names of objects that are stored by a location outside the base: it may be another spelling of a place inside.
    names: HashSet<String>,
}

impl Roots {
    /// Whether the object `key` must stay.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.keys.contains(key) || self.names.contains(key.rsplit('/').next().unwrap_or(key))
    }

    fn keep(&mut self, catalog: &Catalog, location: &Location) {
        match key_below(catalog.base(), location) {
            Some(key) => self.keys.insert(key),
            None => self.names.insert(location.name().to_owned()),
        };
    }

    fn keep_stored(&mut self, catalog: &Catalog, stored: &str) -> Result<()> {
        let location = catalog.resolve(stored)?;
        self.keep(catalog, &location);
        Ok(())
    }
}

/// The key of a location below the base; `None` for one outside it.
pub(crate) fn key_below(base: &Location, location: &Location) -> Option<String> {
    let below = |base: &str, place: &str| Some(place.strip_prefix(base)?.strip_prefix('/')?.to_owned());
    below(&base.normal(), &location.normal()).or_else(|| {
        // Links and `..` in local paths: as the file system sees them.
        let real = |location: &Location| local_path(location)?.canonicalize().ok();
        let (base, place): (PathBuf, PathBuf) = (real(base)?, real(location)?);
        Some(place.strip_prefix(base).ok()?.to_str()?.replace('\\', "/"))
    })
}

/// Everything that is reachable from the database: metadata, and of every snapshot in it manifest list, manifests,
/// data files and hash index; and the same of commits that are lost, unless their records are from before
/// `records_before_us`.
pub(super) async fn roots(stores: &Stores, catalog: &Catalog, records_before_us: i64) -> Result<Roots> {
    let metadata_folder = super::metadata_folder(catalog)?;
    let mut roots = Roots { metadata_folder, ..Roots::default() };
    roots.keep(catalog, catalog.metadata_location());
    roots.keep(catalog, catalog.database());
    if let Some(previous) = catalog.table_row().and_then(|row| row.previous_metadata_location.as_deref()) {
        roots.keep_stored(catalog, previous)?;
    }
    let table = &catalog.metadata().properties;
    for key in [properties::HASH_INDEX_PATH, properties::GRID_BOUNDARIES_PATH] {
        if let Some(stored) = table.get(key) {
            roots.keep_stored(catalog, stored)?;
        }
    }
    if let Some(index) = catalog.hash_index() {
        roots.keep(catalog, &index);
    }
    let mut seen = HashSet::new();
    for snapshot in &catalog.metadata().snapshots {
        roots.keep_snapshot(stores, catalog, snapshot, &mut seen).await?;
    }
    // What another program's upload undid can be made again as long as its record is kept.
    for LostCommit { listed, state, .. } in record::lost(stores, catalog).await? {
        let Some(state) = state.filter(|_| listed.modified_us >= records_before_us) else { continue };
        roots.keep(catalog, state.metadata_location());
        if let Some(snapshot) = state.snapshot() {
            roots.keep_snapshot(stores, &state, snapshot, &mut seen).await?;
        }
    }
    Ok(roots)
}

impl Roots {
    /// Keeps what a snapshot names, but for manifests that were `seen`.
    async fn keep_snapshot(
        &mut self,
        stores: &Stores,
        catalog: &Catalog,
        snapshot: &Snapshot,
        seen: &mut HashSet<String>,
    ) -> Result<()> {
        let roots = self;
        if let Some(list) = &snapshot.manifest_list {
            roots.keep_stored(catalog, list)?;
        }
        if let Some(index) = snapshot.summary.get(properties::INDEX_OF_SNAPSHOT) {
            roots.keep_stored(catalog, index)?;
        }
        let listed = manifests(stores, catalog, snapshot).await.context("snapshot", snapshot.snapshot_id)?;
        let new: Vec<_> = listed.into_iter().filter(|found| seen.insert(found.manifest_path.clone())).collect();
        let reads = stream::iter(&new).map(|manifest| async move {
            let location = catalog.resolve(&manifest.manifest_path)?;
            let most = usize::try_from(limits::OBJECT_BYTES).unwrap_or(usize::MAX);
            let bytes = read_object(stores, &location, most).await?;
            let entries = parse_manifest(&bytes, catalog.metadata(), manifest, &[]).context("location", &location)?;
            Ok::<_, earthcatalog_core::Error>((location, entries))
        });
        let read: Vec<_> = reads.buffered(MANIFESTS).try_collect().await?;
        for (location, entries) in read {
            roots.keep(catalog, &location);
            for entry in entries {
                roots.keep_stored(catalog, &entry.data_file.file_path)?;
            }
        }
        Ok(())
    }
}
