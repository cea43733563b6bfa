//! `expire`: forgets old snapshots.

use earthcatalog::expire::{ExpireOptions, expire};
use earthcatalog_core::Error;
use earthcatalog_core::query::datetime::Interval;

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Expire, age};
use crate::report::number;

const MICROS_OF_MILLI: i64 = 1_000;

pub(super) async fn run(arguments: Expire, common: &Common) -> Result<Exit, Failure> {
    let before_ms = before_ms(&arguments.older_than)?;
    let opened = Opened::open(&arguments.catalog, common).await?;
    let options =
        ExpireOptions { catalog: arguments.catalog, keep: arguments.keep, before_ms, dry_run: arguments.dry_run };
    let report = opened.write("expire", options.dry_run, async |stores| expire(stores, &options).await).await?;
    let text = [
        ("snapshots before", number(report.snapshots_before)),
        ("snapshots after", number(report.snapshots_after)),
        ("forgotten", report.expired.join(", ")),
    ];
    print(&report, &text, common)?;
    Ok(Exit::Done)
}

/// An age before now, or the start of a time.
fn before_ms(text: &str) -> Result<i64, Failure> {
    if let Ok(age) = age(text) {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        return Ok(chrono::Utc::now().timestamp_millis().saturating_sub(age_ms));
    }
    let time = if text.contains('/') { None } else { Interval::parse(text).ok().and_then(|time| time.start) };
    let wrong = || Error::invalid(format!("`{text}` is neither an age such as 7d nor a time"));
    time.map(|us| us.div_euclid(MICROS_OF_MILLI)).ok_or_else(|| Failure::of_flag("--older-than")(wrong()))
}
