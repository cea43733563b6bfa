//! `index`: makes the hash index anew, or compares it with the rows.

use earthcatalog::index::{rebuild, verify};
use serde_json::json;

use super::{Exit, Failure, Opened, print};
use crate::cli::{Common, Index, IndexAction};
use crate::report::number;

pub(super) async fn run(arguments: Index, common: &Common) -> Result<Exit, Failure> {
    match arguments.action {
        IndexAction::Rebuild { catalog } => {
            let opened = Opened::open(&catalog, common).await?;
            let ids = opened.write("index rebuild", false, async |stores| rebuild(stores, &catalog).await).await?;
            print(&json!({ "ids": ids }), &[("ids", number(ids))], common)?;
            Ok(Exit::Done)
        }
        IndexAction::Verify { catalog } => {
            let opened = Opened::open(&catalog, common).await?;
            let report = verify(&opened.driver.stores, &catalog).await?;
            let text = [
                ("ids of rows", number(report.ids)),
                ("ids of the index", report.indexed.map_or_else(|| "no index".to_owned(), number)),
                ("missing", number(report.missing)),
                ("surplus", number(report.surplus)),
                ("of this snapshot", (if report.trusted { "yes" } else { "no" }).to_owned()),
            ];
            print(&report, &text, common)?;
            Ok(if report.is_true() { Exit::Done } else { Exit::Error })
        }
    }
}
