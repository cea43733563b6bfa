//! A lock that is held: renewed at a quarter of its time, confirmed before it is relied on, given back while it is ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earthcatalog_core::{Error, ErrorKind, Location, Result};
use tokio::task::JoinHandle;

use super::{Claim, LockOptions, found};
use crate::conditional::{self, Answer};
use crate::store::Stores;
use crate::trial;

/// The lease of a catalog's lock. Dropped without [`release`](Self::release), it ends by itself.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    heartbeat: JoinHandle<()>,
}

/// A lease as the heartbeat, the stores and its owner see it.
pub(crate) struct Shared {
    stores: Stores,
    claim: Claim,
    fence: u64,
    held: Mutex<Held>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("location", &self.claim.location)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    /// When the last renewal that succeeded began, on the clock that counts sleep.
    renewed_ms: u64,
    nonce: u64,
    lost: bool,
}

impl Lease {
    /// Takes the lock of the catalog at `base` for `operation`, for a quarter of an hour at a time, and keeps it. A store
    /// that was not written to before has to show first that it keeps writers apart.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if somebody holds it: [`super::CatalogLocked::of`] says who.
    /// [`ErrorKind::Unsupported`] for a store that cannot keep writers apart. Otherwise the store's.
    pub async fn take(stores: &Stores, base: &Location, operation: &str) -> Result<Self> {
        Self::take_with(stores, base, LockOptions::new(operation)).await
    }

    /// As [`take`](Self::take), with other options.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn take_with(stores: &Stores, base: &Location, options: LockOptions) -> Result<Self> {
        if base.is_web() {
            return Err(Error::unsupported("catalogs are not written over http").with("location", base));
        }
        trial::ensure(stores, base).await?;
        let claim = Claim::new(stores, base, options);
        let renewed_ms = stores.host().boot_ms();
        let fence = claim.take(stores).await?;
        let held = Mutex::new(Held { renewed_ms, nonce: u64::from(super::ATTEMPTS) + 1, lost: false });
        let shared = Arc::new(Shared { stores: stores.clone(), claim, fence, held });
        let heartbeat = tokio::spawn(Arc::clone(&shared).beat());
        Ok(Self { shared, heartbeat })
    }

    /// How often the lock was taken over from a holder that let it expire.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.shared.fence
    }

    /// The stores for what is done under the lock: a commit through them is made, and garbage deleted, only while the
    /// lock is held.
    #[must_use]
    pub fn stores(&self) -> Stores {
        self.shared.stores.under(Arc::clone(&self.shared))
    }

    /// Makes sure that the lock is still ours; renews it if its time is running out.
    ///
    /// To be called before work that others must not see half done. What keeps the catalog whole does not rest on it.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if it was lost: the machine slept, or the store could not be reached, for too long.
    pub async fn confirm(&self) -> Result<()> {
        self.shared.confirm().await
    }

    /// Gives the lock back, if it is still ours and has a quarter of its time left; otherwise it ends by itself.
    ///
    /// # Errors
    /// The store's. What was done under the lock is not touched by them.
    pub async fn release(self) -> Result<()> {
        self.heartbeat.abort();
        if !self.shared.is_good(3) {
            return Ok(());
        }
        let location = &self.shared.claim.location;
        let Some(present) = conditional::read(&self.shared.stores, location).await? else {
            return Ok(());
        };
        if self.shared.is_ours(&present) {
            conditional::remove(&self.shared.stores, location, &present.version).await?;
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

impl Shared {
    /// As [`Lease::confirm`].
    pub(crate) async fn confirm(&self) -> Result<()> {
        if self.is_good(3) {
            return Ok(());
        }
        match self.renew().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.lost()),
            // Nobody can take it before its time is over.
            Err(error) if self.is_good(4) => Err(error),
            Err(error) => Err(self.lost().caused_by(error)),
        }
    }

    /// Renews the lock until it is lost.
    async fn beat(self: Arc<Self>) {
        let pause = self.claim.options.ttl / 4;
        loop {
            tokio::time::sleep(pause).await;
            // A store that does not answer may do so the next time; `confirm` says when that is too late.
            if let Ok(false) = self.renew().await {
                return;
            }
        }
    }

    /// Whether less than so many quarters of the lease are over since the last renewal.
    fn is_good(&self, quarters: u32) -> bool {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let age = Duration::from_millis(self.stores.host().boot_ms().saturating_sub(held.renewed_ms));
        !held.lost && age < self.claim.options.ttl * quarters / 4
    }

    /// Writes the lock anew, if it is ours; whether it is.
    async fn renew(&self) -> Result<bool> {
        let began_ms = self.stores.host().boot_ms();
        for _ in 0..super::ATTEMPTS {
            let Some(present) = conditional::read(&self.stores, &self.claim.location).await? else {
                return Ok(self.lose());
            };
            if !self.is_ours(&present) {
                return Ok(self.lose());
            }
            let nonce = {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.nonce += 1;
                held.nonce
            };
            let body = self.claim.body(&self.stores, self.fence, nonce)?;
            if conditional::write(&self.stores, &self.claim.location, Some(&present.version), body).await?
                == Answer::Written
            {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.renewed_ms = held.renewed_ms.max(began_ms);
                return Ok(!held.lost);
            }
            // Refused: another try of ours, or another writer. Looking tells.
        }
        Err(Error::new(ErrorKind::Unavailable, "the store refuses to renew the lock"))
    }

    fn is_ours(&self, present: &conditional::Versioned) -> bool {
        found(present).record.is_some_and(|record| record.token.as_deref() == Some(self.claim.token.as_str()))
    }

    fn lose(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).lost = true;
        false
    }

    fn lost(&self) -> Error {
        let message = "the catalog's lock was lost: it was not renewed in time and others may write now";
        Error::new(ErrorKind::Locked, message).with("location", &self.claim.location)
    }
}
