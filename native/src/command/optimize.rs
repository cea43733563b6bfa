//! `optimize`: writes the manifests of a catalog anew.

use earthcatalog::optimize::{OptimizeOptions, optimize};

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Optimize};
use crate::report::{bytes, number};

pub(super) async fn run(arguments: Optimize, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let options = OptimizeOptions { catalog: arguments.catalog, dry_run: arguments.dry_run };
    let report = opened.write("optimize", options.dry_run, async |stores| optimize(stores, &options).await).await?;
    let mut text = vec![
        ("data files", number(report.files)),
        ("manifests before", number(report.manifests_before)),
        ("manifests after", number(report.manifests_after)),
        ("bytes before", bytes(report.bytes_before)),
    ];
    text.extend(report.bytes_after.map(|after| ("bytes after", bytes(after))));
    print(&report, &text, common)?;
    Ok(Exit::Done)
}
