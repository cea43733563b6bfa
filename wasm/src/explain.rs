//! What a run left out, read and cost.

use earthcatalog_core::Span;
use earthcatalog_core::plan::PlanSummary;
use earthcatalog_core::reads::{RequestLog, Sent};
use earthcatalog_core::search::ScanSummary;
use serde::Serialize;
use serde_json::{Value, json};

/// All there is to tell of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) plan: PlanSummary,
    pub(crate) scan: ScanSummary,
    pub(crate) cost: RequestLog,
    /// Reads that a cache answered.
    pub(crate) cached: u64,
    pub(crate) ms: f64,
    pub(crate) log: Vec<Entry>,
    /// The snapshot that is read.
    pub(crate) snapshot_id: Option<i64>,
    /// What was odd about the catalog and the answer.
    pub(crate) warnings: Vec<String>,
}

/// A read that was sent.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    url: String,
    start: u64,
    /// None to the end of the object.
    end: Option<u64>,
    round_trip: u64,
}

impl Entry {
    pub(crate) fn of(sent: &Sent) -> Self {
        let (start, end) = match &sent.span {
            Span::Whole | Span::Tail(_) => (0, None),
            Span::Prefix(most) => (0, Some(*most)),
            Span::Bytes(range) => (range.start, Some(range.end)),
        };
        Self { url: sent.location.to_string(), start, end, round_trip: sent.round_trip }
    }
}

impl Report {
    /// How far it is: `files_total`, `files_read`, `items`, `requests`, `bytes`.
    pub(crate) fn progress(&self) -> Value {
        json!({
            "files_total": self.plan.after_bounds,
            "files_read": self.scan.files_opened,
            "items": self.scan.items,
            "requests": self.cost.requests,
            "bytes": self.cost.bytes,
        })
    }

    /// Everything.
    pub(crate) fn shaped(&self) -> Value {
        let Self { plan, scan, cost, .. } = self;
        json!({
            "manifests": { "total": plan.manifests_total, "read": plan.manifests_read },
            "cells": { "touched": plan.cells_touched, "looked_at": plan.cells_looked_at },
            "files": {
                "total": plan.files_total,
                "after_grid": plan.after_grid,
                "after_time": plan.after_time,
                "after_bounds": plan.after_bounds,
                "opened": scan.files_opened,
            },
            "row_groups": scan.row_groups,
            "rows_upper_bound": plan.rows_upper_bound,
            "file_bytes": plan.bytes,
            "rows_matched": scan.rows_matched,
            "items": scan.items,
            "unreadable_geometries": scan.unreadable_geometries,
            "requests": cost.requests,
            "bytes": cost.bytes,
            "round_trips": cost.round_trips,
            "cached": self.cached,
            "ms": self.ms,
            "log": self.log,
            // Beyond 2^53 a number would be another one.
            "snapshot_id": self.snapshot_id.map(|id| id.to_string()),
            "warnings": self.warnings,
        })
    }
}
