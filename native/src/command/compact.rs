//! `compact`: merges the small data files of each partition.

use earthcatalog::compact::{CompactOptions, SortOrder, compact};

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Compact, SortArgument};
use crate::report::{bytes, number, say};

pub(super) async fn run(arguments: Compact, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let options = CompactOptions {
        threshold: arguments.threshold,
        target_bytes: arguments.target_size,
        order: match arguments.sort {
            SortArgument::Time => SortOrder::Time,
            SortArgument::Hilbert => SortOrder::Hilbert,
        },
        partitions: arguments.partitions,
        dry_run: arguments.dry_run,
        ..CompactOptions::new(arguments.catalog)
    };
    let report = opened.write("compact", options.dry_run, async |stores| compact(stores, &options).await).await?;
    let merged = if report.dry_run { "partitions to merge" } else { "partitions merged" };
    let text = [
        ("partitions looked at", number(report.buckets_scanned)),
        (merged, number(report.buckets_compacted)),
        ("files before", number(report.files_before)),
        ("files after", number(report.files_after)),
        ("rows", number(report.rows)),
        ("bytes", bytes(report.bytes)),
        ("older rows left out", number(report.rows_dropped)),
        ("snapshots", number(report.snapshots)),
    ];
    print(&report, &text, common)?;
    for warning in &report.warnings {
        say(&format!("warning: {warning}"));
    }
    Ok(Exit::Done)
}
