//! Forgetting old snapshots, after which `gc` can collect what only they name.

use earthcatalog_core::Result;
use earthcatalog_core::write::expiry::plan_expiry;
use serde::Serialize;

use crate::commit::{Change, commit};
use crate::index::replanned;
use crate::ingest::check_writable;
use crate::read::open;
use crate::store::Stores;

/// Which snapshots to forget.
#[derive(Clone, Debug)]
pub struct ExpireOptions {
    /// The catalog's location.
    pub catalog: String,
    /// So many of the newest stay, whatever their age.
    pub keep: usize,
    /// Those committed at this time or later stay: ms since 1970 UTC.
    pub before_ms: i64,
    /// Counts, changes nothing.
    pub dry_run: bool,
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExpireReport {
    /// Snapshots there were.
    pub snapshots_before: u64,
    /// Snapshots there are.
    pub snapshots_after: u64,
    /// The ids of those that are gone; 64 bits, so as text.
    pub expired: Vec<String>,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// Forgets old snapshots, as one commit. The current one and those that branches and tags name always stay.
///
/// # Errors
/// Those of reading and of the commit.
pub async fn expire(stores: &Stores, options: &ExpireOptions) -> Result<ExpireReport> {
    replanned(async || {
        let catalog = open(stores, &options.catalog).await?;
        check_writable(&catalog, options.dry_run)?;
        let metadata = catalog.metadata();
        let expired = plan_expiry(metadata, options.keep, options.before_ms);
        let before = metadata.snapshots.len() as u64;
        let report = ExpireReport {
            snapshots_before: before,
            snapshots_after: before - expired.len() as u64,
            expired: expired.iter().map(ToString::to_string).collect(),
            dry_run: options.dry_run,
        };
        if !expired.is_empty() && !options.dry_run {
            commit(stores, &catalog, Change { expired_snapshots: expired, ..Change::default() }).await?;
        }
        Ok(report)
    })
    .await
}
