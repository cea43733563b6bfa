//! `check`: says what is wrong with a catalog.

use earthcatalog::check::check;
use earthcatalog::trial;

use super::{Exit, Failure, base_of, print, stores};
use crate::cli::{Check, Common};
use crate::report::{number, say};

/// Findings shown as text; with `--json` up to 1,000 are listed.
const SHOWN: usize = 50;

pub(super) async fn run(arguments: Check, common: &Common) -> Result<Exit, Failure> {
    if arguments.store {
        return race(&arguments.catalog, common).await;
    }
    let report = check(&stores(common), &arguments.catalog, arguments.deep).await;
    let report = report.map_err(Failure::of_opening(&arguments.catalog))?;
    let total = report.findings.counts.values().sum();
    let text = [
        ("snapshots", number(report.snapshots)),
        ("manifests", number(report.manifests)),
        ("data files", number(report.files)),
        ("rows read", if report.deep { number(report.rows) } else { "none: --deep reads them".to_owned() }),
        ("findings", number(total)),
    ];
    print(&report, &text, common)?;
    if !common.json {
        for finding in report.findings.findings.iter().take(SHOWN) {
            say(&format!("wrong: {}: {}; {}", finding.object, finding.found, finding.cure));
        }
        let shown = report.findings.findings.len().min(SHOWN) as u64;
        if total > shown {
            say(&format!("… and {} more: --json lists them", number(total - shown)));
        }
    }
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Error })
}

/// Tries what the store can do.
async fn race(catalog: &str, common: &Common) -> Result<Exit, Failure> {
    let stores = stores(common);
    let base = base_of(&stores, catalog).await?;
    let report = trial::run(&stores, &base).await?;
    let text = [
        ("races to create an object", number(report.create_races as u64)),
        ("races to replace an object", number(report.update_races as u64)),
        ("writers in each", number(report.writers as u64)),
        ("winners in each", "one at most".to_owned()),
    ];
    print(&report, &text, common)?;
    Ok(Exit::Done)
}
