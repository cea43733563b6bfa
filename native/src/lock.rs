//! The lock of a catalog: taken, renewed, given back. What it means is decided in `earthcatalog_core::write::lock`.

mod lease;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use earthcatalog_core::write::lock::{Decision, FoundLock, LOCK_NAME, LockRecord, decide};
use earthcatalog_core::{Error, ErrorKind, Location, Result};

use crate::conditional::{self, Answer, Version, Versioned};
use crate::objects;
use crate::store::{Stores, store_error};

pub use lease::Lease;
pub(crate) use lease::Shared;

/// How often taking the lock is tried while the store does not answer or others come and go.
const ATTEMPTS: u32 = 40;
/// How long a lease is; a quarter of it is the time between renewals.
const TTL: Duration = Duration::from_mins(15);

/// How a lock is taken.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// Who takes it, as others are told.
    pub owner: String,
    /// How long it holds if it is not renewed.
    pub ttl: Duration,
}

impl LockOptions {
    /// A lease of 15 minutes for `operation`.
    #[must_use]
    pub fn new(operation: &str) -> Self {
        Self { owner: format!("earthcatalog-rs/{operation}"), ttl: TTL }
    }
}

/// Who holds a catalog's lock: what an error of kind [`ErrorKind::Locked`] tells.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CatalogLocked {
    /// A program and what it does.
    pub owner: String,
    /// Its machine.
    pub host: String,
    /// When it took the lock or last renewed it, as it says.
    pub since: String,
    /// When the lock ends unless it is renewed, by the store's clock.
    pub until: String,
}

impl CatalogLocked {
    fn of_found(found: &FoundLock) -> Self {
        let record = found.record.as_ref();
        let text = |text: fn(&LockRecord) -> &String| record.map_or_else(|| "unknown".to_owned(), |r| text(r).clone());
        Self {
            owner: text(|record| &record.owner),
            host: text(|record| &record.hostname),
            since: record.map_or_else(|| rfc3339(found.last_modified_ms), |record| record.acquired.clone()),
            until: rfc3339(found.until_ms()),
        }
    }

    /// Who holds the lock that an error is about; `None` for errors of other kinds.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        let value = |key: &str| error.context().iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
        if error.kind() != ErrorKind::Locked {
            return None;
        }
        Some(Self { owner: value("owner")?, host: value("host")?, since: value("since")?, until: value("until")? })
    }
}

impl fmt::Display for CatalogLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` on `{}` holds the lock since {}, until {}", self.owner, self.host, self.since, self.until)
    }
}

impl From<CatalogLocked> for Error {
    fn from(locked: CatalogLocked) -> Self {
        Self::new(ErrorKind::Locked, "another writer holds the catalog's lock")
            .with("owner", &locked.owner)
            .with("host", &locked.host)
            .with("since", &locked.since)
            .with("until", &locked.until)
    }
}

/// What [`status`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct LockStatus {
    /// The lock.
    pub found: FoundLock,
    /// Whether it has expired, by the store's clock.
    pub expired: bool,
    /// Who holds it.
    pub holder: CatalogLocked,
}

/// Looks at the lock of the catalog at `base`; `None` if nobody holds it.
///
/// # Errors
/// The store's.
pub async fn status(stores: &Stores, base: &Location) -> Result<Option<LockStatus>> {
    let Some(present) = conditional::read(stores, &base.join(LOCK_NAME)).await? else {
        return Ok(None);
    };
    let found = found(&present);
    // Whoever may only read asks this machine's clock.
    let now_ms = server_now_ms(stores, base).await.unwrap_or_else(|_| stores.host().now_ms());
    let (expired, holder) = (now_ms >= found.until_ms(), CatalogLocked::of_found(&found));
    Ok(Some(LockStatus { found, expired, holder }))
}

/// Removes the lock of the catalog at `base`, whoever holds it, unless it changes meanwhile. Who held it, if anybody.
///
/// # Errors
/// The store's; [`ErrorKind::Conflict`] if the lock changed.
pub async fn break_lock(stores: &Stores, base: &Location) -> Result<Option<CatalogLocked>> {
    let location = base.join(LOCK_NAME);
    let Some(present) = conditional::read(stores, &location).await? else {
        return Ok(None);
    };
    if conditional::remove(stores, &location, &present.version).await? {
        return Ok(Some(CatalogLocked::of_found(&found(&present))));
    }
    Err(Error::new(ErrorKind::Conflict, "the lock was renewed or taken meanwhile").with("location", location))
}

/// One wish to hold the lock: what is written, and under which token.
struct Claim {
    location: Location,
    base: Location,
    options: LockOptions,
    token: String,
    started: String,
}

impl Claim {
    fn new(stores: &Stores, base: &Location, options: LockOptions) -> Self {
        let started = rfc3339_offset(stores.host().now_ms());
        let token = stores.host().draw().to_string();
        Self { location: base.join(LOCK_NAME), base: base.clone(), options, token, started }
    }

    /// The body of the lock. No two are equal: a version may be a digest of it.
    fn body(&self, stores: &Stores, fence: u64, nonce: u64) -> Result<Bytes> {
        let record = LockRecord {
            owner: self.options.owner.clone(),
            pid: u64::from(std::process::id()),
            hostname: hostname(),
            acquired: rfc3339_offset(stores.host().now_ms()),
            ttl_hours: self.options.ttl.as_secs_f64() / 3_600.0,
            token: Some(self.token.clone()),
            nonce: Some(nonce),
            fence: Some(fence),
            started: Some(self.started.clone()),
            tool: Some(format!("earthcatalog-rs {}", env!("CARGO_PKG_VERSION"))),
        };
        let body = serde_json::to_vec(&record);
        body.map(Bytes::from).map_err(|error| Error::internal("a lock is not JSON").caused_by(error))
    }

    /// Takes the lock; its fence.
    async fn take(&self, stores: &Stores) -> Result<u64> {
        let (mut fence, mut expected): (u64, Option<Version>) = (1, None);
        let mut failed = None;
        for number in 1..=ATTEMPTS {
            match conditional::write(
                stores,
                &self.location,
                expected.as_ref(),
                self.body(stores, fence, number.into())?,
            )
            .await
            {
                Ok(Answer::Written) => return Ok(fence),
                Ok(Answer::Refused) => {}
                Err(error) => failed = Some(error),
            }
            let present = match conditional::read(stores, &self.location).await {
                Ok(present) => present,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            };
            let lock = present.as_ref().map(found);
            // A time before all leases, unless the store tells: whoever holds the lock then holds it still.
            let now_ms = match &lock {
                Some(_) => server_now_ms(stores, &self.base).await.unwrap_or_else(|error| {
                    failed = Some(error);
                    i64::MIN
                }),
                None => 0,
            };
            match decide(lock.as_ref(), &self.token, now_ms) {
                Decision::Held => return Ok(lock.and_then(|lock| lock.record?.fence).unwrap_or(fence)),
                Decision::Wait { .. } => {
                    let holder = lock.as_ref().map(CatalogLocked::of_found);
                    return Err(holder
                        .map_or_else(|| Error::internal("nobody holds the lock"), Error::from)
                        .with("location", &self.location));
                }
                Decision::TakeOver { fence: next } => {
                    (fence, expected) = (next, present.map(|present| present.version));
                }
                Decision::Take => (fence, expected) = (1, None),
            }
            if let Some(error) = failed.take_if(|error| crate::commit::is_final(error)) {
                return Err(error);
            }
            crate::commit::pause(&self.token, number).await;
        }
        let message = "the lock could not be taken: the store refuses, or others come and go";
        let error = failed.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, message));
        Err(error.with("location", &self.location))
    }
}

fn found(present: &Versioned) -> FoundLock {
    FoundLock { record: LockRecord::parse(&present.bytes), last_modified_ms: present.last_modified.timestamp_millis() }
}

/// What time the store thinks it is: when an object was written that is written now.
///
/// # Errors
/// The store's.
pub async fn server_now_ms(stores: &Stores, base: &Location) -> Result<i64> {
    let location = base.join(&format!("_ec/clock/{}", stores.host().draw()));
    objects::put(stores, &location, Bytes::from_static(b"what time is it")).await?;
    let written = conditional::read(stores, &location).await?;
    let (store, path) = stores.get(&location)?;
    // It is of no use to anybody and no harm either.
    let _ = object_store::ObjectStoreExt::delete(&*store, &path).await.map_err(|error| store_error(error, &location));
    let written = written.ok_or_else(|| Error::new(ErrorKind::Unavailable, "an object that was put is not there"))?;
    Ok(written.last_modified.timestamp_millis())
}

fn hostname() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let named = named.filter(|name| !name.is_empty());
    named.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_default()
}

fn rfc3339(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// With an offset in digits, which every Python reads.
fn rfc3339_offset(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, false)
}
