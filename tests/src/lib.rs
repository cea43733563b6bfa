//! What the tests share: where outside fixtures lie, and what a test says when they are absent.

use std::path::PathBuf;

/// The folder of outside test data, or `None`, with a message, where it is absent: the test then skips.
///
/// `EARTHCATALOG_FIXTURES` names it; otherwise it is looked for at `../shared/fixtures` from the project's root.
#[must_use]
pub fn fixtures() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures"));
    let folder = std::env::var_os("EARTHCATALOG_FIXTURES").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no outside fixtures at {}", folder.display());
    None
}
