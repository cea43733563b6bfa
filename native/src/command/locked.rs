//! Work on a catalog while its lock is held.

use earthcatalog::lock::{CatalogLocked, Lease};
use earthcatalog::store::Stores;
use earthcatalog_core::{Location, Result};

use super::Failure;
use crate::report::say;

/// Does what changes the catalog at `base` while its lock is held, and gives the lock back, also when the user
/// interrupts.
pub(super) async fn locked<T>(
    stores: &Stores,
    base: &Location,
    operation: &str,
    work: impl AsyncFnOnce(&Stores) -> Result<T>,
) -> Result<T, Failure> {
    let lease = Lease::take(stores, base, operation).await.map_err(|error| {
        let holder = CatalogLocked::of(&error);
        let cure = |holder: CatalogLocked| {
            format!(
                "wait until that writer ends, at the latest until {}; if it is dead, \
                 `earthcatalog lock break {base}` removes its lock",
                holder.until
            )
        };
        Failure::with_hint(error, holder.map(cure))
    })?;
    let held = lease.stores();
    let done = tokio::select! {
        done = work(&held) => Some(done),
        () = interrupted() => None,
    };
    if let Err(error) = lease.release().await {
        say(&format!("warning: the lock could not be given back and ends by itself: {error}"));
    }
    match done {
        Some(done) => Ok(done?),
        None => Err(Failure::Interrupted),
    }
}

/// Waits for the user, or whoever runs the program, to end it.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => return,
            Ok(()) = tokio::signal::ctrl_c() => return,
            else => {}
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
