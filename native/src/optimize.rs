//! Writing the manifests of a catalog anew: few, sorted by cell, with what prunes and nothing else.
//!
//! Every commit adds manifests of its own, so a catalog that grows by small steps has many that each span all cells;
//! and other writers keep all they know of a file in them. A search reads every manifest that may name a file it
//! wants. Data files stay as they are, and earlier snapshots keep their manifests.

use earthcatalog_core::Result;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::iceberg::manifest::refuse_deletes;
use serde::Serialize;

use crate::commit::{Change, Mode, commit_revised};
use crate::index::{CarryOn, carried_on, replanned};
use crate::ingest::check_writable;
use crate::read::open;
use crate::rows::live::manifests;
use crate::snapshot::{fewest_manifests, missing_metrics_modes};
use crate::store::Stores;

/// What to do with which catalog.
#[derive(Clone, Debug)]
pub struct OptimizeOptions {
    /// The catalog's location.
    pub catalog: String,
    /// Counts, changes nothing.
    pub dry_run: bool,
}

/// What became of the manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OptimizeReport {
    /// Live data files.
    pub files: u64,
    /// Manifests there were.
    pub manifests_before: u64,
    /// Manifests there are; in a dry run, what there would be.
    pub manifests_after: u64,
    /// Their bytes before, as the manifest list has them.
    pub bytes_before: u64,
    /// Their bytes after; `None` in a dry run.
    pub bytes_after: Option<u64>,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// How many manifests a snapshot has, and what they hold.
#[derive(Clone, Copy, Debug, Default)]
struct Manifests {
    files: u64,
    count: u64,
    bytes: u64,
}

/// Writes all manifests of a catalog anew, as one commit, however they are. What other writers add meanwhile is taken
/// in.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Unsupported`] for tables this program does not write; those of reading and of the
/// commit.
pub async fn optimize(stores: &Stores, options: &OptimizeOptions) -> Result<OptimizeReport> {
    replanned(async || {
        let catalog = open(stores, &options.catalog).await?;
        check_writable(&catalog, options.dry_run)?;
        let before = measure(stores, &catalog).await?;
        let mut report = OptimizeReport {
            files: before.files,
            manifests_before: before.count,
            manifests_after: fewest_manifests(before.files),
            bytes_before: before.bytes,
            bytes_after: None,
            dry_run: options.dry_run,
        };
        if before.count > 0 && !options.dry_run {
            cluster(stores, &catalog).await?;
            let after = measure(stores, &open(stores, &options.catalog).await?).await?;
            (report.manifests_after, report.bytes_after) = (after.count, Some(after.bytes));
        }
        Ok(report)
    })
    .await
}

/// Writes the manifests of a catalog anew if there are far more than need be. Whether it did.
pub(crate) async fn optimize_if_worthwhile(stores: &Stores, location: &str) -> Result<bool> {
    let catalog = open(stores, location).await?;
    let present = measure(stores, &catalog).await?;
    let worthwhile = present.count >= WORTHWHILE.max(2 * fewest_manifests(present.files));
    if worthwhile {
        cluster(stores, &catalog).await?;
    }
    Ok(worthwhile)
}

/// Fewer manifests than this are read at once anyway.
const WORTHWHILE: u64 = 8;

async fn cluster(stores: &Stores, catalog: &Catalog) -> Result<()> {
    let change = Change {
        mode: Mode::Cluster,
        properties: missing_metrics_modes(&catalog.metadata().properties),
        summary: carried_on(catalog),
        ..Change::default()
    };
    commit_revised(stores, catalog, change, &mut CarryOn).await.map(drop)
}

async fn measure(stores: &Stores, catalog: &Catalog) -> Result<Manifests> {
    let Some(snapshot) = catalog.snapshot() else { return Ok(Manifests::default()) };
    let listed = manifests(stores, catalog, snapshot).await?;
    refuse_deletes(&listed)?;
    let mut sum = Manifests { count: listed.len() as u64, ..Manifests::default() };
    for manifest in &listed {
        sum.bytes += manifest.manifest_length;
        sum.files += manifest.added_files_count.unwrap_or(0) + manifest.existing_files_count.unwrap_or(0);
    }
    Ok(sum)
}
