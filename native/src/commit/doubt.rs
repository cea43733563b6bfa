//! What to do while nobody can tell whether a write arrived: read back, wait, and in the end say so.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use earthcatalog_core::{Error, ErrorKind, Location, Result};

use crate::conditional::{self, Versioned};
use crate::store::Stores;

/// How often a write is tried, because another writer was faster or no answer came.
pub(super) const ATTEMPTS: u32 = 100;
/// How often an object is read to learn what became of a write.
pub(super) const READ_BACKS: u32 = 40;
/// Pause after the first attempt; it doubles up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: u64 = 50;
const LONGEST_PAUSE_MS: u64 = 10_000;

/// Waits before the next attempt: longer each time, and not as long as others that began at the same moment.
pub(crate) async fn pause(name: &str, number: u32) {
    let longest = FIRST_PAUSE_MS.saturating_mul(1 << number.saturating_sub(1).min(20)).min(LONGEST_PAUSE_MS);
    let mut hasher = DefaultHasher::new();
    (name, number).hash(&mut hasher);
    let pause_ms = longest / 2 + hasher.finish() % (longest / 2 + 1);
    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
}

/// Reads an object of which a write was sent, until it can be read.
pub(crate) async fn read_back(stores: &Stores, location: &Location) -> Result<Option<Versioned>> {
    let mut number = 1;
    loop {
        match conditional::read(stores, location).await {
            Err(error) if number < READ_BACKS && !is_final(&error) => pause(location.as_str(), number).await,
            read => return read,
        }
        number += 1;
    }
}

/// Whether a store has answered, and will answer the same again: nothing is under way then.
pub(crate) fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unsupported | ErrorKind::Invalid | ErrorKind::Internal)
}

/// The error of a commit that may or may not have happened.
pub(crate) fn state_unknown(error: Error) -> Error {
    let message = "commit state unknown: the store did not tell whether the commit arrived; all its files are kept";
    Error::new(ErrorKind::CommitStateUnknown, message).caused_by(error)
}

/// The error of a store that refuses a write although nothing else was written.
pub(super) fn refuses_everything() -> Error {
    Error::unsupported("the store refuses conditional writes even of objects that did not change")
}
