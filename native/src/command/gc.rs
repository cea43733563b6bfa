//! `gc`: deletes objects that no snapshot names.

use earthcatalog::gc::{GcOptions, collect_garbage, store_now_us};

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Gc};
use crate::report::{bytes, number};

pub(super) async fn run(arguments: Gc, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let grace_us = i64::try_from(arguments.grace.as_micros()).unwrap_or(i64::MAX);
    let now_us = store_now_us(&opened.driver.stores, &arguments.catalog, arguments.dry_run).await?;
    let options = GcOptions {
        catalog: arguments.catalog,
        before_us: now_us.saturating_sub(grace_us),
        dry_run: arguments.dry_run,
    };
    let report = opened.write("gc", options.dry_run, async |stores| collect_garbage(stores, &options).await).await?;
    let text = [
        ("objects", number(report.objects)),
        ("in use", number(report.kept)),
        ("too young", number(report.young)),
        ("not the catalog's", number(report.unknown)),
        (if report.dry_run { "to delete" } else { "deleted" }, number(report.deleted.values().sum())),
        ("bytes", bytes(report.deleted_bytes)),
    ];
    print(&report, &text, common)?;
    Ok(Exit::Done)
}
