//! `publish`: writes what lets others read a catalog without this program.

use earthcatalog::publish::{PublishOptions, publish};
use earthcatalog_core::Location;

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Publish};

pub(super) async fn run(arguments: Publish, common: &Common) -> Result<Exit, Failure> {
    let url = arguments.url.as_deref().map(Location::parse).transpose().map_err(Failure::of_flag("--url"))?;
    if url.as_ref().is_some_and(|url| !url.is_web()) {
        return Err(Failure::usage("--url takes an address that begins with https:// or http://"));
    }
    let opened = Opened::open(&arguments.catalog, common).await?;
    let options = PublishOptions { explorer: arguments.explorer, url };
    let report = publish(&opened.driver, &opened.catalog, options).await?;
    let text = [
        ("endpoint", report.endpoint.clone()),
        ("table", report.table.clone()),
        ("snapshot", report.snapshot_id.clone().unwrap_or_else(|| "none yet".to_owned())),
        ("written", report.written.join(", ")),
    ];
    print(&report, &text, common)?;
    Ok(Exit::Done)
}
