//! `check`: says what is wrong with a catalog.

use earthcatalog::check::check;

use super::{Exit, Failure, print, stores};
use crate::cli::{Check, Common};
use crate::report::{number, say};

/// Findings shown as text; with `--json` up to 1,000 are listed.
const SHOWN: usize = 50;

pub(super) async fn run(arguments: Check, common: &Common) -> Result<Exit, Failure> {
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
