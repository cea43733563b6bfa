//! `delta`: what of an inventory is new.

use earthcatalog::delta::{DeltaOptions, delta};

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Delta};
use crate::report::{number, say};

pub(super) async fn run(arguments: Delta, common: &Common) -> Result<Exit, Failure> {
    let since_us = arguments.since.as_deref().map(super::ingest::since).transpose()?;
    let opened = Opened::open(&arguments.catalog, common).await?;
    let options = DeltaOptions { catalog: arguments.catalog, inventory: arguments.inventory, since_us };
    let report = delta(&opened.driver.stores, &options, &arguments.output).await?;
    let text = [
        ("items of the inventory", number(report.objects)),
        ("new", number(report.new)),
        ("left out", number(report.skipped)),
        ("broken rows", number(report.broken)),
    ];
    print(&report, &text, common)?;
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    Ok(if report.broken > 0 { Exit::Partial } else { Exit::Done })
}
