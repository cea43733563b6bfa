//! `delete`: deletes items.

use earthcatalog::delete::{DeleteOptions, delete};
use earthcatalog_core::query::Query;
use serde_json::json;

use super::{Exit, Failure, Opened, area, print};
use crate::cli::{Common, Delete};
use crate::report::number;

pub(super) async fn run(arguments: Delete, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let mut query = area::filtered(Query::new(), &arguments.filter)?;
    if !arguments.ids.is_empty() {
        query = query.ids(arguments.ids);
    }
    if !arguments.collections.is_empty() {
        query = query.collections(arguments.collections);
    }
    let options = DeleteOptions { dry_run: arguments.dry_run, ..DeleteOptions::new(arguments.catalog, query) };
    let report = opened.write("delete", options.dry_run, async |stores| delete(stores, &options).await).await?;
    let text = [
        (if report.dry_run { "items to delete" } else { "items deleted" }, number(report.items_deleted)),
        ("their rows", number(report.rows_deleted)),
        ("rows written again", number(report.rows_rewritten)),
        ("files that go", number(report.files_removed)),
        ("files in their place", number(report.files_written)),
    ];
    let mut value = json!(report);
    value["snapshot_id"] = json!(report.snapshot_id.map(|id| id.to_string()));
    print(&value, &text, common)?;
    Ok(Exit::Done)
}
