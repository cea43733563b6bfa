//! `stats`: counts rows, files and bytes per partition.

use earthcatalog_core::catalog::stats::totals;
use serde_json::json;

use super::{Exit, Failure, Opened};
use crate::cli::{Common, Stats};
use crate::report::{self, Out};

pub(super) async fn run(arguments: &Stats, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let partitions = opened.partitions().await?;
    let total = totals(&partitions);
    let mut out = Out::new();
    if common.json {
        out.json(&json!({ "partitions": partitions, "total": total }))?;
    } else {
        let row = |cell: &str, time: &str, rows, files, bytes| {
            vec![cell.to_owned(), time.to_owned(), report::number(rows), report::number(files), report::bytes(bytes)]
        };
        let lines = partitions.iter().map(|one| {
            let time = one.year.as_deref().unwrap_or("unknown");
            row(&one.grid_partition, time, one.row_count, one.file_count, one.total_bytes)
        });
        let last = row("total", "", total.row_count, total.file_count, total.total_bytes);
        let lines: Vec<_> = lines.chain([last]).collect();
        out.text(&report::table(&["cell", "time", "rows", "files", "size"], &lines))?;
    }
    out.flush()?;
    Ok(Exit::Done)
}
