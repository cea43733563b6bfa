//! `relocate`: rewrites stored locations to where a catalog lies.

use earthcatalog::relocate::relocate;
use earthcatalog_core::Location;

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Relocate};
use crate::report::number;

pub(super) async fn run(arguments: Relocate, common: &Common) -> Result<Exit, Failure> {
    let to = arguments.to.as_deref().map(Location::parse).transpose().map_err(Failure::of_flag("--to"))?;
    let opened = Opened::open(&arguments.catalog, common).await?;
    let dry_run = arguments.dry_run;
    let work = async |stores: &_| relocate(stores, &arguments.catalog, to.as_ref(), dry_run).await;
    let report = opened.write("relocate", dry_run, work).await?;
    let text = [
        ("locations were below", report.from.clone()),
        ("and are below", report.to.clone()),
        (if dry_run { "objects to write" } else { "objects written" }, number(report.objects_written)),
    ];
    print(&report, &text, common)?;
    Ok(Exit::Done)
}
