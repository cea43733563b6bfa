//! Items, filters and orders made at random, and what a look at every item finds by them.

pub mod filters;
pub mod items;
pub mod oracle;

use proptest::prelude::ProptestConfig;

/// So many cases of a property, and `EARTHCATALOG_CASES` times as many where that is set.
///
/// # Panics
/// If it is set to what is no number.
#[must_use]
#[expect(clippy::unwrap_used, reason = "a run that is asked for wrongly fails")]
pub fn cases(usual: u32) -> ProptestConfig {
    let times: u32 = std::env::var("EARTHCATALOG_CASES").map_or(1, |times| times.parse().unwrap());
    ProptestConfig { cases: usual * times, failure_persistence: None, ..ProptestConfig::default() }
}
