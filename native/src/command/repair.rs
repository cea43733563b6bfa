//! `repair`: writes all items that can be read anew.

use earthcatalog::repair::{RepairOptions, repair};
use earthcatalog::replay::replay;
use earthcatalog::store::Stores;
use serde_json::json;

use super::{Exit, Failure, Opened, base_of, locked, print, stores};
use crate::cli::{Common, Repair};
use crate::report::{number, say};

pub(super) async fn run(arguments: Repair, common: &Common) -> Result<Exit, Failure> {
    if arguments.replay {
        return again(&arguments, common).await;
    }
    let options = RepairOptions {
        all_data_files: arguments.all_data_files,
        dry_run: arguments.dry_run,
        ..RepairOptions::new(arguments.catalog.clone())
    };
    let stores = stores(common);
    let work = async |stores: &Stores| repair(stores, &options).await;
    let report = if options.dry_run {
        work(&stores).await.map_err(Failure::of_opening(&arguments.catalog))?
    } else {
        // A catalog that lost its database has a base, too.
        let base = base_of(&stores, &arguments.catalog).await?;
        locked(&stores, &base, "repair", work).await?
    };
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

/// Makes commits again that another program undid.
async fn again(arguments: &Repair, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let work = async |stores: &Stores| replay(stores, &arguments.catalog, arguments.dry_run).await;
    let report = opened.write("repair", arguments.dry_run, work).await?;
    let text = [
        ("commits made again", number(report.commits.len() as u64)),
        ("of which nothing is left", number(report.gone.len() as u64)),
        ("items that came back", number(report.items_added)),
        ("items that went again", number(report.items_deleted)),
    ];
    print(&report, &text, common)?;
    Ok(if report.gone.is_empty() { Exit::Done } else { Exit::Partial })
}
