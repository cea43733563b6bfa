//! What a search read and what it left out, for `--explain`.

use std::time::Duration;

use earthcatalog::read::SearchReport;
use earthcatalog_core::reads::RequestLog;
use earthcatalog_core::search::ScanSummary;
use serde_json::{Value, json};

use crate::report;

/// The account of one search.
pub(super) struct Explained<'a> {
    /// What the search says of itself.
    pub(super) report: &'a SearchReport,
    /// What opening the catalog took.
    pub(super) opening: RequestLog,
    /// Items found.
    pub(super) items: u64,
    /// From the start of the opening to the last item.
    pub(super) took: Duration,
}

impl Explained<'_> {
    /// One object for a program.
    pub(super) fn json(&self) -> Value {
        let SearchReport { plan, scan, .. } = self.report;
        let requests = self.opening.and(self.report.requests);
        json!({
            "count": self.items,
            "plan": plan,
            "scan": scan,
            "warnings": self.report.warnings,
            "requests": requests.requests,
            "bytes": requests.bytes,
            "round_trips": requests.round_trips,
            "milliseconds": self.milliseconds(),
        })
    }

    /// A table for a person.
    pub(super) fn table(&self) -> String {
        let SearchReport { plan, scan, .. } = self.report;
        let requests = self.opening.and(self.report.requests);
        let of = |part: u64, whole: u64| format!("{} of {}", report::number(part), report::number(whole));
        report::pairs(&[
            ("manifests read", of(plan.manifests_read, plan.manifests_total)),
            ("cells touched", report::number(plan.cells_touched)),
            ("cells looked at", report::number(plan.cells_looked_at)),
            ("files in the catalog", report::number(plan.files_total)),
            ("  left by the grid", report::number(plan.after_grid)),
            ("  left by the time", report::number(plan.after_time)),
            ("  left by the bounds", report::number(plan.after_bounds)),
            ("row groups read", of(scan.row_groups.read, scan.row_groups.total)),
            ("requests", report::number(requests.requests)),
            ("round trips", report::number(requests.round_trips)),
            ("bytes read", report::bytes(requests.bytes)),
            ("items", report::number(self.items)),
            ("milliseconds", report::number(self.milliseconds())),
        ])
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a person should know of rows that no search by area can find.
pub(super) fn warning(scan: &ScanSummary) -> Option<String> {
    let unreadable = scan.unreadable_geometries;
    let rows = if unreadable == 1 { "1 row has" } else { &format!("{} rows have", report::number(unreadable)) };
    (unreadable > 0)
        .then(|| format!("warning: {rows} a geometry that cannot be read: it is null in items and matches no area"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometries_that_cannot_be_read_are_told_with_their_number() {
        let warned = |unreadable_geometries| warning(&ScanSummary { unreadable_geometries, ..ScanSummary::default() });
        assert_eq!(warned(0), None);
        assert!(warned(1_234).unwrap().contains("1,234 rows"));
    }
}
