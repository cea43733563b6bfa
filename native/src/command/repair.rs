//! `repair`: writes all items that can be read anew.

use earthcatalog::repair::{RepairOptions, repair};
use serde_json::json;

use super::{Exit, Failure, print, stores};
use crate::cli::{Common, Repair};
use crate::report::{number, say};

pub(super) async fn run(arguments: Repair, common: &Common) -> Result<Exit, Failure> {
    let options = RepairOptions {
        all_data_files: arguments.all_data_files,
        dry_run: arguments.dry_run,
        ..RepairOptions::new(arguments.catalog.clone())
    };
    let report = repair(&stores(common), &options).await.map_err(Failure::of_opening(&arguments.catalog))?;
    let text = [
        ("data files read", number(report.files_read)),
        ("rows read", number(report.rows_read)),
        ("items", number(report.items)),
        ("rows written", number(report.rows_written)),
        ("data files written", number(report.files_written)),
        ("lost", number(report.lost.len() as u64)),
    ];
    let mut value = json!(report);
    value["snapshot_id"] = json!(report.snapshot_id.map(|id| id.to_string()));
    print(&value, &text, common)?;
    for (object, reason) in &report.lost {
        say(&format!("lost: {object}: {reason}"));
    }
    Ok(if report.lost.is_empty() { Exit::Done } else { Exit::Partial })
}
